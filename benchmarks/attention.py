"""What measuring attention costs, as ratios measured in one process: `python benchmarks/attention.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
"Profile" is all that `trimformer inspect` measures in its forward pass: every measure of every block and head on every
slice, on foreground and on all patches, both rollouts, CKA, influence, organs, and the permuted twin on its sample.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import timm
import torch
from data import Figure, peak, seconds
from monai.networks.nets import ViT
from timm.layers import set_fused_attn
from timm.utils import AttentionExtract
from torch import Tensor, nn

import trimformer as tf
from trimformer.attention.measures.geometry import token_distances
from trimformer.attention.profile import profile_beside
from trimformer.attention.similarity_and_organs import SimilarityAndOrgans

IMAGE_SIZE, PATCH_SIZE, BATCH_SIZE = 224, 16, 8
WIDTHS = {"base": (768, 12), "small": (384, 6), "tiny": (192, 3)}
"""Width and heads of the tokens."""
MEMORY_SLICES = (32, 512)
MEGABYTE = 1e6


def main() -> None:
    """Profile each network beside running it, and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", choices=WIDTHS, default="base", help="of every network")
    arguments.add_argument("--blocks", type=int, default=12, help="of every network")
    arguments.add_argument("--slices", type=int, default=256, help="of the one patient that is profiled")
    arguments.add_argument("--rounds", type=int, default=3, help="of plain inference and profile in turn; best of each")
    arguments.add_argument("--only", default="", help="the figures that hold this word: unetr, vit, memory, peers")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    given = arguments.parse_args()
    parts = {"unetr": of_unetr, "vit": of_vit, "memory": of_streaming, "peers": of_peers}
    figures = [figure for name, part in parts.items() if given.only in name for figure in part(given)]
    if given.json:
        print(json.dumps([figure.__dict__ | {"holds": figure.holds} for figure in figures], indent=2))
    else:
        print(*figures, sep="\n")
    sys.exit(not all(figure.holds for figure in figures))


def of_unetr(given: argparse.Namespace) -> list[Figure]:
    """The profile of a hybrid beside its inference; the profile needs no decoder."""
    model = unetr(given.size, given.blocks)
    rounded = torch.autocast("cpu", torch.bfloat16)
    return [
        Figure("profile of UNETR in float32, in times of its inference", ratio(model, given), 1.15, is_floor=False),
        Figure(
            "profile of UNETR in bfloat16, in times of its inference", ratio(model, given, rounded), 1.3, is_floor=False
        ),
    ]


def of_vit(given: argparse.Namespace) -> list[Figure]:
    """The profile of timm's plain transformer, where no decoder hides it."""
    found = ratio(timm_vit(given.size, given.blocks), given)
    return [Figure("profile of timm's ViT in float32, in times of its inference", found, 1.6, is_floor=False)]


def of_streaming(given: argparse.Namespace) -> list[Figure]:
    """Memory and time against the number of slices; two blocks, since both are about slices."""
    model = unetr(given.size, 2)
    few, many = MEMORY_SLICES
    profile(model, few)  # what is loaded once
    peaks = [[peak(partial(profile, model, count)) for count in (few, many)] for _ in range(given.rounds)]
    times = [[seconds(partial(profile, model, count)) for count in (4 * few, 8 * few)] for _ in range(given.rounds)]
    peak_of_few, peak_of_many = map(min, zip(*peaks, strict=True))  # the least: what the allocator keeps is left out
    once, twice = map(min, zip(*times, strict=True))
    more = (peak_of_many - peak_of_few) / MEGABYTE
    return [
        Figure(f"MB of memory for {many} slices above {few}", more, 50, is_floor=False),
        Figure("time for twice the slices, in times of once", twice / once, 2.2, is_floor=False),
    ]


def of_peers(given: argparse.Namespace) -> list[Figure]:
    """The profile beside maps got in timm's and in MONAI's own way, kept, and measured with NumPy."""
    width, heads = WIDTHS[given.size]
    set_fused_attn(enable=False)  # timm's own way needs the attention that it writes out
    written_out = timm_vit(given.size, given.blocks)
    set_fused_attn(enable=True)
    extract = AttentionExtract(written_out, names=["*attn_drop"], method="hook")
    monai = ViT(
        in_channels=3, img_size=(IMAGE_SIZE, IMAGE_SIZE), patch_size=(PATCH_SIZE, PATCH_SIZE), hidden_size=width,
        mlp_dim=4 * width, num_layers=given.blocks, num_heads=heads, spatial_dims=2, save_attn=True,
    ).eval()  # fmt: skip

    def timms(images: Tensor) -> list[Tensor]:
        return [maps[..., -196:, -196:] for maps in extract(images).values()]

    def monais(images: Tensor) -> list[Tensor]:
        monai(images)
        blocks: Any = monai.blocks
        return [block.attn.att_mat for block in blocks]

    vit = timm_vit(given.size, given.blocks)
    count = min(given.slices, 4 * BATCH_SIZE)  # the maps of more would fill the memory: that is the point
    ours = min(seconds(partial(profile, vit, count)) for _ in range(given.rounds))
    figures = []
    for name, maps_of in (("timm's", timms), ("MONAI's", monais)):
        theirs = min(seconds(partial(maps_and_numpy, maps_of, count)) for _ in range(given.rounds))
        title = f"{name} maps and NumPy for some of the measures, in times of the profile"
        figures.append(Figure(title, theirs / ours, 1, is_floor=True))
    return figures


