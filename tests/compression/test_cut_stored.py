"""Cut models as runs have them: `kept_blocks` of networks that are not ours, `source_blocks` of weights."""

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from trimformer.compression import keep_blocks
from trimformer.models import create_model, load_model, save_model
from trimformer.models.foreign import ForeignNetwork
from trimformer.records.errors import UserError

MODULE = """
import timm
from torch import nn
from trimformer import BlockAdapter


class Segmenter(nn.Module):
    def __init__(self, num_classes, num_blocks=4):
        super().__init__()
        sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "num_heads": 3, "in_chans": 1, "num_classes": 0}
        self.vit = timm.create_model("vit_tiny_patch16_224", depth=num_blocks, **sizes)
        self.head = nn.ConvTranspose2d(24, num_classes, 8, stride=8)

    def forward(self, images):
        return self.head(self.vit.forward_features(images)[:, 1:].mT.unflatten(2, (4, 4)))


class NamedAsInHuggingFace(Segmenter):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.embeddings = nn.ModuleDict({"patch_embeddings": nn.ModuleDict({"projection": nn.Linear(2, 2)})})


class Two(Segmenter):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.other = Segmenter(num_classes)
        self.block_adapter = BlockAdapter("vit.blocks")
"""

IMAGES = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "cut_targets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("cut_targets", None)


def own(**settings: Any) -> Any:
    target = f"cut_targets:{settings.pop('factory', 'Segmenter')}"
    torch.manual_seed(0)
    model = create_model(target=target, num_classes=3, image_size=32, **settings)
    assert isinstance(model, ForeignNetwork)
    return model.eval()


def hybrid(name: str = "unetr", **settings: Any) -> Any:
    words = {"num_classes": 3, "num_blocks": 4, "size": "tiny", "image_size": 32, "patch_size": 8, **settings}
    return create_model(name, **words).eval()


def stored(model: Any, folder: Path) -> Path:
    folder.mkdir()
    save_model(model, folder / "model.safetensors", folder / "model.json")
    (folder / "experiment.toml").write_text('name = "made"\n')
    return folder


def test_a_cut_target_is_made_by_its_settings_stored_and_loaded(tmp_path: Path) -> None:
    model = own(kept_blocks=[0, 2])
    full = copy.deepcopy(own())
    del full.network.vit.blocks[3], full.network.vit.blocks[1]
    assert torch.equal(model(IMAGES), full(IMAGES))
    loaded = load_model(stored(model, tmp_path / "run"))
    assert loaded.settings == model.settings
    assert loaded.settings["kept_blocks"] == [0, 2]
    assert torch.equal(loaded(IMAGES), model(IMAGES))


def test_keep_blocks_and_kept_blocks_are_one(tmp_path: Path) -> None:
    full = own()
    cut = keep_blocks(full, [1, 3])
    assert cut.settings == own(kept_blocks=[1, 3]).settings
    assert full.settings["kept_blocks"] is None
    assert torch.equal(load_model(stored(cut, tmp_path / "run"))(IMAGES), cut(IMAGES))


def test_a_cut_target_inherits_from_its_full_run_by_name(tmp_path: Path) -> None:
    full = own()
    with torch.no_grad():
        for parameter in full.parameters():
            parameter.mul_(1.1)
    run = stored(full, tmp_path / "run")
    torch.manual_seed(1)
    cut = create_model(target="cut_targets:Segmenter", num_classes=3, image_size=32, kept_blocks=[3], weights=run)
    assert torch.equal(cut.eval()(IMAGES), keep_blocks(full, [3])(IMAGES))
    report = cut.weights_report
    assert (report.initialised, report.source) == ((), str(run))
    assert {name.split(".")[3] for name in report.unused} == {"0", "1", "2"}


def test_names_as_hugging_face_gives_them_do_not_make_a_run_a_file_of_theirs(tmp_path: Path) -> None:
    full = own(factory="NamedAsInHuggingFace")
    cut = own(factory="NamedAsInHuggingFace", kept_blocks=[0], weights=stored(full, tmp_path / "run"))
    assert cut.weights_report.initialised == ()


def test_a_block_that_the_run_has_lost_cannot_be_inherited(tmp_path: Path) -> None:
    run = stored(own(kept_blocks=[0]), tmp_path / "run")
    with pytest.raises(UserError, match=r"network\.vit\.blocks\.1\.norm1\.weight .*nothing in the file"):
        own(kept_blocks=[0, 1], weights=run)


