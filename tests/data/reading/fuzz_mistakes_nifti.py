"""Mistakes in NIfTI and Analyze files, each with the rule that a person expects to read."""

from collections.abc import Iterator
from math import inf, nan

import numpy as np
from fuzz_damages import READ, Damage, Stated, first, flipped, inside, one, poked, put
from fuzz_made import Kind
from fuzz_nifti import unzipped
from fuzz_written import IMAGE, LABELS, nifti, zipped

from trimformer.data.rules import (
    FINITE,
    GREY,
    HAS_SPACING,
    KNOWN_LABELS,
    NOT_CONSTANT,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    SAME_SPACING,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)

HEADER: tuple[Stated, ...] = (
    ("no-volume", poked(42, "<h", 0), NOT_EMPTY),
    ("no-slices", poked(46, "<h", 0), NOT_EMPTY),
    ("negative-size", poked(44, "<h", -5), READABLE),
    ("huge-sizes", poked(42, "<3h", 32767, 32767, 32767), READABLE),
    ("huge-seven-axes", poked(40, "<8h", 7, *(32767,) * 7), READABLE),
    ("other-order-of-axes", poked(42, "<3h", 5, 6, 4), SAME_SHAPE),
    ("one-slice-less", poked(46, "<h", 3), SAME_SHAPE),
    ("no-axes", poked(40, "<h", 0), READABLE),
    ("eight-axes", poked(40, "<h", 8), READABLE),
    ("a-plane", poked(40, "<h", 2), SAME_SHAPE),
    ("trailing-axes-of-one", poked(40, "<h", 6), READ),
    ("a-series", poked(40, "<5h", 4, 6, 5, 2, 2), THREE_AXES),
    ("unknown-type", poked(70, "<h", 5), READABLE),
    ("complex-type", poked(70, "<2h", 32, 64), READABLE),
    ("colour-type", poked(70, "<2h", 128, 24), GREY),
    ("bits-of-another-type", poked(72, "<h", 12), READABLE),
    ("voxels-behind-the-end", poked(108, "<f", 368), READABLE),
    ("voxels-where-it-begins", poked(108, "<f", 0), READABLE),
    ("voxels-in-the-header", poked(108, "<f", 336), READABLE),
    ("voxels-between-bytes", poked(108, "<f", 352.5), READABLE),
    ("voxels-nowhere", poked(108, "<f", nan), READABLE),
    ("voxels-at-infinity", poked(108, "<f", inf), READABLE),
    ("voxels-before-the-file", poked(108, "<f", -352), READABLE),
    ("slope-zero", poked(112, "<2f", 0, 5), READ),
    ("slope-nan", poked(112, "<2f", nan, nan), READ),
    ("shift-nan", poked(112, "<2f", 2, nan), READABLE),
    ("unknown-sform", poked(254, "<h", 77), READABLE),
    ("negative-sform", poked(254, "<h", -1), READABLE),
    ("unknown-qform", poked(252, "<h", 6), READABLE),
    ("column-of-zeros", poked(280, "<f12xf12xf", 0, 0, 0), HAS_SPACING),
    ("two-axes-in-one", poked(280, "<12f", 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 2, 0), HAS_SPACING),
    ("affine-nan", poked(284, "<f", nan), HAS_SPACING),
    ("origin-infinite", poked(292, "<f", inf), HAS_SPACING),
    ("other-spacing", poked(280, "<12f", 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0), SAME_SPACING),
    ("other-origin", poked(292, "<f", 500), READ),
    ("magic-of-a-pair", poked(344, "4s", b"ni1\0"), READABLE),
    ("no-magic", poked(344, "4x"), READABLE),
    ("second-version", poked(344, "4s", b"n+2\0"), READABLE),
    ("big-header-size", poked(0, "<i", 540), READABLE),
    ("zeroed-header", poked(0, "348x"), READABLE),
    ("negative-sizes-of-voxels", poked(80, "<3f", -0.9, -1.1, -2.5), READ),
)  # fmt: skip
"""Of a .nii, image or labels alike: every other byte is as it was."""

