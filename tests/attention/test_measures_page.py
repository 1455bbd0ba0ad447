"""The snippets of docs/attention-measures.md run as they stand there."""

import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs/attention-measures.md").read_text()


def test_the_snippets_of_the_page_run_and_give_what_it_says() -> None:
    known: dict[str, Any] = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(snippet, known)
    assert known["field"].pictures["foreground/centred"].shape == (3, 7, 7)
    assert known["here"].measures().patient_ids == ("anna", "ben", "unnamed")
    assert known["relevance"].patches.shape == (2, 16)
