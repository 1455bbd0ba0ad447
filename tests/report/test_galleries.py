import dataclasses

import numpy as np
import pytest
from made_comparison import LABELS, make_profile, make_row

from trimformer.records.evaluation import Evaluation, LabelSummary, Score
from trimformer.records.profile import AttentionProfile
from trimformer.report.galleries import attention_gallery, label_names, legend, patient_dice, patient_galleries
from trimformer.report.sources import ModelSources


def evaluation(dice: dict[str, float | None]) -> Evaluation:
    scores = {
        patient: {"CSF": Score(dice=value, hd95_mm=None, surface_dice=None, case="both")}
        for patient, value in dice.items()
    }
    return Evaluation(
        labels={2: "CSF"}, grid="native", split="validation", checkpoint="best", patients=scores,
        summary={"CSF": LabelSummary(mean=None, ci95=None, absent=0, missed=0, false_alarm=0)}, mean=None, ci95=None,
    )  # fmt: skip


def model(name: str, patients: list[str], slice_index: int = 5, scores: Evaluation | None = None) -> ModelSources:
    count = len(patients)
    examples = {
        "patient_ids": np.array(patients),
        "images": np.zeros((count, 4, 4), dtype=np.float32),
        "truth": np.full((count, 4, 4), 2, dtype=np.uint8),
        "prediction": np.eye(4, dtype=np.uint8)[None].repeat(count, 0) * 2,
        "slice_index": np.full(count, slice_index),
    }
    return ModelSources(make_row(name=name), scores, examples)


@pytest.fixture(scope="module")
def profile() -> AttentionProfile:
    return make_profile(np.zeros((28, 28), dtype=np.float32), np.ones((28, 28), dtype=np.uint8))


@pytest.mark.parametrize(("blocks", "shown"), [(12, [1, 2, 3, 6, 12]), (6, [1, 2, 3, 6]), (4, [1, 2, 3, 4]), (1, [1])])
def test_the_papers_blocks_and_the_last_are_shown(profile: AttentionProfile, blocks: int, shown: list[int]) -> None:
    example = {**profile.example, "maps": profile.example["maps"][:blocks]}
    gallery = attention_gallery(dataclasses.replace(profile, example=example))
    assert gallery is not None
    assert [picture.caption for picture in gallery.maps] == [f"Block {block}" for block in shown]
    assert gallery.tokens == 196


def test_a_profile_without_an_example_has_no_gallery(profile: AttentionProfile) -> None:
    assert attention_gallery(dataclasses.replace(profile, example={})) is None


def test_worst_median_and_best_patients_are_shown() -> None:
    scores = evaluation({"a": 0.9, "b": 0.7, "c": 0.8, "d": 0.6, "e": 0.85})
    galleries = patient_galleries([model("m", list("abcde"), scores=scores)], {2: "CSF"})
    assert [gallery.patient_id for gallery in galleries] == ["d", "c", "a"]
    assert [picture.caption for picture in galleries[0].pictures] == ["Scan", "Truth", "m"]
    assert galleries[0].pictures[2].note == "Dice 0.600"
    assert galleries[0].differences[0].note == "12 pixels"


def test_without_scores_the_first_patients_are_shown_unranked() -> None:
    galleries = patient_galleries([model("m", list("abcd"))], {2: "CSF"})
    assert [(gallery.patient_id, gallery.standing) for gallery in galleries] == [("a", ""), ("b", ""), ("c", "")]


def test_only_the_same_slice_of_the_same_patient_is_compared() -> None:
    others = [model("other slice", ["a"], slice_index=6), model("other patient", ["b"]), model("same", ["a"])]
    gallery = patient_galleries([model("m", ["a"]), *others], {2: "CSF"})[0]
    assert [picture.caption for picture in gallery.pictures] == ["Scan", "Truth", "m", "same"]


def test_no_examples_no_gallery() -> None:
    assert patient_galleries([ModelSources(make_row())], LABELS) == []


def test_a_patients_dice_is_the_mean_of_the_classes_that_have_one() -> None:
    assert patient_dice(evaluation({"a": None}), "a") is None
    assert patient_dice(evaluation({"a": 0.5}), "a") == 0.5
    assert patient_dice(None, "a") is None


def test_labels_are_named_by_the_evaluation_or_numbered_without_background() -> None:
    assert label_names([model("m", ["a"], scores=evaluation({"a": 1.0}))]) == {2: "CSF"}
    assert label_names([model("m", ["a"])]) == {2: "label 2"}
    assert label_names([]) == {}
    assert legend({2: "CSF", 5: "liver"}) == [("#56b4e9", "CSF"), ("#e69f00", "liver")]
