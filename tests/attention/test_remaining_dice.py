import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import AsSegmentation, foreign, traces
from made_patients import LABELS, made_patient
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.ablation.causal_radius import causal_radius, causal_radius_of_run, default_radii
from trimformer.attention.ablation.limited import limited_attention
from trimformer.attention.ablation.remaining_dice import ablated_patients, dice_under_conditions
from trimformer.attention.ablation.skip import dice_of_first_blocks, skipped_blocks, skipped_blocks_of_run
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.compression import keep_blocks
from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.metrics.dice import dice
from trimformer.models import SegmentationModel, create_model
from trimformer.records.causal_radius import CausalRadius
from trimformer.records.errors import UserError
from trimformer.records.intervals import mean_interval
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks

PATIENTS = [made_patient("one", 0), made_patient("two", 3, slices=5)]
HYBRIDS = ("unetr", "cats", "transunet")


def hybrid(name: str = "unetr", num_blocks: int = 3, decoder: str = "full") -> SegmentationModel:
    torch.manual_seed(0)
    model = create_model(
        name, num_classes=3, num_blocks=num_blocks, size="tiny", image_size=32, patch_size=8, decoder=decoder
    ).eval()
    blocks: Any = model.transformer.blocks
    for block in blocks:
        block.attn.qkv.weight.data *= 8
        block.attn.proj.weight.data *= 20
    return model


def undecided() -> SegmentationModel:
    """Untrained, but no class is above the others everywhere: small changes show in the Dice."""
    model = hybrid()
    model.register_forward_hook(lambda _model, _images, logits: logits - logits.mean(dim=(2, 3), keepdim=True))
    return model


def whole_volume_dice(model: nn.Module, patient: PatientSlices) -> float:
    """The mean over classes of `metrics.dice`, all slices at once."""
    truth = patient.labels
    assert truth is not None
    with torch.no_grad():
        prediction = model(patient.image_tensor()).argmax(dim=1).numpy()
    return float(np.mean([dice(prediction == value, truth == value) for value in LABELS]))


def test_causal_radius_is_the_dice_of_every_volume_with_that_attention_masked() -> None:
    model, radii = undecided(), (16.0, 0.0)
    record = causal_radius(model, PATIENTS, LABELS, radii, batch_size=2)
    assert (record.patient_ids, record.radii_mm) == (("one", "two"), radii)
    assert record.block_names == ("blocks.0", "blocks.1", "blocks.2")
    transformer = find_transformer(model, PATIENTS[0].image_tensor())
    for row, patient in enumerate(PATIENTS):
        assert record.unlimited[row] == pytest.approx(whole_volume_dice(model, patient))
        for (column, radius), block in product(enumerate(radii), range(3)):
            for dices, blocks in ((record.only, [block]), (record.up_to, list(range(block + 1)))):
                with limited_attention(model, transformer, radius, blocks, patient.spacing_mm):
                    assert dices[row, column, block] == pytest.approx(whole_volume_dice(model, patient))
    assert len(np.unique(record.up_to)) > 6


def test_a_radius_beyond_the_image_costs_no_dice() -> None:
    record = causal_radius(hybrid(), PATIENTS[:1], LABELS, [1000.0])
    assert record.change(record.only) == pytest.approx(0)
    assert record.change(record.up_to) == pytest.approx(0)


def test_radii_go_from_one_token_by_doubling_to_the_diagonal_of_the_image() -> None:
    patient = replace(PATIENTS[0], spacing_mm=(1.0, 1.25))
    # 14 x 14 tokens of 16 x 20 mm: the diagonal is 13 * sqrt(16^2 + 20^2) = 333 mm
    assert default_radii(TokenGrid((14, 14), (16, 16)), [patient]) == (0, 20, 40, 80, 160, 320)
    narrow = replace(PATIENTS[0], spacing_mm=(0.5, 0.5))
    assert default_radii(TokenGrid((4, 4), (8, 8)), [narrow]) == (0, 4, 8, 16)
    assert default_radii(TokenGrid((14, 14), (16, 16)), [narrow, patient]) == (0, 20, 40, 80, 160, 320)


