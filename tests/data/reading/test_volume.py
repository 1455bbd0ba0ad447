import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import nibabel
import numpy as np
import pytest
import SimpleITK
from written import AFFINE, VOXELS, nifti_bytes, png_bytes, write_itk, write_nifti

from trimformer.data.reading.volume import file_ending, read_volume
from trimformer.data.rules import FILE_EXISTS, NOT_EMPTY, READABLE, Rule
from trimformer.data.scan import Volume
from trimformer.records.choices import SpacingFrom
from trimformer.records.errors import FileError

GREY = (np.arange(20).reshape(4, 5) * 12).astype(np.uint8)


def refused(path: Path, rule: Rule = READABLE) -> str:
    with pytest.raises(FileError) as error:
        read_volume(path)
    assert (error.value.rule, error.value.file) == (rule.sentence, str(path))
    return error.value.value


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


# What is read


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a b ü.NII.GZ", "a.hdr", "a.img"])
def test_nifti_and_its_pairs(tmp_path: Path, name: str) -> None:
    write_nifti(tmp_path / name)
    volume = read_volume(tmp_path / name)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=1e-6)
    assert volume.voxels.dtype == np.int16


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
def test_other_formats_lie_where_the_same_nifti_lies(tmp_path: Path, name: str, packed: bool) -> None:
    volume = read_volume(write_itk(tmp_path / name, packed=packed))
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_allclose(volume.affine, read_volume(write_nifti(tmp_path / "a.nii")).affine, rtol=1e-6)
    assert volume.voxels.dtype == np.int16


def test_an_analyze_file_without_nifti(tmp_path: Path) -> None:
    image = nibabel.AnalyzeImage(VOXELS, None)
    image.header.set_zooms((0.9, 1.0, 1.5))
    nibabel.save(image, tmp_path / "a.img")
    volume = read_volume(tmp_path / "a.hdr")
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_allclose(volume.spacing_mm, (0.9, 1.0, 1.5), rtol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64, np.uint64])
def test_a_nifti_put_together_by_hand(tmp_path: Path, order: Literal["<", ">"], dtype: type[np.generic]) -> None:
    voxels = (VOXELS % 251).astype(dtype)
    volume = read_volume(written(tmp_path / "a.nii.gz", nifti_bytes(voxels, order)))
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_array_equal(volume.spacing_mm, (2, 3, 4))
    assert volume.voxels.dtype.newbyteorder("=") == dtype


def test_large_whole_numbers_stay_exact_where_no_type_is_asked_for(tmp_path: Path) -> None:
    voxels = np.array([2**63 + 1, 2**53 + 1, 7], np.uint64).reshape(3, 1, 1)
    volume = read_volume(written(tmp_path / "a.nii", nifti_bytes(voxels)))
    assert volume.voxels.ravel().tolist() == [2**63 + 1, 2**53 + 1, 7]


def test_scaled_voxels_are_those_of_nibabel(tmp_path: Path) -> None:
    path = written(tmp_path / "a.nii", nifti_bytes(scale=(112, "2f", (0.37, -5.5))))
    expected = VOXELS * np.float64(np.float32(0.37)) - 5.5
    np.testing.assert_array_equal(read_volume(path).voxels, expected)
    as_float32 = read_volume(path, dtype=np.float32).voxels
    assert as_float32.dtype == np.float32
    np.testing.assert_array_equal(as_float32, nibabel.load(path).get_fdata().astype(np.float32))


def test_axes_of_length_one_behind_the_third_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path / "a.nii", nifti_bytes(VOXELS[..., None, None], pixdim=(92, "2f", (0, 0))))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_array_equal(volume.spacing_mm, (2, 3, 4))


def test_a_series_keeps_its_fourth_axis(tmp_path: Path) -> None:
    series = np.stack([VOXELS, VOXELS + 1], axis=3)
    np.testing.assert_array_equal(read_volume(write_nifti(tmp_path / "a.nii", series)).voxels, series)


