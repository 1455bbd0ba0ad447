from typing import Any

from trimformer.training.manifest import with_resume

BEGUN: dict[str, Any] = {
    "trimformer": "1", "python": "3.11", "libraries": {"torch": "2.6"}, "precision": "32-true",
    "hardware": {"threads": 2}, "seed": 0,
}  # fmt: skip


def test_a_run_that_goes_on_as_it_began_has_the_same_manifest() -> None:
    assert with_resume(BEGUN, BEGUN) == BEGUN


def test_what_differs_where_a_run_goes_on_is_added_once() -> None:
    elsewhere = {**BEGUN, "hardware": {"threads": 64}}
    once = with_resume(BEGUN, elsewhere)
    assert once == {**BEGUN, "resumed": [{"hardware": {"threads": 64}}]}
    assert with_resume(once, elsewhere) == once
    assert with_resume(once, BEGUN)["resumed"] == [{"hardware": {"threads": 64}}, {"hardware": {"threads": 2}}]
