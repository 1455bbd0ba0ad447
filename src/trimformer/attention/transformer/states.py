"""The states of the tokens: what enters the first block, and what every block gives, told while the network runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.calls.follow import first_tensor
from trimformer.attention.transformer.blocks import AttentionBlock, Transformer
from trimformer.records.errors import UserError

StateObserver = Callable[[int, Float[Tensor, "batch tokens width"]], None]
"""Is told how many blocks the tokens have passed, and their states, prefix tokens included."""


class _LastBlockDoneError(Exception):
    """Ends a forward pass whose rest (the decoder) nobody reads."""


@contextmanager
def observe_states(blocks: Sequence[AttentionBlock], observer: StateObserver) -> Iterator[None]:
    """Call `observer` with l = 0 for what enters the first block, then with l after block l; no trace is left.

    The states are those of the network itself, with their gradient where one is followed; an observer that keeps
    them clones them, since a block may add to its input in place.
    """

    def tell(depth: int, found: Tensor | None, tokens_first: bool) -> None:
        assert found is not None
        observer(depth, found.transpose(0, 1) if tokens_first else found)

    def leaving(depth: int, tokens_first: bool) -> Callable[[nn.Module, object, Any], None]:
        def hook(_block: nn.Module, _inputs: object, output: Any) -> None:
            tell(depth, _output_tensor(output), tokens_first)

        return hook

    def entering(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tell(0, first_tensor(args, kwargs), blocks[0].tokens_first)

    with ExitStack() as hooks:
        hooks.callback(blocks[0].module.register_forward_pre_hook(entering, with_kwargs=True).remove)
        for depth, block in enumerate(blocks, start=1):
            hooks.callback(block.module.register_forward_hook(leaving(depth, block.tokens_first)).remove)
        yield


def run_blocks(model: nn.Module, transformer: Transformer, images: Tensor, observer: StateObserver) -> None:
    """Run a network until its last block is done, and tell every state on the way; what comes after is not run.

    Raises:
        UserError: Not every block ran.
    """
    seen = -1

    def tell(depth: int, states: Tensor) -> None:
        nonlocal seen
        observer(depth, states)
        seen += 1
        if depth == len(transformer.blocks):
            raise _LastBlockDoneError

    try:
        with observe_states(transformer.blocks, tell):
            model(images)
    except _LastBlockDoneError:
        if seen == len(transformer.blocks):
            return
    raise UserError(
        "Every block must run, once and in order, where its states are read",
        f"{max(seen, 0)} of {len(transformer.blocks)} blocks seen",
        "Give a network whose blocks all run on every image.",
    )


def _output_tensor(output: Any) -> Tensor | None:
    """The first tensor that a module gave, alone, in a tuple or by name."""
    if isinstance(output, Mapping):
        return first_tensor((), output)
    return first_tensor(output if isinstance(output, tuple) else (output,), {})
