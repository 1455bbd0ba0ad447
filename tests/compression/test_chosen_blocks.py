import json
from pathlib import Path

import pytest

from trimformer.compression.chosen_blocks import chosen_blocks, told
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

TWELVE = tuple(range(12))
CUT = (0, 2, 5, 7)


@pytest.mark.parametrize(
    ("words", "available", "blocks", "name"),
    [
        ("3", TWELVE, (0, 1, 2), "keep3"),
        ("first3", TWELVE, (0, 1, 2), "keep3"),
        ("0", TWELVE, (), "keep0"),
        ("last0", TWELVE, (), "keep0"),
        ("12", TWELVE, TWELVE, "keep12"),
        ("last3", TWELVE, (9, 10, 11), "last3"),
        ("0,3,7", TWELVE, (0, 3, 7), "blocks0.3.7"),
        ("0, 3, 7", TWELVE, (0, 3, 7), "blocks0.3.7"),
        ("7,", TWELVE, (7,), "blocks7"),
        ("2", CUT, (0, 2), "keep2"),
        ("last2", CUT, (5, 7), "last2"),
        ("2,7", CUT, (2, 7), "blocks2.7"),
    ],
)
def test_words_name_blocks(words: str, available: tuple[int, ...], blocks: tuple[int, ...], name: str) -> None:
    assert chosen_blocks(words, RunFolder(Path("run")), available) == blocks
    assert told(blocks, available) == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("some", "whole number, first3, last3, a list"),
        ("-1", "whole number, first3, last3, a list"),
        ("middle3", "whole number, first3, last3, a list"),
        ("last5", "found 5 of 4"),
        ("0,3", "found block 3"),
        ("7,0", "rising"),
    ],
)
def test_other_words_are_refused(words: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        chosen_blocks(words, RunFolder(Path("run")), CUT)


def test_auto_is_what_was_chosen(tmp_path: Path) -> None:
    choice = {"status": "chosen", "num_blocks": 2, "reason": "global", "criterion": "", "evidence": {}}
    run = RunFolder(tmp_path)
    run.depth_file.write_text(json.dumps(choice | {"sensitivity": {}}))
    assert chosen_blocks("auto", run, TWELVE) == (0, 1)
    run.depth_file.write_text(
        json.dumps(choice | {"sensitivity": {}, "status": "inconclusive", "num_blocks": None, "reason": "no step"})
    )
    with pytest.raises(UserError, match="inconclusive: no step"):
        chosen_blocks("auto", run, TWELVE)
