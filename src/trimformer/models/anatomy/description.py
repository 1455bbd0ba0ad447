"""A model described by watching it: its pieces, and the tensors that flow between them."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from trimformer.models.anatomy.dry_run import dry_run
from trimformer.models.anatomy.parameters import count_parameters
from trimformer.models.anatomy.pieces import Watch, find_pieces, grid_of, watching
from trimformer.records.description import ArchitectureDescription, Edge, Kind, Node, Part, Shape

MAX_NODES = 60
"""A model with more pieces is described with its trunk as one, or else by its outermost modules."""

JOINTS: dict[Any, tuple[Kind, str]] = dict.fromkeys((torch.cat, torch.concat), ("concatenation", "concatenation"))
JOINTS |= dict.fromkeys(
    (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__), ("addition", "addition")
)
"""Functions that join tensors of several pieces."""


def describe_model(
    model: nn.Module, image_size: int | None = None, in_channels: int | None = None
) -> ArchitectureDescription:
    """Describe a model by one forward pass on shapes alone, so that it tells what the model does and nothing else.

    Pieces are the largest modules that stay on one grid or go from one to the next: a pair of convolutions, an
    upsampling with its convolution, a trunk stage, a transformer block. Normalisations, activations, dropout and
    pooling belong to the piece before them.

    Args:
        model: A model of the catalogue, or any network from images to maps.
        image_size: Rows = columns of the image; known to the models of the catalogue.
        in_channels: Channels of the image; known to the models of the catalogue.
    """
    own: Any = model
    size = getattr(own, "image_size", 224) if image_size is None else image_size
    channels = getattr(own, "in_channels", 1) if in_channels is None else in_channels
    nodes, edges = dry_run(model, size, channels, _trace_pieces)
    settings = dict(getattr(model, "settings", {}))
    transformer = getattr(model, "transformer", None)
    return ArchitectureDescription(
        name=str(settings.get("name") or type(model).__name__),
        settings=settings,
        parameters={part: count for part, count in asdict(count_parameters(model)).items() if count},
        taps=tuple(getattr(transformer, "taps", ())),
        token_grid=getattr(transformer, "grid_size", None),
        nodes=tuple(nodes),
        edges=tuple(edges),
    )


def _trace_pieces(model: nn.Module, image: Tensor) -> tuple[list[Node], list[Edge]]:
    fine = find_pieces(model, image)
    trunk = getattr(model, "trunk", None)
    whole_trunk = fine - set(trunk.modules()) | {trunk} if isinstance(trunk, nn.Module) else fine
    for pieces in (fine, whole_trunk, _outermost(model)):
        trace = _Trace(model, pieces)
        trace.run(image)
        if len(trace.nodes) <= MAX_NODES:
            break
    return trace.nodes, trace.edges


def _outermost(model: nn.Module) -> set[nn.Module]:
    """The children of the model, or of the one child that wraps all others."""
    children = list(model.children())
    while len(children) == 1 and list(children[0].children()):
        children = list(children[0].children())
    return set(children)


class _Trace:
    """Follows every tensor of one forward pass from the piece that made it to the pieces that take it."""

    def __init__(self, model: nn.Module, pieces: set[nn.Module]) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._model, self._pieces = model, pieces
        self._names = {module: name for name, module in model.named_modules()}
        self._makers: dict[int, str] = {}
        self._alive: list[Tensor] = []  # an id is a tensor's own only while the tensor lives
        self._taken: Counter[str] = Counter()
        self._blocks = 0

    def run(self, image: Tensor) -> None:
        """Let the model see the image, from the node `image` to the node `logits`."""
        self._make([image], "image", kind="image", label="image", part="image")
        watch = Watch(self._leave_module, self._pieces)
        with watching(self._model, watch), _SeeFunctions(watch, self._leave_function):
            logits = self._model(image)
        outputs = self._known(logits)
        self._make(outputs, "logits", kind="logits", label="logits", part="image", inputs=outputs)

    def _leave_module(self, module: nn.Module, given: Any, result: Any) -> None:
        """Add a piece that has run; one without matrices of weights belongs to the piece before it."""
        inputs, outputs = self._known(given), _tensors(result)
        finer = bool(inputs and outputs) and self._shape(outputs[0]).rows > self._shape(inputs[0]).rows
        if not finer and not any(parameter.ndim > 1 for parameter in module.parameters()):
            self._pass_on(inputs, outputs)
        else:
            name = self._names[module]
            self._make(outputs, name, inputs=inputs, **self._words(name, module, inputs, outputs))

    def _leave_function(self, function: Callable[..., Any], given: Any, result: Any, within: nn.Module) -> None:
        """Add a joint of several tensors or an interpolation; any other function passes its tensor on."""
        inputs, outputs = self._known(given), _tensors(result)
        name = self._names[within]
        if function is F.interpolate:
            shared: dict[str, Any] = dict.fromkeys(("label", "upsampling"), "interpolation") | {"kind": "upsampling"}
        elif len({self._makers[id(tensor)] for tensor in inputs}) > 1:
            kind, label = JOINTS.get(function, ("operation", getattr(function, "__name__", "operation").strip("_")))
            shared = {"kind": kind, "label": label}
        else:
            self._pass_on(inputs, outputs)
            return
        self._make(outputs, f"{name}:{shared['label']}", inputs=inputs, part=self._part(name), **shared)

    def _words(self, name: str, module: nn.Module, inputs: list[Tensor], outputs: list[Tensor]) -> dict[str, Any]:
        """What a piece is, from the part it stands in and the layers it has."""
        part = self._part(name)
        layers = list(module.modules())
        convolutions = sum(isinstance(layer, nn.Conv2d) for layer in layers)
        upsampling = _upsampling(layers)
        words: dict[str, Any] = {"part": part, "convolutions": convolutions, "upsampling": upsampling}
        if outputs and all(tensor.ndim == 3 for tensor in (*inputs, *outputs)) and len(layers) > 1:
            self._blocks += 1
            return words | {"kind": "block", "label": f"block {self._blocks}", "block": self._blocks}
        if part == "transformer" and not hasattr(module, "blocks"):
            kernel = next((layer.kernel_size for layer in layers if isinstance(layer, nn.Conv2d)), (1, 1))
            return words | {"kind": "patches", "label": f"patch embedding {kernel[0]} × {kernel[1]}"}
        if part == "trunk":
            return words | {"kind": "stage", "label": name.rpartition("trunk.")[2].removeprefix("features_")}
        if any(isinstance(layer, nn.Linear | nn.MultiheadAttention) for layer in layers):
            return words | {"kind": "module", "label": type(module).__name__}
        if convolutions:
            label = "convolution" if convolutions == 1 else f"{convolutions} convolutions"
            return words | {"kind": "convolutions", "label": f"{upsampling}, {label}" if upsampling else label}
        return (
            words
            | ({"kind": "upsampling"} if upsampling else {"kind": "module"})
            | {"label": upsampling or type(module).__name__}
        )

    def _make(self, outputs: list[Tensor], name: str, *, inputs: Iterable[Tensor] = (), **words: Any) -> None:
        """Add a node that made `outputs`, and the edges of what it took."""
        self._taken[name] += 1
        name = name if self._taken[name] == 1 else f"{name} {self._taken[name]}"
        for tensor in inputs:
            edge = Edge(source=self._makers[id(tensor)], target=name, shape=self._shape(tensor))
            if edge not in self.edges:
                self.edges.append(edge)
        if outputs:
            self.nodes.append(Node(name=name, shape=self._shape(outputs[0]), **words))
        self._remember(outputs, name)

    def _pass_on(self, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        if inputs:
            self._remember(outputs, self._makers[id(inputs[0])])

    def _remember(self, tensors: list[Tensor], maker: str) -> None:
        self._alive.extend(tensors)
        self._makers |= {id(tensor): maker for tensor in tensors}

    def _known(self, values: Any) -> list[Tensor]:
        """The tensors that come from the image; weights do not."""
        return [tensor for tensor in _tensors(values) if id(tensor) in self._makers]

    def _part(self, name: str) -> Part:
        parts: dict[str, Part] = {"transformer": "transformer", "trunk": "trunk", "head": "head"}
        return parts.get(name.split(".", maxsplit=1)[0], "decoder")

    def _shape(self, tensor: Tensor) -> Shape:
        """Of a feature map, or of tokens (batch, tokens, channels)."""
        if tensor.ndim == 4:
            rows, columns = grid_of(tensor)
            return Shape(channels=tensor[0].numel() // (rows * columns), rows=rows, columns=columns)
        count = tensor.shape[1] if tensor.ndim == 3 else 1
        grid = getattr(getattr(self._model, "transformer", None), "grid_size", (isqrt(count), isqrt(count)))
        rows, columns = grid if grid[0] * grid[1] == count else (isqrt(count), isqrt(count))
        return Shape(channels=tensor.shape[-1], rows=rows, columns=columns)


class _SeeFunctions(TorchFunctionMode):
    """Tells every function that runs outside all pieces, with the module whose forward pass called it."""

    def __init__(self, watch: Watch, leave: Callable[[Any, Any, Any, nn.Module], None]) -> None:
        super().__init__()
        self._watch, self._leave = watch, leave

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if self._watch.stack and not self._watch.inside_piece:
            self._leave(function, (args, kwargs), result, self._watch.stack[-1])
        return result


def _upsampling(layers: list[nn.Module]) -> str | None:
    if any(isinstance(layer, nn.ConvTranspose2d) for layer in layers):
        return "transposed convolution"
    return "interpolation" if any(isinstance(layer, nn.Upsample) for layer in layers) else None


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]
