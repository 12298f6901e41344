"""A line of JSON Lines as an image with its objects: what the trainer's documents allow, and what is read all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.jsonl import records
from labelbeam.transforms.formats.jsonl.records import Lines

BOX = {"label": "cat", "topX": 0.1, "topY": 0.2, "bottomX": 0.5, "bottomY": 0.75}


def read(*lines: dict[str, Any] | str, prefix: str | None = None) -> Lines:
    found = Lines("file:///s.jsonl", "train", prefix)
    for number, line in enumerate(lines, 1):
        found.add((line if isinstance(line, str) else json.dumps(line)).encode(), f"line {number}")
    return found


def one(label: Any = "cat", prefix: str | None = None, **fields: Any) -> SourceImage:
    (image,) = read({"image_url": "https://h/1.jpg", "label": label} | fields, prefix=prefix).images
    return image


def codes(image: SourceImage) -> list[tuple[str, str]]:
    return [(item.kind, str(item.code)) for item in image.rejected or ()]


# Lines.


def test_a_blank_line_says_nothing() -> None:
    found = read("", "  \r", "\t")
    assert (found.images, found.rejections) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        "null",
        "5",
        "[" * 100_000,
        '{"label": "a"}',
        '{"image_url": "", "label": "a"}',
        '{"image_url": 5, "label": "a"}',
        '{"image_url": "https://h/1.jpg", "image_url": "https://h/2.jpg", "label": "a"}',
        '{"image_url": "https://h/1.jpg", "label": "a", "label": "b"}',
        '{"image_url": "https://h/1.jpg", "label": "a", "lab\\u0065l": "b"}',
        '{"image_url": "https:\\u002f/h/1.jpg\\u003a", "label": "a", "label": "b"}',
        '{"image_url": "https://h/1.jpg", "label": [{"label": "a", "topX": 0.1, "topX": 0.2}]}',
    ],
    ids=lambda line: line[:60],
)
def test_a_line_that_is_no_record_or_says_a_thing_twice_is_rejected_and_costs_no_other(line: str) -> None:
    found = read(line, {"image_url": "https://h/3.jpg", "label": "cat"})
    assert [image.path for image in found.images] == ["https://h/3.jpg"]
    (rejection, *_) = found.rejections
    assert (rejection.code, rejection.locator, rejection.image) == (Rejected.INVALID_RECORD, "line 1", None)


def test_the_objects_of_a_line_without_an_image_are_rejected_with_it() -> None:
    found = read({"label": [BOX, BOX]})
    assert [(item.kind, item.locator) for item in found.rejections] == [
        ("image", "line 1"),
        ("object", "line 1 label[0]"),
        ("object", "line 1 label[1]"),
    ]


def test_colons_in_texts_and_letters_as_escapes_are_no_second_key() -> None:
    image = one(["a:b", "c"], extra={"x": [1, {"y:z": ":"}], "numbers": [1.5, 2]})
    assert [item.label for item in image.objects] == ["a:b", "c"]
    assert [item.label for item in one("d\u00f6g").objects] == ["d\u00f6g"]  # json.dumps escapes it.


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    ),
    st.booleans(),
)
def test_whatever_else_a_record_holds_it_is_read(value: Any, ascii_only: bool) -> None:
    line = json.dumps({"image_url": "https://h/1.jpg", "label": "cat", "else": value}, ensure_ascii=ascii_only)
    found = Lines("s", None, None)
    found.add(line.encode("utf-8", "surrogatepass"), "line 1")
    assert len(found.images) + len(found.rejections) == 1


# Images.


@pytest.mark.parametrize(
    ("url", "prefix", "path", "code"),
    [
        ("https://h/c/a%20b.jpg", "https://h/c", "a b.jpg", None),
        ("https://h/c/a%20b.jpg", None, "https://h/c/a%20b.jpg", None),
        ("https://other/1.jpg", "https://h/c", "https://other/1.jpg", None),
        ("a/1.jpg", "", "a/1.jpg", None),
        ("./a//1.jpg", "", "a/1.jpg", None),
        ("../1.jpg", "", "../1.jpg", "unsafe_path"),
        ("https://h/c/%2e%2e/1.jpg", "https://h/c", "https://h/c/%2e%2e/1.jpg", "unsafe_path"),
        ("https://h/a\nb.jpg", None, "https://h/a\nb.jpg", "unsafe_path"),
        ("s3://b/1.jpg", None, "s3://b/1.jpg", "unsupported_url"),
        ("1.jpg", None, "1.jpg", "unsupported_url"),
        ("file:///d/1.jpg", None, "file:///d/1.jpg", None),
    ],
)
def test_an_image_is_named_by_its_path_behind_the_prefix_or_by_its_url(
    url: str, prefix: str | None, path: str, code: str | None
) -> None:
    image = one(image_url=url, prefix=prefix)
    assert image.path == path
    assert [code for _, code in codes(image)] == ([code] if code else [])


def test_urls_that_begin_otherwise_are_counted() -> None:
    found = read(
        {"image_url": "https://h/c/1.jpg?x", "label": "a"},
        {"image_url": "https://o/1.jpg?x", "label": "a"},
        prefix="https://h/c",
    )
    assert found.evidence.count("urls_elsewhere") == 1


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"image_details": {"width": 64, "height": 48}}, (64, 48)),
        ({"image_details": {"width": "64px", "height": " 48 px "}}, (64, 48)),
        ({"image_details": {"width": "64.0", "height": 48.0}}, (64, 48)),
        ({"image_width": 64, "image_height": "48"}, (64, 48)),
        ({"image_details": {"width": 64}, "image_height": 48}, (64, 48)),
        ({"image_details": "none"}, (None, None)),
        ({"image_details": {"width": "", "height": None}}, (None, None)),
    ],
)
def test_a_size_is_a_number_or_text_of_pixels(fields: dict[str, Any], size: tuple[int | None, int | None]) -> None:
    image = one(**fields)
    assert (image.width, image.height) == size
    assert codes(image) == []


@pytest.mark.parametrize("side", [0, -1, 1.5, "wide", "0px", True, [64], 2**31, 10**400, "64%"])
def test_a_size_that_is_none_costs_the_image(side: Any) -> None:
    image = one(image_details={"width": side, "height": 48})
    assert codes(image) == [("image", "invalid_size")]
    assert "width is " in image.rejected[0].message
    assert len(image.objects) == 1, "its objects are counted all the same"


def test_a_format_is_kept_where_the_name_says_another() -> None:
    assert one(image_details={"format": "JPEG"}).format == "jpeg"
    assert not one(image_details={"format": "jpg"}).format
    assert not one(image_details={"format": "webp"}).format


def test_a_record_without_a_label_is_rejected_and_one_without_objects_is_background() -> None:
    assert codes(one(None)) == [("image", "invalid_record")]
    assert codes(one([])) == []


# Labels.


@pytest.mark.parametrize(
    ("label", "read_as", "adjusted"),
    [
        ("cat", "cat", []),
        (" cat ", "cat", [Adjusted.LABEL_NORMALIZED]),
        ("cafe\u0301", "caf\u00e9", [Adjusted.LABEL_NORMALIZED]),
        (7, "7", [Adjusted.LABEL_FROM_NUMBER]),
        (7.0, "7", [Adjusted.LABEL_FROM_NUMBER]),
    ],
)
def test_a_label_is_text_or_a_whole_number(label: Any, read_as: str, adjusted: list[Adjusted]) -> None:
    image = one(label)
    assert [item.label for item in image.objects] == [read_as]
    assert image.adjusted == adjusted


@pytest.mark.parametrize("label", ["", "  ", True, 1.5, [[]], "\ud800", {"label": None, "topX": 0}])
def test_a_label_that_is_none_costs_its_object(label: Any) -> None:
    image = one(label if isinstance(label, list) else [label, "cat"])
    assert ("object", "invalid_label") in codes(image)
    assert [item.label for item in image.objects] in ([], ["cat"])


# Objects.


def test_a_box_is_four_numbers_also_as_text() -> None:
    image = one([BOX, BOX | {"topX": "0.1"}])
    assert [item.bbox for item in image.objects] == [(0.1, 0.2, 0.5, 0.75)] * 2
    assert image.adjusted == [Adjusted.NUMBER_FROM_TEXT]
    assert [item.locator for item in image.objects] == ["line 1 label[0]", "line 1 label[1]"]


@pytest.mark.parametrize("side", [None, "wide", True, [], "nan", "inf", 10**400])
def test_a_box_that_lacks_a_number_costs_its_object(side: Any) -> None:
    image = one([BOX | {"bottomX": side}])
    assert codes(image) == [("object", "invalid_bbox")]
    assert "bottomX is " in image.rejected[0].message


def test_nan_costs_its_object_alone() -> None:
    line = '{"image_url": "https://h/1.jpg", "label": [{"label": "a", "topX": NaN, "topY": 0, "bottomX": 1, "bottomY": 1}, {"label": "b"}]}'
    (image,) = read(line).images
    assert codes(image) == [("object", "invalid_bbox")]
    assert [item.label for item in image.objects] == ["b"]


@pytest.mark.parametrize(
    ("crowd", "is_crowd", "unknown"),
    [
        (1, True, 0),
        ("1", True, 0),
        (True, True, 0),
        ("true", True, 0),
        (0, False, 0),
        ("", False, 0),
        (2, False, 1),
        ([], False, 1),
    ],
)
def test_a_crowd_is_what_the_trainer_takes_as_one(crowd: Any, is_crowd: bool, unknown: int) -> None:
    found = read({"image_url": "https://h/1.jpg", "label": [BOX | {"isCrowd": crowd}]})
    assert found.images[0].objects[0].crowd is is_crowd
    assert found.evidence.count("crowd_unknown") == unknown


def test_parts_of_a_polygon_that_are_no_rings_are_dropped_and_the_others_stay() -> None:
    good = [0.1, 0.1, 0.5, 0.1, 0.5, "0.5"]
    image = one([{"label": "cat", "polygon": [good, [0.1, 0.2], "x", [*good, 0.3], [*good[:5], None]]}])
    (item,) = image.objects
    assert [ring.tolist() for ring in item.rings or ()] == [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]]
    assert image.adjusted == [Adjusted.POLYGON_PART_DROPPED]
    assert item.by_xor


@pytest.mark.parametrize("polygon", [[0.1, 0.1, 0.5, 0.1, 0.5, 0.5], [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]])
def test_a_polygon_that_is_nested_otherwise_is_read(polygon: Any) -> None:
    (item,) = one([{"label": "cat", "polygon": polygon}]).objects
    assert [ring.tolist() for ring in item.rings or ()] == [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]]


@pytest.mark.parametrize("polygon", [[], "x", 5, {}, [[]], [[0.1, 0.2, 0.3, 0.4]], [0.1, 0.2, 0.3, 0.4]])
def test_a_polygon_without_a_ring_costs_its_object(polygon: Any) -> None:
    image = one([{"label": "cat", "polygon": polygon}])
    assert codes(image) == [("object", "invalid_polygon")]


@pytest.mark.parametrize(
    ("change", "dropped", "beyond"),
    [
        ({}, 0, 0),
        ({"bottomX": 1.0000000001}, 1, 0),
        ({"bottomX": 0.1}, 1, 0),
        ({"topX": -0.5}, 1, 0),
        ({"bottomX": 640}, 1, 1),
        (dict.fromkeys(("topX", "topY", "bottomX", "bottomY")), 1, 0),
    ],
)
def test_what_the_trainer_drops_is_counted(change: dict[str, Any], dropped: int, beyond: int) -> None:
    evidence = read({"image_url": "https://h/1.jpg", "label": [BOX | change]}).evidence
    assert (evidence.count("objects"), evidence.count("dropped_by_trainer")) == (1, dropped)
    assert evidence.count("coordinates_beyond_2") == beyond


@pytest.mark.parametrize(
    ("confidence", "count"), [(0.5, 1), ([1, 0.5], 1), (1, 0), ("0.5", 1), ("some", 0), (None, 0), (True, 0)]
)
def test_confidences_below_one_are_counted(confidence: Any, count: int) -> None:
    found = read({"image_url": "https://h/1.jpg", "label": "cat", "label_confidence": confidence})
    assert found.evidence.count("confidences_below_one") == count


def test_a_line_of_more_labels_than_an_image_can_have_is_rejected_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_OBJECTS", 3)
    lines = read(
        '{"image_url": "https://h/1.jpg", "label": [{}, {}, {}, {}]}', '{"image_url": "https://h/2.jpg", "label": [{}]}'
    )
    assert [item.message for item in lines.rejections] == ["it has 4 labels, expected at most 3, and is not read"]
    assert [image.path for image in lines.images] == ["https://h/2.jpg"]


def test_a_line_that_memory_is_too_dear_for_is_rejected_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_LARGEST_ROOM", 10_000)
    lines = read('{{"image_url": "https://h/1.jpg", "label": [{}]}}'.format(",".join(["{}"] * 100)))
    (rejection,) = lines.rejections
    assert (rejection.code, rejection.image) == ("invalid_record", None)
    assert "more than 0 MB of memory" in rejection.message


# What tables and other tools leave.


@pytest.mark.parametrize("encode", [str, json.dumps])
def test_a_list_of_labels_as_text_is_read_as_the_list(encode: Any) -> None:
    found = read({"image_url": "https://h/1.jpg", "label": encode(["cat", "dog"])})
    (image,) = found.images
    assert [item.label for item in image.objects] == ["cat", "dog"]
    assert found.evidence.count("lists_as_text") == 1
    (item,) = one(encode([BOX])).objects
    assert (item.label, item.bbox) == ("cat", (0.1, 0.2, 0.5, 0.75))
    assert one(encode([])).objects == []


def test_a_name_in_brackets_stays_a_name() -> None:
    found = read({"image_url": "https://h/1.jpg", "label": "[sic]"})
    assert [item.label for item in found.images[0].objects] == ["[sic]"]
    assert not found.evidence.count("lists_as_text")


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 640, "height": "480"},
        {"image_details": {}, "width": "640px", "height": "480PX"},
        {"image_details": {"width": "640 PX", "height": "480Px"}, "width": 1, "height": 1},
        {"image_width": 640.0, "image_height": 480, "width": 1, "height": 1},
    ],
)
def test_a_size_stands_in_one_of_three_places(fields: dict[str, Any]) -> None:
    image = one(**fields)
    assert (image.width, image.height, codes(image)) == (640, 480, [])


@pytest.mark.parametrize(("confidence", "told"), [("0.4", 1), (["1.0", "0.4"], 1), ("1", 0), (["high"], 0), (True, 0)])
def test_a_confidence_may_be_text(confidence: Any, told: int) -> None:
    found = read({"image_url": "https://h/1.jpg", "label": ["cat", "dog"], "label_confidence": confidence})
    assert found.evidence.count("confidences_below_one") == told


def test_a_data_asset_is_no_path() -> None:
    image = one(image_url="azureml:images:1/1.jpg", prefix="")
    assert codes(image) == [("image", "unsupported_url"), *codes(image)[1:]]
    assert one(image_url="a:1/1.jpg", prefix="").path == "a:1/1.jpg"


def test_image_urls_of_v1_are_counted_wherever_they_stand() -> None:
    urls = ["https://h/1.jpg", "AmlDatastore://d/1.jpg", "AmlDatastore://d/2.jpg"]
    found = read(*({"image_url": url, "label": "cat"} for url in urls))
    assert found.evidence.count("urls_of_v1") == 2
    assert not read({"image_url": urls[1], "label": "cat"}, prefix="AmlDatastore://d/").evidence.count("urls_of_v1")
