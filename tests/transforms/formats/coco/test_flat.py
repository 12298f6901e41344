"""Polygons straight from their JSON: the numbers of a parser, or nothing where a polygon is not the usual kind of one."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.coco.flat import flat_polygons

SQUARE = b"[[0,0,10,0,10,10,0,10]]"

number = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 10**6).map(lambda n: n / 100),
)
ring = st.integers(3, 6).flatmap(lambda corners: st.lists(number, min_size=2 * corners, max_size=2 * corners))
anything = st.recursive(
    st.one_of(number, st.none(), st.booleans(), st.text('0123 ,[]e"', max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=7), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=20,
)


@given(st.lists(st.lists(ring, min_size=1, max_size=3), max_size=5), st.sampled_from([(",", ":"), (" ,\n", ": ")]))
def test_usual_polygons_have_the_numbers_that_a_parser_gives(
    polygons: list[list[list[float]]], separators: tuple[str, str]
) -> None:
    texts = [json.dumps(polygon, separators=separators).encode() for polygon in polygons]
    found = flat_polygons(texts)
    assert found is not None
    rings, counts = found
    expected = [part for text in texts for part in msgspec.json.decode(text, type=list[list[float]])]
    assert counts.tolist() == [len(polygon) for polygon in polygons]
    assert [rings.ring(at).ravel().tolist() for at in range(len(rings))] == expected


@given(st.lists(anything.map(lambda value: json.dumps(value).encode()), min_size=1, max_size=4))
def test_whatever_it_takes_is_what_a_parser_takes(texts: list[bytes]) -> None:
    found = flat_polygons(texts)
    if found is not None:
        parts = [part for text in texts for part in msgspec.json.decode(text, type=list[list[float]])]
        assert [found[0].ring(at).ravel().tolist() for at in range(len(found[0]))] == parts


def test_an_empty_text_is_a_polygon_without_a_ring() -> None:
    found = flat_polygons([b"", SQUARE, b"", b""])
    assert found is not None
    assert found[1].tolist() == [0, 1, 0, 0]
    assert np.array_equal(found[0].offsets, [0, 4])
    nothing = flat_polygons([b""])
    assert nothing is not None
    assert (len(nothing[0]), nothing[1].tolist()) == (0, [0])


@pytest.mark.parametrize(
    "odd",
    [
        "[]",
        "[[]]",
        "[[1,2,3,4]]",
        "[[1,2,3,4,5,6,7]]",
        "[1,2,3,4,5,6]",
        "[[[1,2,3,4,5,6]]]",
        "[[1,2,3,4,5,6],7]",
        "[[1,2,3,4,5,6],[7]]",
        "[[1,2,3,4,5,[6]]]",
        "[[1,2,3,4,5,1e999]]",
        '[["1",2,3,4,5,6]]',
        "[[null,2,3,4,5,6]]",
        "[[true,2,3,4,5,6]]",
        '[[{"x":1},2,3,4,5,6]]',
        "7",
        "null",
    ],
)
def test_an_odd_polygon_is_left_to_a_parser_with_those_beside_it(odd: str) -> None:
    assert flat_polygons([SQUARE, odd.encode(), SQUARE]) is None
