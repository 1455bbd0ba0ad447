"""The three widths in which every model comes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How wide a model is: its tokens, its heads, and by what its convolutions are divided."""

    token_width: int
    num_heads: int
    divisor: int

    def channels(self, base_channels: int) -> int:
        """The channels of a convolution that has `base_channels` at base size.

        Example:
            >>> SIZES["tiny"].channels(512)
            128
        """
        return base_channels // self.divisor


SIZES = {
    "base": Size(token_width=768, num_heads=12, divisor=1),
    "small": Size(token_width=384, num_heads=6, divisor=2),
    "tiny": Size(token_width=192, num_heads=3, divisor=4),
}
"""`base` is the paper's (ViT-B); every head is 64 wide in all three."""