def test_a_plane_of_nifti_is_one_slice(tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "a.nii", nifti_bytes(VOXELS[:, :, 0], pixdim=(88, "f", (0,)))))
    np.testing.assert_array_equal(volume.voxels, VOXELS[:, :, :1])
    np.testing.assert_array_equal(volume.spacing_mm, (2, 3, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_png_put_together_by_hand(tmp_path: Path, dtype: type[np.generic]) -> None:
    rows = GREY.astype(dtype) * (200 if dtype is np.uint16 else 1)
    volume = read_volume(written(tmp_path / "a.png", png_bytes(rows)))
    np.testing.assert_array_equal(volume.voxels, rows.T[:, :, None])  # x runs along a row
    assert volume.voxels.dtype == dtype
    np.testing.assert_array_equal(volume.spacing_mm, 1)


def test_a_colour_png_has_its_colours_last(tmp_path: Path) -> None:
    rows = np.stack([GREY, GREY + 1, GREY + 2], axis=2)
    volume = read_volume(written(tmp_path / "a.png", png_bytes(rows)))
    np.testing.assert_array_equal(volume.voxels, rows.transpose(1, 0, 2)[:, :, None])


def test_a_grey_bmp_comes_in_three_equal_colours(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(GREY), str(tmp_path / "a.bmp"))
    volume = read_volume(tmp_path / "a.bmp")
    np.testing.assert_array_equal(volume.voxels, np.stack([GREY.T[:, :, None]] * 3, axis=3))


def test_a_tiff_of_pages_is_a_volume_and_its_resolution_of_print_is_no_voxel_size(tmp_path: Path) -> None:
    volume = read_volume(write_itk(tmp_path / "a.tif", affine=np.diag([0.2, 0.2, 1, 1])))
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_array_equal(volume.spacing_mm, 1)


def test_gzip_members_that_follow_one_another_and_zeros_behind_them(tmp_path: Path) -> None:
    content = nifti_bytes()
    packed = gzip.compress(content[:400]) + gzip.compress(content[400:]) + bytes(512)
    (tmp_path / "a.nii.gz").write_bytes(packed)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").voxels, VOXELS)


def test_bytes_before_and_behind_the_voxels_are_none_of_them(tmp_path: Path) -> None:
    content = nifti_bytes(offset=(108, "f", (480,)))
    path = written(tmp_path / "a.nii.gz", content[:352] + b"e" * 128 + content[352:] + b"more")
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)


# Where voxels lie


def test_the_header_may_be_believed_where_the_affine_is_wrong(tmp_path: Path) -> None:
    affine = np.diag([-1.0, -1, 1, 1])
    image = nibabel.Nifti1Image(VOXELS, affine)
    image.header["pixdim"][1:4] = (1.458, 1.458, 10)
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii").affine, affine)
    volume = read_volume(tmp_path / "a.nii", spacing_from="header")
    np.testing.assert_allclose(volume.affine, np.diag([-1.458, -1.458, 10, 1]), rtol=1e-6)


@pytest.mark.parametrize("spacing_from", ["affine", "header"])
def test_a_voxel_size_of_zero_stays_zero(tmp_path: Path, spacing_from: SpacingFrom) -> None:
    path = written(tmp_path / "a.nii", nifti_bytes(pixdim=(84, "f", (0,))))
    assert read_volume(path, spacing_from).spacing_mm.tolist() == [2, 0, 4]


def test_an_affine_that_is_given_needs_no_voxel_sizes(tmp_path: Path) -> None:
    sform = (280, "12f", (1, 0, 0, 5, 0, 2, 0, 6, 0, 0, 3, 7))
    content = nifti_bytes(pixdim=(80, "3f", (0, 0, 0)), code=(254, "h", (1,)), sform=sform)
    assert read_volume(written(tmp_path / "a.nii", content)).spacing_mm.tolist() == [1, 2, 3]


def test_an_affine_that_is_no_number_is_handed_on(tmp_path: Path) -> None:
    sform = (280, "12f", (float("nan"), 0, 0, 5, 0, 2, 0, 6, 0, 0, 3, 7))
    volume = read_volume(written(tmp_path / "a.nii", nifti_bytes(code=(254, "h", (1,)), sform=sform)))
    assert np.isnan(volume.spacing_mm[0])


# What is refused


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.nii.gz", FILE_EXISTS) == "no such file"
    (tmp_path / "b.nii").mkdir()
    assert refused(tmp_path / "b.nii", FILE_EXISTS)


@pytest.mark.parametrize(("name", "other"), [("a.hdr", "a.img"), ("a.img", "a.hdr"), ("a.mhd", "a.raw")])
def test_half_of_a_pair(tmp_path: Path, name: str, other: str) -> None:
    write = write_itk if name == "a.mhd" else write_nifti
    write(tmp_path / name)
    (tmp_path / other).unlink()
    assert other in refused(tmp_path / name, FILE_EXISTS)


@pytest.mark.parametrize("name", ["a.jpg", "a.dcm", "a.txt", "a.gz", "nii"])
def test_endings_that_are_not_read(tmp_path: Path, name: str) -> None:
    assert ".nii.gz" in refused(written(tmp_path / name, b"x"))


ALL = ["a.nii", "a.nii.gz", "a.img", "a.nrrd", "a.mha", "a.mhd", "a.png", "a.bmp", "a.tif", "packed.nrrd", "packed.mha"]


def data_file(path: Path) -> Path:
    """Write a file of that name and say where its voxels are."""
    if path.suffix == ".png":
        return written(path, png_bytes(GREY))
    if path.suffix == ".bmp":
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(GREY), str(path))
        return path
    if path.suffix in (".nii", ".gz", ".img"):
        return write_nifti(path)
    write_itk(path, packed=path.stem == "packed")
    return path.with_suffix(".raw") if path.suffix == ".mhd" else path


