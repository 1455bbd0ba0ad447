"""What a description says is held against the design of each model and against toys worked by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trimformer.models import count_parameters, create_model
from trimformer.models.anatomy.description import describe_model
from trimformer.records.description import ArchitectureDescription, Edge, Node, Shape

SMALL: dict[str, Any] = {"num_classes": 4, "size": "tiny", "num_blocks": 3}


def described(name: str, **settings: Any) -> ArchitectureDescription:
    with torch.device("meta"):
        return describe_model(create_model(name, **(SMALL | settings)))


def sources(description: ArchitectureDescription, target: str) -> list[str]:
    return [edge.source for edge in description.edges if edge.target == target]


def told(nodes: tuple[Node, ...], *kinds: str) -> list[tuple[int, int]]:
    """Channels and rows of the nodes of some kinds, in their order."""
    return [(node.shape.channels, node.shape.rows) for node in nodes if node.kind in kinds]


def shape(channels: int, side: int) -> Shape:
    return Shape(channels=channels, rows=side, columns=side)


class Toy(nn.Module):
    """A convolution, a coarser one, back up, and both concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.coarse = nn.Conv2d(4, 6, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(10, 2, 1)

    def forward(self, images: Tensor) -> Any:
        fine = self.fine(images)
        return self.head(torch.cat([fine, self.up(self.coarse(self.pool(fine)))], dim=1))


def test_a_toy_by_hand() -> None:
    description = describe_model(Toy(), image_size=16)
    assert [(node.name, node.kind, node.part, node.shape) for node in description.nodes] == [
        ("image", "image", "image", shape(1, 16)),
        ("fine", "convolutions", "decoder", shape(4, 16)),
        ("coarse", "convolutions", "decoder", shape(6, 8)),
        ("up", "upsampling", "decoder", shape(6, 16)),
        (":concatenation", "concatenation", "decoder", shape(10, 16)),
        ("head", "convolutions", "head", shape(2, 16)),
        ("logits", "logits", "image", shape(2, 16)),
    ]
    assert description.edges == (
        Edge(source="image", target="fine", shape=shape(1, 16)),
        Edge(source="fine", target="coarse", shape=shape(4, 8)),
        Edge(source="coarse", target="up", shape=shape(6, 8)),
        Edge(source="fine", target=":concatenation", shape=shape(4, 16)),
        Edge(source="up", target=":concatenation", shape=shape(6, 16)),
        Edge(source=":concatenation", target="head", shape=shape(10, 16)),
        Edge(source="head", target="logits", shape=shape(2, 16)),
    )
    assert description.name == "Toy"
    assert (description.settings, description.taps, description.token_grid) == ({}, (), None)
    assert description.nodes[3].upsampling == "interpolation"


@pytest.mark.parametrize(
    ("name", "settings", "blocks_read"),
    [
        ("unetr", {"num_blocks": 12}, [3, 6, 9, 12]),
        ("unetr", {"num_blocks": 5, "patch_size": 8}, [2, 4, 5]),
        ("unetr", {"decoder": "compressed"}, [3]),
        ("unetr", {"num_blocks": 1}, [1, 1, 1, 1]),
        ("cats", {"num_blocks": 12, "trunk": "resnet34"}, [3, 6, 9, 12]),
        ("transunet", {"num_blocks": 12}, [12]),
    ],
)
def test_the_decoder_reads_what_the_taps_say(name: str, settings: dict[str, Any], blocks_read: list[int]) -> None:
    description = described(name, **settings)
    nodes = {node.name: node for node in description.nodes}
    read = [
        nodes[edge.source].block
        for edge in description.edges
        if nodes[edge.source].part == "transformer" and nodes[edge.target].part == "decoder"
    ]
    assert read == blocks_read == list(description.taps)


def test_without_blocks_the_decoder_reads_the_patches() -> None:
    description = described("unetr", num_blocks=0, decoder="compressed")
    assert sources(description, "decoder.up.0") == ["transformer.patch_embed"]
    assert not [node for node in description.nodes if node.kind == "block"]


def test_unetr_as_designed() -> None:
    nodes = described("unetr", size="base", num_blocks=12).nodes
    assert told(nodes, "patches", "block") == [(768, 14)] * 13
    climbing = [(512, 28), (256, 56), (128, 112), (512, 28), (256, 56), (512, 28)]
    assert told(nodes, "convolutions")[:6] == climbing
    assert told(nodes, "upsampling") == [(512, 28), (256, 56), (128, 112), (64, 224)]
    assert told(nodes, "concatenation") == [(1024, 28), (512, 56), (256, 112), (128, 224)]
    assert [node.convolutions for node in nodes if node.name.startswith("decoder.path.merge")] == [2, 2, 2, 2]


def test_cats_adds_trunk_and_transformer_at_every_level() -> None:
    description = described("cats", size="base", trunk="resnet50")
    assert told(description.nodes, "addition") == [(64, 112), (256, 56), (512, 28), (1024, 14)]
    stages = [node.name for node in description.nodes if node.kind == "stage"]
    assert told(description.nodes, "stage") == [(64, 112), (256, 56), (512, 28), (1024, 14)]
    added = [sources(description, node.name) for node in description.nodes if node.kind == "addition"]
    assert [pair[1] for pair in added] == stages
    assert [pair[0] for pair in added] == [
        "decoder.to_level.0.2",
        "decoder.to_level.1.1",
        "decoder.to_level.2",
        "decoder.to_level.3",
    ]


def test_the_stages_of_a_trunk_stay_whole_whatever_its_layers_do() -> None:
    description = described("cats", trunk="efficientnet_b0", size="base", num_blocks=1)
    assert told(description.nodes, "addition") == [(16, 112), (24, 56), (40, 28), (112, 14)]
    stages = told(description.nodes, "stage")
    assert stages[:6] == [(32, 112), (16, 112), (24, 56), (40, 28), (80, 14), (112, 14)]


def test_a_trunk_of_too_many_pieces_is_one_stage() -> None:
    description = described("cats", trunk="hrnet_w18_small", size="base", num_blocks=2)
    assert [node.name for node in description.nodes if node.part == "trunk"] == ["trunk"]
    assert len([edge for edge in description.edges if edge.source == "trunk"]) == 4
    assert [node.block for node in description.nodes if node.kind == "block"] == [1, 2]


def test_compressed_cats_reads_the_deepest_stage_alone() -> None:
    description = described("cats", decoder="compressed", trunk="resnet34")
    nodes = {node.name: node for node in description.nodes}
    out_of_the_trunk = [
        nodes[edge.source].shape.rows
        for edge in description.edges
        if nodes[edge.source].part == "trunk" and nodes[edge.target].part != "trunk"
    ]
    assert out_of_the_trunk == [14]


def test_transunets_odd_grid_and_skips() -> None:
    description = described("transunet", size="base")
    assert told(description.nodes, "stage") == [(64, 112), (256, 55), (512, 28), (1024, 14)]
    assert Edge(source="trunk.root", target="trunk.stages.0", shape=shape(64, 55)) in description.edges
    skips = [edge for edge in description.edges if edge.source.startswith("trunk") and ":concat" in edge.target]
    assert [edge.shape for edge in skips] == [shape(512, 28), shape(256, 56), shape(64, 112)]
    assert told(description.nodes, "concatenation") == [(1024, 28), (512, 56), (192, 112)]
    assert {node.upsampling for node in description.nodes if node.kind == "upsampling"} == {"interpolation"}


def test_the_control_as_a_u() -> None:
    description = described("unet", size="base", num_blocks=None, patch_size=None)
    assert told(description.nodes, "concatenation") == [(768, 14), (256, 28), (128, 56), (64, 112)]
    assert told(description.nodes, "convolutions")[:5] == [(32, 112), (64, 56), (128, 28), (256, 14), (512, 14)]


@pytest.mark.parametrize("name", ["transunet", "cats", "unetr", "unet"])
@pytest.mark.parametrize("image_size", [64, 96])
def test_every_piece_is_made_before_it_is_read_and_none_is_lost(name: str, image_size: int) -> None:
    with torch.device("meta"):
        model = create_model(name, num_classes=3, size="tiny", num_blocks=2, image_size=image_size)
    description = describe_model(model)
    order = [node.name for node in description.nodes]
    assert len(set(order)) == len(order)
    assert all(order.index(edge.source) < order.index(edge.target) for edge in description.edges)
    assert {edge.source for edge in description.edges} == set(order) - {"logits"}
    assert {edge.target for edge in description.edges} == set(order) - {"image"}
    assert description.nodes[-1].shape == shape(3, image_size)
    assert description.total_parameters == count_parameters(model).total
    assert description.settings == model.settings
    assert ArchitectureDescription.model_validate_json(description.model_dump_json()) == description


def test_the_pieces_hold_all_weights_but_positions_and_the_final_norm() -> None:
    model = create_model("unetr", num_classes=3, size="tiny", num_blocks=2, image_size=64)
    names = {node.name for node in describe_model(model).nodes}
    held = sum(
        parameter.numel()
        for name, module in model.named_modules()
        if name in names
        for parameter in module.parameters()
    )
    assert held == count_parameters(model).total - 16 * 192 - 2 * 192


def test_too_many_pieces_are_told_by_the_outermost() -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 2, 3, padding=1)
            steps = [nn.Sequential(nn.Conv2d(2, 2, 2, stride=2), nn.ConvTranspose2d(2, 2, 2, stride=2))] * 40
            self.steps = nn.Sequential(*steps)

        def forward(self, images: Tensor) -> Any:
            return self.steps(self.stem(images))

    nodes = describe_model(Deep(), image_size=8).nodes
    assert [node.name for node in nodes] == ["image", "stem", "steps", "logits"]


