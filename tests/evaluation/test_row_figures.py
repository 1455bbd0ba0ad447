from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_evaluations import LABELS, made_evaluation

from trimformer.evaluation.costs import Anatomy, Costs
from trimformer.evaluation.row_figures import against_reference, row_figures, weights_in_a_word
from trimformer.evaluation.rows import Candidate, rows_of
from trimformer.inference.latency import Latency
from trimformer.models.anatomy.operations import Operations
from trimformer.models.anatomy.parameters import ParameterCount
from trimformer.records.experiment import Experiment
from trimformer.records.results import ModelRow
from trimformer.records.run_folder import RunFolder


def costs(transformer: int, decoder: int, trunk: str | None = None) -> Costs:
    anatomy = Anatomy(ParameterCount(transformer, 0, decoder, 0), Operations(12, 13), trunk)
    return Costs(anatomy, Latency(1.5, 1.8, 700.0), peak_memory_mb=2.5, resident_mb=None, file_size_mb=0.4)


def row(path: Path, cost: Costs, level: float = 0.8, labels: Mapping[int, str] = LABELS, **changes: Any) -> ModelRow:
    """The row of a run that consists of an experiment and scores."""
    run = RunFolder(path)
    Experiment().with_changes(name=path.name, **changes).save(run.experiment_file)
    evaluation = made_evaluation(0, level, labels=labels)
    evaluation.save(run.last_evaluation_file)
    [made] = rows_of([Candidate.of(run, is_reference=False)], path.parent)
    return row_figures(made, [evaluation], cost, path.parent)


def test_savings_and_changes_worked_by_hand(tmp_path: Path) -> None:
    full = row(tmp_path / "full", costs(80, 20))
    small = against_reference(row(tmp_path / "small", costs(20, 5), 0.7), full, is_first=False)
    assert (small.parameters, small.parameters_transformer, small.reference) == (25, 20, "full")
    assert (small.parameters_saved_percent, small.parameters_saved_by_blocks_percent) == (75, 60)
    assert full.dice.mean is not None
    assert small.dice.mean is not None
    assert small.dice_change_percent == pytest.approx(100 * (small.dice.mean - full.dice.mean) / full.dice.mean)
    first = against_reference(full, full, is_first=True)
    assert (first.reference, first.parameters_saved_percent, first.dice_change_percent) == (None, 0, 0)
    assert (small.multiply_accumulates_by_kernel, small.multiply_accumulates) == (12, 13)
    assert (small.milliseconds_per_slice, small.milliseconds_per_slice_p95, small.slices_per_second) == (1.5, 1.8, 700)
    assert (small.peak_memory_mb, small.file_size_mb) == (2.5, 0.4)


def test_a_network_without_transformer_has_neither_decoder_nor_savings_by_blocks(tmp_path: Path) -> None:
    full = row(tmp_path / "full", costs(80, 20))
    control = row(tmp_path / "control", costs(0, 50), model={"name": "SegResNet", "size": "tiny"})
    control = against_reference(control, full, is_first=False)
    assert (control.size, control.num_blocks, control.decoder) == ("tiny", None, None)
    assert (control.parameters_saved_percent, control.parameters_saved_by_blocks_percent) == (50, None)
    own = row(tmp_path / "own", costs(0, 50), model={"target": "my.networks:deep", "num_blocks": 24})
    assert (own.size, own.num_blocks, own.decoder) == (None, 24, None)


def test_a_network_of_ones_own_counts_the_blocks_that_are_left(tmp_path: Path) -> None:
    full = row(tmp_path / "full", costs(60, 40), model={"target": "my.networks:deep"})
    bare = row(tmp_path / "bare", costs(0, 40), model={"target": "my.networks:deep", "kept_blocks": []})
    bare = against_reference(bare, full, is_first=False)
    assert (bare.role, bare.num_blocks, bare.decoder) == ("zero blocks", 0, None)
    assert bare.parameters_saved_by_blocks_percent == 60


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": {"weights": "none"}}, "scratch"),
        ({"model": {"weights": "imagenet21k"}}, "pretrained"),
        ({"model": {"weights": "vit_base_patch16_224.augreg_in21k"}}, "pretrained"),
        ({"model": {"weights": "/somewhere/ViT-B_16.npz"}}, "pretrained"),
        ({"model": {"weights": "/a/run/that/is.gone"}}, "inherited"),
        ({"model": {"name": "cats", "weights": "none", "trunk_weights": "imagenet"}}, "pretrained"),
        ({"model": {"name": "cats", "weights": "none", "trunk_weights": "none"}}, "scratch"),
        ({"model": {"weights": "/a/run", "permuted_blocks": True}}, "permuted"),
        ({"model": {"weights": "/a/run"}, "distillation": {"teacher": "/a/run"}}, "distilled"),
    ],
)
def test_where_the_weights_began_in_one_word(changes: dict[str, Any], word: str) -> None:
    assert weights_in_a_word(Experiment().with_changes(**changes)) == word


def test_a_run_folder_that_is_there_is_inherited_from(tmp_path: Path) -> None:
    assert weights_in_a_word(Experiment().with_changes(model={"weights": str(tmp_path)})) == "inherited"


PAPERS: dict[str, dict[str, Any]] = {"data": {"dataset": "emidec"}, "model": {"num_blocks": 3, "decoder": "compressed"}}
EMIDEC = {1: "myocardium", 2: "infarction", 3: "no-reflow"}


@pytest.mark.parametrize(
    ("model", "is_papers"),
    [
        ({}, True),
        ({"source_blocks": [0, 1, 2]}, True),
        ({"source_blocks": [9, 10, 11]}, False),
        ({"permuted_blocks": True}, False),
        ({"decoder": "full"}, False),
    ],
)
def test_the_papers_row_is_of_the_first_blocks_and_its_decoder(
    tmp_path: Path, model: dict[str, Any], is_papers: bool
) -> None:
    changes: dict[str, Any] = PAPERS | {"model": PAPERS["model"] | model}
    found = row(tmp_path / "cut", costs(1, 1), labels=EMIDEC, **changes).paper
    assert (found is not None) == is_papers
    assert found is None or (found.table, found.mean, found.by_class["no-reflow"]) == (2, 0.703, 0.663)