@pytest.mark.parametrize("name", ALL)
def test_a_file_that_is_cut_short_anywhere(tmp_path: Path, name: str) -> None:
    path = data_file(tmp_path / name)
    whole = path.read_bytes()
    read_volume(tmp_path / name)
    for length in (0, 1, 20, 345, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[: min(length, len(whole) - 1)])
        refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii.gz", "packed.nrrd", "packed.mha", "a.png"])
def test_a_checksum_tells_of_a_changed_byte(tmp_path: Path, name: str) -> None:
    path = data_file(tmp_path / name)
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 0x10
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr", "a.nrrd", "a.mha", "a.mhd", "a.png", "a.bmp", "a.tif"])
@pytest.mark.parametrize("content", [b"", b"not a volume\n" * 40, b"\0" * 1000, nifti_bytes(), png_bytes(GREY)])
def test_content_that_is_not_what_the_name_says(tmp_path: Path, name: str, content: bytes) -> None:
    if (name, content) in (("a.nii", nifti_bytes()), ("a.png", png_bytes(GREY))):
        assert isinstance(read_volume(written(tmp_path / name, content)), Volume)
        return
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a.img").write_bytes(b"")
    refused(tmp_path / name)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    assert "complex64" in refused(write_nifti(tmp_path / "a.nii", VOXELS.astype(np.complex64)))
    colours = np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(FileError, match="colours, R, G, B") as error:
        read_volume(write_nifti(tmp_path / "b.nii", colours))
    assert error.value.rule == "A scan is grey"
    image = SimpleITK.GetImageFromArray(VOXELS.astype(np.complex64), isVector=False)
    SimpleITK.WriteImage(image, str(tmp_path / "c.nrrd"))
    refused(tmp_path / "c.nrrd")


@pytest.mark.parametrize("dims", [(0, 6, 7), (5, 0, 7), (5, 6, 0)])
def test_no_voxels(tmp_path: Path, dims: tuple[int, ...]) -> None:
    content = nifti_bytes(dims=(42, "3h", dims))
    assert refused(written(tmp_path / "a.nii", content), NOT_EMPTY) == f"shape {dims}"


