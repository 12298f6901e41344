"""Values of a COCO record as real files have them: read where their meaning is plain, and refused by name where it is not."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.coco.records import (
    Boxed,
    CocoCategory,
    CocoImage,
    LabelOnly,
    decode_range,
)
from labelbeam.transforms.formats.coco.values import Id, RecordError, Rle, bbox_of, rows_of, table_of
from tests.transforms.formats.coco.elements import HUGE, LONG, annotation, bad, element, image


def test_an_id_may_be_text_and_stays_text() -> None:
    assert image('"id": "1"').id == "1"
    (record,) = decode_range(b'{"image_id": "7", "category_id": "003", "id": "a"}', LabelOnly).records
    assert (record.image_id, record.category_id, record.id) == ("7", "003", "a")


def test_an_id_may_be_an_integral_float_as_pandas_writes_it() -> None:
    assert image('"id": 4.0').id == 4
    (record,) = decode_range(b'{"image_id": 7.0, "category_id": 3e0, "id": 12.0}', LabelOnly).records
    assert (record.image_id, record.category_id, record.id) == (7, 3, 12)
    assert {type(value) for value in (record.image_id, record.category_id, record.id)} == {int}


def test_a_category_id_may_be_zero() -> None:
    assert decode_range(b'{"image_id": 0, "category_id": 0}', LabelOnly).records == [LabelOnly(0, 0, None)]


@pytest.mark.parametrize("value", ["null", "true", "[1]", "{}", "1.5", "NaN"])
def test_an_annotation_is_as_good_without_its_own_id(value: str) -> None:
    decoded = decode_range(f'{{"id": {value}, "image_id": 1, "category_id": 2}}'.encode(), LabelOnly)
    assert (decoded.records, decoded.bad) == ([LabelOnly(1, 2, None)], [])


@pytest.mark.parametrize("digits", [19, 30, 4299])
def test_an_id_of_many_digits_is_exact(digits: int) -> None:
    assert image(f'"id": {"9" * digits}, "x": NaN').id == 10**digits - 1


@pytest.mark.parametrize("value", ["null", "12", "[]", "true"])
def test_a_file_name_that_is_no_text_costs_the_image(value: str) -> None:
    found = bad(f'{{"id": 5, "file_name": {value}}}', CocoImage)
    assert found.code is Rejected.INVALID_RECORD
    assert found.message.startswith("file_name: found ")
    assert found.known == {"id": 5}


def test_a_lone_surrogate_in_a_name_passes_for_whoever_checks_names() -> None:
    block = b'{"id": 1, "file_name": "a\\ud800.jpg"}, {"id": 2, "file_name": "\xed\xa0\x80.jpg"}'
    assert [record.file_name for record in decode_range(block, CocoImage).records] == ["a\ud800.jpg", "\ud800.jpg"]


def test_a_surrogate_pair_is_one_character() -> None:
    assert decode_range(b'{"id": 1, "file_name": "\\ud83d\\ude00"}', CocoImage).records[0].file_name == "😀"


def test_a_lone_surrogate_in_a_field_of_no_interest_does_no_harm() -> None:
    assert image('"note": "\\ud800"').file_name == "a.jpg"


@pytest.mark.parametrize("note", [b"caf\xe9", b"\xff\xfe"])
def test_a_wrong_charset_costs_nothing_in_a_field_of_no_interest(note: bytes) -> None:
    assert len(decode_range(b'{"id": 1, "file_name": "a", "note": "%b"}' % note, CocoImage).records) == 1


def test_a_wrong_charset_in_the_name_costs_the_image() -> None:
    found = bad(b'{"id": 1, "file_name": "caf\xe9.jpg"}', CocoImage)
    assert found.code is Rejected.INVALID_RECORD
    assert "utf-8" in found.message
    assert "\ufffd" in found.raw


def test_a_control_character_may_stand_in_text_as_it_is() -> None:
    assert image('"note": "two\nlines\tand a tab"').id == 1
    assert image(f'"note": "two\nlines", "number": {"9" * 5000}').id == 1


@pytest.mark.parametrize(("value", "label"), [("7", "7"), ("1.5", "1.5"), ("-3", "-3"), ("9" * 40, "9" * 40)])
def test_a_category_may_be_named_by_a_number(value: str, label: str) -> None:
    decoded = decode_range(f'{{"id": 1, "name": {value}}}'.encode(), CocoCategory)
    assert [record.name for record in decoded.records] == [label]
    assert decoded.adjusted == {Adjusted.LABEL_FROM_NUMBER: 1}


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "true", "[]", HUGE])
def test_a_category_without_a_name_is_bad_and_its_id_is_known(value: str) -> None:
    found = bad(f'{{"id": 5, "name": {value}}}', CocoCategory)
    assert found.known == {"id": 5}
    assert found.message.startswith("name: found ")


@pytest.mark.parametrize("value", ["640", "640.0", '"640"', '" 640.0 "', "6.4e2"])
def test_a_width_may_be_a_whole_float_or_text(value: str) -> None:
    decoded = decode_range(f'{{"id": 1, "file_name": "a", "width": {value}}}'.encode(), CocoImage)
    assert [(record.width, record.height) for record in decoded.records] == [(640, None)]
    assert type(decoded.records[0].width) is int
    assert decoded.adjusted == ({Adjusted.NUMBER_FROM_TEXT: 1} if '"' in value else {})


@pytest.mark.parametrize("value", ["null", '""'])
def test_a_width_may_be_null_or_empty_text(value: str) -> None:
    assert image(f'"width": {value}, "height": 3').width is None


@pytest.mark.parametrize("value", ["0.5", '"wide"', "true", "[640]", "NaN", "Infinity", '"nan"', '"6_40"', "1e999"])
def test_a_width_that_is_no_whole_number_costs_the_image(value: str) -> None:
    found = bad(f'{{"id": 1, "file_name": "a", "height": {value}}}', CocoImage)
    assert found.code is Rejected.INVALID_SIZE
    assert found.message.startswith("height: found ")
    assert found.known == {"id": 1, "file_name": "a"}


@pytest.mark.parametrize("value", ["0", "-5", "9" * 30])
def test_a_width_out_of_range_is_left_to_whoever_knows_the_range(value: str) -> None:
    assert image(f'"width": {value}').width == image(f'"width": {value}, "x": NaN').width == int(value)


@pytest.mark.parametrize("value", ["null", "[]", '""'])
def test_a_box_may_be_missing_null_or_empty(value: str) -> None:
    assert annotation(f'"bbox": {value}').bbox is None
    assert annotation('"area": NaN').bbox is None


def test_a_box_of_texts_is_read_and_counted_once() -> None:
    decoded = decode_range(element('"bbox": ["1", " 2.5", "3e1", "-4"]'), Boxed)
    assert decoded.records[0].bbox == (1, 2.5, 30, -4)
    assert decoded.adjusted == {Adjusted.NUMBER_FROM_TEXT: 1}


@pytest.mark.parametrize(
    "value", ["[-1.5, -2, 0, 0]", "[1, 2, 1e308, 4]", pytest.param(f"[1, 2, 3, {LONG}]", id="300 digits")]
)
def test_a_box_of_any_finite_numbers_is_kept_as_it_is(value: str) -> None:
    assert list(annotation(f'"bbox": {value}').bbox) == list(map(float, json.loads(value)))
    assert list(annotation(f'"bbox": {value}, "x": NaN').bbox) == list(map(float, json.loads(value)))


@pytest.mark.parametrize(
    "value",
    [
        '{"x": 1, "y": 2, "width": 3, "height": 4}',
        '{"x": 1, "y": 2, "w": 3, "h": 4}',
        '{"X": "1", "Y": "2", "Width": "3", "Height": "4"}',
        '{"left": 1, "top": 2, "width": 3, "height": 4, "angle": 0}',
        '{"xmin": 1, "ymin": 2, "xmax": 4, "ymax": 6}',
        '{"x_min": 1, "y_min": 2, "x_max": 4, "y_max": 6}',
        '{"x1": 1, "y1": 2, "x2": 4, "y2": 6}',
        '"[1, 2, 3, 4]"',
        '"1 2 3 4"',
        '"(1.0, 2.0, 3.0, 4.0)"',
        '"1;2;3;4"',
        "[[1, 2, 3, 4]]",
        '"{\\"x\\": 1, \\"y\\": 2, \\"width\\": 3, \\"height\\": 4}"',
    ],
)
def test_a_box_with_names_or_as_text_is_the_box_that_it_says(value: str) -> None:
    assert annotation(f'"bbox": {value}').bbox == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "value",
    [
        *("[1, 2, 3]", "[1, 2, 3, 4, 5]", "[1, 2, NaN, 4]", "[1, 2, 3, Infinity]", "[1, 2, 3, 1e999]", "[[1, 2], [3, 4]]"),
        *('"1 2 3 x"', '"[1, 2, 3]"', '"{}"', "7", "true", '{"x": 1}', "[1, 2, 3, null]", '[1, 2, 3, "x"]', '["nan", 2, 3, 4]', '["inf", 2, 3, 4]'),
        *("[1, 2, 3, true]", '["1_0", 2, 3, 4]'),
        pytest.param(f"[1, 2, 3, {LONG}{LONG}]", id="600 digits"),
        pytest.param(f"[1, 2, 3, {'9' * 5000}]", id="5000 digits"),
    ],
)  # fmt: skip
def test_a_box_that_is_not_four_finite_numbers_costs_its_object(value: str) -> None:
    found = bad(element(f'"bbox": {value}'), Boxed)
    assert found.code is Rejected.INVALID_BBOX
    assert found.message.startswith("bbox: found ")
    assert found.known == {"id": 7, "image_id": 1}


def test_for_classification_the_box_is_not_even_looked_at() -> None:
    assert annotation('"bbox": "?", "segmentation": 5, "iscrowd": {}', LabelOnly) == LabelOnly(1, 2, 7)


@pytest.mark.parametrize("value", ["1", "true", "1.0", '"1"', '"true"', '"True"', '" 1 "', "Infinity"])
def test_a_crowd_may_be_marked_in_many_ways(value: str) -> None:
    assert annotation(f'"iscrowd": {value}').iscrowd == 1


@pytest.mark.parametrize(
    "value", ["0", "false", "0.0", "null", '"0"', '"false"', '""', '"no"', "NaN", "[]", "{}", "-0"]
)
def test_a_crowd_is_marked_by_nothing_else(value: str) -> None:
    assert not annotation(f'"iscrowd": {value}').iscrowd
    assert annotation('"area": NaN').iscrowd == 0


def test_a_mask_is_passed_on_whatever_is_in_it_for_its_own_reader_to_judge() -> None:
    assert annotation('"segmentation": {"size": [2, 3], "counts": [1, 5]}').segmentation == Rle([2, 3], [1, 5])
    assert annotation('"segmentation": {"size": [2, 3], "counts": "12"}').segmentation == Rle([2, 3], "12")
    odd = annotation('"segmentation": {"size": [2.0, "3"], "counts": [1.0, NaN, null]}').segmentation
    assert odd.size == [2.0, "3"]
    assert odd.counts[0] == 1
    assert math.isnan(odd.counts[1])
    assert annotation('"segmentation": {"counts": [1, 5]}').segmentation == Rle(None, [1, 5])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["null", '""', "7", "false", "{}"])
def test_a_segmentation_that_is_neither_a_list_nor_an_object_is_none(value: str) -> None:
    assert annotation(f'"segmentation": {value}').segmentation is None


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("[]", []),
        ("[[]]", [[]]),
        ("[[1, 2, 3], [4, 5]]", [[1, 2, 3], [4, 5]]),
        ("[1, 2, 3, 4, 5, 6]", [[1, 2, 3, 4, 5, 6]]),
        ('[["1", "2.5"]]', [[1, 2.5]]),
        ("[[1, 2], null, 5]", [[1, 2], [], []]),
        ("[[1, 2], [3, NaN], [4, Infinity], [5, 1e999], [6, null]]", [[]]),
        ('[["nan", 2], [3, "inf"], [4, "x"]]', [[]]),
        ("[[[1, 2], [3, 4]]]", [[1, 2], [3, 4]]),
        ("[[[1, 2], [3, 4], [5, 6]]]", [[1, 2, 3, 4, 5, 6]]),
        ("[[[[1, 2], [3, 4], [5, 6]]], [[[7, 8], [9, 8], [9, 9]]]]", [[1, 2, 3, 4, 5, 6], [7, 8, 9, 8, 9, 9]]),
        ("[[[1, 2, 3, 4, 5, 6]], [[7, 8, 9, 8, 9, 9]]]", [[1, 2, 3, 4, 5, 6], [7, 8, 9, 8, 9, 9]]),
        ('[{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"y": 6, "x": 5}]', [[1, 2, 3, 4, 5, 6]]),
        ('[[{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"y": 6, "x": 5}]]', [[1, 2, 3, 4, 5, 6]]),
        ('"[[1, 2, 3, 4, 5, 6]]"', [[1, 2, 3, 4, 5, 6]]),
        ("[[[[[[[[[1, 2, 3, 4, 5, 6]]]]]]]]]", [[]]),
        ('[{"size": [1, 2], "counts": [2]}]', Rle([1, 2], [2])),
        ('[{"size": [1, 2], "counts": [2]}, 5]', [[], []]),
    ],
)
def test_parts_of_a_polygon_keep_finite_numbers_only(value: str, parts: list[list[float]]) -> None:
    assert annotation(f'"segmentation": {value}').segmentation == parts


@pytest.mark.parametrize(
    "known", [[], [0, 3, 1], [5, 7], ["1", "3"], [1, "3"], [-1, 3], [1, 1000], [10**30, 1]], ids=str
)
@pytest.mark.parametrize("asked", [[], [3, 0, 2, 8, -1], [1, "3", "x"], [10**30, 3], [1000]], ids=str)
def test_rows_are_those_of_the_dict_whatever_ids_are(known: list[Id], asked: list[Id]) -> None:
    rows = {identity: row for row, identity in enumerate(known)}
    assert rows_of(asked, table_of(rows), rows).tolist() == [rows.get(identity, -1) for identity in asked]


def test_a_table_is_made_where_ids_are_dense_whole_numbers_alone() -> None:
    assert table_of({2: 0, 0: 1}).tolist() == [1, -1, 0]
    assert not np.concatenate([table_of({1: 0, 10_000: 1}), table_of({"1": 0}), table_of({-1: 0})]).size


@pytest.mark.parametrize(
    "written",
    [
        "[1, 2, 3, 4]",
        "1,2,3,4",
        "(1, 2, 3, 4)",
        "[1 2 3 4]",
        "['1', '2', '3', '4']",
        "{'x': 1, 'y': 2, 'width': 3, 'height': 4}",
        '{"x1": 1, "y1": 2, "x2": 4, "y2": 6}',
        "array([1., 2., 3., 4.])",
        "np.array([1, 2, 3, 4], dtype=int32)",
        "tensor([1., 2., 3., 4.], device='cpu')",
    ],
)
def test_a_box_as_text_is_the_box_that_a_program_printed(written: str) -> None:
    adjusted: set[Adjusted] = set()
    assert bbox_of(written, adjusted) == (1, 2, 3, 4)
    assert adjusted == {Adjusted.NUMBER_FROM_TEXT}


@pytest.mark.parametrize(
    "written", ["array([1, 2, 3])", "array([[1, 2], [3, 4]])", "{'x': 1}", "x" * 2000, "array(" * 99]
)
def test_other_text_is_no_box(written: str) -> None:
    with pytest.raises(RecordError):
        bbox_of(written, set())
