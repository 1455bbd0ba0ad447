from typing import Any

import torch

from trimformer.models.cats import CATS


def tiny(**settings: Any) -> Any:
    return CATS(num_classes=4, size="tiny", **{"image_size": 32, "num_blocks": 3, **settings})


def test_the_compressed_decoder_reads_the_deepest_level_alone() -> None:
    images = torch.zeros(1, 3, 32, 32)
    model = tiny(decoder="compressed")
    assert [tuple(level.shape) for level in model.trunk(images)] == [(1, 256, 2, 2)]
    assert len(model.transformer.taps) == 1


def test_trunk_and_tokens_are_added_at_every_level() -> None:
    model = tiny().eval()
    images = torch.randn(1, 3, 32, 32)
    features, maps = model.trunk(images), model.transformer(images)
    seen: list[torch.Tensor] = []
    model.decoder.path.register_forward_pre_hook(lambda _, arguments: seen.extend([arguments[0], *arguments[1]]))
    model(images)
    *levels, image = seen
    for found, to_level, tokens, trunk in zip(
        levels, reversed(list(model.decoder.to_level)), reversed(maps), reversed(features), strict=True
    ):
        assert torch.equal(found, to_level(tokens) + trunk)
    assert torch.equal(image, model.decoder.image(images))


def test_the_levels_with_patches_of_8() -> None:
    with torch.device("meta"):
        model = CATS(num_classes=4, image_size=112, patch_size=8)
    shapes = {name: tuple(tensor.shape[:2]) for name, tensor in model.decoder.named_parameters() if tensor.ndim == 4}
    assert [shapes[f"path.upsample.{level}.weight"] for level in range(3)] == [(512, 256), (256, 64), (64, 64)]
    assert [shapes[f"to_level.0.{step}.0.weight"] for step in range(2)] == [(768, 512), (512, 64)]
    assert shapes["to_level.1.0.0.weight"] == (768, 256)
    assert shapes["to_level.2.0.0.weight"] == (512, 768)


def test_a_level_that_the_trunk_lacks_is_the_tap_alone() -> None:
    model = tiny(trunk="convnext_atto").eval()
    images = torch.randn(1, 3, 32, 32)
    maps = model.transformer(images)
    seen: list[torch.Tensor] = []
    model.decoder.path.register_forward_pre_hook(lambda _, arguments: seen.extend(arguments[1]))
    model(images)
    *_, finest, _image = seen
    assert model.trunk.widths == (None, 40, 80, 160)
    assert finest.shape == (1, 16, 16, 16)  # 64 channels at base size
    assert torch.equal(finest, model.decoder.to_level[0](maps[0]))