class Predicts(nn.Module):
    """The image's brightness above a threshold, as logits of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = nn.Parameter(torch.zeros(3))
        self.most = 0

    def forward(self, images: Tensor) -> Tensor:
        self.most = max(self.most, len(images))
        logits: Tensor = torch.stack([-((images[:, 0] - value) ** 2) for value in (-0.7, 0.6, 1.9)], dim=1)
        return logits + self.taken[:, None, None]


def without(model: Predicts, index: int) -> Callable[[PatientSlices], Any]:
    @contextmanager
    def never(_: PatientSlices) -> Iterator[None]:
        model.taken.data[index] = -1000
        yield
        model.taken.data[index] = 0

    return never


def test_empty_masks_count_as_in_every_table_and_no_more_than_one_batch_is_held() -> None:
    model = Predicts()
    patients = [made_patient("both", 0), made_patient("disc", 0, (1,), 7), made_patient("none", 0, ())]
    told: list[tuple[str, int, int]] = []
    found = dice_under_conditions(
        model,
        patients,
        LABELS,
        [without(model, 2), without(model, 1)],
        task="trying",
        batch_size=4,
        progress=lambda *step: told.append(step),
    )
    assert model.most == 4
    model.taken.data[2] = -1000
    volumes = [model(patient.image_tensor()).argmax(dim=1).numpy() for patient in patients]
    truths = [np.asarray(patient.labels) for patient in patients]
    of_disc = [dice(volumes[0] == 1, truths[0] == 1), dice(volumes[1] == 1, truths[1] == 1)]
    assert found[0, 0] == pytest.approx(of_disc[0] / 2)  # the bar is missed: 0
    assert found[1, 0] == pytest.approx(of_disc[1])  # the bar is absent: left out
    assert found[2, 0] == 0  # a false alarm
    assert found[1, 1] == 0  # the disc is missed, the bar a false alarm
    assert told == [("trying", step, 6) for step in range(1, 7)]


def test_a_patient_without_any_class_has_no_dice() -> None:
    model = Predicts()
    model.taken.data[:] = torch.tensor([1000.0, 0, 0])
    found = dice_under_conditions(model, [made_patient("none", 0, ())], LABELS, [without(model, 1)], task="")
    assert np.isnan(found).all()


@pytest.mark.parametrize("decoder", ["full", "compressed"])
@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize("after", range(4))
def test_skipping_is_the_first_blocks_with_every_tap_in_its_place(name: str, after: int, decoder: str) -> None:
    model = hybrid(name, decoder=decoder)
    images = PATIENTS[0].image_tensor()
    transformer: Any = model.transformer
    trunk: Any = getattr(model, "trunk", None)
    with torch.no_grad():
        features = trunk(model.prepare(images))[0] if name == "transunet" else model.prepare(images)
        tokens = transformer.patch_embed(features).flatten(2).transpose(1, 2) + transformer.pos_embed
        states = [tokens]
        for block in list(transformer.blocks)[:after]:
            states.append(block(states[-1]))
        states += [states[-1]] * (3 - after)
        read = [states[tap] for tap in transformer.taps[:-1]] + [transformer.norm(states[-1])]
        expected = [tokens.transpose(1, 2).unflatten(2, (4, 4)) for tokens in read]
        with skipped_blocks(model, after=after):
            found = transformer(features)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_single_tap_reads_what_a_shorter_model_would() -> None:
    model = hybrid(decoder="compressed")
    images = PATIENTS[0].image_tensor()
    with torch.no_grad(), skipped_blocks(model, after=2):
        skipped = model(images)
    with torch.no_grad():
        assert torch.equal(skipped, keep_blocks(model, [0, 1]).eval()(images))


@pytest.mark.parametrize("name", ["vit", "encoder", "encoder, tokens first", "own"])
def test_blocks_of_any_network_are_skipped_without_running(name: str) -> None:
    network = foreign(name)
    images = PATIENTS[0].image_tensor().expand(-1, 3, -1, -1)
    transformer = find_transformer(network, images)
    ran: list[str] = []
    for block in transformer.blocks:
        part = next(module for module in block.module.modules() if isinstance(module, nn.Linear))
        part.register_forward_hook(lambda *_, name=block.name: ran.append(name))
    with torch.no_grad(), skipped_blocks(network, 1, transformer):
        one = network(images)
    assert set(ran) <= {transformer.names[0]}
    with torch.no_grad(), skipped_blocks(network, 2, transformer):
        assert torch.allclose(network(images), network(images))
        assert not torch.allclose(network(images), one)


class Failing(nn.Module):
    def forward(self, *_: Any) -> Tensor:
        raise ZeroDivisionError


def test_no_trace_of_skipping_is_left() -> None:
    model = hybrid()
    images = PATIENTS[0].image_tensor()
    with torch.no_grad():
        before = model(images)
        with skipped_blocks(model, after=2), skipped_blocks(model, after=1):
            pass
        assert torch.equal(model(images), before)
        model.decoder, decoder = Failing(), model.decoder
        with pytest.raises(ZeroDivisionError), skipped_blocks(model, after=0):
            model(images)
        model.decoder = decoder
        assert torch.equal(model(images), before)
    assert not any("forward" in vars(module) for module in model.modules())
    assert traces(model) == 0


def test_an_ablation_holds_the_dice_after_every_number_of_blocks() -> None:
    model = undecided().train()
    record = dice_of_first_blocks(model, PATIENTS, LABELS, batch_size=2)
    assert model.training
    model.eval()
    for row, patient in enumerate(PATIENTS):
        for count in range(4):
            with skipped_blocks(model, after=count):
                assert record.dice[row, count] == pytest.approx(whole_volume_dice(model, patient))
    assert record.change[:, -1] == pytest.approx(0)
    assert len(np.unique(record.dice[0])) == 4


def test_the_dice_of_a_network_of_somebody_else_remains_alike() -> None:
    torch.manual_seed(1)
    model = AsSegmentation(foreign("dinov2")).eval()
    limited = causal_radius(model, PATIENTS[:1], LABELS, [1000.0])
    skipped = dice_of_first_blocks(model, PATIENTS[:1], LABELS)
    assert limited.num_prefix_tokens == 5
    assert limited.only[0] == pytest.approx(whole_volume_dice(model, PATIENTS[0]))
    assert skipped.dice[0, -1] == pytest.approx(whole_volume_dice(model, PATIENTS[0]))


def test_records_read_back_what_they_wrote_with_paired_intervals(tmp_path: Path) -> None:
    shape = (4, 2, 3)
    random = np.random.default_rng(0)
    only, up_to, unlimited = random.random(shape), random.random(shape), random.random(4)
    only[3], up_to[3], unlimited[3] = np.nan, np.nan, np.nan
    record = CausalRadius(("a", "b", "c", "d"), (0.0, 4.0), ("x", "y", "z"), 1, unlimited, only, up_to)
    record.save(tmp_path / "causal_radius.json")
    back = CausalRadius.load(tmp_path / "causal_radius.json")
    assert (back.patient_ids, back.radii_mm, back.block_names, back.num_prefix_tokens) == (
        record.patient_ids,
        record.radii_mm,
        record.block_names,
        1,
    )
    for one, other in ((back.only, only), (back.up_to, up_to), (back.unlimited, unlimited)):
        np.testing.assert_array_equal(one, other)
    summary = json.loads((tmp_path / "causal_radius.json").read_text())["summary"]
    mean, interval = mean_interval((only - unlimited[:, None, None])[:, 1, 2])
    assert interval is not None
    change = summary["only"]["change"]
    assert (change["mean"][1][2], change["low"][1][2], change["high"][1][2]) == pytest.approx((mean, *interval))
    ablation = SkippedBlocks(("a", "b"), ("x",), random.random((2, 2)))
    ablation.save(tmp_path / "skipped_blocks.json")
    np.testing.assert_array_equal(SkippedBlocks.load(tmp_path / "skipped_blocks.json").dice, ablation.dice)
    with pytest.raises(UserError, match="must hold the Dice"):
        CausalRadius.load(tmp_path / "skipped_blocks.json")
    with pytest.raises(UserError, match="must hold the Dice"):
        SkippedBlocks.load(tmp_path / "causal_radius.json")


def test_a_run_is_measured_on_its_selection_patients_and_on_training_patients(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "few"))
    text = run.experiment_file.read_text()
    run.experiment_file.write_text(text.replace("num_patients = 12", "num_patients = 4"))
    record = causal_radius_of_run(run, radii_mm=[0.0])
    assert CausalRadius.load(run.causal_radius_file).only == pytest.approx(record.only)
    ablation = skipped_blocks_of_run(run)
    assert SkippedBlocks.load(run.skipped_blocks_file).dice == pytest.approx(ablation.dice)
    dataset = load_dataset(run.experiment().data)
    known = tuple(patient.patient_id for patient in (*dataset.selection, *dataset.training))
    assert record.patient_ids == ablation.patient_ids == known
    assert record.unlimited == pytest.approx(ablation.dice[:, -1])


@pytest.mark.parametrize(("selection", "training"), [(2, 4), (6, 0), (7, 0)])
def test_at_least_six_patients_are_measured_and_none_that_is_reported(selection: int, training: int) -> None:
    made = [made_patient(f"p{index}", 0) for index in range(16)]
    dataset = Dataset("made", LABELS, "", tuple(made[8:15]), tuple(made[:selection]), (made[15],))
    assert ablated_patients(dataset) == (*made[:selection], *made[8 : 8 + training])


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(UserError, match="no patient"):
        causal_radius(hybrid(), [], LABELS)
    with pytest.raises(UserError, match="no labels for one"):
        dice_of_first_blocks(hybrid(), [replace(PATIENTS[0], labels=None)], LABELS)
    with pytest.raises(UserError, match="at least one radius"):
        causal_radius(hybrid(), PATIENTS, LABELS, [])
    with pytest.raises(UserError, match="From 0 to 3"), skipped_blocks(hybrid(), after=4):
        pass
    with pytest.raises(UserError, match="are found first"), skipped_blocks(foreign("vit"), after=1):
        pass


class Windowed(nn.Module):
    """Stages of attention in windows, made a map of logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: Any = SwinTransformer(
            img_size=32, window_size=4, in_chans=1, embed_dim=8, depths=(2, 2), num_heads=(1, 1)
        )
        self.head = nn.Conv2d(16, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.stages.forward_features(images)
        return F.interpolate(self.head(features.permute(0, 3, 1, 2)), scale_factor=8)


def test_attention_in_windows_is_refused_with_its_reason() -> None:
    with pytest.raises(UserError, match=r"A transformer is one .* sequence|stages"):
        causal_radius(Windowed().eval(), PATIENTS, LABELS, [0.0])