def ratio(model: nn.Module, given: argparse.Namespace, precision: AbstractContextManager[Any] | None = None) -> float:
    """Seconds of the profile over seconds of plain inference on the same slices: in turn, the best round of each."""
    precision = precision or nullcontext()

    def plain() -> None:
        with torch.inference_mode(), precision:
            for batch in batches(given.slices):
                model(batch.images)

    def profiled() -> None:
        with precision:
            profile(model, given.slices)

    with torch.inference_mode(), precision:
        model(next(batches(BATCH_SIZE)).images)  # libraries choose their kernels once
    rounds = [(seconds(plain), seconds(profiled)) for _ in range(given.rounds)]
    return min(measured for _, measured in rounds) / min(inference for inference, _ in rounds)


def profile(model: nn.Module, slices: int) -> None:
    """All that is measured of so many slices in one pass."""
    profile_beside(model, batches(slices), SimilarityAndOrgans(model, {1: "disc"}))


def batches(slices: int) -> Iterator[tf.Batch]:
    """One patient's slices, a disc of foreground on each, made one batch at a time."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(IMAGE_SIZE) - IMAGE_SIZE / 2
    disc = (rows[:, None] ** 2 + rows**2 < (0.35 * IMAGE_SIZE) ** 2).to(torch.uint8)
    for start in range(0, slices, BATCH_SIZE):
        count = min(BATCH_SIZE, slices - start)
        images = torch.randn(count, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
        yield tf.Batch(images, disc.expand(count, -1, -1), ("patient",) * count, (0.9, 0.9))


def unetr(size: str, num_blocks: int) -> nn.Module:
    """Our hybrid with its full decoder, random weights."""
    return tf.create_model("unetr", num_classes=4, size=size, num_blocks=num_blocks, in_channels=3).eval()


def timm_vit(size: str, num_blocks: int) -> nn.Module:
    """The plain vision transformer of timm, random weights."""
    model: nn.Module = timm.create_model(f"vit_{size}_patch{PATCH_SIZE}_{IMAGE_SIZE}", depth=num_blocks)
    return model.eval()


def maps_and_numpy(maps_of: Callable[[Tensor], list[Tensor]], slices: int) -> None:
    """What a user does today: every map is kept, then measured, all patches only; no norms, no twin, no foreground."""
    with torch.inference_mode():
        kept = [np.stack([maps.numpy() for maps in maps_of(batch.images)]) for batch in batches(slices)]
    distance = token_distances((14, 14), (16.0 * 0.9, 16.0 * 0.9)).numpy().astype(np.float32)
    far = distance > np.median(distance + np.diag(np.full(196, np.nan)), axis=-1, keepdims=True)
    for maps in kept:
        numpy_measures(maps, distance, far)


def numpy_measures(maps: np.ndarray, distance: np.ndarray, far: np.ndarray) -> dict[str, np.ndarray]:
    """Distance, far-field ratio, mixing, entropy, information, sinks and the half-residual rollout of a batch."""
    maps = maps / maps.sum(axis=-1, keepdims=True)
    diagonal = np.diagonal(maps, axis1=-2, axis2=-1)
    entropy = -(maps * np.log(np.maximum(maps, 1e-38))).sum(axis=-1).mean(axis=-1)
    columns = maps.mean(axis=-2)
    of_mean = -(columns * np.log(np.maximum(columns, 1e-38))).sum(axis=-1)
    rollout = np.eye(196, dtype=np.float32)
    fields = [rollout := (step + np.eye(196, dtype=np.float32)) / 2 @ rollout for step in maps.mean(axis=2)]
    return {
        "distance": (maps * distance).sum(axis=-1).mean(axis=-1),
        "far": ((maps * far).sum(axis=-1) / (1 - diagonal)).mean(axis=-1),
        "mixing": 1 - diagonal.mean(axis=-1),
        "entropy": entropy / np.log(196),
        "information": (of_mean - entropy) / np.sqrt(np.log(196) * of_mean),
        "sinks": columns.max(axis=-1) / np.median(columns, axis=-1),
        "rollout": np.stack([(field * far).sum(axis=-1).mean(axis=-1) for field in fields]),
    }


if __name__ == "__main__":
    main()
