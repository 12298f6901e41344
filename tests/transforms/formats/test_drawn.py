"""Values of annotation files that tools write: numbers, sizes, labels, corners, and outlines of round shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.drawn import (
    Drawn,
    JsonError,
    Part,
    add_label,
    add_parts,
    box_around,
    corners_of,
    declare_size,
    decode_json,
    ellipse,
    extent,
    label_of,
    number,
)
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget


def image() -> SourceImage:
    return SourceImage("1.jpg", "memory://x", "1.json", rejected=[], adjusted=[], objects=[], skipped=[])


def test_json_is_decoded_as_python_writes_it() -> None:
    assert decode_json(b'\xef\xbb\xbf{"a": "\xc3\xa9"}') == {"a": "\u00e9"}
    assert decode_json(b"[Infinity, -Infinity]") == [math.inf, -math.inf]
    assert math.isnan(decode_json(b"NaN"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JSON in UTF-8"),
        (b'{"a": 1', "no JSON in UTF-8"),
        (b'"\xe9"', "no JSON in UTF-8"),
        (b'"\\ud800"', "no JSON in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_told_why(data: bytes, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        decode_json(data)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        (-0.5, -0.5),
        (True, None),
        ("3", None),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
    ],
)
def test_a_number_is_finite_and_no_text(value: Any, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("width", "height", "size", "codes"),
    [
        (200, 100.0, (200, 100), []),
        (2**31 - 1, 1, (2**31 - 1, 1), []),
        (None, "", (None, None), []),
        (0, -1, (None, None), []),
        (2**31, 1, (None, None), ["invalid_size"]),
        (200, 0, (None, None), ["invalid_size"]),
        (200.5, 100, (None, None), ["invalid_size"]),
        ("200", 100, (None, None), ["invalid_size"]),
    ],
)
def test_a_size_is_two_positive_whole_numbers_or_none(width: Any, height: Any, size: Any, codes: list[str]) -> None:
    found = image()
    declare_size(found, width, height)
    assert (found.width, found.height) == size
    assert [item.code for item in found.rejected] == codes


@pytest.mark.parametrize(
    ("value", "label", "adjusted"),
    [
        ("cat", "cat", []),
        (" cafe\u0301", "caf\u00e9", ["label_normalized"]),
        (7, "7", ["label_from_number"]),
        (True, None, []),
        (1.5, None, []),
        (" ", None, []),
        (None, None, []),
    ],
)
def test_a_label_is_a_text_or_a_whole_number(value: Any, label: str | None, adjusted: list[str]) -> None:
    found = image()
    assert label_of(value, found) == label
    assert found.adjusted == adjusted


@pytest.mark.parametrize("points", [None, {"x": 1}, [[1]], [[1, 2, 3]], [[1, 2], [3, None]], [[1, math.inf]], [(1, 2)]])
def test_corners_are_pairs_of_finite_numbers(points: Any) -> None:
    assert corners_of(points) is None


def test_corners_have_two_columns_however_many_they_are() -> None:
    for points in ([], [[1, 2]], [[1, 2], [3.5, 4]]):
        found = corners_of(points)
        assert found is not None and found.shape == (len(points), 2)
        assert found.tolist() == points


def test_the_extent_is_that_of_all_parts() -> None:
    parts = [np.array([[3.0, 4], [5, 1]]), np.array([[-2.0, 2]])]
    assert extent(parts) == (-2, 1, 5, 4)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 3.0])
@pytest.mark.parametrize("radii", [(400.0, 400.0), (300.0, 20.0), (0.5, 0.25)])
def test_an_outline_keeps_within_half_a_pixel_of_its_ellipse(radii: tuple[float, float], angle: float) -> None:
    box, ring = ellipse((10, 20), radii, angle)
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def scaled(points: Any) -> Any:
        return np.hypot(*((points - (10, 20)) @ turned / radii).T)

    assert scaled(ring) == pytest.approx(np.ones(len(ring))), "corners lie on the curve"
    edges = (ring + np.roll(ring, 1, axis=0)) / 2
    assert ((1 - scaled(edges)) * max(radii)).max() <= 0.5 + 1e-9
    assert 12 <= len(ring) <= 360
    around = extent([ring])
    assert np.abs(np.subtract(box, around)).max() <= 0.5, "the box is that of the curve"
    assert box[0] <= around[0] + 1e-9 and box[3] >= around[3] - 1e-9


def test_an_outline_has_no_more_than_360_corners() -> None:
    assert [len(ellipse((0, 0), (radius, radius))[1]) for radius in (0, 1, 5, 1e8)] == [12, 12, 12, 360]


def test_a_file_that_takes_more_memory_than_there_is_is_no_fault_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_left", lambda: 0)
    assert decode_json(b"[" + b"[]," * 1000 + b"0]")
    with pytest.raises(ShortageError, match="a JSON file: needs"):
        decode_json(b"[" + b"[]," * 400_000 + b"0]")


@pytest.mark.parametrize(
    ("degrees", "pivot", "expected"),
    [
        (0, (5, 5), (0, 0, 10, 4)),
        (90, (0, 0), (-4, 0, 0, 10)),
        (90, (5, 2), (3, -3, 7, 7)),
        (-90, (0, 0), (0, -10, 4, 0)),
        (360, (1, 2), (0, 0, 10, 4)),
    ],
)
def test_a_box_is_turned_clockwise_about_a_point(degrees: float, pivot: Any, expected: Any) -> None:
    assert box_around((0, 0, 10, 4), degrees, pivot) == pytest.approx(expected)


def test_shapes_of_a_group_are_one_object_that_is_called_like_the_first() -> None:
    ring = np.array([[0.0, 0], [4, 0], [4, 4]])
    found = image()
    parts = [
        Part("a", "cat", "1", Drawn((0, 0, 4, 4), [ring], traced=True)),
        Part("b", "dog", "2", Drawn((9, 9, 10, 11), [], turned=True)),
        Part("a", "cow", "3", Drawn((2, 3, 8, 5), [])),
        Part("c", "owl", "4", Drawn((0, 0, 4, 4), [ring], traced=True)),
    ]
    assert add_parts(found, parts) == (1, 1)
    told = [(item.label, item.locator, item.bbox, item.from_mask, len(item.rings or [])) for item in found.objects]
    assert told == [
        ("cat", "1", (0, 0, 8, 5), False, 1),
        ("dog", "2", (9, 9, 10, 11), False, 0),
        ("owl", "4", (0, 0, 4, 4), True, 1),
    ]
    assert sorted(found.adjusted) == ["bbox_turned", "mask_to_polygon", "mask_to_polygon"]


def test_a_label_counts_once_and_none_is_rejected() -> None:
    found, labels = image(), dict[str, Any]()
    for value in ("cat", " cat", None, 7):
        add_label(found, value, "flags", labels)
    assert list(labels) == ["cat", "7"]
    assert [(item.kind, item.code, item.locator) for item in found.rejected] == [
        ("object", "invalid_label", "1.json flags")
    ]
