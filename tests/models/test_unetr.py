from typing import Any

import torch

from trimformer.models.unetr import UNETR


def tiny(**settings: Any) -> Any:
    return UNETR(num_classes=4, size="tiny", **{"image_size": 32, "num_blocks": 3, **settings})


def test_three_taps_with_patches_of_8_and_four_with_16() -> None:
    assert tiny(num_blocks=12, patch_size=8).transformer.taps == (4, 8, 12)
    assert tiny(num_blocks=12, patch_size=16).transformer.taps == (3, 6, 9, 12)
    assert tiny(num_blocks=12, decoder="compressed").transformer.taps == (12,)


def test_the_levels_of_the_full_decoder_with_patches_of_8() -> None:
    with torch.device("meta"):
        decoder = UNETR(num_classes=4, image_size=112, patch_size=8).decoder
    weights = decoder.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items() if tensor.ndim == 4}
    assert {name: shape for name, shape in shapes.items() if name.startswith("path.upsample")} == {
        "path.upsample.0.weight": (768, 512, 2, 2),
        "path.upsample.1.weight": (512, 256, 2, 2),
        "path.upsample.2.weight": (256, 64, 2, 2),
    }
    merged = [shapes[f"path.merge.{level}.0.0.weight"][:2] for level in range(3)]
    assert merged == [(512, 1024), (256, 512), (64, 128)]


def test_a_shallow_tap_reaches_the_logits_of_the_full_decoder_only() -> None:
    images = torch.randn(1, 1, 32, 32)
    for decoder, is_read in (("full", True), ("compressed", False)):
        model = tiny(decoder=decoder).eval()
        # With the last block's output hidden from the decoder, only shallower taps can carry block 1.
        torch.nn.init.zeros_(model.transformer.norm.weight)
        before = model(images)
        torch.nn.init.normal_(model.transformer.blocks[0].mlp.fc2.bias)
        assert torch.equal(before, model(images)) != is_read
