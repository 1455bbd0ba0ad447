import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from trimformer.data import rules
from trimformer.data.layouts.nnunet import find_nnunet
from trimformer.data.reading.case import read_case
from trimformer.records.settings import DataSettings

PAGE = (Path(__file__).parents[3] / "docs/own-data.md").read_text()


def test_the_pages_snippet_arranges_a_folder_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert snippet
    monkeypatch.chdir(tmp_path)
    voxels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    for folder, content in {"scans": voxels, "masks": voxels % 3}.items():
        Path(folder).mkdir()
        for name in ("anna.nii.gz", "bert 2.nii.gz"):
            nibabel.save(nibabel.Nifti1Image(content, np.eye(4)), Path(folder) / name)
    exec(snippet[1], {})
    layout = find_nnunet(DataSettings(dataset="nnunet", root="Dataset001_Liver"))
    assert layout.problems == ()
    assert [case.patient_id for case in layout.cases] == ["anna", "bert 2"]
    np.testing.assert_array_equal(read_case(layout, layout.cases[1]).labels, voxels % 3)
    assert json.loads(Path("Dataset001_Liver/dataset.json").read_text())["numTraining"] == 2


@pytest.mark.parametrize("name", [name for name in dir(rules) if isinstance(getattr(rules, name), rules.Rule)])
def test_the_page_tells_of_every_rule(name: str) -> None:
    rule: rules.Rule = getattr(rules, name)
    told = rule.sentence.removeprefix("The root of a dataset ")
    assert told in PAGE
