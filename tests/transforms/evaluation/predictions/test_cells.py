from __future__ import annotations

import pytest

from labelbeam.transforms.evaluation.predictions.cells import LONGEST_LITERAL, literal


@pytest.mark.parametrize("cell", ['["a", 1.5]', "['a', 1.5]", " ['a', 1.5] "])
def test_lists_are_read_as_json_and_python_write_them(cell: str) -> None:
    assert literal(cell, "label") == ["a", 1.5]


def test_json_may_be_longer_than_what_python_writes() -> None:
    assert len(literal(f"[{'1,' * LONGEST_LITERAL}1]", "label")) == LONGEST_LITERAL + 1
    with pytest.raises(ValueError, match=r"label has .* characters and is no JSON"):
        literal(f"['{'a' * LONGEST_LITERAL}']", "label")


@pytest.mark.parametrize("cell", ["", "cat", "__import__('os')", "[" * 10_000, "[0.5 0.5]"])
def test_what_is_no_list_is_told(cell: str) -> None:
    with pytest.raises(ValueError, match=r"label is .*expected a list"):
        literal(cell, "label")
