"""Evidence of a source's records, tallied wherever they were read, is the same in any order."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.frames import FRACTIONS, PIXELS, SCALES, Evidence, Frame, total

records = st.lists(
    st.tuples(st.sampled_from(["boxes", "corners"]), st.integers(0, 3), st.sampled_from(["", "a 1", "a 2"])), max_size=8
)


def of(parts: list[tuple[str, int, str]]) -> Evidence:
    found = Evidence()
    for name, count, example in parts:
        found.add(name, count, example)
    return found


@given(records, st.integers(0, 8), st.permutations(range(8)))
def test_records_counted_apart_and_in_any_order_are_the_same(
    parts: list[tuple[str, int, str]], cut: int, order: list[int]
) -> None:
    whole = of(parts)
    shuffled = [parts[at] for at in order if at < len(parts)]
    merged = reduce(Evidence.merge, [of(shuffled[:cut]), of(shuffled[cut:])], Evidence())
    assert merged.tallies == whole.tallies
    for name in ("boxes", "corners"):
        assert merged.count(name) == sum(count for other, count, _ in parts if other == name)


def test_of_examples_the_lesser_is_kept_and_none_is_less_than_any() -> None:
    found = of([("boxes", 1, ""), ("boxes", 1, "b"), ("boxes", 1, "a"), ("boxes", 1, "c")])
    assert (found.count("boxes"), found.example("boxes")) == (4, "a")
    assert (found.count("other"), found.example("other")) == (0, "")


def test_nothing_counted_is_no_tally() -> None:
    assert of([("boxes", 0, "a")]).tallies == {}


def test_merging_leaves_both_as_they_are() -> None:
    one, other = of([("boxes", 1, "a")]), of([("boxes", 2, "b")])
    one.merge(other)
    assert (one.count("boxes"), other.count("boxes")) == (1, 2)


def test_the_counts_of_all_sources_are_added_by_name() -> None:
    assert total([of([("b", 2, "")]), of([("a", 1, ""), ("b", 3, "")])]) == {"a": 1, "b": 5}
    assert list(total([of([("b", 1, "")]), of([("a", 1, "")])])) == ["a", "b"]
    assert total([]) == {}


@pytest.mark.parametrize(("frame", "scale"), [(FRACTIONS, 1.0), (Frame("percent", "percent"), 0.01), (PIXELS, None)])
def test_pixels_alone_are_not_scaled(frame: Frame, scale: float | None) -> None:
    assert SCALES.get(frame.boxes) == SCALES.get(frame.outlines) == scale
