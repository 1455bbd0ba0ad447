"""Official checkpoints give the logits of the original program, which is written once more beside this file."""

from pathlib import Path
from typing import Any

import original_transunet as original
import pytest
import torch

from trimformer.models import create_model, load_weights
from trimformer.records.errors import UserError

TINY = {"num_classes": 3, "num_blocks": 2, "grid": 3, "width": 192, "divisor": 4}
BASE = {"num_classes": 9, "num_blocks": 1, "grid": 14, "width": 768, "divisor": 1}


def with_checkpoint(path: Path, **settings: Any) -> Any:
    wanted = {"num_classes": 3, "num_blocks": 2, "size": "tiny", "image_size": 48, **settings}
    return create_model("transunet", weights=str(path), **wanted).eval()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.save(original.filled(**TINY), tmp_path / "tiny.pth")
    return tmp_path / "tiny.pth"


def test_the_logits_are_those_of_the_original_program(checkpoint: Path) -> None:
    images = torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    expected = original.logits(original.filled(**TINY), images, num_heads=3, num_groups=8)
    assert expected.std() > 0.05
    torch.testing.assert_close(with_checkpoint(checkpoint)(images), expected, atol=1e-4, rtol=0)


def test_so_they_are_at_the_papers_size(tmp_path: Path) -> None:
    state = original.filled(seed=3, **BASE)
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, tmp_path / "base.pth")
    model = with_checkpoint(tmp_path / "base.pth", num_classes=9, num_blocks=1, size="base", image_size=224)
    images = torch.randn(1, 1, 224, 224, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(model(images), original.logits(state, images, num_heads=12), atol=1e-4, rtol=0)


def test_nothing_is_left_random_or_unused(checkpoint: Path) -> None:
    report = with_checkpoint(checkpoint).weights_report
    assert report.initialised == report.unused == report.resampled == ()
    assert report.parts() == dict.fromkeys(("trunk", "transformer", "decoder", "head"), "loaded")


def test_fewer_blocks_take_the_first_and_name_the_rest(checkpoint: Path) -> None:
    model = with_checkpoint(checkpoint, num_blocks=1)
    state = original.filled(**TINY)
    shallow = {key: tensor for key, tensor in state.items() if "encoder.layer.1." not in key}
    images = torch.randn(1, 1, 48, 48)
    torch.testing.assert_close(model(images), original.logits(shallow, images, 3, 8), atol=1e-4, rtol=0)
    assert set(model.weights_report.unused) == set(state) - set(shallow)


def test_another_image_size_resamples_the_positions_alone(checkpoint: Path) -> None:
    report = with_checkpoint(checkpoint, image_size=64).weights_report
    assert report.resampled == ("transformer.pos_embed",)


@pytest.mark.parametrize(
    ("settings", "key", "shapes"),
    [
        ({"num_classes": 4}, "segmentation_head.0.weight", "(3, 16, 3, 3) in the file, shape (4, 16, 3, 3)"),
        ({"size": "small"}, "hybrid_model.root.conv.weight", "(16, 3, 7, 7) in the file, shape (32, 3, 7, 7)"),
        ({"num_blocks": 3}, "transformer.encoder.layer.2.attention_norm.weight", "nothing in the file, shape (192,)"),
        ({"patch_size": 8}, "body.block3.unit1.conv1.weight", "shape (64, 128, 1, 1) in the file, nothing"),
    ],
)
def test_what_does_not_fit_is_told_with_key_and_shapes(
    checkpoint: Path, settings: dict[str, Any], key: str, shapes: str
) -> None:
    with pytest.raises(UserError) as caught:
        with_checkpoint(checkpoint, **settings)
    assert str(checkpoint) in caught.value.found
    assert key in caught.value.found
    assert shapes in caught.value.found


def test_a_missing_key_is_named_as_the_file_would_have_it(tmp_path: Path) -> None:
    state = original.filled(**TINY)
    del state["transformer.encoder.layer.1.attn.key.bias"]
    torch.save(state, tmp_path / "gap.pth")
    with pytest.raises(
        UserError, match=r"layer\.1\.attn\.key\.bias in .*gap\.pth: nothing in the file, shape \(576,\)"
    ):
        with_checkpoint(tmp_path / "gap.pth")


def test_another_architecture_is_refused(checkpoint: Path) -> None:
    unetr = create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=48)
    with pytest.raises(UserError, match=r"architecture.*hybrid_model\.root\.conv\.weight.*no place in the model"):
        load_weights(unetr, str(checkpoint))
