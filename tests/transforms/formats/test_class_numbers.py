"""Class numbers that count from another number than the names of classes."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.class_numbers import add_ends, doubts_of_ends
from labelbeam.transforms.formats.frames import Evidence


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((0, 0, 5, 2), (2, "one more than the last class")),
        ((3, 1, 0, 0), (3, "one less than the first class")),
        ((0, 1, 5, 2), None),
        ((1, 0, 5, 2), None),
        ((3, 1, 1, 0), None),
        ((0, 4, 5, 0), None),
        ((0, 0, 0, 0), None),
    ],
)
def test_a_number_beyond_one_end_is_doubted_where_that_of_the_other_end_is_not_used(
    counts: tuple[int, ...], expected: tuple[int, str] | None
) -> None:
    evidence = Evidence()
    add_ends(evidence, counts, "a.txt")
    doubts = doubts_of_ends("memory://x", evidence, "labels", "rows")
    assert bool(doubts) == (expected is not None)
    for doubt in doubts:
        assert expected is not None
        assert (doubt.code, doubt.count, doubt.example) == ("categories_shifted", expected[0], "a.txt")
        assert doubt.message.startswith(f"memory://x: {expected[0]} labels have a number that is {expected[1]}")
        assert "rows and names may count" in doubt.message
