"""Odd records of COCO files: each is read where its meaning is plain, and costs no other record where it is not."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.coco.records import (
    Boxed,
    CocoCategory,
    CocoImage,
    LabelOnly,
    Outlined,
    areas_of,
    decode_range,
)
from labelbeam.transforms.formats.coco.scan import UnsafeSplitError
from tests.transforms.formats.coco.elements import HUGE, annotation, bad, element, image

# Ids.


@pytest.mark.parametrize("value", ["null", "true", "1.5", "NaN", "-Infinity", "[1]", "{}", "1e999", HUGE])
@pytest.mark.parametrize("name", ["image_id", "category_id"])
def test_an_id_that_is_none_costs_its_record(name: str, value: str) -> None:
    fields = {"id": "3", "image_id": "1", "category_id": "1", name: value}
    members = ", ".join(f'"{key}": {text}' for key, text in fields.items())
    found = bad(f"{{{members}}}", LabelOnly)
    assert found.code is Rejected.INVALID_RECORD
    assert found.message.startswith(f"{name}: found ")
    assert found.known == {"id": 3} | ({} if name == "image_id" else {"image_id": 1})


def test_true_as_an_id_is_not_taken_for_one() -> None:
    found = bad('{"id": true, "image_id": true, "category_id": 1}', LabelOnly)
    assert found.known == {}


def test_a_missing_id_is_named() -> None:
    assert bad('{"file_name": "a.jpg"}', CocoImage).message == "it has no id"
    assert bad('{"file_name": "a.jpg"}', CocoImage).known == {"file_name": "a.jpg"}
    assert bad('{"id": 1}', CocoImage).message == "it has no file_name"


# Names.


# Sizes.


# Boxes.


# Crowds.


# Outlines.


# JSON.


def test_of_a_key_that_stands_twice_the_last_value_counts() -> None:
    assert image('"id": 1, "id": 2').id == 2
    assert image('"id": 1, "id": 2, "x": NaN').id == 2
    assert image('"width": "?", "width": 5').width == 5


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", HUGE, '"\\ud800"', "[[[[[[[[[[1]]]]]]]]]]"])
def test_a_field_of_no_interest_may_hold_anything(value: str) -> None:
    assert annotation(f'"area": {value}, "bbox": [1, 2, 3, 4]').bbox == (1, 2, 3, 4)


def test_a_field_that_is_called_as_one_of_ours_does_no_harm() -> None:
    assert image('"adjusted": "yes"').id == 1


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_of_three_million_levels_costs_its_element_only(brackets: str) -> None:
    opening = "[" if brackets == "[]" else '{"a":'
    levels = 3_000_000  # Python 3.14 counts no levels in C, and takes as many as the stack has room for.
    deep = opening * levels + "1" + brackets[1] * levels
    good = b'{"id": 7, "image_id": 1, "category_id": 2}'
    decoded = decode_range(b"%b, %b, %b" % (good, element(f'"x": {deep}'), good), LabelOnly)
    assert decoded.records == [LabelOnly(1, 2, 7)] * 2
    assert [(found.code, found.message) for found in decoded.bad] == [
        (Rejected.INVALID_RECORD, "the record is nested too deeply")
    ]


def test_a_value_that_is_nested_deep_is_quoted_in_short() -> None:
    deep = "[" * 900 + "]" * 900
    message = "bbox: found [[[[[[[...]]]]]]], expected [x, y, width, height] as finite numbers"
    assert bad(element(f'"bbox": {deep}'), Boxed).message == message


@pytest.mark.parametrize(
    "text", ['{"id": 1,}', "{'id': 1}", '{"id" 1}', '{"a": 01}', '{"a": [1}', "{,}", '{"a": "\\x"}']
)
def test_an_element_that_is_no_json_costs_itself_only(text: str) -> None:
    text = text if text != '{"a": [1}' else '{"a": [1}}'
    decoded = decode_range(f'{{"id": 1, "name": "a"}}, {text}, {{"id": 2, "name": "b"}}'.encode(), CocoCategory)
    assert [record.id for record in decoded.records] == [1, 2]
    (found,) = decoded.bad
    assert found.code is Rejected.INVALID_RECORD
    assert found.message.startswith("the record is not valid JSON: ")
    assert (found.offset, found.raw) == (24, text)


def test_values_between_elements_are_bad_one_by_one_and_where_they_stand() -> None:
    block = b'1, {"id": 1, "name": "a"},null , "a, \\"b\\", [", [{}, 2], -5e3 ,{"id": 2, "name": "b"}, true\n'
    decoded = decode_range(block, CocoCategory)
    assert [record.id for record in decoded.records] == [1, 2]
    assert [found.raw for found in decoded.bad] == ["1", "null", '"a, \\"b\\", ["', "[{}, 2]", "-5e3", "true"]
    for found in decoded.bad:
        assert block[found.offset :].decode().startswith(found.raw)
        assert found.code is Rejected.INVALID_RECORD
        assert found.message in ("found a bare value, expected an object", "found [{}, 2], expected an object")
        assert found.known == {}


@pytest.mark.parametrize("block", [b"", b" \n", b",", b"  ,\t"])
def test_a_range_may_hold_no_element(block: bytes) -> None:
    decoded = decode_range(block, CocoImage)
    assert decoded.records == decoded.bad == []


@pytest.mark.parametrize("block", [b'{"id": 1', b'{"id": "1}', b'{"id": 1}], "annotations": [{"id": 2}', b"}, {"])
def test_a_range_that_was_cut_wrongly_is_unsafe(block: bytes) -> None:
    with pytest.raises(UnsafeSplitError):
        decode_range(block, LabelOnly)


def test_an_excerpt_is_capped_and_survives_a_cut_in_a_character() -> None:
    found = bad('{"name": "%s"}' % ("é" * 2000), CocoImage)
    assert len(found.raw) == RAW_LIMIT
    assert found.raw == '{"name": "' + "é" * (RAW_LIMIT - 10)


def test_what_was_adjusted_in_a_record_that_is_refused_in_the_end_does_not_count() -> None:
    decoded = decode_range(
        b'{"id": 1, "file_name": "a", "width": "5", "height": "6"}, {"id": 1, "file_name": 3, "width": "5"}', CocoImage
    )
    assert decoded.adjusted == {Adjusted.NUMBER_FROM_TEXT: 1}


# Both ways of reading.

ids = st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)
optional_id = {"id": st.none() | ids}
labels = st.fixed_dictionaries({"image_id": ids, "category_id": ids}, optional=optional_id)
sizes = {"width": st.none() | st.integers(-5, 5000), "height": st.none() | st.integers(-5, 5000)}
box = st.none() | st.tuples(numbers, numbers, numbers, numbers)
crowd = st.none() | st.integers(-2, 3)
rle = st.fixed_dictionaries(
    {"size": st.lists(st.integers(), max_size=3), "counts": st.text() | st.lists(st.integers())}
)
polygons = st.lists(st.lists(numbers, max_size=7), max_size=3)
outlined = {"bbox": box, "iscrowd": crowd, "segmentation": st.none() | polygons | rle}
RECORDS: dict[type[msgspec.Struct], st.SearchStrategy[dict[str, Any]]] = {
    CocoImage: st.fixed_dictionaries({"id": ids, "file_name": st.text()}, optional=sizes),
    CocoCategory: st.fixed_dictionaries({"id": ids, "name": st.text()}),
    LabelOnly: labels,
    Boxed: st.fixed_dictionaries({"image_id": ids, "category_id": ids}, optional=optional_id | {"bbox": box, "iscrowd": crowd}),
    Outlined: st.fixed_dictionaries({"image_id": ids, "category_id": ids}, optional=optional_id | outlined),
}  # fmt: skip
EVERY_RECORD = pytest.mark.parametrize("record", RECORDS)


def encode(fields: dict[str, Any], extra: str = "") -> bytes:
    text = json.dumps(fields)
    return (text[:-1] + extra + "}").encode()


@EVERY_RECORD
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_what_the_strict_decoder_reads_the_patient_one_reads_alike(
    record: type[msgspec.Struct], data: st.DataObject
) -> None:
    fields = data.draw(RECORDS[record])
    strict = decode_range(encode(fields), record)
    patient = decode_range(encode(fields, extra=', "refused by the strict decoder": NaN'), record)
    assert strict.bad == patient.bad == []
    assert strict.records == patient.records == [msgspec.convert(fields, record)]
    assert repr(strict.records) == repr(patient.records)
    assert strict.adjusted == patient.adjusted == {}


POISON = (
    '{"id": NaN, "image_id": Infinity}',
    '{"id": 1, "image_id": 1, "category_id": 1, "file_name": "a", "name": "a", "bbox": [1, 2, 3, NaN]}',
    '{"id": 1, "image_id": 1, "category_id": 1, "file_name": "a", "name": 5}',
    '{"id": "\\ud800", "file_name": "\\udfff", "width": "x"}',
    '{"id": 1,, }',
    "{" + '"a":{' * 5000 + "}" * 5001,
    "null",
    '"},{"',
    "[[{}], 5]",
    "{}",
    "-1",
    "",
)


@EVERY_RECORD
@settings(deadline=None, max_examples=30)
@given(data=st.data(), poison=st.sampled_from(POISON))
def test_a_bad_element_changes_nothing_for_the_others(
    record: type[msgspec.Struct], data: st.DataObject, poison: str
) -> None:
    good = data.draw(st.lists(RECORDS[record].map(encode), max_size=5))
    at = data.draw(st.integers(0, len(good)))
    alone = decode_range(poison.encode(), record)
    together = decode_range(b", ".join([*good[:at], poison.encode(), *good[at:]]), record)
    expected = decode_range(b",".join(good), record).records
    assert together.records == [*expected[:at], *alone.records, *expected[at:]]
    assert [(item.code, item.message, item.raw) for item in together.bad] == [
        (item.code, item.message, item.raw) for item in alone.bad
    ]
    assert together.adjusted == alone.adjusted


def test_an_area_is_the_number_that_it_is_and_of_nothing_else_is_one_made() -> None:
    def areas(*given: object) -> list[float]:
        return areas_of([Boxed(image_id=1, category_id=1, area=area) for area in given]).tolist()

    assert areas(1.5, 2.5) == [1.5, 2.5]
    assert [*map(type, areas(1.5, 2))] == [float, float]
    odd = areas(1.5, 2, 10**400, True, None, "3", "x")
    assert [odd[at] for at in (0, 1, 5)] == [1.5, 2.0, 3.0]
    assert all(math.isnan(odd[at]) for at in (2, 3, 4, 6))
    assert areas(10**400, 2)[1] == 2.0


def test_tiny_elements_that_cannot_be_read_take_some_tens_of_bytes_each() -> None:
    decoded = decode_range(b"{},1," * 3000, CocoImage)
    assert len(decoded.bad) == 6000
    assert [item.offset for item in decoded.bad] == [at for start in range(0, 15_000, 5) for at in (start, start + 3)]
    assert len(pickle.dumps(decoded.bad)) < 60 * len(decoded.bad)
