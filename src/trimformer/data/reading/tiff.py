"""TIFF through Pillow: SimpleITK takes a file cut short for one of fewer pages, and crashes on others."""

import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

LARGEST_PACKING = 3000
"""No page unpacks to more times its own size: 12 bits of LZW may stand for 4 KB, a deflated stream for less."""

WIDTH, HEIGHT, BITS, PACKING, COLOUR, SAMPLES, ROWS, PLANAR, FORMAT = 256, 257, 258, 259, 262, 277, 278, 284, 339
STRIP_STARTS, STRIP_LENGTHS = 273, 279
SAME_ON_EVERY_PAGE = (WIDTH, HEIGHT, BITS, PACKING, COLOUR, SAMPLES, PLANAR, FORMAT)
DECISIVE = (*SAME_ON_EVERY_PAGE, ROWS, STRIP_STARTS, STRIP_LENGTHS)
"""Pillow goes by a default where it cannot make sense of one of these."""

WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""The codes of its whole-number types -> struct's."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""The codes of all its types -> bytes of one value."""


MODES = ("1", "L", "I", "I;16", "I;16B", "I;16L", "F", "RGB", "RGBA")
"""Pillow's names of what is plain numbers: one grey value a pixel, or colours."""


def read_tiff(path: Path) -> np.ndarray:
    """Read every page as (x, y, pages), or (x, y, pages, colours).

    Raises:
        ValueError: It is no TIFF file, its pages make no sense, or their kind is not read.
        EOFError: Something that it promises lies behind its end.
    """
    _check_pages(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of damage and goes on
            return _pages(path)
    except Exception as error:  # Pillow meets damage with exceptions of many types
        raise ValueError(str(error) or type(error).__name__) from None


def _pages(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path, formats=["TIFF"]) as image:
        if image.mode not in MODES:
            raise ValueError(f"pixels of kind {image.mode}")
        first = np.asarray(image)
        pages = np.empty((getattr(image, "n_frames", 1), *first.shape), np.uint8 if image.mode == "1" else first.dtype)
        for index in range(len(pages)):
            image.seek(index)
            pages[index] = image
    return pages.transpose(2, 1, 0, *range(3, pages.ndim))


def _check_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        version = struct.unpack(f"{order or '<'}H", head[2:4].ljust(2, b"\0"))[0]
        if order is None or version not in (42, 43):
            raise ValueError("no TIFF header")
        # A page: how many entries there are, the entries, where the next page starts. BigTIFF has wider numbers.
        count, entry, word, start = ("H", "HHI4s", "I", 4) if version == 42 else ("Q", "HHQ8s", "Q", 8)
        formats = {"count": order + count, "entry": order + entry, "word": order + word}
        page, seen = struct.unpack_from(formats["word"], head.ljust(16, b"\0"), start)[0], {}
        while page:
            if page in seen:
                raise ValueError("its pages go round in a circle")
            tags, following = _read_page(file, page, size, formats)
            _check_pixels(f"page at {page}", tags, size)
            seen[page] = [tags.get(tag) for tag in SAME_ON_EVERY_PAGE]
            page = following
    if len({str(kind) for kind in seen.values()}) != 1:
        raise ValueError("its pages differ in size or kind" if seen else "no page")


def _read_page(file: BinaryIO, page: int, size: int, formats: dict[str, str]) -> tuple[dict[int, tuple[int, ...]], int]:
    """The whole numbers of one page by tag, and where the next page starts, 0 behind the last."""
    file.seek(page)
    count = _unpacked(file, formats["count"])[0]
    if count * struct.calcsize(formats["entry"]) > size:
        raise EOFError(f"page at {page} promises {count} entries")
    entries = [_unpacked(file, formats["entry"]) for _ in range(count)]
    following = _unpacked(file, formats["word"])[0]
    order = [tag for tag, *_ in entries]
    if order != sorted(set(order)):
        raise ValueError(f"page at {page} has its entries out of order")
    tags = {tag: _values(file, formats, entry, size) for tag, *entry in entries}
    if any(tags.get(tag) == () for tag in DECISIVE):
        raise ValueError(f"page at {page} has something else where whole numbers are meant")
    return tags, following


def _check_pixels(page: str, tags: dict[int, tuple[int, ...]], size: int) -> None:
    """Whether a page has the pixels that it promises, and they lie within the file."""
    starts, lengths = tags.get(STRIP_STARTS, ()), tags.get(STRIP_LENGTHS, ())
    if any(start + length > size for start, length in zip(starts, lengths, strict=False)):
        raise EOFError(f"{page} promises pixels behind the end of the file")
    height, samples, rows, planar, _ = (_one(tags, tag, 1) for tag in (HEIGHT, SAMPLES, ROWS, PLANAR, COLOUR))
    rows = min(rows, height) if ROWS in tags else height
    bits = tags.get(BITS, (1,))
    if min(height, samples, rows) < 1 or len(bits) not in (1, samples) or len(set(bits)) != 1:
        raise ValueError(f"{page} makes no sense: {height} rows of {samples} samples, {rows} a strip, of {bits} bits")
    strips = -(-height // rows) * (samples if planar == 2 else 1)
    if len(starts) != strips or len(lengths) != strips:
        raise ValueError(f"{page} has {len(starts)} strips where {strips} are meant")
    # Every row begins at a whole byte, and the last strip may be as long as the others.
    row = -(-_one(tags, WIDTH, 0) * (1 if planar == 2 else samples) * bits[0] // 8)
    promised, longest = row * height * (samples if planar == 2 else 1), row * rows * strips
    is_packed, there = _one(tags, PACKING, 1) != 1, sum(lengths)
    if promised > there * (LARGEST_PACKING if is_packed else 1) or (there > longest and not is_packed):
        raise EOFError(f"{page} promises {promised} bytes of pixels, there are {there}")


def _one(tags: dict[int, tuple[int, ...]], tag: int, default: int) -> int:
    values = tags.get(tag, (default,))
    if len(values) != 1:
        raise ValueError(f"tag {tag} has {len(values)} values")
    return values[0]


def _values(file: BinaryIO, formats: dict[str, str], entry: list[Any], size: int) -> tuple[int, ...]:
    """The whole numbers of one entry, which stand in it where they fit and elsewhere in the file where they do not."""
    kind, count, inline = entry
    needed, start = SIZES.get(kind, 0) * count, struct.unpack(formats["word"], inline)[0]
    is_inline = needed <= len(inline)
    if not is_inline and start + needed > size:
        raise EOFError(f"an entry of {count} values behind the end of the file")
    if kind not in WHOLE_NUMBERS:
        return ()
    layout = f"{formats['word'][0]}{count}{WHOLE_NUMBERS[kind]}"
    if is_inline:
        return struct.unpack_from(layout, inline)
    file.seek(start)
    return _unpacked(file, layout)


def _unpacked(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    content = file.read(struct.calcsize(layout))
    if len(content) < struct.calcsize(layout):
        raise EOFError("the file ends within a page")
    return struct.unpack(layout, content)
