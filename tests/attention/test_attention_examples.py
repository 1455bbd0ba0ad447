import numpy as np
import pytest
import torch

import trimformer as tf
from trimformer.attention.measures.relevance import class_relevance
from trimformer.attention.showing.drawn_classes import relevance_of_classes
from trimformer.attention.showing.examples import example_of_run, examples_of_runs, record_example, turned_upright
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.native_grid import AS_STORED, NativeGrid
from trimformer.records.attention_example import AttentionExample, covering_patches, half_residual_rollout
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return tf.create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(1))


def test_maps_are_those_of_a_recording_and_fields_follow_them(model: torch.nn.Module, image: torch.Tensor) -> None:
    example = record_example(model, image, patient_id="p", slice_index=3, spacing_mm=(1.0, 2.0))
    with torch.no_grad(), tf.record_attention(model.eval()) as recording:
        model(image[None])
    recorded = np.stack([maps[0].numpy() for maps in recording.maps.values()])
    np.testing.assert_allclose(example.maps, recorded, atol=1e-6)
    first, second = ((maps.mean(axis=0) + np.eye(16)) / 2 for maps in recorded.astype(np.float64))
    np.testing.assert_allclose(example.fields["half_residual"], [first, second @ first], atol=1e-6)
    np.testing.assert_allclose(example.fields["norm_weighted"].sum(axis=-1), 1, atol=1e-6)
    assert (example.patient_id, example.slice_index, example.spacing_mm) == ("p", 3, (1.0, 2.0))
    assert example.components.shape == (3, 16, 3)


def test_the_model_is_left_as_it_was(model: torch.nn.Module, image: torch.Tensor) -> None:
    model.train()
    record_example(model, image)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_foreground_decides_which_patches_the_axes_are_fitted_to(
    model: torch.nn.Module, image: torch.Tensor
) -> None:
    half = torch.zeros(32, 32, dtype=torch.bool)
    half[:16] = True
    everywhere, upper = record_example(model, image), record_example(model, image, half)
    assert upper.foreground_patches.tolist() == [True] * 8 + [False] * 8
    np.testing.assert_allclose(everywhere.components.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(upper.components[:, :8].mean(axis=1), 0, atol=1e-6)


def test_a_slice_turned_upright_keeps_who_looks_where(model: torch.nn.Module) -> None:
    image = torch.zeros(1, 32, 32)
    image[:, :8, 24:] = 1.0  # row 0, column 3 of the patches
    example = record_example(model, image, image[0] > 0, spacing_mm=(1.0, 2.0))
    # Rows of the stored slices run to anterior, columns to the left of the patient: in RAS they change places.
    affine = np.array([[0, -2.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 1]])
    turned = turned_upright(example, NativeGrid((32, 32, 5), affine, AS_STORED, 2, (0, 0, 0, 0)))
    assert turned.towards == ("R", "A")
    assert turned.spacing_mm == (2.0, 1.0)
    np.testing.assert_array_equal(turned.image, example.image.T[::-1])
    (before,), (after,) = (np.flatnonzero(each.foreground_patches).tolist() for each in (example, turned))
    assert (before, after) == (3, 0)
    other_before, other_after = 1 * 4 + 3, 1  # one patch towards anterior
    np.testing.assert_array_equal(turned.maps[..., after, other_after], example.maps[..., before, other_before])
    for name, field in turned.fields.items():
        np.testing.assert_array_equal(field[:, after, other_after], example.fields[name][:, before, other_before])
    np.testing.assert_array_equal(turned.components[:, after], example.components[:, before])


def test_relevance_is_that_of_every_class_where_the_model_draws_it(model: torch.nn.Module, image: torch.Tensor) -> None:
    handle = model.register_forward_hook(lambda _model, _images, logits: logits - logits.mean(dim=(2, 3), keepdim=True))
    found = relevance_of_classes(model, image[None], {1: "disc", 2: "bar"})
    with torch.no_grad():
        drawn = model.eval()(image[None]).argmax(dim=1)
    for value, name in ((1, "disc"), (2, "bar")):
        np.testing.assert_array_equal(found[name].mask, drawn[0] == value)
        expected = class_relevance(model, image[None], value, drawn == value).patches[0]
        np.testing.assert_allclose(found[name].patches[-1], expected, atol=1e-6)
        assert found[name].patches.shape == (2, 16)
    assert relevance_of_classes(model, image[None], {7: "never drawn"}) == {}
    handle.remove()


def test_a_run_shows_its_first_patients_most_labelled_slice(trained_run: RunFolder) -> None:
    example = example_of_run(trained_run)
    dataset = load_dataset(trained_run.experiment().data)
    labels = dataset.training[0].labels
    assert labels is not None
    assert example.patient_id == dataset.training[0].patient_id
    assert example.slice_index == np.count_nonzero(labels, axis=(1, 2)).argmax()
    assert set(example.relevance) <= set(dataset.labels.values())
    assert example.foreground.sum() == np.count_nonzero(labels[example.slice_index])
    pair = examples_of_runs({"a": trained_run, "b": trained_run}, example.patient_id, 2)
    assert pair["a"].shows_the_slice_of(pair["b"])
    assert not pair["a"].shows_the_slice_of(example)


@pytest.mark.parametrize(("patient", "index", "found"), [("nobody", None, "nobody"), (None, 10_000, "10000")])
def test_a_slice_that_is_not_there_is_told(
    trained_run: RunFolder, patient: str | None, index: int | None, found: str
) -> None:
    with pytest.raises(UserError, match=found):
        example_of_run(trained_run, patient, index)


def test_rollouts_and_covering_patches_by_hand() -> None:
    maps = np.array([[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    first = np.array([[0.75, 0.25], [0.0, 1.0]])
    np.testing.assert_allclose(half_residual_rollout(maps), [first, np.full((2, 2), 0.5) @ first])
    mask = np.zeros((4, 6), dtype=bool)
    mask[3, 2] = True
    assert covering_patches(mask, (2, 3)).tolist() == [False, False, False, False, True, False]
    assert covering_patches(np.zeros((4, 6), dtype=bool), (2, 3)).all()


def test_blocks_and_heads_are_counted_from_one(model: torch.nn.Module, image: torch.Tensor) -> None:
    example = record_example(model, image)
    np.testing.assert_allclose(example.attention(2), example.maps[1].mean(axis=0))
    np.testing.assert_array_equal(example.attention(1, 3), example.maps[0, 2])
    for block, head, found in ((0, None, "block 0"), (3, None, "block 3"), (1, 4, "head 4")):
        with pytest.raises(UserError, match=found):
            example.attention(block, head)


def test_a_profile_gives_the_slice_that_it_keeps(model: torch.nn.Module, image: torch.Tensor) -> None:
    profile = tf.profile_attention(model, [image[None]])
    kept, whole = AttentionExample.of_profile(profile), record_example(model, image)
    assert kept is not None
    assert not kept.has_heads
    np.testing.assert_allclose(kept.attention(2), whole.attention(2), atol=1e-3)  # kept in half precision
    np.testing.assert_allclose(kept.fields["half_residual"], whole.fields["half_residual"], atol=1e-3)
    with pytest.raises(UserError, match="head mean"):
        kept.attention(1, 1)