ENTRIES = b"""NDims =-3
NDims = 2
NDims = 9
NDims = x
ObjectType = Tube
TransformMatrix = 1 0 0 1
DimSize = 5 6 7 1
Offset = 1 2
ElementType = MET_OTHER
BinaryData = False
ElementDataFile = LIST
CompressedDataSize = 5
HeaderSize = 20
CompressedData < True
Offset \x01= 1 2 3"""


@pytest.mark.parametrize("entry", ENTRIES.splitlines())
def test_an_entry_that_would_crash_or_mislead_simpleitk(tmp_path: Path, entry: bytes) -> None:
    path = write_itk(tmp_path / "a.mha", packed=True)
    key = entry.split(b"=")[0].strip()
    lines = [entry if line.split(b"=")[0].strip() == key else line for line in path.read_bytes().split(b"\n")]
    path.write_bytes(b"\n".join(lines) if entry in lines else entry + b"\n" + path.read_bytes())
    refused(path)


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [
        (0, "i", 347),
        (40, "h", 0),
        (40, "h", 8),
        (72, "h", 8),
        (108, "f", 352.5),
        (108, "f", 300),
        (254, "h", 9),
        (252, "h", -1),
        (344, "4s", b"ni1\x00"),
        (344, "4s", b"n+9\x00"),
    ],
)
def test_a_nifti_header_that_nibabel_would_mend(tmp_path: Path, offset: int, layout: str, value: float) -> None:
    content = bytearray(nifti_bytes())
    struct.pack_into("<" + layout, content, offset, value)
    refused(written(tmp_path / "a.nii", bytes(content)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"sizes: 5 6 7", b"sizes: 4 6 7"),
        (b"(10,", b"(,10,"),
        (b"(10,", b"(1 0,"),
        (b"(10,", b"(1x0,"),
        (b"(10,", b"(1_0,"),
        (b"space origin", b"spacings: 1 1x 1\nspace origin"),
        (b"type: ", b"type; "),
        (b"encoding: raw", b"encoding: hex"),
        (b"encoding: raw", b"encoding: raw\nbyte skip: 3"),
    ],
)
def test_an_nrrd_header_that_is_damaged(tmp_path: Path, old: bytes, new: bytes) -> None:
    affine = np.diag([-1.0, -1, 1, 1])
    affine[:2, 3] = (-10, -20)
    content = write_itk(tmp_path / "a.nrrd", affine=affine).read_bytes()
    assert old in content
    (tmp_path / "a.nrrd").write_bytes(content.replace(old, new, 1))
    refused(tmp_path / "a.nrrd")


def test_an_nrrd_header_that_people_have_written_into(tmp_path: Path) -> None:
    path = write_itk(tmp_path / "a.nrrd", affine=np.diag([-1.0, -1, 1, 1]))
    content = path.read_bytes().replace(b"\ntype:", "\n# für Müller\ncontent: a\tscan\ntype:".encode(), 1)
    path.write_bytes(content.replace(b"(1,0,0)", b"(1, 0, 0)"))
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)


def tiff_bytes(changes: dict[int, tuple[int, int]] | None = None, behind: int = 0) -> bytes:
    """A grey TIFF by hand, GREY in one strip at byte 8; `changes` are tag -> (type, value)."""
    tags = {256: (4, 5), 257: (4, 4), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1), 278: (4, 4)}
    tags = tags | {279: (4, 20 + behind)} | (changes or {})
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in tags.items())
    content = GREY.tobytes() + bytes(behind)
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_put_together_by_hand(tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "a.tif", tiff_bytes()))
    np.testing.assert_array_equal(volume.voxels, GREY.T[:, :, None])


