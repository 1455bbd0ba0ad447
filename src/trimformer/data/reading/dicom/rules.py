"""What must hold of a DICOM series, beside what holds of every scan."""

from trimformer.data.rules import Rule

ONE_SERIES = Rule(
    "A DICOM folder holds one series", "Put each series into a folder of its own, and give the folder above them."
)
SLICE_FILES = Rule("A DICOM series has a file a slice", "Convert it to NIfTI, say with dcm2niix.")
PLACED = Rule(
    "A DICOM slice tells its position, its directions and its pixel spacing", "Export the original series again."
)
ALIKE = Rule(
    "The slices of a series have one size, one pixel spacing and one direction",
    "Take out those that belong to another scan.",
)
EVEN = Rule(
    "The slices of a series lie evenly in a row, one at each place",
    "Export the series again, whole; of a time series each volume into a folder of its own.",
)
