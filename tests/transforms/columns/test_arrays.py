"""Ranges of arrays, against those of Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.columns.arrays import ranges
from tests.transforms.columns.drawn import (
    quick,
)


@quick
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=8))
def test_ranges_are_those_of_python(pairs: list[tuple[int, int]]) -> None:
    starts, counts = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    assert ranges(starts, counts).tolist() == [
        number for start, count in pairs for number in range(start, start + count)
    ]
