"""Paths of datasets: joined, compared, and followed without leaving the root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.paths import join, key_of, parts_of, resolved


def test_what_is_empty_is_no_part_of_a_path() -> None:
    assert join("a", "", "b") == "a/b"
    assert join("", "") == ""


def test_names_in_another_case_or_composed_otherwise_have_one_key() -> None:
    assert key_of("A.JPG") == key_of("a.jpg") != key_of("b.jpg")
    assert key_of("caf\u00e9") == key_of("CAFE\u0301")


@pytest.mark.parametrize(
    ("base", "path", "place"),
    [
        *(("a/b", "../c", "a/c"), ("", "./c//d", "c/d"), ("a", "", "a"), ("a", "..", ""), ("a", "b\\c", "a/b/c")),
        *(("", "../c", None), ("a", "../../c", None), ("a", "/c", None), ("a", "C:\\c", None)),
    ],
)
def test_a_path_is_followed_from_its_base_and_never_out_of_the_root(base: str, path: str, place: str | None) -> None:
    assert resolved(base, path) == place


@given(st.text("ab./\\:C"), st.sampled_from(["", "a", "a/b"]))
def test_wherever_a_path_leads_it_stays_below_the_root(path: str, base: str) -> None:
    place = resolved(base, path)
    assert place is None or not {"", ".", ".."} & set(place.split("/")) or place == ""
    assert not {"", ".", ".."} & set(parts_of(path))


def test_of_a_path_without_end_the_last_names_count() -> None:
    assert len(parts_of("a/" * 100_000)) == 50
