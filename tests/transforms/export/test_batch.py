"""Batches: names of images, and geometry in pixels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.builds.image_places import ImagePlace
from labelbeam.transforms.export.batch import Batch, Image, PixelBox, image_of, text_of
from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    mask,
    record,
)

PLACE = ImagePlace(None, PREFIX)


def image(task: str, item: dict[str, Any], place: ImagePlace = PLACE) -> Image:
    """The image of a record."""
    return image_of(msgspec.convert(item, RECORDS[task]), place)


def batch(task: str, *items: dict[str, Any]) -> Batch:
    """A batch of records."""
    return Batch("train", [image(task, item) for item in items], PLACE)


def test_boxes_are_pixels_of_their_own_image() -> None:
    found = batch(
        DETECTION,
        record("1.png", [box("b", 0.205761, 0.25, 0.411523, 0.5, 1), box("a", 0, 0, 1, 1)], 486, 100),
        record("2.png", []),
        record("3.png", [box("a", 0.1, 0.1, 0.5, 0.5)], 10, 1000),
    )
    assert [(one.name, boxes) for one, boxes in found.boxes()] == [
        ("1.png", [PixelBox("b", 100, 25, 200, 50, 1), PixelBox("a", 0, 0, 486, 100, 0)]),
        ("2.png", []),
        ("3.png", [PixelBox("a", 1, 100, 5, 500, 0)]),
    ]


def test_rings_are_pixels_of_their_own_image_and_stay_with_their_object() -> None:
    found = batch(
        SEGMENTATION,
        record("1.png", [mask("a", [0, 0, 0.1, 0, 0, 0.1], [0.5, 0.5, 1, 0.5, 0.5, 1, 0.4, 1]), mask("b", [0] * 6)]),
        record("2.png", []),
        record("3.png", [mask("c", [0, 0, 1, 0, 0, 1], crowd=1)], 30, 40),
    )
    assert [
        (one.name, [(part.label, [ring.tolist() for ring in part.rings], part.crowd) for part in parts])
        for one, parts in found.masks()
    ] == [
        (
            "1.png",
            [
                ("a", [[[0, 0], [20, 0], [0, 10]], [[100, 50], [200, 50], [100, 100], [80, 100]]], 0),
                ("b", [[[0, 0]] * 3], 0),
            ],
        ),
        ("2.png", []),
        ("3.png", [("c", [[[0, 0], [30, 0], [0, 40]]], 1)]),
    ]


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_a_batch_without_objects_has_its_images_still(task: str) -> None:
    found = batch(task, record("1.png", []), record("2.png", []))
    assert [(one.name, boxes) for one, boxes in found.boxes()] == [("1.png", []), ("2.png", [])]
    assert [(one.name, parts) for one, parts in found.masks()] == [("1.png", []), ("2.png", [])]


def test_labels_are_one_or_many_an_image() -> None:
    (one,) = batch(CLASSIFICATION, record("1.png", "a")).labels()
    assert one[1] == ["a"]
    many = batch(MULTILABEL, record("1.png", ["a", "b"]), record("2.png", []))
    assert [labels for _, labels in many.labels()] == [["a", "b"], []]


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        (f"{PREFIX}a b/100%25.png", "a b/100%.png", "a b/100%.png"),
        ("https://other.example.org/x/1.png?sig=1", "https://other.example.org/x/1.png?sig=1", "x/1.png"),
        ("s3://bucket/x/1.png", "s3://bucket/x/1.png", "x/1.png"),
    ],
)
def test_an_image_is_called_by_its_path_or_its_url_elsewhere(url: str, name: str, path: str) -> None:
    found = image(DETECTION, record(url, []))
    assert (found.name, found.path) == (name, path)


@pytest.mark.parametrize(
    "url", [f"{PREFIX}../../x.png", "https://h/c/../../x.png", "https://h/%2e%2e/x.png", "x.png", f"{PREFIX}a\nb.png"]
)
def test_an_image_without_a_path_below_a_directory_is_refused(url: str) -> None:
    with pytest.raises(LabelBeamError, match="expected the URL of an image below a directory"):
        image(DETECTION, record(PREFIX, []) | {"image_url": url})


def test_a_side_with_its_unit_is_a_number() -> None:
    item = record("1.png", []) | {"image_details": {"format": "png", "width": "12px", "height": "7px"}}
    found = image(DETECTION, item)
    assert (found.width, found.height) == (12, 7)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (1.0, "1"), (0.000001, "0.000001"), (1e-07, "0.0000001"), (1e22, "1" + "0" * 22), (0.1, "0.1")],
)
def test_numbers_have_no_exponent_and_no_decimals_that_say_nothing(number: float, text: str) -> None:
    assert text_of(number) == text
    assert float(text) == number
