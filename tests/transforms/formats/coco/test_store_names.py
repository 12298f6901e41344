"""Names that the store has otherwise: found by the least difference, and by none where two could be meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.coco.store_names import find_in_store, with_double_slashes, written_alike


@pytest.mark.parametrize(
    ("wanted", "stored"),
    [
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("b%20c.png", "b c.png"),
        ("b+c.png", "b c.png"),
        ("IMG_1.JPG", "img_1.jpg"),
        ("A%20B.JPG", "a b.jpg"),
        ("a.jpg", "a.png"),
        ("a.jpg", "a.JPEG"),
        ("a", "a.jpg"),
        ("v1.2", "v1.2.jpg"),
    ],
)
def test_one_file_that_differs_in_writing_alone_is_meant(wanted: str, stored: str) -> None:
    assert find_in_store([wanted], [stored, "other.jpg"], []) == {wanted: [stored]}


@pytest.mark.parametrize(
    ("wanted", "stored", "taken"),
    [
        ("a.jpg", ["b.jpg"], []),
        ("d/a.jpg", ["a.jpg"], []),
        ("a.jpg", ["a.txt", "a.json"], []),
        ("A.jpg", ["a.jpg"], ["a.jpg"]),
    ],
)
def test_another_file_is_not_meant(wanted: str, stored: list[str], taken: list[str]) -> None:
    assert find_in_store([wanted], stored, taken) == {}


def test_the_least_difference_counts_and_of_equal_ones_all_are_told() -> None:
    assert find_in_store(["A.jpg"], ["a.png", "a.jpg"], []) == {"A.jpg": ["a.jpg"]}
    assert find_in_store(["a.jpg"], ["a.bmp", "a.png"], []) == {"a.jpg": ["a.bmp", "a.png"]}


def test_a_file_that_two_names_mean_is_neither_s() -> None:
    assert find_in_store(["A.jpg", "a.JPG", "b.JPG"], ["a.jpg", "b.jpg"], []) == {"b.JPG": ["b.jpg"]}


@given(
    st.lists(st.text("aA%2 .jpgn\u0301e", max_size=8), max_size=5),
    st.lists(st.sampled_from(["a.jpg", "A.png", "e\u0301.jpg", "\u00e9.png", "b"]), max_size=4),
)
def test_what_is_found_is_in_the_store_and_no_file_is_found_twice(wanted: list[str], stored: list[str]) -> None:
    found = find_in_store(wanted, stored, [])
    named = [path for paths in found.values() for path in set(paths)]
    assert set(named) <= set(stored) and len(named) == len(set(named))
    assert set(found) <= set(wanted)
    assert find_in_store(wanted[::-1], stored[::-1], []) == found or len(set(wanted)) < len(wanted)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *(("a//b.jpg", "a//b.jpg"), ("a\\\\b.jpg", "a//b.jpg"), ("./a//b.jpg", "a//b.jpg")),
        *(("a/b.jpg", None), ("a//../b.jpg", None), ("//a.jpg", None), ("https://h//a.jpg", None)),
    ],
)
def test_empty_parts_of_a_name_are_kept_where_it_leads_nowhere(name: str, path: str | None) -> None:
    assert with_double_slashes(name) == path


def test_folders_differ_only_where_all_do() -> None:
    stored = ["images/a.jpg", "images/b.jpg", "images/B.jpg", "x/c.jpg", "y/c.jpg"]
    assert find_in_store(["1/a.jpg"], stored, []) == {}
    found = find_in_store(["1/a.jpg", "1/c.jpg", "1/d.jpg"], stored, [], by_last=True)
    assert found == {"1/a.jpg": ["images/a.jpg"], "1/c.jpg": ["x/c.jpg", "y/c.jpg"]}
    assert find_in_store(["1/a.jpg", "2/a.jpg"], stored, [], by_last=True) == {}
    assert find_in_store(["1/a.jpg"], stored, ["images/a.jpg"], by_last=True) == {}
    assert find_in_store(["COCO_val2014_000000000139.jpg"], ["000000000139.jpg"], []) == {
        "COCO_val2014_000000000139.jpg": ["000000000139.jpg"]
    }


@pytest.mark.parametrize(
    ("path", "further", "form"),
    [
        ("my%20images/a%201.JPG", False, "my images/a 1.jpg"),
        ("a+b.jpg", False, "a b.jpg"),
        ("caf\u00e9.jpg", False, "cafe\u0301.jpg"),
        ("d/img_1.JPG", True, "d/IMG_1.jpg"),
        ("D/Img.jpg", True, "d/img.jpg"),
        ("1", True, "1.png"),
        ("1.jpg", True, "1.png"),
    ],
)
def test_ways_in_which_a_store_may_have_a_name(path: str, further: bool, form: str) -> None:
    found = written_alike(path, further)
    assert form in found and path not in found


def test_no_way_of_a_name_leads_out() -> None:
    assert not any(".." in form for form in written_alike("%2e%2e/1.jpg", True) if not form.startswith("%"))
