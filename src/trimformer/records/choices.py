"""Words that users choose between, in the experiment file and on the command line alike."""

from typing import Literal

BatchNorm = Literal["batch", "precise", "frozen"]
"""By which statistics BatchNorm normalises. `batch`: in training by those of each batch, in predictions by running
means of them; `precise`: in predictions by means taken anew after each epoch; `frozen`: by those it began with."""

Decoder = Literal["full", "compressed"]
"""`full` reads several token maps; `compressed` reads the last one only."""

ExportFormat = Literal["onnx", "openvino", "monai-bundle"]
"""What `trimformer export` writes."""

Precision = Literal["fp32", "int8"]
"""Of the weights in an export."""

Recovery = Literal["pretrained", "inherited", "distilled", "scratch"]
"""How a smaller model begins: from what the full one began from (the paper's way), from the trained full model, from it
and with it as teacher, or from random weights."""

SpacingFrom = Literal["affine", "header"]
"""Which of the two is believed about voxel sizes where they disagree."""
