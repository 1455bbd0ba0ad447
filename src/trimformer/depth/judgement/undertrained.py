"""Which runs had not finished learning: what they score says little about their depth."""

from trimformer.records.history import read_history
from trimformer.records.late_change import change_over_last_third, epochs_in_words
from trimformer.records.run_folder import RunFolder


def undertrained(run: RunFolder) -> tuple[str | None, str | None]:
    """Why a run counts as undertrained, and, where its epochs are too few to tell, that they are.

    Raises:
        UserError: Its history is missing or damaged.
    """
    dice = read_history(run.history_file)["selection_dice"]
    change = change_over_last_third(dice)
    if change is None:
        return None, f"whether it had settled cannot be told from {epochs_in_words(dice)}"
    if change.has_settled:
        return None, None
    return f"undertrained: its selection Dice still changes by {change.in_words()} over the last third", None
