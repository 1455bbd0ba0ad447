"""How many transformer blocks does a medical segmentation model need? Measured, cut, retrained, compared.

The names below are imported when they are first used, so that `import trimformer` loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimformer.attention import AttentionAdapter, Heads, Recording, TokenGrid, profile_attention, record_attention
    from trimformer.attention.measures.first_sight import first_sights
    from trimformer.attention.measures.measure_sums import MeasureSums
    from trimformer.attention.measures.organs import measure_organs, organ_sums
    from trimformer.attention.measures.receptive_field import measure_receptive_field, receptive_field_sums
    from trimformer.attention.measures.relevance import Relevance, class_relevance
    from trimformer.attention.measures.similarity import measure_similarity, similarity_sums
    from trimformer.compression import keep_blocks
    from trimformer.data.batch import Batch
    from trimformer.depth import choose_depth
    from trimformer.models import BlockAdapter, ParameterCount, count_parameters, create_model, load_model
    from trimformer.records.depth import DepthChoice
    from trimformer.records.errors import UserError
    from trimformer.records.merged_profile import merge_profiles
    from trimformer.records.patient_measures import PatientMeasures
    from trimformer.records.profile import AttentionProfile

__version__ = "0.1.0"

_HOMES = {
    "AttentionAdapter": "trimformer.attention",
    "AttentionProfile": "trimformer.records.profile",
    "Batch": "trimformer.data.batch",
    "BlockAdapter": "trimformer.models",
    "DepthChoice": "trimformer.records.depth",
    "Heads": "trimformer.attention",
    "MeasureSums": "trimformer.attention.measures.measure_sums",
    "ParameterCount": "trimformer.models",
    "PatientMeasures": "trimformer.records.patient_measures",
    "Recording": "trimformer.attention",
    "Relevance": "trimformer.attention.measures.relevance",
    "TokenGrid": "trimformer.attention",
    "UserError": "trimformer.records.errors",
    "choose_depth": "trimformer.depth",
    "class_relevance": "trimformer.attention.measures.relevance",
    "count_parameters": "trimformer.models",
    "create_model": "trimformer.models",
    "first_sights": "trimformer.attention.measures.first_sight",
    "keep_blocks": "trimformer.compression",
    "load_model": "trimformer.models",
    "measure_organs": "trimformer.attention.measures.organs",
    "measure_receptive_field": "trimformer.attention.measures.receptive_field",
    "measure_similarity": "trimformer.attention.measures.similarity",
    "merge_profiles": "trimformer.records.merged_profile",
    "organ_sums": "trimformer.attention.measures.organs",
    "profile_attention": "trimformer.attention",
    "receptive_field_sums": "trimformer.attention.measures.receptive_field",
    "record_attention": "trimformer.attention",
    "similarity_sums": "trimformer.attention.measures.similarity",
}

__all__ = [
    "AttentionAdapter",
    "AttentionProfile",
    "Batch",
    "BlockAdapter",
    "DepthChoice",
    "Heads",
    "MeasureSums",
    "ParameterCount",
    "PatientMeasures",
    "Recording",
    "Relevance",
    "TokenGrid",
    "UserError",
    "choose_depth",
    "class_relevance",
    "count_parameters",
    "create_model",
    "first_sights",
    "keep_blocks",
    "load_model",
    "measure_organs",
    "measure_receptive_field",
    "measure_similarity",
    "merge_profiles",
    "organ_sums",
    "profile_attention",
    "receptive_field_sums",
    "record_attention",
    "similarity_sums",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trimformer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
