"""What writing attention out gains in a training on a processor: `python benchmarks/attention_step.py`.

One attention layer, forwards and backwards in bfloat16, with torch's fused kernel in times of the same written out as
`trimformer.training.written_out` does. Prints one line a figure and its bound. Ends with 1 where a bound is broken.
"""

import argparse
import sys
from collections.abc import Callable, Iterator

import torch
from data import Figure, seconds
from timm.layers import Attention

from trimformer.models.sizes import SIZES

BATCH_SIZE = 8
TOKENS = (64, 196, 400)
REPETITIONS = 8
"""In turn; the best of each counts."""


def main() -> None:
    """Time every width and number of tokens and print every figure."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    holds = True
    for figure in measured():
        print(figure, flush=True)
        holds = holds and figure.holds
    sys.exit(not holds)


def measured() -> Iterator[Figure]:
    """The figures of the tiny and the base size."""
    for name in ("tiny", "base"):
        size = SIZES[name]
        layer = Attention(size.token_width, num_heads=size.num_heads, qkv_bias=True)
        for tokens in TOKENS:
            work = step(layer, torch.randn(BATCH_SIZE, tokens, size.token_width))
            fused: list[float] = []
            written: list[float] = []
            for _ in range(REPETITIONS):
                for layer.fused_attn, times in ((True, fused), (False, written)):
                    times.append(seconds(work))
            ratio = min(fused) / min(written)
            yield Figure(f"{name}, {tokens} tokens: fused, in times of written out", ratio, 1, is_floor=True)


def step(layer: Attention, values: torch.Tensor) -> Callable[[], object]:
    """One way forwards and back."""

    def work() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = layer(values).square().mean()
        loss.backward()

    return work


if __name__ == "__main__":
    main()
