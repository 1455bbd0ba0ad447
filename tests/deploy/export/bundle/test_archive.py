"""A network in an archive: for any number and size of slices, without a trace of who wrote it."""

import getpass
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from monai.data import load_net_with_metadata
from torch import nn

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.bundle.archive import quiet_torchscript, read_archive, write_archive
from trimformer.deploy.export.bundle.slice_network import SliceNetwork
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError

SIZE = 32


def made(name: str, **settings: object) -> SegmentationModel:
    return create_model(name, num_classes=3, image_size=SIZE, weights=None, **settings).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    folder = tmp_path_factory.mktemp("archive")
    network = SliceNetwork(made("unetr", size="tiny", num_blocks=1, patch_size=8), Preprocessing(SIZE, crop=29)).eval()
    write_archive(network, torch.randn(2, 1, 24, 28), {"name": "made"}, folder)
    return network, folder


@torch.no_grad()
def test_slices_of_any_number_and_size_get_the_networks_logits(archive: tuple[nn.Module, Path]) -> None:
    network, read_back = archive[0], read_archive(archive[1])
    for shape in ((1, 1, 24, 28), (3, 1, 40, 31), (2, 1, 17, 64)):
        images = torch.randn(shape)
        torch.testing.assert_close(read_back(images), network(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["cats", "transunet"])
@torch.no_grad()
def test_every_kind_of_network_can_be_archived(name: str, tmp_path: Path) -> None:
    network = SliceNetwork(made(name, size="tiny", num_blocks=1), Preprocessing(SIZE)).eval()
    write_archive(network, torch.randn(2, 1, 24, 28), {}, tmp_path)
    images = torch.randn(3, 1, 20, 40)
    torch.testing.assert_close(read_archive(tmp_path)(images), network(images), rtol=0, atol=1e-5)


def test_monai_reads_the_metadata_within(archive: tuple[nn.Module, Path]) -> None:
    with quiet_torchscript():
        _, metadata, _ = load_net_with_metadata(str(archive[1] / "model.ts"))
    assert metadata == {"name": "made"}


def test_weights_stand_beside_it_as_tensors_and_nothing_else(archive: tuple[nn.Module, Path]) -> None:
    network, folder = archive
    weights = torch.load(folder / "model.pt", weights_only=True)
    assert weights.keys() == network.state_dict().keys()
    assert [file.name for file in sorted(folder.iterdir())] == ["model.pt", "model.ts"]


def test_no_path_of_the_machine_that_traced_it_is_left(archive: tuple[nn.Module, Path]) -> None:
    with zipfile.ZipFile(archive[1] / "model.ts") as entries:
        content = b"".join(entries.read(name) for name in entries.namelist() if "/data/" not in name)
    for text in (sys.prefix, str(Path(__file__).parents[4]), "site-packages", f"/{getpass.getuser()}/"):
        assert text.encode() not in content


def test_a_network_that_cannot_be_traced_is_refused(tmp_path: Path) -> None:
    class Words(nn.Module):
        def forward(self, images: torch.Tensor) -> str:
            return f"{images.shape}"

    with pytest.raises(UserError, match="can be traced by TorchScript"):
        write_archive(Words(), torch.randn(2, 1, 8, 8), {}, tmp_path)
    assert not (tmp_path / "model.ts").exists()
