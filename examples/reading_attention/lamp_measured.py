"""What the library measures of the lamp network."""

from dataclasses import dataclass

import numpy as np
from lamp_network import LABELS, SPACING_MM, LampNetwork, lamp_patient, lamp_slices

import trimformer as tf
from trimformer.attention.ablation.causal_radius import causal_radius
from trimformer.attention.ablation.skip import dice_of_first_blocks
from trimformer.records.causal_radius import CausalRadius
from trimformer.records.skipped_blocks import SkippedBlocks


@dataclass(frozen=True)
class LampMeasured:
    """What is measured of the lamp network."""

    profile: tf.AttentionProfile
    similarity: tf.PatientMeasures
    radius: CausalRadius
    first_blocks: SkippedBlocks
    relevance: dict[str, np.ndarray]
    """Patches' relevance (64,) for the class of the square, in a lit and in an unlit slice."""


def measured_lamp() -> LampMeasured:
    """Everything about the lamp network: forward passes of a few slices, and one backward pass."""
    model, (images, labels) = LampNetwork().eval(), lamp_slices()
    batch = tf.Batch(images, labels, ("lamp 0",) * len(images), (SPACING_MM, SPACING_MM))
    patients = [lamp_patient()]
    relevance = {
        name: tf.class_relevance(model, images, value, labels == value).patches[value - 1].numpy()
        for value, name in LABELS.items()
    }
    return LampMeasured(
        tf.profile_attention(model, [batch]),
        tf.measure_similarity(model, [batch]),
        causal_radius(model, patients, LABELS),
        dice_of_first_blocks(model, patients, LABELS),
        relevance,
    )
