"""One small whole case in each format, and its verdict from bytes alone."""

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from fuzz_arrays import UNIT, read_npz
from fuzz_expected import GEOMETRY, Expected, RefusedError, Seen, UnclearError, expected_of
from fuzz_nifti import read_single, read_two, unzipped
from fuzz_pictures import read_bmp, read_png, read_tiff
from fuzz_text import read_meta, read_nrrd
from fuzz_written import IMAGE, LABELS, SHAPE, bmp, dataset_json, h5, meta, nifti, npz, nrrd, png, tiff, zipped

from trimformer.data.layout import Layout
from trimformer.data.layouts.nnunet import find_nnunet
from trimformer.data.layouts.synapse import find_synapse
from trimformer.data.rules import FILE_EXISTS, FINITE, KNOWN_LABELS, READABLE, WHOLE_LABELS
from trimformer.records.settings import DataSettings

Files = dict[str, bytes]
"""Path below the root -> content."""

ENTRY = "dataset.json"


@dataclass(frozen=True)
class Kind:
    """A format: the files of a case, and its verdict from bytes. `image` and `labels` are the paths to damage."""

    name: str
    files: Mapping[str, bytes]
    image: str
    labels: str
    judge: Callable[[Files], Expected]
    find: Callable[[DataSettings], Layout] = find_nnunet

    def layout(self, root: Path) -> Layout:
        """The case as the product finds it."""
        dataset = "nnunet" if self.find is find_nnunet else "synapse"
        return self.find(DataSettings(dataset=dataset, root=str(root), image_size=16))


def single_files(ending: str, image: bytes, labels: bytes, read: Callable[[bytes], Seen], name: str = "") -> Kind:
    """An nnU-Net folder whose image and labels are one file each."""
    image_path, label_path = f"imagesTr/a_0000{ending}", f"labelsTr/a{ending}"
    files = {ENTRY: dataset_json(ending), image_path: image, label_path: labels}
    judge = partial(_judge_two, (image_path,), (label_path,), read, files)
    return Kind(name or ending[1:], files, image_path, label_path, judge)


def paired_files(
    name: str,
    endings: tuple[str, str],
    image: tuple[bytes, bytes],
    labels: tuple[bytes, bytes],
    read: Callable[..., Seen],
) -> Kind:
    """An nnU-Net folder whose image and labels are a header and a file of voxels each."""
    stems = ("imagesTr/a_0000", "labelsTr/a")
    paths = [tuple(stem + ending for ending in endings) for stem in stems]
    if endings[0] == ".mhd":
        paths = [(paths[0][0], "imagesTr/image.raw"), (paths[1][0], "labelsTr/labels.raw")]
    contents = zip((*paths[0], *paths[1]), (*image, *labels), strict=True)
    files = {ENTRY: dataset_json(endings[0]), **dict(contents)}
    return Kind(name, files, paths[0][0], paths[1][0], partial(_judge_two, paths[0], paths[1], read, files))


def _judge_two(
    image: tuple[str, ...], labels: tuple[str, ...], read: Callable[..., Seen], whole: Files, files: Files
) -> Expected:
    """The verdict; a damage that the reader cannot make sense of is refused, or was harmless."""
    if any(path not in files for path in (*image, *labels)):
        return Expected(frozenset({FILE_EXISTS}))

    def half(paths: tuple[str, ...]) -> Seen:
        try:
            seen = read(*(files[path] for path in paths))
            is_text = paths[0].endswith((".nrrd", ".mha", ".mhd")) and files[paths[0]] != whole[paths[0]]
            return replace(seen, or_refused=(*seen.or_refused, READABLE)) if is_text else seen
        except UnclearError:
            seen = read(*(whole[path] for path in paths))
            return replace(seen, or_refused=GEOMETRY)

    return expected_of(lambda: half(image), lambda: half(labels))


def npz_kind() -> Kind:
    """A training case of TransUNet's Synapse: four slices."""
    image, labels = (IMAGE / 1000).astype(np.float32), LABELS.astype(np.float32)
    paths = [f"train_npz/case0005_slice00{number}.npz" for number in range(SHAPE[2])]
    files = {path: npz(image=image[..., z], label=labels[..., z]) for z, path in enumerate(paths)}
    return Kind("npz", files, paths[0], paths[2], partial(_judge_npz, paths, files), find_synapse)


def _judge_npz(paths: list[str], whole: Files, files: Files) -> Expected:
    there = [path for path in paths if path in files]
    if there != paths[: len(there)]:
        return Expected(frozenset({FILE_EXISTS}))
    try:
        image, labels = read_npz([files[path] for path in there])
    except RefusedError as refused:
        return Expected(frozenset(refused.rules))
    except UnclearError:
        image, labels = read_npz([whole[path] for path in paths])
    is_whole = all(files[path] == whole[path] for path in there)
    image = image if is_whole else replace(image, or_refused=(READABLE,))
    return expected_of(lambda: image, lambda: labels, values=range(9))


