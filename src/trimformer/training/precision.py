"""Which number format a training runs in."""

from typing import Literal

import torch

Precision = Literal["auto", "32", "bf16"]


def lightning_precision(precision: Precision) -> Literal["32-true", "bf16-mixed"]:
    """Lightning's name for the setting; "auto" is bf16 where the hardware multiplies it natively, else float32."""
    if precision == "auto":
        precision = "bf16" if _has_native_bf16() else "32"
    return "bf16-mixed" if precision == "bf16" else "32-true"


def _has_native_bf16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
