"""The vision transformer inside every hybrid (Dosovitskiy et al. 2021), read at several depths."""

from collections import OrderedDict

import torch
from jaxtyping import Float
from timm.layers import Attention, Mlp
from torch import Tensor, nn

from trimformer.models.dropout import Dropout

NORM_EPS = 1e-6
DROPOUT = 0.1

Tokens = Float[Tensor, "batch tokens width"]
TokenMap = Float[Tensor, "batch width grid_rows grid_columns"]


def tap_depths(num_blocks: int, num_taps: int) -> tuple[int, ...]:
    """After how many blocks each tap reads: ceil(i * num_blocks / num_taps) for i = 1..num_taps.

    Example:
        >>> tap_depths(12, 4), tap_depths(3, 4), tap_depths(0, 4)
        ((3, 6, 9, 12), (1, 2, 3, 3), (0, 0, 0, 0))
    """
    return tuple(-(-i * num_blocks // num_taps) for i in range(1, num_taps + 1))


class Block(nn.Module):
    """One pre-norm transformer block; dropout after both linear layers of the MLP, none in the attention."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, num_heads=num_heads, qkv_bias=True)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = Mlp(width, hidden_features=4 * width)
        self.mlp.drop1, self.mlp.drop2 = Dropout(DROPOUT), Dropout(DROPOUT)

    def forward(self, tokens: Tokens) -> Tokens:
        """Mix the tokens by attention, then transform each; both added to what came in."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """Patches to tokens, `num_blocks` blocks, and the token maps that the decoder reads.

    The names of the weights are timm's; there is no class token.

    Args:
        in_channels: Channels of the image, or of the trunk's features.
        patch_size: Side of a patch, in image pixels.
        input_stride: Image pixels that one position of the input covers: 1 for an image, more for trunk features.
        grid_size: Rows and columns of tokens.
        width: Channels of a token.
        num_heads: Attention heads of a block.
        num_blocks: Blocks; with none the embedded patches go straight to the decoder.
        num_taps: Token maps that the decoder reads.

    Attributes:
        taps: The number of blocks after which each map is read; the last is always the last block.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        patch_size: int,
        input_stride: int = 1,
        grid_size: tuple[int, int],
        width: int,
        num_heads: int,
        num_blocks: int,
        num_taps: int,
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.grid_size = grid_size
        self.taps = tap_depths(num_blocks, num_taps)
        kernel = patch_size // input_stride
        self.patch_embed = nn.Sequential(OrderedDict(proj=nn.Conv2d(in_channels, width, kernel, stride=kernel)))
        self.pos_embed = nn.Parameter(torch.empty(1, grid_size[0] * grid_size[1], width))
        self.pos_drop = Dropout(DROPOUT)
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self._initialise()

    def _initialise(self) -> None:
        """Truncated normal weights of deviation 0.02 and zero biases, as ViTs are usually begun."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, features: Float[Tensor, "batch in_channels in_rows in_columns"]) -> list[TokenMap]:
        """The token maps after `taps` blocks, shallowest first; only the last has passed the final norm."""
        tokens = self.patch_embed(features).flatten(2).transpose(1, 2)
        tokens = self.pos_drop(tokens + self.pos_embed)
        after = {0: tokens}
        for count, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if count in self.taps:
                after[count] = tokens
        read = [after[count] for count in self.taps[:-1]] + [self.norm(tokens)]
        return [self._to_map(tokens) for tokens in read]

    def _to_map(self, tokens: Tokens) -> TokenMap:
        # Not by way of len(), which would fix the size of a batch for good where the network is exported.
        return tokens.transpose(1, 2).unflatten(2, self.grid_size)
