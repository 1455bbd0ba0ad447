"""How many transformer blocks does a medical segmentation model need? Measured, cut, retrained, compared.

The names below are imported when they are first used, so that `import trimformer` loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimformer.attention import Recording, profile_attention, record_attention
    from trimformer.compression import keep_blocks
    from trimformer.data.batch import Batch
    from trimformer.depth import choose_depth
    from trimformer.models import ParameterCount, count_parameters, create_model, load_model
    from trimformer.records.depth import DepthChoice
    from trimformer.records.errors import UserError
    from trimformer.records.profile import AttentionProfile

__version__ = "0.1.0"

_HOMES = {
    "AttentionProfile": "trimformer.records.profile",
    "Batch": "trimformer.data.batch",
    "DepthChoice": "trimformer.records.depth",
    "ParameterCount": "trimformer.models",
    "Recording": "trimformer.attention",
    "UserError": "trimformer.records.errors",
    "choose_depth": "trimformer.depth",
    "count_parameters": "trimformer.models",
    "create_model": "trimformer.models",
    "keep_blocks": "trimformer.compression",
    "load_model": "trimformer.models",
    "profile_attention": "trimformer.attention",
    "record_attention": "trimformer.attention",
}

__all__ = [
    "AttentionProfile",
    "Batch",
    "DepthChoice",
    "ParameterCount",
    "Recording",
    "UserError",
    "choose_depth",
    "count_parameters",
    "create_model",
    "keep_blocks",
    "load_model",
    "profile_attention",
    "record_attention",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trimformer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
