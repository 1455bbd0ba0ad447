"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake in what the user gave, told so that it can be mended at once.

    Args:
        rule: What must hold, as a sentence without a full stop.
        found: The value that broke it.
        next_step: What to do now.
    """

    def __init__(self, rule: str, found: object, next_step: str) -> None:
        super().__init__(rule, found, next_step)
        self.rule = rule
        self.found = str(found)
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.rule}; found {self.found}. {self.next_step}"