@pytest.mark.parametrize("changes", [{258: (3, 2)}, {262: (99, 1)}, {257: (4, 3), 278: (4, 3)}, {256: (4, 4)}])
def test_a_tiff_whose_pixels_would_be_read_as_others(tmp_path: Path, changes: dict[int, tuple[int, int]]) -> None:
    refused(written(tmp_path / "a.tif", tiff_bytes(changes)))


def test_a_tiff_with_more_pixels_than_it_promises(tmp_path: Path) -> None:
    refused(written(tmp_path / "a.tif", tiff_bytes(behind=20)))


HUGE: list[tuple[str, Callable[[], bytes]]] = [
    ("a.nii", lambda: nifti_bytes(dims=(42, "3h", (32000, 32000, 32000)))),
    ("a.nii.gz", lambda: nifti_bytes(dims=(42, "3h", (32000, 32000, 32000)))),
    ("b.nii", lambda: nifti_bytes(dims=(42, "3h", (-5, 6, -7)))),
    ("c.nii", lambda: nifti_bytes(offset=(108, "f", (1e30,)))),
    ("d.nii", lambda: nifti_bytes(offset=(108, "f", (float("nan"),)))),
    ("e.nii", lambda: nifti_bytes(dims=(40, "8h", (7, 32000, 32000, 32000, 32000, 32000, 32000, 32000)))),
    ("a.mha", lambda: b"NDims = 3\nDimSize = 90000 90000 90000\nElementType = MET_SHORT\nElementDataFile = LOCAL\n1"),
    ("a.nrrd", lambda: b"NRRD0004\ntype: short\ndimension: 3\nsizes: 90000 90000 9000\nencoding: raw\n\n12"),
    ("a.png", lambda: png_bytes(GREY)[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + png_bytes(GREY)[24:]),
    ("a.bmp", lambda: b"BM" + struct.pack("<IIIIiiHHI", 99, 0, 54, 40, 2**30, 2**30, 1, 24, 0) + bytes(40)),
]


@pytest.mark.parametrize(("name", "content"), HUGE)
def test_a_header_that_promises_too_much_is_not_believed(
    tmp_path: Path, name: str, content: Callable[[], bytes]
) -> None:
    path = written(tmp_path / name, content())
    tracemalloc.start()
    refused(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("slope", [1, 2])
def test_memory_is_that_of_the_stored_array_and_the_one_asked_for(tmp_path: Path, name: str, slope: int) -> None:
    voxels = np.zeros((96, 96, 96), np.int16)
    path = written(tmp_path / name, nifti_bytes(voxels, scale=(112, "f", (slope,))))
    read_volume(path, dtype=np.float32)  # imports are not counted
    tracemalloc.start()
    read_volume(path, dtype=np.float32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < voxels.nbytes + 4 * voxels.size + 1e6  # and two pieces of a file


@pytest.mark.parametrize(
    ("name", "ending"), [("a.NII.gz", ".nii.gz"), ("a.tar.gz", None), ("a.jpeg", None), ("a.b.mha", ".mha")]
)
def test_file_ending(name: str, ending: str | None) -> None:
    assert file_ending(Path(name)) == ending


def test_ranges_of_display_do_not_scale_the_labels_of_an_old_analyze_file(tmp_path: Path) -> None:
    labels = np.arange(24, dtype=np.uint8).reshape(4, 3, 2) % 4
    image = nibabel.AnalyzeImage(labels, np.eye(4))
    image.header["glmax"], image.header["cal_max"] = 3, 255  # nibabel itself would read 0, 85, 170, 255
    nibabel.save(image, tmp_path / "old.hdr")
    np.testing.assert_array_equal(read_volume(tmp_path / "old.hdr").voxels, labels)


def test_spms_factor_in_an_analyze_header_counts(tmp_path: Path) -> None:
    values = np.linspace(0, 8.5, 24).reshape(4, 3, 2)
    image = nibabel.Spm2AnalyzeImage(values, np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "spm.hdr")
    np.testing.assert_allclose(read_volume(tmp_path / "spm.hdr").voxels, values, atol=2e-4)
