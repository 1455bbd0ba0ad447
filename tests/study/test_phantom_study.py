"""`studies/phantom.toml`: every number of hops at every depth with every seed, on the depth phantom."""

from itertools import product
from pathlib import Path

from trimformer.records.study import read_study
from trimformer.study.plan import plan_study

STUDY = Path(__file__).parents[2] / "studies" / "phantom.toml"


def test_every_number_of_hops_meets_every_depth_with_every_seed(tmp_path: Path) -> None:
    plan = plan_study(read_study(STUDY), tmp_path)
    assert not plan.faults
    told = {
        job.name: (job.experiment.data.hops, job.experiment.model.num_blocks, job.experiment.seed) for job in plan.jobs
    }
    wanted = list(product(range(4), (0, 1, 2, 3, 4, 6, 12), range(10)))
    assert sorted(told.values()) == wanted
    assert told["hops-2-4-seed9"] == (2, 4, 9)
