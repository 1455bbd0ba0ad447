"""Mistakes that a person or a program makes, each with the rule that a person expects to read."""

import struct
from collections.abc import Iterator
from math import inf, nan

import numpy as np
from fuzz_damages import READ, Change, Damage, one, poked, put
from fuzz_made import ENTRY, H5, PLACES, Kind
from fuzz_written import IMAGE, LABELS, bmp, chunk, meta, npz, nrrd, png, tiff, zipped

from trimformer.data.rules import (
    FILE_EXISTS,
    FINITE,
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


def mistakes(kinds: dict[str, Kind]) -> Iterator[Damage]:
    """All of them, those in NIfTI files left out."""
    for kind in kinds.values():
        yield from _anywhere(kind)
    yield from _texts(kinds)
    yield from _pictures(kinds)
    yield from _archives(kinds["npz"])
    yield from _h5_files(kinds["h5"])


def _anywhere(kind: Kind) -> Iterator[Damage]:
    """What happens to a file of any format."""
    for path in kind.files:
        if path == ENTRY:
            continue
        has_form = not path.endswith((".img", ".raw"))
        if path != H5:  # without its only file the folder has no case at all
            rule = READ if path.endswith("slice003.npz") else FILE_EXISTS
            yield one(kind, path, "missing", lambda _: None, rule)
        yield one(kind, path, "empty", put(b""), READABLE)
        text = b"Not Found: the file has moved.\n" * 40
        yield one(kind, path, "text", put(text), READABLE if has_form else None)
        yield one(kind, path, "only-zeros", lambda content: bytes(len(content)), None)
        yield one(kind, path, "repeated", lambda content: content * 2, None)
        yield one(kind, path, "rubbish-behind", lambda content: content + b"rubbish", None)
        yield one(kind, path, "gzip-under-this-name", zipped, None)
    if kind.image != kind.labels and kind.name not in ("npz", "mhd"):
        swapped = {kind.image: kind.files[kind.labels], kind.labels: kind.files[kind.image]}
        stated = None if kind.image.endswith(".hdr") else WHOLE_LABELS if kind.name == "nii.gz" else KNOWN_LABELS
        yield Damage(f"{kind.name}-swapped", kind, {**kind.files, **swapped}, stated)


def _texts(kinds: dict[str, Kind]) -> Iterator[Damage]:
    """Headers in lines, changed by hand."""

    def swap(old: bytes, new: bytes) -> Change:
        def changed(content: bytes) -> bytes:
            assert old in content
            return content.replace(old, new, 1)

        return changed

    lines: tuple[tuple[str, bytes, bytes, Rule | str | None], ...] = (
        ("nrrd", b"sizes: 6 5 4", b"sizes: 5 6 4", SAME_SHAPE),
        ("nrrd", b"sizes: 6 5 4", b"sizes: 6 5 5", READABLE),
        ("nrrd", b"sizes: 6 5 4", b"sizes: 90000 90000 90000", READABLE),
        ("nrrd", b"sizes: 6 5 4", b"sizes: 6 5", READABLE),
        ("nrrd", b"type: int16", b"type: short", READ),
        ("nrrd", b"type: int16", b"type: block", READABLE),
        ("nrrd", b"endian: little\n", b"endian: middle\n", READABLE),
        ("nrrd", b"encoding: raw", b"encoding: ascii", READABLE),
        ("nrrd", b"encoding: raw", b"encoding: gzip", READABLE),
        ("nrrd", b"encoding: raw", b"encoding: raw\nbyte skip: 1", READABLE),
        ("mha", b"DimSize = 6 5 4", b"DimSize = 5 6 4", SAME_SHAPE),
        ("mha", b"DimSize = 6 5 4", b"DimSize = 6 5 5", READABLE),
        ("mha", b"DimSize = 6 5 4", b"DimSize = 90000 90000 90000", READABLE),
        ("mha", b"DimSize = 6 5 4", b"DimSize = 0 5 4", None),
        ("mha", b"DimSize = 6 5 4\n", b"", READABLE),
        ("mha", b"NDims = 3", b"NDims = 2", READABLE),
        ("mha", b"ElementType = MET_SHORT", b"ElementType = MET_OTHER", READABLE),
        ("mha", b"ElementSpacing = 0.9", b"ElementSpacing = 0.8", SAME_SPACING),
        ("mha", b"ElementSpacing = 0.9", b"ElementSpacing = 0.9.", READABLE),
        ("mha", b"CompressedData = False", b"CompressedData = True", READABLE),
        ("mha", b"CompressedData = False\n", b"CompressedData False\n", READABLE),
        ("mhd", b"ElementDataFile = image.raw", b"ElementDataFile = other.raw", FILE_EXISTS),
        ("mhd", b"ElementDataFile = image.raw", b"ElementDataFile = LIST", READABLE),
    )
    for number, (name, old, new, rule) in enumerate(lines):
        yield one(kinds[name], kinds[name].image, f"line-{number}-{new.decode()[:20].strip()}", swap(old, new), rule)
    big, small = meta(IMAGE.byteswap()), meta(IMAGE[1:])
    for name in ("mha", "mhd"):
        kind = kinds[name]
        twin = big[0].replace(b"MSB = False", b"MSB = True") + big[1]
        if name == "mha":
            yield one(kind, kind.image, "big-endian", put(twin), READ)
            yield one(kind, kind.image, "smaller", put(b"".join(small)), SAME_SHAPE)
    for name, is_packed in (("nrrd", False), ("packed.nrrd", True)):
        kind = kinds[name]
        yield one(kind, kind.image, "constant", put(nrrd(IMAGE * 0, is_packed)), NOT_CONSTANT)
        yield one(kind, kind.labels, "other-values", put(nrrd(LABELS + 2, is_packed)), KNOWN_LABELS)


def _pictures(kinds: dict[str, Kind]) -> Iterator[Damage]:
    rows, drawn = (IMAGE[..., 0] // 4).astype(np.uint8).T, LABELS[..., 0].T
    for name, write in (("png", png), ("bmp", bmp), ("tif", tiff)):
        kind = kinds[name]
        yield one(kind, kind.image, "constant", put(write(rows * 0)), NOT_CONSTANT)
        yield one(kind, kind.image, "smaller", put(write(rows[1:])), SAME_SHAPE)
        yield one(kind, kind.image, "turned", put(write(np.ascontiguousarray(rows.T))), SAME_SHAPE)
        yield one(kind, kind.labels, "masks-of-255", put(write((drawn > 0) * np.uint8(255))), KNOWN_LABELS)
    tif, depth = kinds["tif"], kinds["png"]
    page = len(tif.files[tif.image]) - 4 - 12 * 10
    yield one(tif, tif.image, "two-bits", poked(page + 12 * 2 + 8, "<H", 2), READABLE)
    yield one(tif, tif.image, "colours-of-unknown-type", poked(page + 12 * 4 + 2, "<H", 99), READABLE)
    yield one(tif, tif.image, "five-colours-for-one", poked(page + 12 * 4 + 4, "<I", 5), READABLE)
    yield one(tif, tif.image, "white-is-zero", poked(page + 12 * 4 + 8, "<H", 0), None)
    yield one(tif, tif.image, "packed-by-its-word", poked(page + 12 * 3 + 8, "<H", 5), READABLE)
    yield one(tif, tif.image, "big-endian", put(tiff(rows, ">")), READ)

    def header(layout: str, *values: int) -> Change:
        head = struct.pack(layout, *values)
        return lambda content: content[:8] + chunk(b"IHDR", head) + content[33:]

    form = ">IIBBBBB"
    for name, values in (
        *(("wider", (7, 5, 8, 0, 0, 0, 0)), ("higher", (6, 6, 8, 0, 0, 0, 0)), ("no-columns", (0, 5, 8, 0, 0, 0, 0))),
        *(("huge", (2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0)), ("three-bits", (6, 5, 3, 0, 0, 0, 0))),
        *(("colour-five", (6, 5, 8, 5, 0, 0, 0)), ("other-packing", (6, 5, 8, 0, 1, 0, 0))),
        *(("other-filter", (6, 5, 8, 0, 0, 1, 0)), ("other-interlace", (6, 5, 8, 0, 0, 0, 2))),
        *(("deeper", (6, 5, 16, 0, 0, 0, 0)), ("in-colour", (6, 5, 8, 2, 0, 0, 0)), ("flatter", (6, 4, 8, 0, 0, 0, 0))),
    ):
        yield one(
            depth, depth.image, f"header-{name}", header(form, *values), SAME_SHAPE if name == "flatter" else READABLE
        )


def _archives(kind: Kind) -> Iterator[Damage]:
    image, drawn = (IMAGE[..., 0] / 1000).astype(np.float32), LABELS[..., 0].astype(np.float32)
    hole, wide = image.copy(), image.copy()
    hole[2, 3], wide[0, 0] = nan, inf
    arrays: tuple[tuple[str, dict[str, np.ndarray], Rule | str | None], ...] = (
        ("float64", {"image": image.astype(np.float64)}, READ),
        ("big-endian", {"image": image.astype(">f4")}, READ),
        ("column-order", {"image": np.asfortranarray(image)}, READ),
        ("int64-labels", {"label": drawn.astype(np.int64)}, READ),
        ("nan", {"image": hole}, FINITE),
        ("infinite", {"image": wide}, FINITE),
        ("turned", {"image": image.T}, SAME_SHAPE),
        ("other-shape", {"image": image[1:], "label": drawn[1:]}, None),
        ("turned-labels", {"label": drawn.T}, SAME_SHAPE),
        ("volume", {"image": image[None], "label": drawn[None]}, THREE_AXES),
        ("nothing", {"image": image[:0], "label": drawn[:0]}, NOT_EMPTY),
        ("fraction", {"label": drawn / 2}, WHOLE_LABELS),
        ("nine", {"label": drawn * 9}, KNOWN_LABELS),
        ("minus-one", {"label": drawn - 1}, KNOWN_LABELS),
        ("huge", {"label": drawn * 1e9}, KNOWN_LABELS),
        ("swapped", {"image": drawn, "label": image}, WHOLE_LABELS),
        ("complex", {"image": image.astype(np.complex64)}, READABLE),
        ("words", {"image": image.astype("U4")}, READABLE),
    )
    for name, changed, rule in arrays:
        content = npz(**{"image": image, "label": drawn, **changed})
        yield one(kind, kind.image, name, put(content), rule)
    yield one(kind, kind.image, "other-name", put(npz(img=image, label=drawn)), READABLE)
    yield one(kind, kind.image, "one-array", put(npz(image=image)), READABLE)


def _h5_files(kind: Kind) -> Iterator[Damage]:
    size = 4 * IMAGE.size
    for name, path, value, rule in (
        *(("nan", "image", nan, FINITE), ("infinite", "image", inf, FINITE), ("brighter", "image", 7.5, READ)),
        *(("nine", "label", 9, KNOWN_LABELS), ("minus-one", "label", -1, KNOWN_LABELS)),
        *(
            ("huge", "label", 1e9, KNOWN_LABELS),
            ("fraction", "label", 0.5, WHOLE_LABELS),
            ("nan", "label", nan, WHOLE_LABELS),
        ),
    ):
        yield one(kind, H5, f"{path}-{name}", poked(PLACES[path] + size // 2, "<f", value), rule)
    yield one(kind, H5, "image-constant", poked(PLACES["image"], f"{size}x"), NOT_CONSTANT)