QUATERNION: tuple[Stated, ...] = (
    ("size-zero", poked(84, "<f", 0), HAS_SPACING),
    ("sizes-zero", poked(80, "<3f", 0, 0, 0), HAS_SPACING),
    ("other-size", poked(88, "<f", 2.6), SAME_SPACING),
    ("almost-the-same-size", poked(88, "<f", 2.501), READ),
    ("negative-size", poked(80, "<f", -0.9), READ),
    ("left-handed", poked(76, "<f", -1), READ),
    ("hand-zero", poked(76, "<f", 0), READ),
    ("hand-unknown", poked(76, "<f", 3), READABLE),
    ("no-rotation", poked(256, "<3f", 2, 0, 0), READABLE),
    ("half-a-turn", poked(256, "<3f", 0, 0, 1), READ),
    ("no-codes", poked(252, "<2h", 0, 0), READ),
)  # fmt: skip

FLOATS: tuple[Stated, ...] = (
    ("one-nan", poked(352 + 40, "<f", nan), FINITE),
    ("one-infinite", poked(352 + 476, "<f", inf), FINITE),
    ("minus-infinite", poked(352, "<f", -inf), FINITE),
    ("largest-float", poked(352, "<2f", 3.4e38, -3.4e38), READ),
    ("all-zeros", poked(352, "480x"), NOT_CONSTANT),
    ("too-large-when-scaled", poked(112, "<f", 3e38), FINITE),
)  # fmt: skip

FRACTIONS = (0.5, 1.0000001, nan, inf, 1e-300)
OTHERS = (-1, 3, 255, 256, 65536, 65537, 2**32, 1e9, 1e300)

DRAWN: tuple[Stated, ...] = (
    *((f"value-{value}", poked(352 + 8 * 77, "<d", value), WHOLE_LABELS) for value in FRACTIONS),
    *((f"value-{value:g}", poked(352 + 8 * 77, "<d", value), KNOWN_LABELS) for value in OTHERS),
    ("minus-zero", poked(352 + 8 * 77, "<d", -0.0), READ),
    ("scaled-by-a-half", poked(112, "<f", 0.5), WHOLE_LABELS),
    ("scaled-by-three", poked(112, "<f", 3), KNOWN_LABELS),
    ("shifted", poked(112, "<2f", 1, 1), KNOWN_LABELS),
    ("nothing-drawn", poked(352, "960x"), READ),
)  # fmt: skip


def nifti_mistakes(kinds: dict[str, Kind]) -> Iterator[Damage]:
    """All of them."""
    plain, turned, packed = kinds["nii"], kinds["quaternion.nii"], kinds["nii.gz"]
    for name, change, rule in HEADER:
        yield one(plain, plain.image, name, change, rule)
        yield one(plain, plain.labels, name, change, rule)
        yield one(packed, packed.image, name, inside(change), rule)
    for name, change, rule in QUATERNION:
        yield one(turned, turned.image, name, change, rule)
        yield one(turned, turned.labels, name, change, rule)
    yield from (one(packed, packed.image, name, inside(change), rule) for name, change, rule in FLOATS)
    yield from (one(packed, packed.labels, name, inside(change), rule) for name, change, rule in DRAWN)
    yield from _rewritten(plain, packed)
    yield from _streams(packed)
    yield from _analyze(kinds["analyze.hdr"], kinds["nifti.hdr"])


