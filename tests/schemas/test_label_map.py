"""What --labels says, and what it must not say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.label_map import LabelMap, parse_labels
from labelbeam.schemas.reasons import Skipped


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kitten": "cat", "person": None}, LabelMap({"kitten": "cat"}, None, ["person"])),
        ({" kitten ": " cat", "cafe\u0301": "e\u0301"}, LabelMap({"caf\u00e9": "\u00e9", "kitten": "cat"})),
        ({"rename": {"keep": "kept"}}, LabelMap({"keep": "kept"})),
        (
            {
                "rename": {"kitten": "cat"},
                "merge": {"vehicle": ["truck", "car"]},
                "keep": ["vehicle", "cat"],
                "min_count": 5,
            },
            LabelMap({"car": "vehicle", "kitten": "cat", "truck": "vehicle"}, ["cat", "vehicle"], [], 5),
        ),
        ({"rename": {"a": "b", "b": "a"}, "drop": ["a", "a"]}, LabelMap({"a": "b", "b": "a"}, None, ["a"])),
        ({"merge": {"cat": ["kitten"]}, "rename": {"kitten": "cat"}}, LabelMap({"kitten": "cat"})),
    ],
)
def test_a_mapping_is_read_into_one_that_says_each_thing_in_one_way(said: Any, expected: LabelMap) -> None:
    assert parse_labels(said) == expected
    assert parse_labels(msgspec.to_builtins(expected)) == expected, "what stands in a manifest is read like any other"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "empty mapping"),
        (["cat"], "found a list of 1"),
        ("cat", "found 'cat'"),
        ({"cats": ["cat"]}, "the keys are cats, expected new names by old ones"),
        ({"drop": "person"}, "drop is 'person', expected a list"),
        ({"drop": None}, "drop is empty"),
        ({"rename": ["a"]}, "rename is a list of 1"),
        ({"merge": ["a"]}, "merge is a list of 1"),
        ({"merge": {"cat": "kitten"}}, "merge: cat is 'kitten', expected a list"),
        ({"drop": ["person"], "kitten": "cat"}, "found 'kitten' beside 'drop'"),
        ({"kitten": 7}, "a new name is 7, expected text; put numbers"),
        ({7: "seven"}, "a label is 7, expected text; put numbers"),
        ({"drop": [True]}, "a label of drop is True"),
        ({"kitten": " "}, "a new name is empty"),
        ({"": "cat"}, "a label is empty"),
        ({"kitten": "\ud800"}, "not valid Unicode"),
        ({"kitten": "c" * 257}, "has 257 characters, expected at most 256"),
        ({"rename": {"kitten": "cat"}, "merge": {"pet": ["kitten"]}}, "becomes both 'cat' and 'pet'"),
        ({"kitten": "cat", " kitten": "pet"}, "becomes both 'cat' and 'pet'"),
        ({"cat": "kitten", "kitten": None}, "'kitten' is dropped, and is also renamed or a new name"),
        ({"rename": {"kitten": "cat"}, "drop": ["kitten"]}, "drop names 'kitten', which becomes 'cat'"),
        ({"rename": {"kitten": "cat"}, "keep": ["kitten"]}, "keep names 'kitten', which becomes 'cat'"),
        ({"keep": ["a", "b"], "drop": ["b"]}, "'b' is both kept and dropped"),
        ({"keep": []}, "keep names no label"),
        ({"min_count": 0}, "min_count is 0, expected a whole number from 1 up"),
        ({"min_count": True}, "min_count is True"),
        ({"min_count": "5"}, "min_count is '5'"),
    ],
)
def test_what_says_nothing_or_contradicts_itself_is_refused(said: Any, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_labels(said)
    assert str(raised.value).startswith("--labels: ") and words in str(raised.value), raised.value


labels = st.sampled_from(["a", "b", "c", "d"])


@given(st.dictionaries(labels, labels), st.none() | st.sets(labels, min_size=1), st.sets(labels), st.integers(1, 6))
def test_each_label_of_the_source_has_one_fate(
    rename: dict[str, str], keep: set[str] | None, drop: set[str], least: int
) -> None:
    counts = {"a": 1, "b": 2, "c": 3}
    found = LabelMap(rename, None if keep is None else sorted(keep), sorted(drop), least)
    totals = {new: sum(count for name, count in counts.items() if rename.get(name, name) == new) for new in "abcd"}
    for name, fate in zip(counts, found.fates([*counts], found.rare(counts)), strict=True):
        new = rename.get(name, name)
        if new in drop or (keep is not None and new not in keep):
            assert fate is Skipped.LABEL_DROPPED
        else:
            assert fate is (Skipped.LABEL_RARE if totals[new] < least else None)


def test_labels_that_the_source_does_not_have_are_told_once_each() -> None:
    found = LabelMap({"kitten": "cat", "pup": "dog"}, ["cat", "dog", "cow"], ["person"])
    assert found.unknown(["kitten", "person"]) == ["pup", "cow"]
    assert found.unknown([]) == ["kitten", "pup", "cow", "person"]
