"""Whether the libraries of a format are installed."""

from collections.abc import Iterable
from importlib.util import find_spec

from trimformer.records.errors import UserError


def refuse_missing_extra(libraries: Iterable[str]) -> None:
    """Hold the libraries that are wanted against what is installed; none is imported.

    Raises:
        UserError: A library is missing.
    """
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise UserError(
            "Exports need the extra `export`",
            f"{' and '.join(missing)} not installed",
            'Run pip install "trimformer[export]".',
        )
