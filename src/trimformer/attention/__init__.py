"""What every block looks at: recorded, measured while it streams past, and told per patient."""

from trimformer.attention.calls.fused import Heads
from trimformer.attention.profile import profile_attention
from trimformer.attention.recording.adapter import AttentionAdapter
from trimformer.attention.recording.record import Recording, record_attention
from trimformer.attention.transformer.token_grid import TokenGrid

__all__ = ["AttentionAdapter", "Heads", "Recording", "TokenGrid", "profile_attention", "record_attention"]
