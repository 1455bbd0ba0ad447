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


class FileError(UserError):
    """A user's mistake that one file or folder shows.

    Args:
        file: Where it was found.
        rule: What must hold, as a sentence without a full stop.
        value: What was found there instead.
        fix: What to do now.
    """

    def __init__(self, file: object, rule: str, value: object, fix: str) -> None:
        super().__init__(rule, f"{file}: {value}", fix)
        self.file = str(file)
        self.value = str(value)

    def __reduce__(self) -> tuple[type["FileError"], tuple[str, str, str, str]]:
        return type(self), (self.file, self.rule, self.value, self.next_step)
