"""Hashes of paths, and the buckets and splits that follow from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.columns.hashes import (
    bucket_of,
    buckets_of,
    draw_split,
    identity_of,
    stable_hash,
    stable_hashes,
)
from tests.transforms.columns.drawn import (
    quick,
)


def test_hashes_are_those_of_every_version() -> None:
    """A change here moves images to other shards and splits in every build."""
    assert stable_hash("a.jpg") == 18322877502207469449
    assert stable_hash("") == 16476032584258269876
    assert stable_hash("日本/1.jpg") == 10718485145022114144
    assert [bucket_of(f"{number}.jpg", 16) for number in range(8)] == [2, 9, 0, 2, 12, 0, 4, 10]
    halves = {"train": 0.5, "test": 0.5}
    assert [draw_split(f"{number}.jpg", halves) for number in range(4)] == ["train", "test", "test", "test"]


def test_a_name_that_is_no_unicode_has_a_hash_too() -> None:
    assert stable_hash("\udc80.jpg") != stable_hash("\udc81.jpg")


@quick
@given(st.text(), st.integers(1, 99_999))
def test_a_bucket_is_one_of_those_there_are(path: str, buckets: int) -> None:
    assert 0 <= bucket_of(path, buckets) < buckets


def test_splits_are_drawn_in_the_shares_asked_for() -> None:
    shares = {"train": 0.7, "validation": 0.2, "test": 0.1}
    drawn = [draw_split(f"images/{number}.jpg", shares) for number in range(20_000)]
    for split, share in shares.items():
        assert drawn.count(split) / len(drawn) == pytest.approx(share, abs=0.012)


def test_a_split_does_not_depend_on_the_shard() -> None:
    paths = [f"{number}.jpg" for number in range(4000)]
    in_one_shard = [draw_split(path, {"train": 0.5, "test": 0.5}) for path in paths if bucket_of(path, 4) == 0]
    assert in_one_shard.count("train") / len(in_one_shard) == pytest.approx(0.5, abs=0.06)


def test_moving_the_border_of_two_splits_moves_no_image_across_another() -> None:
    small, large = ({"train": share, "test": 1 - share} for share in (0.6, 0.7))
    for path in (f"{number}.jpg" for number in range(500)):
        if draw_split(path, small) == "train":
            assert draw_split(path, large) == "train"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h/a b.jpg", "https://h/a%20b.jpg", True),
        ("https://h/%C3%A9.jpg", "https://h/\u00e9.jpg", True),
        ("https://h/a%2fb.jpg", "https://h/a%2Fb.jpg", True),
        ("https://h/a%2Fb.jpg", "https://h/a/b.jpg", False),
        ("https://h/a%3Fb.jpg", "https://h/a?b.jpg", False),
        ("https://h/a%2520b.jpg", "https://h/a%20b.jpg", False),
        ("file:///a%20b.jpg", "file:///a b.jpg", False),
        ("a%20b.jpg", "a b.jpg", False),
    ],
)
def test_spellings_of_one_url_go_to_one_bucket(one: str, other: str, same: bool) -> None:
    assert (identity_of(one) == identity_of(other)) is same
    assert bucket_of(one, 10**9) == bucket_of(other, 10**9) or not same


@quick
@given(
    st.lists(st.one_of(st.text(), st.sampled_from(["https://h/a%20b.jpg", "a%20b.jpg", "\udc80.jpg"]))),
    st.integers(1, 20),
)
def test_hashes_and_buckets_of_many_are_those_of_each(paths: list[str], buckets: int) -> None:
    assert stable_hashes(paths).tolist() == [stable_hash(path) for path in paths]
    assert buckets_of(paths, buckets).tolist() == [bucket_of(path, buckets) for path in paths]
