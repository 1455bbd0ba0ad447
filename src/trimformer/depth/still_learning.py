"""What has to be said beside an answer of a model that may not have learned its task to the end."""

from trimformer.records.history import read_history
from trimformer.records.late_change import change_over_last_third, epochs_in_words
from trimformer.records.run_folder import RunFolder


def still_learning(run: RunFolder) -> str:
    """A sentence where the run was still learning or has too few epochs to tell; else, or without a history, empty.

    Raises:
        UserError: The history is damaged.
    """
    if not run.history_file.is_file():
        return ""
    dice = read_history(run.history_file)["selection_dice"]
    change = change_over_last_third(dice)
    if change is None:
        return f"Whether the model was still learning cannot be told from {epochs_in_words(dice)}."
    if change.has_settled:
        return ""
    was = "was" if change.is_shown else "may have been"
    return (
        f"The model {was} still learning: its selection Dice changes by {change.in_words()} over the last third of the "
        "epochs. Trained longer it may look elsewhere and be answered otherwise."
    )
