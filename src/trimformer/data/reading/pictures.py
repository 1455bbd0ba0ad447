"""Whether a picture has all that its header promises."""

import struct
import zlib
from pathlib import Path

from trimformer.data.reading.whole import LARGEST_DEFLATION


def check_png(path: Path) -> None:
    """Check a PNG file, its checksums too: SimpleITK would complain of them on the screen.

    Raises:
        EOFError: It is cut short or damaged.
    """
    with path.open("rb") as file:
        width, height, bits, colour = struct.unpack(">16xIIBB", file.read(26).ljust(26, b"\0"))
        file.seek(8)
        name = b""
        while name != b"IEND":
            length, name = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
            content, checksum = file.read(min(length, path.stat().st_size)), file.read(4)
            if zlib.crc32(name + content) != int.from_bytes(checksum, "big"):
                raise EOFError(f"part {name.decode('latin-1')} is damaged")
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    if width * height * bits * samples > 8 * path.stat().st_size * LARGEST_DEFLATION:
        raise EOFError(f"the header promises {width} x {height} pixels, there are {path.stat().st_size} bytes")


def check_bmp(path: Path) -> None:
    """Check a BMP file; it has no checksums.

    Raises:
        ValueError: Its pixels are packed, which is not read here.
        EOFError: It is cut short.
    """
    with path.open("rb") as file:
        head = file.read(34).ljust(34, b"\0")
    start, width, height, bits, packing = struct.unpack("<10xI4xii2xHI", head)
    if packing not in (0, 3):
        raise ValueError("a packed BMP")
    promised = start + (width * bits + 31) // 32 * 4 * abs(height)
    if promised > path.stat().st_size or width <= 0:
        raise EOFError(f"the header promises {promised} bytes, there are {path.stat().st_size}")
