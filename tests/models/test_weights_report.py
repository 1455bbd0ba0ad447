from trimformer.models import WeightsReport
from trimformer.models.weights import WeightsFile

NAMES = ("transformer.norm.weight", "trunk.root.0.weight", "decoder.first.0.weight", "head.weight")


def test_random_weights_are_told_as_such() -> None:
    report = WeightsReport("none", initialised=NAMES)
    assert report.summary() == "transformer, trunk, decoder, head random"
    assert report.document()["left_random"] == list(NAMES)


def test_every_file_is_named_in_the_summary() -> None:
    files = (WeightsFile("vit.npz", "0" * 64), WeightsFile("resnet.pth", "1" * 64))
    report = WeightsReport(
        "vit.npz", files, copied=NAMES[:1], resampled=NAMES[1:2], initialised=NAMES[2:], unused=("cls",)
    )
    assert report.summary() == "transformer, trunk from vit.npz and resnet.pth; decoder, head random"
    document = report.document()
    assert document["files"][1] == {"origin": "resnet.pth", "sha256": "1" * 64}
    assert document["resampled"] == ["trunk.root.0.weight"]
    assert document["unused"] == ["cls"]


def test_blocks_that_were_permuted_are_no_longer_copied_as_they_are() -> None:
    block = "transformer.blocks.0.mlp.fc1.weight"
    report = WeightsReport("run", (WeightsFile("run", "0"),), copied=(*NAMES, block)).with_permuted_blocks()
    assert (report.copied, report.permuted) == (NAMES, (block,))
    assert report.summary() == "trunk, decoder, head from run; transformer from run, the blocks permuted"
    assert report.document()["permuted"] == [block]


def test_a_part_can_be_random_in_part() -> None:
    report = WeightsReport("x.npz", (WeightsFile("x.npz", "0"),), copied=NAMES, initialised=("head.bias",))
    assert report.parts()["head"] == "partly random"
    assert report.summary().endswith("head in part from x.npz, in part random")
