"""Weights from a hub: a small server that answers as the Hugging Face hub does, and none at all."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import made_weights
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from trimformer.models import create_model
from trimformer.models.weights.hub import IMAGENET21K, fetch, hub_id, pretrained_names
from trimformer.records.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Hub(BaseHTTPRequestHandler):
    """`/owner/name/resolve/main/file` from a folder, with the headers that huggingface_hub asks for."""

    def __init__(self, root: Path, asked: list[str], *arguments: Any) -> None:
        self.root, self.asked = root, asked
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        if self.path == "/":
            self.send_response(200)
            self.end_headers()
            return
        owner, name, _, _, file = self.path.strip("/").split("/")
        path = self.root / owner / name / file
        if not path.is_file():
            kind = "EntryNotFound" if path.parent.is_dir() else "RepoNotFound"
            self.send_response(404)
            self.send_header("X-Error-Code", kind)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)


class Hub:
    """A hub with what a test puts there, and what it was asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []

    def put(self, repository: str, state: dict[str, torch.Tensor], file: str = "model.safetensors") -> None:
        path = self.root / repository / file
        path.parent.mkdir(parents=True)
        save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Hub, hub.root, hub.asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield hub
    server.shutdown()
    server.server_close()


def tiny(name: str = "unetr", **settings: Any) -> Any:
    return create_model(name, **{"num_classes": 3, "num_blocks": 2, "size": "tiny", "image_size": 48, **settings})


def test_imagenet21k_is_fetched_under_timms_name(hub: Hub) -> None:
    vit = made_weights.timm_vit(num_classes=0)
    hub.put("timm/vit_tiny_patch16_224.augreg_in21k", vit.state_dict())
    model = tiny(weights="imagenet21k")
    assert torch.equal(model.transformer.norm.weight, vit.state_dict()["norm.weight"])
    (file,) = model.weights_report.files
    assert file.origin == f"timm/vit_tiny_patch16_224.augreg_in21k@{COMMIT}/model.safetensors"
    stored = hub.root / "timm/vit_tiny_patch16_224.augreg_in21k/model.safetensors"
    assert file.sha256 == hashlib.sha256(stored.read_bytes()).hexdigest()


def test_what_was_fetched_once_is_not_asked_for_again(hub: Hub) -> None:
    hub.put("lab/vit", made_weights.timm_vit().state_dict())
    first = fetch("lab/vit")
    asked = len(hub.asked)
    assert asked >= 1
    assert fetch("hf-hub:lab/vit") == first
    assert len(hub.asked) == asked


def test_an_older_repository_holds_a_torch_file(hub: Hub) -> None:
    hub.put("lab/vit", made_weights.timm_vit().state_dict(), "pytorch_model.bin")
    assert fetch("lab/vit").path.name == "pytorch_model.bin"
    assert tiny(weights="lab/vit").weights_report.parts()["transformer"] == "loaded"


def test_the_trunk_of_cats_comes_from_the_hub_as_well(hub: Hub) -> None:
    vit = made_weights.randomised(timm.create_model("vit_base_patch16_224", depth=1, img_size=48))
    resnet: Any = made_weights.randomised(timm.create_model("resnet34"))
    hub.put("timm/vit_base_patch16_224.orig_in21k", vit.state_dict())
    hub.put("timm/resnet34.a1_in1k", resnet.state_dict())
    model = tiny("cats", size="base", num_blocks=1, trunk="resnet34", weights="imagenet21k")
    assert torch.equal(model.trunk.network.layer3[0].conv1.weight, resnet.layer3[0].conv1.weight)
    assert model.weights_report.parts() == {
        "transformer": "loaded", "trunk": "loaded", "decoder": "random", "head": "random",
    }  # fmt: skip
    assert [file.origin.split("@")[0] for file in model.weights_report.files] == [
        "timm/vit_base_patch16_224.orig_in21k", "timm/resnet34.a1_in1k",
    ]  # fmt: skip


@pytest.mark.usefixtures("hub")
def test_a_name_that_the_hub_does_not_know() -> None:
    with pytest.raises(UserError, match="The hub must have the weights; found lab/nothing"):
        fetch("lab/nothing")


def test_a_repository_without_weights(hub: Hub) -> None:
    hub.put("lab/vit", {"a": torch.zeros(1)}, "other.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors or pytorch_model\.bin; found lab/vit"):
        fetch("lab/vit")


@pytest.mark.parametrize("offline", [True, False])
def test_a_hub_out_of_reach_is_one_message_that_names_the_file_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UserError) as caught:
        tiny(weights="imagenet21k")
    assert "must be reachable" in caught.value.rule
    assert "timm/vit_tiny_patch16_224.augreg_in21k" in caught.value.found
    assert 'weights = "path/to/model.safetensors"' in caught.value.next_step
    assert ".npz" in caught.value.next_step


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "unetr", "size": "base"}, {"transformer": "timm/vit_base_patch16_224.orig_in21k"}),
        ({"name": "unetr", "size": "small"}, {"transformer": "timm/vit_small_patch16_224.augreg_in21k"}),
        ({"name": "transunet", "size": "base"}, {"transformer": "timm/vit_base_r50_s16_224.orig_in21k"}),
        ({"name": "transunet", "size": "tiny"}, {}),
        ({"name": "transunet", "size": "base", "patch_size": 8}, {}),
        (
            {"name": "cats", "size": "base", "trunk": "densenet121"},
            {"transformer": "timm/vit_base_patch16_224.orig_in21k", "trunk": "timm/densenet121.ra_in1k"},
        ),
        ({"name": "unet", "size": "base"}, {}),
        ({"name": None, "target": "a:b"}, {}),
    ],
)
def test_what_imagenet21k_means(settings: dict[str, Any], expected: dict[str, str]) -> None:
    assert pretrained_names({"patch_size": 16, **settings}) == expected


@pytest.mark.parametrize("name", sorted(IMAGENET21K.values()))
def test_every_name_is_one_that_timm_publishes(name: str) -> None:
    assert name in timm.list_pretrained(name)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("imagenet22k", "or the name of pretrained weights on the hub; found 'imagenet22k'"),
        ("vit_tiny_patch16_224.none", "found 'vit_tiny_patch16_224.none'"),
        ("missing.npz", r"weights file must exist; found missing\.npz"),
        ("/no/such/model.safetensors", "weights file must exist"),
    ],
)
def test_what_is_no_source_of_weights(weights: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        tiny(weights=weights)


@pytest.mark.parametrize("settings", [{"name": "transunet"}, {"name": "unet"}, {"name": "transunet", "patch_size": 8}])
def test_imagenet21k_is_refused_where_nothing_was_published(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"imagenet21k exists for .*Set weights = \"none\""):
        tiny(weights="imagenet21k", **settings)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run folder holds experiment\.toml"):
        tiny(weights=str(tmp_path))


def test_a_hub_name_is_left_as_it_is() -> None:
    assert hub_id("hf_hub:facebook/dinov2-small") == "facebook/dinov2-small"
