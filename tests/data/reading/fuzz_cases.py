"""Every damage of the fuzz test."""

from collections.abc import Iterator

from fuzz_damages import Damage, cuts, flips, holes, some
from fuzz_made import ENTRY, all_kinds
from fuzz_mistakes import mistakes
from fuzz_mistakes_nifti import nifti_mistakes

KINDS = {kind.name: kind for kind in all_kinds()}

NIFTI_MEANING = [
    *range(4), *range(40, 56), *range(70, 74), *range(76, 92), *range(108, 120), *range(252, 256), *range(280, 328),
    *range(344, 348),
]  # fmt: skip


ANALYZE_MEANING = [*range(4), *range(40, 56), *range(70, 74), *range(76, 92), *range(108, 148), *range(252, 263)]


def by_rote() -> Iterator[Damage]:
    """Bytes changed, files cut short, blocks of zeros: the same for every format."""
    for kind in KINDS.values():
        for path in kind.files:
            if path != ENTRY:
                yield from cuts(kind, path, 3)
                yield from holes(kind, path, 1)
                yield from flips(kind, path, some(kind, path, 5))
    yield from _headers_of_nifti()
    yield from _headers_in_lines()
    tif, bmp, npz, h5 = (KINDS[name] for name in ("tif", "bmp", "npz", "h5"))
    yield from flips(tif, tif.image, range(1, len(tif.files[tif.image]), 2))
    yield from flips(bmp, bmp.labels, range(62))
    yield from flips(npz, npz.labels, some(npz, npz.labels, 50))
    yield from flips(h5, h5.image, some(h5, h5.image, 80))


def _headers_of_nifti() -> Iterator[Damage]:
    plain, packed, turned = (KINDS[name] for name in ("nii", "nii.gz", "quaternion.nii"))
    pair, analyze = KINDS["nifti.hdr"], KINDS["analyze.hdr"]
    yield from flips(plain, plain.image, range(352))
    yield from flips(packed, packed.labels, NIFTI_MEANING, is_zipped=True)
    yield from flips(turned, turned.image, [*range(76, 92), *range(252, 280)])
    yield from flips(pair, pair.labels, NIFTI_MEANING[1::3])
    yield from flips(analyze, analyze.image, ANALYZE_MEANING)


def _headers_in_lines() -> Iterator[Damage]:
    for name, step in (("nrrd", 3), ("mha", 3), ("mhd", 11)):
        kind = KINDS[name]
        content = kind.files[kind.image]
        end = {"nrrd": content.find(b"\n\n"), "mha": content.find(b"LOCAL") + 6}.get(name, len(content))
        yield from flips(kind, kind.image, range(0, end, step))


def all_mistakes() -> list[Damage]:
    """Those that have a reason, each under its own name."""
    return [*mistakes(KINDS), *nifti_mistakes(KINDS)]
