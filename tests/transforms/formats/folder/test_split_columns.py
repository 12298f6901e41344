"""Columns that say which split a row is of, by words, by numbers, and as a person says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.split_columns import meaning_of, parse_split_values, split_columns
from tests.transforms.formats.folder.read_tables import (
    labels,
    read,
    read_jsonl,
)


def test_a_column_of_split_names_splits_the_images() -> None:
    content = read("filename,label,split\n1.jpg,a,Train\n2.jpg,a,val\n3.jpg,a,\n")
    assert [image.split for image in content.images] == ["train", "validation", None]
    content = read_jsonl({"file_name": "1.jpg", "label": "a", "split": "dev"}, {"file_name": "2.jpg", "split": None})
    assert [image.split for image in content.images] == ["validation", None]


@pytest.mark.parametrize(
    "text",
    ["filename,label,split\n1.jpg,a,train\n2.jpg,a,fold 2\n", "filename,split,a\n1.jpg,fold 1,1\n2.jpg,fold 2,1\n"],
)
def test_a_split_column_with_other_words_is_not_used_and_warned_of(text: str) -> None:
    content = read(text)
    assert labels(content) == {"1.jpg": ["a"], "2.jpg": ["a"]}
    assert [image.split for image in content.images] == [None, None]
    assert any("fold 2" in warning for warning in content.warnings)


def test_a_split_that_is_no_text_is_told_as_an_escape() -> None:
    content = read_jsonl({"file_name": "1.jpg", "label": "a", "split": "\udc88ev"})
    (warning,) = (warning for warning in content.warnings if "--split-values" in warning)
    assert "such as \\udc88ev=train" in warning


def test_a_one_hot_class_called_set_is_a_class() -> None:
    content = read("filename,set,cat\n1.jpg,1,0\n2.jpg,0,1\n")
    assert (labels(content), content.warnings) == ({"1.jpg": ["set"], "2.jpg": ["cat"]}, [])


def test_values_are_read_in_any_case_and_a_sign_may_be_one_of_them() -> None:
    assert parse_split_values("0=train, A=Val,x=y=test") == {"0": "train", "a": "validation", "x=y": "test"}
    assert parse_split_values(None) is None


@pytest.mark.parametrize("given", ["0=train,0=test", "A=train,a=train", "0=train, 0 =train"])
def test_a_value_that_is_given_twice_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"^--split-values: found the value '[0a]' twice, expected each value once$"):
        parse_split_values(given)


@pytest.mark.parametrize("given", ["0", "0=", "=train", "0=trains", ""])
def test_a_value_of_no_split_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(UsageError, match="expected VALUE=SPLIT, such as 0=train, with one of train, validation, test"):
        parse_split_values(given)


def meaning(cells: dict[str, int], given: dict[str, str] | None = None) -> tuple[dict[str, str], list[tuple[str, int]]]:
    doubts: list[Doubt] = []
    found = meaning_of("t.csv", "set", Counter(cells), given, doubts)
    return found, [(doubt.code, doubt.count) for doubt in doubts]


@pytest.mark.parametrize(
    ("cells", "splits", "told"),
    [
        ({"train": 8, "Val": 2}, {"train": "train", "val": "validation"}, []),
        (
            {"training_set": 8, "test set": 2},
            {"training_set": "train", "test set": "test"},
            [(Doubted.SPLIT_CODES, 10)],
        ),
        ({"0": 8, "1": 1, "2": 1}, {"0": "train", "1": "validation", "2": "test"}, [(Doubted.SPLIT_CODES, 10)]),
        (
            {"1.0": 8, "2.0": 1, "3.0": 1},
            {"1.0": "train", "2.0": "validation", "3.0": "test"},
            [(Doubted.SPLIT_CODES, 10)],
        ),
        ({"0": 1, "1": 8, "2": 1}, {}, [(Doubted.SPLIT_COLUMN, 3)]),
        ({"0": 8, "1": 2}, {}, [(Doubted.SPLIT_COLUMN, 2)]),
        ({"train": 8, "other": 2}, {}, [(Doubted.SPLIT_COLUMN, 1)]),
        ({}, {}, []),
    ],
)
def test_words_are_splits_and_numbers_where_the_commonest_is_the_first(
    cells: dict[str, int], splits: dict[str, str], told: list[tuple[str, int]]
) -> None:
    assert meaning(cells) == (splits, told)


def test_what_a_person_says_goes_before_and_what_it_leaves_out_is_told() -> None:
    given = {"0": "test", "1": "train"}
    assert meaning({"0": 8, "1": 2}, given) == (given, [])
    assert meaning({"0": 8, "9": 3}, given) == (given, [(Doubted.SPLIT_COLUMN, 3)])


def columns(names: list[str], rows: list[list[str]], **options: Any) -> tuple[list[str | None], list[str]]:
    doubts: list[Doubt] = []
    found = split_columns("t.csv", names, rows, 0, FolderOptions(**options), doubts)
    return [found.split(row) for row in rows], [str(doubt.code) for doubt in doubts]


def test_a_column_of_yes_and_no_that_is_called_like_a_split_is_one() -> None:
    rows = [["a", "1"], ["b", "0"], ["c", "0"]]
    assert columns(["file", "is_valid"], rows) == (["validation", "train", "train"], ["split_codes"])
    assert columns(["file", "in_train"], rows) == (["train", "test", "test"], ["split_codes"])
    assert columns(["file", "is_valid"], rows, split_column="none") == ([None, None, None], [])
    assert columns(["file", "valid_until"], rows) == ([None, None, None], [])


def test_a_column_that_was_named_and_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="--split-column"):
        columns(["file", "x"], [["a", "1"]], split_column="y")
