import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import AsSegmentation, foreign
from made_patients import LABELS, made_patient

from trimformer.attention.ablation.causal_radius import causal_radius
from trimformer.attention.ablation.far_sight import SLICES, far_sight, far_sight_of_run
from trimformer.attention.ablation.limited import limited_attention
from trimformer.attention.ablation.remaining_dice import dice_under_conditions, untouched
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.data.preparation.slices import PatientSlices
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError
from trimformer.records.far_sight import FarSight
from trimformer.records.run_folder import RunFolder

PATIENTS = [made_patient("one", 0), made_patient("two", 3, slices=5)]
NEXT_TOKEN_MM = max(8 * side for patient in PATIENTS for side in patient.spacing_mm)


def undecided(image_size: int = 32) -> SegmentationModel:
    """Untrained, with attention that counts and no class above the others everywhere: small changes show."""
    torch.manual_seed(0)
    model = create_model(
        "unetr", num_classes=3, num_blocks=3, size="tiny", image_size=image_size, patch_size=8, decoder="full"
    )
    blocks: Any = model.transformer.blocks
    for block in blocks:
        block.attn.qkv.weight.data *= 8
        block.attn.proj.weight.data *= 20
    model.register_forward_hook(lambda _model, _images, logits: logits - logits.mean(dim=(2, 3), keepdim=True))
    return model.eval()


def dice_with(model: SegmentationModel, blocks: tuple[int, ...]) -> np.ndarray:
    transformer = find_transformer(model, PATIENTS[0].image_tensor())

    def near_sighted(patient: PatientSlices) -> Any:
        return limited_attention(model, transformer, NEXT_TOKEN_MM, blocks, patient.spacing_mm)

    return dice_under_conditions(model, PATIENTS, LABELS, [near_sighted], task="")[:, 0]


def test_each_block_is_made_near_sighted_in_turn() -> None:
    model = undecided()
    record = far_sight(model, PATIENTS, LABELS, slices=None)
    assert (record.patient_ids, record.block_names) == (("one", "two"), ("blocks.0", "blocks.1", "blocks.2"))
    assert record.radius_mm == pytest.approx(NEXT_TOKEN_MM)
    for block in range(3):
        assert record.near_sighted[:, block] == pytest.approx(dice_with(model, (block,)))
    whole = dice_under_conditions(model, PATIENTS, LABELS, [untouched], task="")[:, 0]
    assert record.unlimited == pytest.approx(whole)
    assert record.change == pytest.approx(record.near_sighted - whole[:, None])
    assert len(np.unique(record.change)) == 6


def test_it_is_the_causal_radius_of_the_next_token_and_its_mode_is_kept() -> None:
    model = undecided().train()
    record = far_sight(model, PATIENTS, LABELS, slices=None)
    assert model.training
    assert record.near_sighted == pytest.approx(causal_radius(model, PATIENTS, LABELS, [NEXT_TOKEN_MM]).only[:, 0])


def test_a_few_labelled_slices_of_each_patient_are_looked_at() -> None:
    assert PATIENTS[1].labels is not None
    images, labels = (np.repeat(array, 8, axis=0) for array in (PATIENTS[1].images, PATIENTS[1].labels))
    labels[: len(labels) // 2] = 0
    many = replace(PATIENTS[1], images=images, labels=labels)
    places = many.spread_places(SLICES)
    assert len(places) == SLICES
    assert places.min() >= len(labels) // 2
    few = replace(many, images=images[places], labels=labels[places])
    whole, part = (far_sight(undecided(), [each], LABELS) for each in (many, few))
    assert whole.near_sighted == pytest.approx(part.near_sighted)


def test_a_network_of_somebody_else_is_measured_alike() -> None:
    torch.manual_seed(1)
    record = far_sight(AsSegmentation(foreign("dinov2")).eval(), PATIENTS[:1], LABELS)
    assert record.num_prefix_tokens == 5
    assert record.change.shape == (1, len(record.block_names))


def test_a_run_is_measured_once_and_read_back(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    record = far_sight_of_run(run)
    back = FarSight.load(run.far_sight_file)
    for name in ("unlimited", "near_sighted"):
        np.testing.assert_array_equal(getattr(back, name), getattr(record, name))
    assert (back.radius_mm, back.block_names) == (record.radius_mm, record.block_names)
    run.far_sight_file.write_text(run.far_sight_file.read_text().replace('"near_sighted"', '"another"'))
    with pytest.raises(UserError, match="every block near-sighted"):
        FarSight.load(run.far_sight_file)


def test_a_single_token_has_nothing_further_away() -> None:
    one = made_patient("one", 0)
    assert one.labels is not None
    small = replace(one, images=one.images[..., :8, :8], labels=one.labels[..., :8, :8])
    with pytest.raises(UserError, match="further than the next"):
        far_sight(undecided(8), [small], LABELS)
