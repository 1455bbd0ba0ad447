"""Answers held against what the depths of a sweep scored: depths 0, 1, 3, 6 with mean Dice 0.60, 0.80, 0.81, 0.79."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_sweep import DICE, STILL_RISING, STUDY, choice, made_evaluation, made_study, write_learning

from trimformer.cli.judged import print_judgement
from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.answers import answers_of
from trimformer.depth.judgement.judge import judge_study
from trimformer.depth.judgement.measure import measure_missing, read_seconds
from trimformer.depth.judgement.sweep import sweeps_of
from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.records.errors import UserError
from trimformer.records.far_sight import FarSight
from trimformer.records.judgement import JudgedCriterion, JudgedSweep, Judgement
from trimformer.records.progress import silent
from trimformer.records.run_folder import RunFolder
from trimformer.records.study import read_study
from trimformer.report.judgement.figure import judgement_figure
from trimformer.report.judgement.write import write_judgement
from trimformer.study.plan import plan_study

DEFAULT_LOSES = {"far-sighted": (0, 0), "fixed": (3, 3), "cka": (2, 2), "entropy": (6, None)}


def of(sweep: JudgedSweep, criterion: str) -> JudgedCriterion:
    return next(each for each in sweep.criteria if each.criterion == criterion)


def at_thresholds(judged: JudgedCriterion) -> dict[str, tuple[float, float]]:
    return {key: (round(cost.regret.mean, 6), cost.blocks) for key, cost in judged.by_threshold.items()}


def test_regret_is_that_of_the_trained_depth_at_the_answer_or_above(tmp_path: Path) -> None:
    (sweep,) = judge_study(made_study(tmp_path, {"far-sighted": (1, None), "cka": (2, 2)})).sweeps
    assert (sweep.best_depth, sweep.seeds, sweep.patients) == (3, (0, 1), 8)
    default = of(sweep, "far-sighted")
    assert default.answers == {0: 1, 1: None}
    assert default.kept == {0: 1, 1: 6}
    assert default.inconclusive == 0.5
    assert default.regret.mean == pytest.approx((0.01 + 0.02) / 2)
    assert default.minus_full.mean == pytest.approx((0.01 + 0.0) / 2)
    half = 12.7062 * 0.005  # Student's t of one degree of freedom: two seeds that differ, patients that do not
    assert default.regret.ci95 == pytest.approx((0.015 - half, 0.015 + half), abs=1e-5)
    assert of(sweep, "cka").kept == {0: 3, 1: 3}
    assert of(sweep, "cka").regret.mean == pytest.approx(0.0)
    assert of(sweep, "cka").minus_default.mean == pytest.approx(0.015)
    assert "Shown to choose better than far-sighted: none; worse: none" in sweep.verdict


def test_the_smallest_depth_that_is_not_inferior_is_the_one_to_meet(tmp_path: Path) -> None:
    (sweep,) = judge_study(made_study(tmp_path, {"far-sighted": (1, None)})).sweeps
    assert {each.depth: each.verdict for each in sweep.depths} == {
        0: "inferior",
        1: "not inferior",
        3: "not inferior",
        6: "full depth",
    }
    assert (sweep.smallest_enough, sweep.admissible, sweep.needed) == (1, (1, 3, 6), 1)
    assert [each.chance_enough for each in sweep.depths] == [0, 1, 1, 1]
    assert [each.chance_smallest for each in sweep.depths] == [0, 1, 0, 0]
    default = of(sweep, "far-sighted")
    assert default.blocks_off == (0 + 5) / 2
    assert (default.within_one, default.within_one_of_needed, default.chance_enough) == (0.5, 0.5, 1)
    (strict,) = judge_study(made_study(tmp_path, {"far-sighted": (1, None)}, DICE | {1: 0.78}), margin=0.005).sweeps
    assert (strict.smallest_enough, strict.admissible) == (3, (3, 6))
    assert [each.enough_at["0.005"] for each in strict.depths] == [0, 0, 1, 1], "one block loses 0.01"
    assert [each.enough_at["0.02"] for each in strict.depths] == [0, 1, 1, 1]


def test_a_default_that_loses_is_said_to_lose(tmp_path: Path) -> None:
    (sweep,) = judge_study(made_study(tmp_path, DEFAULT_LOSES)).sweeps
    assert of(sweep, "far-sighted").regret.mean == pytest.approx(0.21)
    assert sweep.verdict.startswith("far-sighted: regret 0.210 (95 % 0.210 to 0.210), more than 0.03 shown.")
    assert "The smallest depth shown to be not inferior to 6 is 1 (margin 0.02;" in sweep.verdict
    everyone_else = ", ".join(name for name in CRITERIA if name != "far-sighted")
    assert f"Shown to choose better than far-sighted: {everyone_else}; worse: none" in sweep.verdict
    assert at_thresholds(of(sweep, "far-sighted")) == {"0.3": (0.21, 0), "0.5": (0.21, 0), "0.05": (0.21, 0)}
    assert at_thresholds(of(sweep, "cka")) == {"0.9": (0.0, 2)}
    (own,) = of(sweep, "cka").by_threshold.values()
    assert (own.answers, own.regret) == ({0: 2, 1: 2}, of(sweep, "cka").regret)


def test_what_measuring_costs_is_a_share_of_the_trainings_of_all_depths(tmp_path: Path) -> None:
    (sweep,) = judge_study(made_study(tmp_path, {})).sweeps
    assert of(sweep, "rule").seconds == pytest.approx(5.4 + 1.8)
    assert of(sweep, "rule").cost == pytest.approx(7.2 / (4 * 9 * 10))
    assert of(sweep, "fixed").cost == 0
    assert of(sweep, "causal-radius").cost is None, "it was there before, and nobody took the time"


def test_an_undertrained_run_takes_its_seed_away_and_can_be_kept(tmp_path: Path) -> None:
    plan = made_study(tmp_path, {"far-sighted": (0, 1)})
    write_learning(RunFolder(tmp_path / "out" / "runs" / "sweep-1-seed0"), STILL_RISING)
    (sweep,) = judge_study(plan).sweeps
    assert sweep.seeds == (1,)
    assert [run.run for run in sweep.excluded] == ["sweep-1-seed0"]
    assert "still changes by +0.030" in sweep.excluded[0].reason
    assert of(sweep, "far-sighted").regret.mean == pytest.approx(0.01)
    (kept,) = judge_study(plan, keep_undertrained=True).sweeps
    assert (kept.seeds, kept.excluded) == ((0, 1), ())
    assert kept.notes[0].startswith("sweep-1-seed0: undertrained")
    write_learning(RunFolder(tmp_path / "out" / "runs" / "sweep-1-seed1"), STILL_RISING)
    (nothing,) = judge_study(plan).sweeps
    assert nothing.verdict.endswith("Train longer, or judge 2 seeds all the same with --keep-undertrained.")


def test_what_is_missing_or_no_part_of_a_sweep_is_named(tmp_path: Path) -> None:
    plan = made_study(tmp_path, {})
    RunFolder(tmp_path / "out" / "runs" / "sweep-0-seed1").evaluation_file.unlink()
    write_learning(RunFolder(tmp_path / "out" / "runs" / "sweep-6-seed0"), [0.5] * 6)
    judgement = judge_study(plan)
    (sweep,) = judgement.sweeps
    assert sweep.name == "sweep"
    assert (sweep.excluded[0].run, sweep.excluded[0].reason) == ("sweep-0-seed1", "not done (begun)")
    assert sweep.notes == ("sweep-6-seed0: whether it had settled cannot be told from 6 epochs",)
    reasons = {run.run: run.reason for run in judgement.left_out}
    assert reasons["inherited-seed0"] == "a control: it begins from or learns from sweep-6-seed0"
    assert reasons["unet-seed1"] == "a control: no depth is set"
    for job in plan.jobs:
        RunFolder(job.folder).evaluation_file.unlink(missing_ok=True)
    (nothing,) = judge_study(plan).sweeps
    assert nothing.verdict == ("Cannot be judged: no seed has a run at every depth that is done and had settled.")
    assert not nothing.criteria


def test_runs_that_begin_each_from_one_of_their_own_depth_are_a_sweep(tmp_path: Path) -> None:
    file = tmp_path / "chained.toml"
    file.write_text(STUDY + '[[run]]\nname = "after"\nmodel.weights = "study:sweep"\nmodel.num_blocks = [0, 1, 3, 6]\n')
    jobs = plan_study(read_study(file), tmp_path / "out").jobs
    sweeps, left_out = sweeps_of(jobs)
    assert [(sweep.name, sweep.depths, sweep.seeds) for sweep in sweeps] == [
        ("sweep", (0, 1, 3, 6), (0, 1)),
        ("after", (0, 1, 3, 6), (0, 1)),
    ]
    assert {run.run for run in left_out} == {"inherited-seed0", "inherited-seed1", "unet-seed0", "unet-seed1"}


def test_runs_that_were_not_selected_are_missed_nowhere(tmp_path: Path) -> None:
    plan = made_study(tmp_path, {})
    RunFolder(tmp_path / "out" / "runs" / "sweep-0-seed1").evaluation_file.unlink()
    selected = tuple(job.name for job in plan.jobs if job.name.startswith("sweep-") and "-0-" not in job.name)
    (sweep,) = judge_study(replace(plan, selected=selected)).sweeps
    assert (sweep.seeds, sweep.excluded) == ((0, 1), ())
    assert [each.depth for each in sweep.depths] == [1, 3, 6]


def test_what_is_noted_of_many_runs_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = made_study(tmp_path, {})
    for job in plan.jobs:
        write_learning(RunFolder(job.folder), [0.5] * 6)
    print_judgement(judge_study(plan))
    assert "Note: 8 runs: whether it had settled cannot be told from 6 epochs" in capsys.readouterr().out


def test_few_patients_are_not_judged_as_if_they_were_many(tmp_path: Path) -> None:
    (sweep,) = judge_study(made_study(tmp_path, {}, patients=5)).sweeps
    assert sweep.smallest_enough is None
    assert of(sweep, "far-sighted").blocks_off is None
    assert of(sweep, "far-sighted").chance_enough is None
    assert [(each.chance_enough, each.enough_at) for each in sweep.depths] == [(None, {})] * 4
    assert sweep.verdict == (
        "far-sighted: regret 0.000. From so few patients nothing is excluded, which depth is enough cannot be said, "
        "and no criterion is shown to choose better or worse."
    )


def test_a_sweep_whose_files_are_damaged_says_so_and_a_study_without_depths_is_refused(tmp_path: Path) -> None:
    plan = made_study(tmp_path, {})
    (tmp_path / "out" / "runs" / "sweep-6-seed1" / "criteria.json").write_text('{"far-sighted": 3}')
    (sweep,) = judge_study(plan).sweeps
    assert sweep.verdict.startswith("Cannot be judged: The file must hold the choices of criteria")
    assert not sweep.verdict.endswith("..")
    RunFolder(tmp_path / "out" / "runs" / "sweep-3-seed1").history_file.unlink()
    (sweep,) = judge_study(plan).sweeps
    assert (sweep.seeds, [run.run for run in sweep.excluded]) == ((0,), ["sweep-3-seed1"])
    assert "history.csv" in sweep.excluded[0].reason
    with pytest.raises(UserError, match="no two depths among the runs of made"):
        judge_study(type(plan)(plan.study, plan.folder, plan.jobs[-2:], ()))


def test_a_model_that_finds_nothing_is_not_held_against_itself(tmp_path: Path) -> None:
    plan = made_study(tmp_path, {})
    for job in plan.jobs:
        made_evaluation(0.0, 1).save(RunFolder(job.folder).evaluation_file)
    (sweep,) = judge_study(plan).sweeps
    assert sweep.verdict == "Cannot be judged: the full depth finds nothing, its Dice is 0 of every patient."


def test_riddles_whose_hops_are_left_out_are_those_of_one_hop_and_a_repeated_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "twice.toml"
    unsaid = STUDY.replace("hops = 1\n", "") + '[[run]]\nname = "again"\ndata.hops = 1\nmodel.num_blocks = [0, 1]\n'
    file.write_text(unsaid)
    sweeps, left_out = sweeps_of(plan_study(read_study(file), tmp_path / "out").jobs)
    assert [(sweep.task, sweep.hops, sweep.depths) for sweep in sweeps] == [("phantom, hops 1", 1, (0, 1, 3, 6))]
    assert {run.run: run.reason for run in left_out}["again-1-seed0"] == "the same settings as sweep-1-seed0"


def test_a_study_without_depths_is_not_trained_to_be_judged(tmp_path: Path, trimformer: Any) -> None:
    file = tmp_path / "made.toml"
    file.write_text(STUDY)
    code, _, complaint = trimformer("study", file, "--out", tmp_path / "out", "--only", "unet-*", "--judge")
    assert code == 2
    assert "no two depths among the runs of made that were asked for" in complaint
    assert not (tmp_path / "out").exists()


def test_a_judgement_reads_back_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judgement = judge_study(made_study(tmp_path, DEFAULT_LOSES))
    files = write_judgement(tmp_path, judgement)
    assert Judgement.load(files["judgement"]) == judgement
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    lines = files["criteria"].read_text().splitlines()
    assert len(lines) == 1 + len(CRITERIA)
    assert lines[0].startswith("sweep,seeds,task,model,patients,best_depth,smallest_enough,needed,criterion,")
    assert any(",entropy," in line and ",6 -," in line for line in lines)
    print_judgement(judgement)
    printed = capsys.readouterr().out
    assert "sweep (phantom, hops 1, unetr): 8 patients, 2 seeds: every depth" in printed
    assert "In no sweep: unet-seed0: a control: no depth is set" in printed
    assert "sweep: far-sighted: regret 0.210" in printed


def test_dice_that_differ_by_less_than_the_margin_look_alike(tmp_path: Path) -> None:
    sweeps = judge_study(made_study(tmp_path, {}, dict.fromkeys(DICE, 0.8))).sweeps
    for margin in (1.0, 2.0):
        low, high = judgement_figure(sweeps, margin).axes[0].get_ylim()
        assert high - low == pytest.approx(2 * margin)


def test_a_run_is_measured_once_and_asked_once(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    text = run.experiment_file.read_text()
    run.experiment_file.write_text(text.replace("num_patients = 12", "num_patients = 4"))  # three are not reported
    answers = answers_of(run)
    assert list(answers) == list(CRITERIA)
    assert all(seconds is not None and seconds > 0 for seconds in read_seconds(run).values())
    assert answers["causal-radius"].reason == "Too few patients: 3 patients with foreground, needed 6."
    assert answers["rule"].evidence["receptive_field"]["patients"] == 3
    run.weights_file.unlink()  # whoever measured again would need them
    assert answers_of(run) == answers
    choices = json.loads(run.criteria_file.read_text())
    choices["cka"] = choice("cka", 1).model_dump(mode="json") | {"evidence": {"threshold": 0.1, "gates": []}}
    run.criteria_file.write_text(json.dumps(choices))
    assert answers_of(run) == answers, "another version's thresholds are asked again"
    measured = FarSight.load(run.far_sight_file)
    replace(measured, patient_ids=("other", *measured.patient_ids[1:])).save(run.far_sight_file)
    asked = run.criteria_file.stat().st_mtime_ns
    answers_of(run)
    assert run.criteria_file.stat().st_mtime_ns > asked, "what was measured again is asked again"


def test_what_was_measured_before_is_not_measured_over(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    assert MeasuresOfRun(run).similarity.patient_ids
    before = [file.read_bytes() for file in run.measure_files("similarity")]
    measure_missing(run, silent)
    assert [file.read_bytes() for file in run.measure_files("similarity")] == before
    assert run.profile_file.exists()
