import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trimformer.data.reading.labels import model_labels
from trimformer.data.rules import KNOWN_LABELS, WHOLE_LABELS, Rule
from trimformer.records.errors import FileError

ORGANS = {0: 0, 205: 1, 420: 2, 3: 0}


@pytest.mark.parametrize("dtype", [np.int16, ">i2", np.uint16, np.int64, np.uint64, np.float32, np.float64])
def test_each_value_becomes_what_a_model_learns(dtype: str) -> None:
    voxels = np.array([0, 205, 420, 3, 420, 0]).astype(dtype).reshape(1, 2, 3)
    mapped = model_labels("a", voxels, ORGANS)
    assert mapped.dtype == np.uint8
    assert mapped.tolist() == [[[0, 1, 2], [0, 2, 0]]]


def test_values_beyond_16_bits_and_below_zero_may_be_known() -> None:
    voxels = np.array([-1, 70000, 0, 70000], np.int32).reshape(2, 2, 1)
    assert model_labels("a", voxels, {0: 0, -1: 1, 70000: 2}).ravel().tolist() == [1, 2, 0, 2]


@given(
    arrays.arrays(np.float32, (3, 2, 4), elements=st.sampled_from([0.0, 1.0, 2.0, 255.0])),
    st.permutations([0, 1, 2, 3]),
)
def test_the_map_is_the_one_that_a_dictionary_gives(voxels: np.ndarray, learned: list[int]) -> None:
    label_values = dict(zip((0, 1, 2, 255), learned, strict=True))
    expected = np.vectorize(lambda value: label_values[int(value)])(voxels)
    np.testing.assert_array_equal(model_labels("a", voxels, label_values), expected)


@pytest.mark.parametrize(
    ("values", "rule", "found"),
    [
        ([0, 1, 7, 9], KNOWN_LABELS, "7, 9, where 0, 1 are meant"),
        ([0, 1, -3, 70000], KNOWN_LABELS, "-3, 70000, where 0, 1 are meant"),
        ([0, 1, 0.25, 7], WHOLE_LABELS, "0.25"),
        ([0, 1, np.nan, 1], WHOLE_LABELS, "nan"),
        ([0, 1, np.inf, 1], WHOLE_LABELS, "inf"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_other_values_are_told(values: list[float], rule: Rule, found: str) -> None:
    with pytest.raises(FileError) as error:
        model_labels("seg.nii", np.array(values).reshape(2, 1, 2), {0: 0, 1: 1})
    assert (error.value.file, error.value.rule, error.value.value) == ("seg.nii", rule.sentence, found)


def test_of_many_wrong_values_the_first_few_are_told() -> None:
    with pytest.raises(FileError) as error:
        model_labels("a", np.arange(1e5).reshape(100, 100, 10), {0: 0})
    assert error.value.value == "10, 20, 30, 40, 50, 60, ..., where 0 are meant"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_is_that_of_the_answer_and_a_few_slices(dtype: type[np.generic]) -> None:
    voxels = np.asfortranarray(np.random.default_rng(0).integers(0, 14, (128, 128, 60)).astype(dtype))
    label_values = {value: value for value in range(14)}
    tracemalloc.start()
    mapped = model_labels("a", voxels, label_values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(mapped, voxels)
    assert peak < voxels.size + 20 * 128 * 128