H5 = "test_vol_h5/case0001.npy.h5"
PLACES: dict[str, int] = {}
"""Where the voxels of an array start in the h5 file below."""


def h5_kind() -> Kind:
    """A validation case of TransUNet's Synapse, in one piece each, so that every voxel has a known place."""
    image, labels = (IMAGE / 1000).astype(np.float32), LABELS.astype(np.float32)
    content = h5(image=image, label=labels)
    with h5py.File(io.BytesIO(content)) as file:
        PLACES.update({name: file[name].id.get_offset() for name in file})
    return Kind("h5", {H5: content}, H5, H5, partial(_judge_h5, content), find_synapse)


def _judge_h5(whole: bytes, files: Files) -> Expected:
    """Voxels lie where they lay; a damage outside them is refused or harmless, with two exceptions.

    HDF5's first version has no checksums: where its header says that the voxels lie elsewhere, or are another type of
    number in as many bytes, it is believed.
    """
    content = files[H5]
    inside = np.zeros(len(whole), bool)
    for place in PLACES.values():
        inside[place : place + 4 * IMAGE.size] = True
    common = min(len(whole), len(content))
    differs = np.frombuffer(whole[:common], np.uint8) != np.frombuffer(content[:common], np.uint8)
    is_sound = len(content) >= len(whole) and not differs[~inside[:common]].any()
    image, labels = (_h5_voxels(content if is_sound else whole, PLACES[name], "<f4") for name in ("image", "label"))
    doubts = () if is_sound else (*GEOMETRY, FINITE, WHOLE_LABELS, KNOWN_LABELS)
    expected = expected_of(
        lambda: Seen(image, UNIT, np.eye(4), doubts), lambda: Seen(labels, UNIT, np.eye(4)), values=range(9)
    )
    if is_sound or len(content) < len(whole):
        return expected
    address = whole.index(struct.pack("<Q", PLACES["image"]))
    (place,) = struct.unpack_from("<Q", content, address)
    kinds = [order + kind for order in "<>" for kind in ("f4", "i4", "u4")] if place == PLACES["image"] else ["<f4"]
    if place + 4 * IMAGE.size > len(content):
        return expected
    return replace(expected, or_images=tuple(_h5_voxels(content, place, kind).astype(np.float32) for kind in kinds))


def _h5_voxels(content: bytes, place: int, kind: str) -> np.ndarray:
    return np.frombuffer(content, kind, IMAGE.size, place).reshape(SHAPE)


def all_kinds() -> tuple[Kind, ...]:
    """Every format that is read."""
    plane = (IMAGE[..., 0] // 4).astype(np.uint8).T
    drawn = LABELS[..., 0].T
    floats, drawn_floats = IMAGE.astype(np.float32) / 7, LABELS.astype(np.float64)
    pair = [nifti(voxels, magic=b"ni1\0") for voxels in (IMAGE, LABELS)]
    analyze = [nifti(voxels, ">", magic=b"\0\0\0\0") for voxels in (IMAGE, LABELS)]
    halves = [(content[:348], content[352:]) for content in (*pair, *analyze)]
    return (
        single_files(".nii", nifti(IMAGE), nifti(LABELS), read_single),
        single_files(".nii", nifti(IMAGE, sform=False), nifti(LABELS, sform=False), read_single, "quaternion.nii"),
        single_files(".nii.gz", zipped(nifti(floats)), zipped(nifti(drawn_floats)), lambda c: read_single(unzipped(c))),
        paired_files("nifti.hdr", (".hdr", ".img"), halves[0], halves[1], read_two),
        paired_files("analyze.hdr", (".hdr", ".img"), halves[2], halves[3], read_two),
        single_files(".nrrd", nrrd(IMAGE, False), nrrd(LABELS, False), read_nrrd),
        single_files(".nrrd", nrrd(IMAGE, True), nrrd(LABELS, True), read_nrrd, "packed.nrrd"),
        single_files(".mha", b"".join(meta(IMAGE)), b"".join(meta(LABELS)), read_meta),
        single_files(".mha", b"".join(meta(IMAGE, True)), b"".join(meta(LABELS, True)), read_meta, "packed.mha"),
        paired_files(
            "mhd", (".mhd", ".raw"), meta(IMAGE, name="image.raw"), meta(LABELS, name="labels.raw"), read_meta
        ),
        single_files(".png", png(plane), png(drawn), read_png),
        single_files(".png", png(IMAGE[..., 0].T.astype(np.uint16)), png(drawn), read_png, "deep.png"),
        single_files(".bmp", bmp(plane), bmp(drawn), read_bmp),
        single_files(".tif", tiff(plane), tiff(drawn), read_tiff),
        npz_kind(),
        h5_kind(),
    )
