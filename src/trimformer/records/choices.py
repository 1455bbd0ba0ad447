"""Words that users choose between, in the experiment file and on the command line alike."""

from typing import Literal

Decoder = Literal["full", "compressed"]
"""`full` reads several token maps; `compressed` reads the last one only."""

Recovery = Literal["inherited", "scratch"]
"""Where a smaller model's weights come from: the run it was cut from, or nowhere."""

SpacingFrom = Literal["affine", "header"]
"""Which of the two is believed about voxel sizes where they disagree."""
