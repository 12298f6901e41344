"""Fields that say whether a record is to be trained on."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "rejected"),
        ("Review Status", "not reviewed"),
        ("label-state", "Pending"),
        ("quality", "bad"),
        ("deleted", "true"),
        ("is_corrupt", "1"),
        ("exclude", "x"),
        ("approved", "FALSE"),
        ("is_usable", "0"),
        ("use", "no"),
    ],
)
def test_a_field_speaks_against_its_record(key: str, value: str) -> None:
    assert speaks_against(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "approved"),
        ("status", ""),
        ("deleted", "0"),
        ("deleted", ""),
        ("approved", "yes"),
        ("approved", "alice"),
        ("label", "rejected"),
        ("useful", "no"),
        ("statistics", "bad"),
    ],
)
def test_a_field_that_says_nothing_against_it_does_not(key: str, value: str) -> None:
    assert not speaks_against(key, value)


def test_a_verdict_is_known_by_its_name() -> None:
    assert is_verdict("Annotation Status") and is_verdict("isDeleted") and not is_verdict("state_of_origin")