def test_what_is_no_convolution_is_a_module_and_channels_may_come_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(1, 6, 4, stride=4)
            self.mix = nn.Linear(6, 5)

        def forward(self, images: Tensor) -> Any:
            features = self.mix(self.embed(images).permute(0, 2, 3, 1))
            return nn.functional.interpolate(features.permute(0, 3, 1, 2), scale_factor=4) * 2

    nodes = describe_model(Last(), image_size=16).nodes
    assert [(node.name, node.kind, node.shape) for node in nodes[1:]] == [
        ("embed", "convolutions", shape(6, 4)),
        ("mix", "module", shape(5, 4)),
        (":interpolation", "upsampling", shape(5, 16)),
        ("logits", "logits", shape(5, 16)),
    ]


def test_joints_of_other_kinds_and_tokens_on_no_grid() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left = nn.Conv2d(1, 2, 1)
            self.right = nn.Conv2d(1, 2, 1)
            self.last = nn.Linear(2, 3)

        def forward(self, images: Tensor) -> Any:
            gated = self.left(images) * self.right(images)
            return self.last(gated.flatten(2).mean(dim=2))

    nodes = describe_model(Gate(), image_size=4).nodes
    assert [(node.kind, node.label) for node in nodes[3:5]] == [("operation", "mul"), ("module", "Linear")]
    assert nodes[-1].shape == shape(3, 1)


def test_the_model_is_left_as_it_was() -> None:
    model = create_model("unetr", num_classes=2, size="tiny", num_blocks=1, image_size=32, patch_size=8).train()
    describe_model(model)
    assert model.training
    assert not [module for module in model.modules() if module._forward_hooks or module._forward_pre_hooks]
