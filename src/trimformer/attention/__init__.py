"""What every block looks at: recorded, measured while it streams past, and told per patient."""

from trimformer.attention.profile import profile_attention
from trimformer.attention.recording.record import Recording, record_attention

__all__ = ["Recording", "profile_attention", "record_attention"]
