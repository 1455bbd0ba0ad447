"""What a model is made of and which tensors flow where: enough to draw it."""

from typing import Any, Literal

from trimformer.records.frozen import Frozen

Part = Literal["image", "transformer", "trunk", "decoder", "head"]
Kind = Literal[
    "image",
    "patches",
    "block",
    "stage",
    "convolutions",
    "upsampling",
    "module",
    "concatenation",
    "addition",
    "operation",
    "logits",
]


class Shape(Frozen):
    """A feature map; tokens are told as the map that they make."""

    channels: int
    rows: int
    columns: int


class Node(Frozen):
    """One piece of the model, with the shape of what comes out of it."""

    name: str
    """Where it stands in the model; a joint of two tensors is named after the module whose forward pass joins them."""
    kind: Kind
    label: str
    part: Part
    shape: Shape
    convolutions: int = 0
    """How many ordinary convolutions it has."""
    upsampling: Literal["transposed convolution", "interpolation"] | None = None
    """What makes the grid finer in it."""
    block: int | None = None
    """Of a transformer block: how many blocks a token has passed when it comes out."""


class Edge(Frozen):
    """A tensor that one node makes and another takes, as the other sees it."""

    source: str
    target: str
    shape: Shape


class ArchitectureDescription(Frozen):
    """A model as it ran: its pieces in the order of the forward pass, and the tensors between them."""

    name: str
    settings: dict[str, Any]
    """What `create_model` was told; empty for a model from elsewhere."""
    parameters: dict[str, int]
    """By part; parts without parameters are left out."""
    taps: tuple[int, ...]
    """After how many blocks the decoder reads the tokens; empty without a transformer."""
    token_grid: tuple[int, int] | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def total_parameters(self) -> int:
        """Parameters of all parts."""
        return sum(self.parameters.values())
