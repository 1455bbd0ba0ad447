import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_explorer import made_explorer, made_slice

from trimformer.records.errors import UserError
from trimformer.records.explorer import Explorer
from trimformer.report.explorer import write_explorer
from trimformer.report.explorer.encode import LEVELS, pack_maps, packed, quantise
from trimformer.report.explorer.numbers import find_sinks, slice_dice, slice_numbers, views
from trimformer.report.explorer.page import MOST_CHARACTERS, render_explorer


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)


def parts_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<script type="text/plain" id="([\w-]+)">([^<]*)</script>', page))


def document_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', page)
    assert found
    document: dict[str, object] = json.loads(found[1])
    return document


def test_every_number_of_a_row_equals_a_loop_over_its_keys() -> None:
    shown = made_slice(grid_size=(2, 4))
    numbers, (high, wide) = slice_numbers(shown), (8 * 1.0, 8 * 1.5)
    for block in range(3):
        mean = shown.maps[block].astype(np.float64).mean(axis=0)
        for view, attention in enumerate([*shown.maps[block], mean, shown.rollout[block]]):
            for query in range(8):
                row = [float(weight) for weight in attention[query]]
                far = [np.hypot((key // 4 - query // 4) * high, (key % 4 - query % 4) * wide) for key in range(8)]
                assert numbers.distance_mm[block, view, query] == pytest.approx(np.dot(row, far), rel=1e-5)
                assert numbers.own[block, view, query] == pytest.approx(row[query], rel=1e-5)
                assert numbers.largest[block, view, query] == pytest.approx(max(row), rel=1e-5)
                assert numbers.uniform_mm[query] == pytest.approx(sum(far) / 8, rel=1e-5)
                kept = [key for key in range(8) if not numbers.sinks[block, view, key]]
                left = sum(row[key] for key in kept)
                without = sum(row[key] * far[key] for key in kept) / left
                assert numbers.distance_without_sinks_mm[block, view, query] == pytest.approx(without, rel=1e-4)


def test_a_sink_draws_more_than_five_times_the_median_key() -> None:
    row = np.array([0.5, 0.1, 0.08, 0.08, 0.08, 0.08, 0.08], dtype=np.float32)
    assert find_sinks(np.tile(row, (1, 1, 7, 1)))[0, 0].tolist() == [True] + [False] * 6
    row = np.array([0.25, 0.15, 0.15, 0.15, 0.15, 0.15], dtype=np.float32)
    assert not find_sinks(np.tile(row, (1, 1, 6, 1))).any()


def test_where_only_sinks_are_left_there_is_no_distance() -> None:
    shown = made_slice(blocks=1, heads=1)
    shown.maps[:] = 0
    shown.maps[..., 3] = 1
    assert np.isnan(slice_numbers(shown).distance_without_sinks_mm[0, 0]).all()


def test_dice_of_a_depth_is_the_mean_over_the_labels_in_the_slice() -> None:
    shown = made_slice(blocks=1, grid_size=(1, 1), pixels=2)
    labels = np.array([[1, 1], [2, 0]], dtype=np.uint8)
    predictions = np.array([[[1, 0], [0, 0]], [[1, 1], [2, 3]]], dtype=np.uint8)
    shown = replace(shown, labels=labels, predictions=predictions)
    dice = slice_dice(shown, [1, 2, 3])
    assert dice is not None
    assert dice.tolist() == pytest.approx([(2 / 3 + 0) / 2, 1.0])
    assert slice_dice(replace(shown, labels=None), [1]) is None
    assert slice_dice(replace(shown, labels=0 * labels), [1]) is None


@pytest.mark.parametrize("levels", LEVELS)
def test_the_root_of_a_stored_weight_is_off_by_half_a_step_at_most(levels: int) -> None:
    maps = views(made_slice())
    largest = maps.max(axis=-1, keepdims=True)
    error = np.abs(quantise(maps, levels) / levels - np.sqrt(maps / largest))
    assert (error <= 0.5001 / levels).all()
    assert quantise(maps, levels).max() == levels


def test_beside_a_sink_the_other_weights_are_still_told_apart() -> None:
    row = np.array([[0.9, 0.002, 0.001]], dtype=np.float32)
    restored = 0.9 * (quantise(row, 127)[0] / 127.0) ** 2
    assert restored == pytest.approx(row[0], rel=0.2)


def test_maps_become_coarser_until_they_fit() -> None:
    maps = views(made_slice(noise=0.1))
    finest, texts = pack_maps([maps], 10**9)
    length = sum(map(len, texts[0]))
    assert finest == 255
    assert unpacked(texts[0][1], "u1").reshape(3, 36, 36)[2].tolist() == quantise(maps[1, 3], 255).tolist()
    coarser, texts = pack_maps([maps], length - 1)
    assert coarser == 127
    assert sum(map(len, texts[0])) < length


def test_four_slices_of_a_base_model_always_fit() -> None:
    worst = np.random.default_rng(0).integers(0, LEVELS[-1] + 1, (13, 196, 196)).astype(np.uint8)
    assert 4 * 12 * len(packed(worst)) < MOST_CHARACTERS
    numbers = np.random.default_rng(0).random((4, 12, 14, 196)).astype(np.float32)
    volume = np.random.default_rng(0).integers(0, 64, (100, 112, 112)).astype(np.uint8)
    assert MOST_CHARACTERS + 4 * len(packed(numbers)) + 2 * len(packed(volume)) + 4 * 150_000 < 25e6


def test_the_page_holds_the_record_and_asks_for_nothing(tmp_path: Path) -> None:
    record = made_explorer()
    page = write_explorer(tmp_path / "explorer.html", record).read_text()
    assert not re.search(r'(src|srcset|href)="(?!data:)', page)
    assert not re.search(r"https?://|@import|url\(", page)
    parts = parts_of(page)
    numbers = slice_numbers(record.slices[2])
    stored = unpacked(parts["numbers-2"], "<f4").reshape(4, 3, 4, 36)
    assert np.array_equal(stored[0], numbers.distance_mm)
    assert np.array_equal(stored[3], numbers.largest)
    assert np.array_equal(unpacked(parts["predictions-1"], "u1"), record.slices[1].predictions.ravel())
    assert len([name for name in parts if name.startswith("maps-")]) == 9
    relevance, volume = record.slices[1].relevance, record.volumes["sub-01"]
    assert relevance is not None
    of_classes = unpacked(parts["relevance-1"], "<f4").reshape(2, 3, 36)
    assert np.array_equal(of_classes, relevance.patches, equal_nan=True)
    assert np.array_equal(unpacked(parts["volume-0"], "u1"), volume.images.ravel())
    assert volume.labels is not None
    assert np.array_equal(unpacked(parts["volume-labels-0"], "u1"), volume.labels.ravel())


def test_names_from_outside_cannot_leave_their_place() -> None:
    record = made_explorer()
    hostile = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
    slices = (replace(record.slices[0], patient_id=hostile),)
    volumes = {hostile: record.volumes["sub-01"]}
    page = render_explorer(Explorer(hostile, hostile, {1: hostile, 2: "b"}, slices, None, volumes, (hostile,)))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2 + len(parts_of(page))
    assert document_of(page)["profile"] is None


def test_a_page_without_a_slice_is_refused() -> None:
    with pytest.raises(UserError, match="at least one slice"):
        render_explorer(replace(made_explorer(), slices=()))
