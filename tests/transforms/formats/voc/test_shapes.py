"""Numbers and outlines as tools write them in XML."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from labelbeam.transforms.formats.voc.shapes import fields_of, has_box, number, outline_of, tag_of


def element(text: str) -> etree._Element:
    return etree.fromstring(text)


SQUARE = ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1_0", "1,5", "1e999", "0x1"])
def test_a_text_that_is_no_finite_number_is_none(text: str) -> None:
    assert number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    assert number(repr(value)) == value
    assert number(f"  {value!r}\n") == value


@given(st.text(max_size=12))
def test_whatever_the_text_it_is_a_finite_number_or_none(text: str) -> None:
    found = number(text)
    assert found is None or math.isfinite(found)


def test_tags_and_fields_have_neither_case_nor_namespace() -> None:
    found = element('<v:BndBox xmlns:v="urn:v" Angle=" 2 "><v:XMin> 1 </v:XMin><ymin/></v:BndBox>')
    assert tag_of(found) == "bndbox"
    assert fields_of(found) == {"xmin": "1", "ymin": "", "angle": "2"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<bndbox/>", True),
        ("<robndbox/>", True),
        ("<object><xmin>1</xmin></object>", True),
        ('<object cx="1"/>', True),
        ("<object><x>1</x><y>1</y><w>1</w><h>1</h></object>", True),
        ("<point><x>1</x><y>1</y></point>", False),
        ("<object>xmin</object>", False),
        ("<object><name>xmin</name></object>", False),
    ],
)
def test_an_element_has_a_box_by_its_name_or_its_fields(text: str, found: bool) -> None:
    assert has_box(element(text)) is found


@pytest.mark.parametrize(
    "text",
    [
        "<polygon><x1>1</x1><y1>2</y1><x2>3</x2><y2>2</y2><x3>3</x3><y3>4</y3></polygon>",
        "<polygon><y_3>4</y_3><x_3>3</x_3><x_1>1</x_1><y_1>2</y_1><x_2>3</x_2><y_2>2</y_2></polygon>",
        '<polygon x1="1" y1="2" x2="3" y2="2" x3="3" y3="4"/>',
        "<polygon><x>1</x><y>2</y><x>3</x><y>2</y><x>3</x><y>4</y></polygon>",
        "<polygon><x>1</x><x>3</x><x>3</x><y>2</y><y>2</y><y>4</y></polygon>",
        "<polygon><pt><x>1</x><y>2</y></pt><pt><x>3</x><y>2</y></pt><pt><x>3</x><y>4</y></pt></polygon>",
        '<polygon><pt x="1" y="2"/><pt x="3" y="2"/><pt x="3" y="4"/></polygon>',
        "<polygon><point>1,2</point><point>3,2</point><point>3,4</point></polygon>",
        "<points>1,2;3,2;3,4</points>",
        "<points>[[1, 2], [3, 2], [3, 4]]</points>".replace("], [", ", "),
        "<segm> 1 2 3 2 3 4 </segm>",
        "<polygon><points>1 2 3 2 3 4</points></polygon>",
    ],
)
def test_an_outline_is_the_same_however_it_is_written(text: str) -> None:
    assert outline_of([element(text)]) == ((SQUARE,), "")


def test_each_part_is_a_ring_and_what_is_empty_is_none() -> None:
    parts = element("<segmentation><polygon>1 2 3 2 3 4</polygon><polygon/><polygon>5 6</polygon></segmentation>")
    assert outline_of([parts]) == ((SQUARE, ((5.0, 6.0),)), "")
    assert outline_of([element("<polygon/>")]) == ((), "")
    assert outline_of([]) == ((), "")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<polygon>1 2 3</polygon>", "<polygon> has 3 numbers, expected an x and a y for each corner"),
        ("<polygon>1 two</polygon>", "<polygon>: 'two' is no coordinate, expected a finite number"),
        ("<polygon><x1>1</x1></polygon>", "<polygon>: '' is no coordinate"),
        ("<polygon><x>1</x><y>nan</y></polygon>", "<polygon>: 'nan' is no coordinate"),
        ("<segmentation><polygon>1 2 3 4</polygon><polygon>1</polygon></segmentation>", "<polygon> has 1 number"),
    ],
)
def test_an_outline_with_a_fault_is_none_and_says_which(text: str, error: str) -> None:
    rings, found = outline_of([element(text)])
    assert rings == () and found.startswith(error)
