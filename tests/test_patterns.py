"""What all regular expressions of the project keep to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path for room in ("labelbeam", "pipelines", "schemas", "transforms") for path in (ROOT / room).rglob("*.py")
)
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")


@pytest.mark.parametrize(
    ("pattern", "is_one"), [("(?:a|b)*+", True), ("(?>a)", True), ("(a){1,2}+", True), ("[ab]*+(a)+", False)]
)
def test_groups_that_give_nothing_back_are_found(pattern: str, is_one: bool) -> None:
    assert (POSSESSIVE_GROUP.search(pattern) is not None) is is_one


def test_no_group_is_repeated_without_going_back() -> None:
    """Python before 3.11.5 reads such groups wrongly (github.com/python/cpython/issues/106052); single characters it reads as they are."""
    lines = [
        f"{module.relative_to(ROOT)}:{number}: {line}"
        for module in MODULES
        for number, line in enumerate(module.read_text().splitlines(), 1)
        if not line.lstrip().startswith("#") and POSSESSIVE_GROUP.search(line)
    ]
    assert lines == []
