"""What finders ask of a user's folders: where the dataset begins, and which files ought to lie where."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from trimformer.data.layout import Case
from trimformer.data.rules import FILE_EXISTS, FOLDER_EXISTS, KNOWN_LAYOUT, ONE_CASE_AN_ID, Rule
from trimformer.data.splitting.roster import Side
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings

PUBLISHED_PLACE = Rule(
    "A published patient lies in the folder of their side", "Move it back; sides of your own go in data.split."
)


def dataset_root(settings: DataSettings) -> Path:
    """The folder that the settings name.

    Raises:
        FileError: There is none, or it is no folder.
    """
    if settings.root is None:
        raise FOLDER_EXISTS.broken("data.root", "nothing")
    root = Path(settings.root).expanduser()
    if not root.is_dir():
        raise FOLDER_EXISTS.broken(root, "a file" if root.exists() else "no such folder")
    return root


def entries(folder: Path) -> tuple[Path, ...]:
    """Everything in a folder but hidden entries, in the order of names; nothing where there is no such folder.

    Raises:
        FileError: The folder may not be listed.
    """
    if not folder.is_dir():
        return ()
    try:
        return tuple(sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".")))
    except OSError as error:
        raise FOLDER_EXISTS.broken(folder, error.strerror or "cannot be listed") from None


def subfolders(folder: Path) -> tuple[Path, ...]:
    """The folders in a folder, in the order of names."""
    return tuple(entry for entry in entries(folder) if entry.is_dir())


def the_one_folder(root: Path, is_meant: Callable[[Path], bool], expected: str) -> Path:
    """The root, or the one folder in it, that `is_meant`.

    Raises:
        FileError: No folder has what is `expected`, or several in the root have.
    """
    if is_meant(root):
        return root
    found = [folder for folder in subfolders(root) if is_meant(folder)]
    if not found:
        raise KNOWN_LAYOUT.broken(root, f"no {expected}")
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise FileError(root, KNOWN_LAYOUT.sentence, f"several: {names}", "Give the one that is meant.")
    return found[0]


def inside(folder: Path, *names: str) -> Path:
    """The first of these names that is in the folder, in upper or lower case; otherwise the first as it ought to be.

    Example:
        >>> inside(Path("nowhere"), "IBSR_01.nii.gz", "IBSR_01.nii").name
        'IBSR_01.nii.gz'
    """
    there = {entry.name.lower(): entry for entry in entries(folder)}
    return next((there[name.lower()] for name in names if name.lower() in there), folder / names[0])


def nifti(folder: Path, stem: str) -> Path:
    """The NIfTI file of that name, packed or not; packed where it is missing."""
    return inside(folder, f"{stem}.nii.gz", f"{stem}.nii")


def missing_files(cases: Iterable[Case]) -> list[FileError]:
    """One error for every file that a case ought to have and has not."""
    files = dict.fromkeys(file for case in cases for file in (*case.images, *(case.labels or ())))
    return [FILE_EXISTS.broken(file, "no such file") for file in files if not file.is_file()]


def one_an_id(places: Iterable[tuple[str, Path]]) -> tuple[dict[str, Path], list[FileError]]:
    """Patient -> the first place where they are found, and an error for every further place."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for patient_id, place in places:
        found[patient_id].append(place)
    twice = [
        ONE_CASE_AN_ID.broken(place, f"{patient_id} is in {first} too")
        for patient_id, (first, *others) in found.items()
        for place in others
    ]
    return {patient_id: first for patient_id, (first, *_) in found.items()}, twice


def side_of(patient_id: str, listed: Mapping[Side, tuple[str, ...]]) -> Side | None:
    """Where a published list puts a patient."""
    return next((side for side, patients in listed.items() if patient_id in patients), None)
