"""What must hold of a user's files: every rule with its next step, in the order in which a case is looked at."""

from dataclasses import dataclass

from trimformer.records.errors import FileError


@dataclass(frozen=True)
class Rule:
    """What must hold, as a sentence without a full stop, and what to do where it does not."""

    sentence: str
    fix: str

    def broken(self, file: object, found: object) -> FileError:
        """The error that says that `file` breaks this rule, and what was `found` there."""
        return FileError(file, self.sentence, found, self.fix)


FOLDER_EXISTS = Rule("The root of a dataset is a folder that exists", "Give the folder that holds the dataset.")
KNOWN_LAYOUT = Rule(
    "The root of a dataset has one of its layouts", "Give the folder that holds these, as it was downloaded."
)
DESCRIPTION = Rule("dataset.json describes its dataset", "Mend dataset.json.")
HAS_CASES = Rule("A dataset has labelled cases", "Give the folder that holds them, with their labels.")
ONE_CASE_AN_ID = Rule("A patient stands once in a dataset", "Remove or rename one of the two.")
LISTED = Rule(
    "A case that is listed is there", "Download it again, or list the patients that you have in a file for data.split."
)
FILE_EXISTS = Rule("Every case has its image and its labels", "Put that file back, or take the case out.")
READABLE = Rule("A file is whole and in the format of its name", "Download or copy it again.")
THREE_AXES = Rule("A case is one volume with three axes", "Split the series and keep the volume that is meant.")
NOT_EMPTY = Rule("A volume has voxels", "Download or export it again.")
HAS_SPACING = Rule("Voxel sizes are positive and finite", "Mend the header, or give the sizes as data.spacing_mm.")
FINITE = Rule("Voxels are finite numbers", "Export the image again without NaN and infinite values.")
NOT_CONSTANT = Rule("The voxels of an image differ", "Look at that scan; it holds nothing to learn from.")
SAME_SHAPE = Rule("Labels and every channel have the shape of their image", "Resample them to the image's grid.")
SAME_SPACING = Rule(
    "Labels and every channel have the voxel sizes of their image", "Resample them, or mend the header."
)
GREY = Rule("A scan is grey", "Give the scan itself, not a picture that was drawn from it.")
WHOLE_LABELS = Rule("Labels are whole numbers", "Resample labels with nearest neighbours, and look for a swapped file.")
KNOWN_LABELS = Rule(
    "Label values are those of the dataset", "Correct those voxels, and look for another version or a swapped file."
)