def test_a_network_of_monai_is_cut_by_its_settings(tmp_path: Path) -> None:
    options = {"hidden_size": 24, "mlp_dim": 24, "num_heads": 3, "feature_size": 4}
    words: dict[str, Any] = {"num_classes": 3, "image_size": 32, "options": options}
    model: Any = create_model("monai.UNETR", kept_blocks=[0, 1, 2], **words)
    full: Any = create_model("monai.UNETR", **words)
    kept = [index for index, block in enumerate(model.network.vit.blocks) if any(True for _ in block.parameters())]
    assert kept == [0, 1, 2]
    block = sum(weight.numel() for weight in full.network.vit.blocks[0].parameters())
    counts = [sum(weight.numel() for weight in one.parameters()) for one in (full, model)]
    assert counts[0] - counts[1] == 9 * block
    assert load_model(stored(model, tmp_path / "run")).settings == model.settings


def test_a_factorys_network_may_tell_its_blocks() -> None:
    assert own(factory="Two", kept_blocks=[0]).settings["kept_blocks"] == [0]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"target": "cut_targets:Segmenter", "kept_blocks": [4]}, "from 0 to 3; found block 4"),
        ({"name": "unet", "kept_blocks": [0]}, "none in UNet"),
        ({"name": "unetr", "kept_blocks": [0]}, "kept_blocks can be chosen for unet, MONAI's networks and targets"),
        ({"name": "unetr", "num_blocks": 1, "source_blocks": [0]}, "a model that takes none"),
        ({"target": "cut_targets:Segmenter", "source_blocks": [0], "weights": "run"}, "a model that takes none"),
        ({"name": "unetr", "num_blocks": 2, "source_blocks": [0], "weights": "run"}, "for num_blocks = 2"),
        ({"name": "unetr", "num_blocks": 1, "permuted_blocks": True}, "a model that takes none"),
        ({"name": "unet", "permuted_blocks": True, "weights": "run"}, "a model that takes none"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        create_model(**{"num_classes": 3, "image_size": 32, "size": "tiny", "patch_size": 8, **settings})


@pytest.mark.parametrize("name", ["unetr", "cats", "transunet"])
def test_source_blocks_of_a_run_are_those_that_keep_blocks_keeps(name: str, tmp_path: Path) -> None:
    full = hybrid(name)
    run = stored(full, tmp_path / "run")
    model = hybrid(name, num_blocks=2, weights=run, source_blocks=[1, 3])
    assert torch.equal(model(IMAGES), keep_blocks(full, [1, 3])(IMAGES))
    assert {key.split(".")[2] for key in model.weights_report.unused} == {"0", "2"}
    assert model.weights_report.initialised == ()


def test_permuted_blocks_have_the_entries_of_their_source_in_another_order_and_all_else_as_it_was(
    tmp_path: Path,
) -> None:
    full = hybrid()
    run = stored(full, tmp_path / "run")

    def begun() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        weights: dict[str, torch.Tensor] = hybrid(
            num_blocks=2, weights=run, source_blocks=[1, 3], permuted_blocks=True
        ).state_dict()
        return weights

    permuted, kept = begun(), keep_blocks(full, [1, 3]).state_dict()
    again = begun()
    for name, tensor in permuted.items():
        assert torch.equal(tensor, again[name]), "the same seed shuffles alike"
        if name.startswith("transformer.blocks.") and kept[name].unique().numel() > 1:
            assert not torch.equal(tensor, kept[name])
            assert torch.equal(tensor.flatten().sort().values, kept[name].flatten().sort().values)
        else:
            assert torch.equal(tensor, kept[name])


def test_source_blocks_that_a_file_does_not_have_are_named(tmp_path: Path) -> None:
    run = stored(hybrid(num_blocks=2), tmp_path / "run")
    with pytest.raises(UserError, match=r"from 0 to 1, the blocks of .*run; found block 2 in \[1, 2\]"):
        hybrid(num_blocks=2, weights=run, source_blocks=[1, 2])


def test_the_compressed_decoder_begins_anew_and_the_rest_is_kept() -> None:
    full = hybrid()
    smaller = keep_blocks(full, [0, 2], decoder="compressed")
    assert (smaller.settings["decoder"], smaller.settings["num_blocks"]) == ("compressed", 2)
    for own_block, index in enumerate([0, 2]):
        pairs = zip(
            smaller.transformer.blocks[own_block].parameters(),
            full.transformer.blocks[index].parameters(),
            strict=True,
        )
        assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    assert torch.equal(smaller.transformer.pos_embed, full.transformer.pos_embed)
    assert smaller(IMAGES).shape == (1, 3, 32, 32)


def test_transunet_keeps_the_one_decoder_that_it_has() -> None:
    full = hybrid("transunet")
    smaller = keep_blocks(full, range(4), decoder="compressed")
    assert torch.equal(smaller(IMAGES), full(IMAGES))


def test_a_smaller_hybrid_has_the_precision_of_the_original() -> None:
    assert next(keep_blocks(hybrid().double(), [0]).parameters()).dtype == torch.float64
