"""The categories of a COCO file: which label an id stands for, and why it stands for none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.formats.coco.categories import Categories


def read(*categories: Any) -> Categories:
    found = Categories("file:///d/instances.json")
    found.add(", ".join(item if isinstance(item, str) else json.dumps(item) for item in categories).encode())
    return found


def labels(*categories: Any) -> dict[Any, str]:
    names, label_of, _ = read(*categories).labels()
    assert names == sorted(set(names))
    return {identity: names[label] for identity, label in label_of.items()}


def refused(*categories: Any) -> dict[Any, tuple[str, str]]:
    return {identity: (str(code), why) for identity, (code, why) in read(*categories).refused.items()}


def test_category_ids_may_be_0_text_unsorted_and_with_gaps() -> None:
    found = labels({"id": 90, "name": "zebra"}, {"id": 0, "name": "ant"}, {"id": "x", "name": "bee"})
    assert found == {90: "zebra", 0: "ant", "x": "bee"}


def test_categories_may_share_a_name() -> None:
    assert labels({"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}) == {1: "cat", 2: "cat"}


def test_a_category_that_stands_twice_is_one() -> None:
    assert labels({"id": 1, "name": "cat"}, {"id": 1, "name": "cat"}) == {1: "cat"}


def test_a_category_with_two_names_is_none() -> None:
    twice = [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}, {"id": 2, "name": "dog"}, {"id": 1, "name": "cat"}]
    assert labels(*twice) == {2: "dog"}
    assert refused(*twice)[1][0] == "ambiguous_category_id"


@pytest.mark.parametrize("name", ["", "  ", "\n", None, "\ud800", ["cat"], True, {}])
def test_a_category_without_a_usable_name_is_refused(name: Any) -> None:
    bad = {"id": 1, "name": name}
    assert labels(bad, {"id": 2, "name": "cat"}) == {2: "cat"}
    (code, why) = refused(bad)[1]
    assert code == "invalid_label"
    assert why.startswith("category 1 ")


@pytest.mark.parametrize("name", ["NaN", "Infinity"])
def test_a_name_that_is_not_a_number_is_no_name(name: str) -> None:
    assert labels(f'{{"id": 1, "name": {name}}}') == {}


def test_a_name_may_be_a_number_and_is_counted() -> None:
    numbers = {"id": 1, "name": 7}, {"id": 2, "name": 1.5}
    assert labels(*numbers) == {1: "7", 2: "1.5"}
    assert read(*numbers).adjusted == {Adjusted.LABEL_FROM_NUMBER: 2}


def test_a_name_is_normalised_and_counted() -> None:
    odd = {"id": 1, "name": " cafe\u0301\n"}, {"id": 2, "name": "tea"}
    assert labels(*odd) == {1: "caf\u00e9", 2: "tea"}
    assert read(*odd).adjusted == {Adjusted.LABEL_NORMALIZED: 1}


def test_names_that_say_that_there_is_no_object_are_known_in_any_case() -> None:
    names, _, empty = read(
        {"id": 1, "name": "Empty"}, {"id": 2, "name": "__background__"}, {"id": 3, "name": "emptying"}
    ).labels()
    assert {names[label] for label in empty} == {"Empty", "__background__"}


def test_a_label_of_several_supercategories_is_a_doubt_that_names_them() -> None:
    found = read(
        {"id": 1, "name": "mouse", "supercategory": "animal"},
        {"id": 2, "name": "mouse", "supercategory": " device "},
        {"id": 3, "name": "cat", "supercategory": "animal"},
        {"id": 4, "name": "cat", "supercategory": "animal"},
        {"id": 5, "name": "dog", "supercategory": None},
        {"id": 6, "name": "dog", "supercategory": "animal"},
    )
    (doubt,) = found.doubts
    assert (doubt.code, doubt.example) == (Doubted.SEVERAL_SUPERCATEGORIES, "mouse")
    assert "(animal, device)" in doubt.message


def test_a_source_with_a_signature_in_its_url_is_not_told_with_it() -> None:
    found = Categories("https://host/a.json?sig=hunter2secret")
    found.add(b'{"id": 1, "name": "a", "supercategory": "x"}, {"id": 2, "name": "a", "supercategory": "y"}')
    assert "hunter2" not in found.doubts[0].message


@given(st.permutations([{"id": number, "name": name} for number, name in enumerate(["b", "a", "b", "c"])]))
def test_labels_do_not_depend_on_the_order_of_the_categories(categories: list[dict[str, Any]]) -> None:
    assert labels(*categories) == {0: "b", 1: "a", 2: "b", 3: "c"}


def test_ids_are_told_by_label_and_those_that_no_float_holds_as_text() -> None:
    found = read(
        {"id": 9, "name": "cat"}, {"id": "x", "name": "cat"}, {"id": 2**53 + 1, "name": "dog"}, {"id": 1, "name": " "}
    )
    assert found.ids() == {"cat": [9, "x"], "dog": [str(2**53 + 1)]}
