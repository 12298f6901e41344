"""Columns that say whether a row's label is there, and those of what is above a label."""

from __future__ import annotations

import json

import pytest

from labelbeam.transforms.formats.folder.answers import confidence_column, doubts_of_answers, sureness
from labelbeam.transforms.formats.folder.rows import TableRow, TableRows, read_rows

SEVERAL = "image_classification_multilabel"


def rows(head: str, *lines: str, name: str = "labels.csv") -> TableRows:
    return read_rows(name, "\n".join([head, *lines]).encode(), SEVERAL)


def labels(found: TableRows) -> list[tuple[list[str], list[str]]]:
    return [(row.labels, row.absent) for row in found.rows if isinstance(row, TableRow)]


def codes(found: TableRows) -> list[str]:
    return [str(doubt.code) for doubt in found.doubts]


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("present", "yes", "no"),
        ("Presence", "True", "False"),
        ("value", "1", "0"),
        ("answer", "y", "n"),
        ("score", "1", "-1"),
        ("is_positive", "1.0", "0.0"),
        ("exists", "present", "absent"),
    ],
)
def test_a_label_that_is_answered_with_no_is_absent(column: str, yes: str, no: str) -> None:
    found = rows(f"file,label,{column}", f"a.jpg,cat,{yes}", f"a.jpg,dog,{no}", f"b.jpg,cat,{no}", f"b.jpg,dog,{yes}")
    assert labels(found) == [(["cat"], []), ([], ["dog"]), ([], ["cat"]), (["dog"], [])]
    assert codes(found) == ["labels_absent"]


@pytest.mark.parametrize(("column", "cells"), [("value", ["3", "7", "1", "0"]), ("answer", ["red", "blue", "red", "blue"]), ("value", ["1", "1", "1", "1"])])  # fmt: skip
def test_columns_that_hold_something_else_answer_nothing(column: str, cells: list[str]) -> None:
    found = rows(f"file,label,{column}", *(f"{at // 2}.jpg,{'cat' if at % 2 else 'dog'},{cell}" for at, cell in enumerate(cells)))  # fmt: skip
    assert all(absent == [] and kept for kept, absent in labels(found))


def test_yes_and_no_by_another_name_is_doubted_where_images_have_several_rows() -> None:
    lines = ["a.jpg,cat,1", "a.jpg,dog,0", "b.jpg,cat,0", "b.jpg,dog,1"]
    found = rows("file,label,marked", *lines)
    assert all(kept for kept, _ in labels(found))
    assert codes(found) == ["flags_not_read"] and "'marked'" in found.doubts[0].message
    assert codes(rows("file,label,male", "a.jpg,cat,1", "b.jpg,dog,0", "c.jpg,cat,0")) == []


def test_an_answer_beside_the_one_label_of_an_image_is_doubted() -> None:
    found = rows("file,label,correct", "a.jpg,cat,1", "b.jpg,dog,0", "c.jpg,cat,1")
    assert labels(found) == [(["cat"], []), (["dog"], []), (["cat"], [])]
    assert codes(found) == ["flags_not_read"]


@pytest.mark.parametrize(
    ("cell", "sure"), [("0,5", 0.5), ("YES", 1.0), ("f", 0.0), ("absent", 0.0), ("none", None), ("low", None)]
)
def test_how_sure_a_cell_is(cell: str, sure: float | None) -> None:
    assert sureness(cell) == sure


def test_the_column_of_the_labels_is_no_answer() -> None:
    assert confidence_column(["file", "value"], [["a", "1"], ["b", "0"]], 1, 0) is None
    assert list(doubts_of_answers("t", ["file", "label"], [["a", "1"], ["a", "0"]], 1, 0, ())) == []


@pytest.mark.parametrize("above", ["supercategory", "superclass", "parent", "Super-Class"])
def test_one_label_under_several_names_above_is_doubted(above: str) -> None:
    found = rows(f"file,{above},category", "a.jpg,animal,mouse", "b.jpg,electronic,mouse", "c.jpg,electronic,cup")
    assert codes(found) == ["several_supercategories"] and "'mouse'" in found.doubts[0].message
    assert codes(rows(f"file,{above},category", "a.jpg,animal,mouse", "b.jpg,animal,cat")) == []


def test_one_label_under_several_names_above_is_doubted_in_json_lines() -> None:
    lines = [
        json.dumps({"file_name": f"{above}.jpg", "label": "mouse", "supercategory": above}) for above in ("animal", "electronic")
    ]  # fmt: skip
    assert codes(rows(*lines, name="metadata.jsonl")) == ["several_supercategories"]


def test_a_column_that_differs_for_nearly_all_labels_is_not_above_them() -> None:
    assert codes(rows("file,family,category", "a.jpg,x,cat", "b.jpg,y,cat", "c.jpg,x,dog", "d.jpg,y,dog")) == []