def _rewritten(plain: Kind, packed: Kind) -> Iterator[Damage]:
    """Whole and valid NIfTI files of other voxels."""
    series = np.stack([IMAGE, IMAGE + 1], axis=3)
    images: tuple[tuple[str, bytes, Rule | str | None], ...] = (
        ("big-endian", nifti(IMAGE, ">"), READ),
        ("float64", nifti(IMAGE / 3), READ),
        ("int32", nifti(IMAGE.astype(np.int32) * 70000), READ),
        ("trailing-axis", nifti(IMAGE[..., None]), READ),
        ("two-trailing-axes", nifti(IMAGE[..., None, None]), READ),
        ("series", nifti(series), THREE_AXES),
        ("vectors", nifti(series[..., None, :]), THREE_AXES),
        ("plane", nifti(IMAGE[..., 0]), SAME_SHAPE),
        ("line", nifti(IMAGE[:, 0, 0]), SAME_SHAPE),
        ("smaller", nifti(IMAGE[1:]), SAME_SHAPE),
        ("turned", nifti(IMAGE.transpose(1, 0, 2)), SAME_SHAPE),
        ("constant", nifti(np.full_like(IMAGE, 7)), NOT_CONSTANT),
        ("float64-beyond-32-bits", nifti(IMAGE * 1e300), FINITE),
        ("float64-below-32-bits", nifti(IMAGE * 1e-300), NOT_CONSTANT),
    )
    for name, content, rule in images:
        yield one(plain, plain.image, name, put(content), rule)
        yield one(packed, packed.image, name, put(zipped(content)), rule)
    drawn: tuple[tuple[str, np.ndarray, Rule | str | None], ...] = (
        ("float32", LABELS.astype(np.float32), READ),
        ("int16-negative", LABELS.astype(np.int16) - 1, KNOWN_LABELS),
        ("masks-of-255", (LABELS > 0).astype(np.uint8) * 255, KNOWN_LABELS),
        ("int32-of-2-to-the-16", LABELS.astype(np.int32) * 65536, KNOWN_LABELS),
        ("resampled", LABELS * np.float32(0.75), WHOLE_LABELS),
        ("series", np.stack([LABELS, LABELS], axis=3), THREE_AXES),
        ("trailing-axis", LABELS[..., None], READ),
        ("plane", LABELS[..., 0], SAME_SHAPE),
        ("larger", np.pad(LABELS, 1), SAME_SHAPE),
        ("turned", LABELS.transpose(2, 1, 0), SAME_SHAPE),
    )
    for name, voxels, rule in drawn:
        yield one(plain, plain.labels, name, put(nifti(voxels)), rule)
        yield one(plain, plain.labels, f"{name}-big-endian", put(nifti(voxels, ">")), rule)


def _streams(packed: Kind) -> Iterator[Damage]:
    """What happens to gzip itself."""
    changes: tuple[Stated, ...] = (
        ("not-packed", unzipped, READABLE),
        ("packed-twice", zipped, READABLE),
        ("checksum", lambda content: flipped(len(content) - 6, 1)(content), READABLE),
        ("length", lambda content: flipped(len(content) - 2, 1)(content), READABLE),
        ("time", flipped(4, 255), READ),
        ("system", flipped(9, 7), READ),
        ("two-members", lambda content: zipped(unzipped(content)[:400]) + zipped(unzipped(content)[400:]), READ),
        ("zeros-behind", lambda content: content + bytes(512), READ),
        ("rubbish-behind-it", lambda content: content + b"\1\2\3", READABLE),
        ("rubbish-within", inside(lambda content: content + b"rubbish"), READ),
        ("cut-within", inside(lambda content: content[:-1]), READABLE),
        ("packed-nothing", put(zipped(b"")), READABLE),
        ("only-a-header", inside(first(352)), READABLE),
        ("half-a-header", inside(first(200)), READABLE),
    )
    for name, change, rule in changes:
        yield one(packed, packed.image, name, change, rule)
        yield one(packed, packed.labels, name, change, rule)


def _analyze(analyze: Kind, pair: Kind) -> Iterator[Damage]:
    changes: tuple[Stated, ...] = (
        ("scaled", poked(112, ">f", 2.5), READ),
        ("calibrated", poked(124, ">2f", 500, 0), READ),
        ("calibrated-to-nothing", poked(124, ">2f", 500, 500), READ),
        ("size-zero", poked(84, ">f", 0), HAS_SPACING),
        ("size-nan", poked(84, ">f", nan), HAS_SPACING),
        ("other-size", poked(84, ">f", 1.2), SAME_SPACING),
        ("negative-size", poked(80, ">f", -0.9), READ),
        ("bits-of-another-type", poked(72, ">h", 8), READABLE),
        ("many-axes", poked(40, ">h", 170), READABLE),
        ("little-endian", put(nifti(IMAGE, "<", magic=b"\0\0\0\0")[:348]), None),
    )
    yield from (one(analyze, analyze.image, name, change, rule) for name, change, rule in changes)
    magic = poked(344, "4s", b"n+1\0")
    yield one(pair, pair.image, "magic-of-a-single-file", magic, READABLE)
