"""Outlines of several rings as one: the same area inside."""

from __future__ import annotations

import numpy as np
import pytest

from labelbeam.transforms.export.outlines import bridged, overlap
from tests.transforms.export.published import inside

OUTER, HOLE, BESIDE = (
    [0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0],
    [4.0, 4.0, 6.0, 4.0, 6.0, 6.0, 4.0, 6.0],
    [12.0, 1.0, 15.0, 1.0, 15.0, 5.0],
)


@pytest.mark.parametrize("rings", [[OUTER], [OUTER, HOLE], [OUTER, BESIDE], [HOLE, OUTER, BESIDE]])
def test_what_lies_inside_of_one_outline_is_what_lay_inside_of_its_rings(rings: list[list[float]]) -> None:
    joined = bridged(rings)
    for x, y in ((1.3, 2.1), (5.2, 4.9), (13.7, 2.2), (11.4, 3.3), (9.1, 9.6)):
        assert inside(joined, x, y) == (sum(inside(ring, x, y) for ring in rings) % 2 == 1)


def test_rings_overlap_where_one_is_a_hole_of_another() -> None:
    outer, hole, beside = (np.array(ring).reshape(-1, 2) for ring in (OUTER, HOLE, BESIDE))
    assert overlap([outer, hole], 20, 20)
    assert not overlap([outer, beside], 20, 20) and not overlap([outer], 20, 20)


def test_rings_that_are_too_large_to_tell_may_overlap() -> None:
    below, above = (np.array(ring, float) for ring in ([[0, 0], [9, 0], [0, 9]], [[10, 10], [10, 1], [1, 10]]))
    assert not overlap([below, above], 20, 20)
    assert overlap([below * 10**6, above * 10**6], 10**7, 10**7)
