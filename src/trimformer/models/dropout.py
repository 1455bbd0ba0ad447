"""Dropout that costs little on every processor."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LEVELS = 2**16
LOWEST_BITS = torch.iinfo(torch.int64).min


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014), its probability rounded to a 65,536th.

    On processors that are not Intel's torch draws a mask number by number, which took a fifth of a small transformer's
    training step; here one draw of 64 bits decides over four values. On other devices it is torch's own.

    Args:
        p: Share of the values that become zero while training; the others are scaled up to make up for it.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._dropped = round(p * LEVELS)

    def forward(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The values, some of them zero while training."""
        if not self.training:
            return values
        if values.device.type != "cpu":
            return F.dropout(values, self.p)
        bits = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(LOWEST_BITS, None)
        levels = bits.view(torch.int16)[: values.numel()].view(values.shape)
        kept = (levels >= self._dropped - LEVELS // 2).to(values.dtype)
        return values * kept.mul_(LEVELS / (LEVELS - self._dropped))

    def extra_repr(self) -> str:
        """The probability, as torch's own shows it."""
        return f"p={self.p}"
