"""Ids of annotations that are not written as those of the images and categories that they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.coco.index import CocoIndex, IndexBuilder
from labelbeam.transforms.formats.coco.references import References


def index(ids: list[Any], categories: dict[Any, str]) -> CocoIndex:
    builder = IndexBuilder("file:///d.json", 0, "", None, 1)
    images = [{"id": identity, "file_name": f"{row}.jpg"} for row, identity in enumerate(ids)]
    builder.add_images(json.dumps(images)[1:-1].encode())
    builder.categories.add(json.dumps([{"id": key, "name": name} for key, name in categories.items()])[1:-1].encode())
    list(builder.finish())
    return builder.index


@pytest.mark.parametrize(
    ("ids", "wanted", "row"),
    [
        ([1, 2], 2, 1),
        ([1, 2], "2", 1),
        (["1", "2"], 2, 1),
        ([1, 2], "2.0", 1),
        (["2"], "2.0", 0),
        (["000001", "000002"], 2, 1),
        (["0"], 0, 0),
        (["02", "2"], 2, 1),
        (["02", "002"], 2, -1),
        ([2], "02", 0),
        (["a"], "b", -1),
        (["a"], "2.5", -1),
        (["0" + "1" * 5000], 1, -1),
    ],
)
def test_an_image_is_found_by_its_id_however_it_is_written(ids: list[Any], wanted: Any, row: int) -> None:
    assert References(index(ids, {})).row(wanted) == (row, False)


@pytest.mark.parametrize(
    ("wanted", "row"), [("a/x.jpg", 0), ("y.jpg", 1), ("y", 1), ("x", -1), ("x.jpg", -1), ("z", -1), ("", -1)]
)
def test_an_image_is_found_by_its_name_where_no_other_is_called_so(wanted: str, row: int) -> None:
    builder = IndexBuilder("file:///d.json", 0, "", None, 1)
    names = ("a/x.jpg", "a/y.jpg", "b/x.jpg")
    builder.add_images(json.dumps([{"id": at, "file_name": name} for at, name in enumerate(names)])[1:-1].encode())
    list(builder.finish())
    assert References(builder.index).row(wanted) == (row, row >= 0)


@pytest.mark.parametrize(
    ("wanted", "label", "by_name"),
    [
        (7, "cat", False),
        ("7", "cat", False),
        ("cat", "cat", True),
        (" dog ", "dog", True),
        ("cow", None, False),
        ("3", "dog", False),
        ("7.0", "cat", False),
        (4, None, False),
    ],
)
def test_a_category_is_found_by_its_id_before_its_name(wanted: Any, label: str | None, by_name: bool) -> None:
    found = index([], {7: "cat", 3: "dog", 9: "7"})
    number, named = References(found).label(wanted)
    assert (found.labels[number] if number >= 0 else None, named) == (label, by_name)


def test_the_name_of_a_category_that_is_refused_is_none() -> None:
    builder = IndexBuilder("file:///d.json", 0, "", None, 1)
    builder.categories.add(b'{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}')
    list(builder.finish())
    assert References(builder.index).label("cat") == (-1, False)
