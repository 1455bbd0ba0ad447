"""The lines of numbers that docs/reading-attention.md quotes."""

from collections.abc import Iterator

import numpy as np
from lamp_measured import LampMeasured
from made_maps import (
    CENTRE,
    CORNER,
    DISTANCE_PX,
    foreground_and_all,
    local,
    made_maps,
    measures_of,
    rolled_out,
    without_sinks,
)
from made_networks import VALUES, random_vit, reached

COLUMN_NAMES = {
    "distance_px": "distance",
    "distance_ratio": "ratio",
    "far_field_ratio": "F",
    "mixing": "mixing",
    "entropy": "entropy",
    "query_key_information": "information",
    "sink_ratio": "sink",
}


def all_lines(measured: LampMeasured) -> Iterator[str]:
    """Maps, then networks."""
    yield from of_maps()
    yield from of_networks()
    yield from of_lamp(measured)


def of_maps() -> Iterator[str]:
    """Made maps and what the measures say of them."""
    uniform = made_maps()["uniform"]
    by_query = (uniform * DISTANCE_PX).sum(dim=-1)
    yield f"uniform attention, distance: corner query {by_query[CORNER]:.1f} px, central {by_query[CENTRE]:.1f} px"
    yield f"{'map':18}" + "".join(f"{name:>13}" for name in COLUMN_NAMES.values())
    for name, maps in made_maps().items():
        values = measures_of(maps)
        yield f"{name:18}" + "".join(f"{values[key]:13.{1 if key == 'distance_px' else 2}f}" for key in COLUMN_NAMES)
    for name in ("corner sink 70 %", "lesion 70 %"):
        yield "{}: F {:.2f}, without sinks {:.2f}".format(name, *without_sinks(made_maps()[name]))
    heads = [made_maps()[name] for name in ("local, sigma 1", "mirror image")]
    far = [measures_of(maps)["far_field_ratio"] for maps in (*heads, (heads[0] + heads[1]) / 2)]
    yield "two heads: F {:.2f} and {:.2f}, of their mean {:.2f}".format(*far)
    yield "near attention on the disc: F {:.2f} on the disc, {:.2f} on all patches".format(*foreground_and_all())
    for sigma in (1, 2, 3):
        ratios = rolled_out(local(sigma))
        yield f"local, sigma {sigma}: rolled-out F {ratios[0]:.2f} after block 1, {ratios[-1]:.2f} after block 12"


def of_networks() -> Iterator[str]:
    """Small networks and what the measures say of them."""
    vit = random_vit().model
    names = {"distance_ratio": "distance ratio", "entropy": "entropy", "far_field_ratio": "F"}
    found = ", ".join(f"{words} {vit[f'all/{name}'].mean():.3f}" for name, words in names.items())
    yield f"untrained ViT-B/16, first block: {found}"
    for kind in VALUES:
        yield f"{kind:21}" + "".join(f"  {name} {value:.2f}" for name, value in reached(kind).far.items())


def of_lamp(measured: LampMeasured) -> Iterator[str]:
    """The lamp network, block by block."""
    far = measured.profile.model["all/far_field_ratio"][0, :, 0]
    cka = np.diagonal(measured.similarity.measures["all/cka"][0], offset=1)
    influence = measured.similarity.measures["all/block_influence"][0]
    yield f"{'lamp network':12}{'F':>8}{'CKA':>8}{'influence':>12}{'Dice, only itself seen':>25}{'Dice after it':>16}"
    for block in range(3):
        numbers = (far[block], cka[block], influence[block], measured.radius.only[0, 0, block])
        after = measured.first_blocks.dice[0, block + 1]
        yield "block {:<6}{:8.2f}{:8.2f}{:12.2f}{:25.2f}{:16.2f}".format(block + 1, *numbers, after)
    yield f"Dice as it is {measured.radius.unlimited[0]:.2f}, without any block {measured.first_blocks.dice[0, 0]:.2f}"
    for radius, dice in zip(measured.radius.radii_mm, measured.radius.up_to[0, :, -1], strict=True):
        yield f"all blocks see {radius:.0f} mm: Dice {dice:.2f}"
    for name, patches in measured.relevance.items():
        on_lamp = patches.reshape(8, 8)[1:3, 1:3].sum() / max(patches.sum(), 1e-12)
        yield f"relevance for {name}: sum {patches.sum():.2f}, on the lamp {100 * on_lamp:.0f} %"
