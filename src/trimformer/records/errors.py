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


class NotWritableError(UserError):
    """The disk is full, or a folder cannot be written: what is written next would fail alike.

    Args:
        path: What was to be written.
        reason: What the operating system says.
    """

    def __init__(self, path: object, reason: object) -> None:
        next_step = "Free some space, or choose a folder that can be written."
        super().__init__("The output must be writable", f"{path}: {reason}", next_step)


class TerminatedError(Exception):
    """Somebody asked the process to end (SIGTERM), and what it had was saved: started again, it goes on from there.

    Args:
        work: What was going on, and how far it was.
        saved: Where that is kept.
    """

    EXIT_CODE = 128 + 15
    """Of the process, as if the signal had ended it."""

    def __init__(self, work: str, saved: object) -> None:
        super().__init__(f"Ended by SIGTERM: {work}, saved in {saved}. The same command goes on from there.")
