"""Files of LabelMe, read one by one: each shape is an object or a rejection, and the image is the one that is meant."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.labelme.read import read_labelme
from labelbeam.transforms.formats.named_images import ImageFinder

IMAGES = ImageFinder(["a/1.jpg", "images/train/2.jpg", "images/val/2.jpg", "images/3.PNG", "a/x.jpg"])
DETECTION, SEGMENTATION = "image_object_detection", "image_instance_segmentation"
SQUARE = [[10, 20], [30, 20], [30, 40], [10, 40]]


def shape(kind: str | None, points: Any, label: Any = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def read(
    *shapes: Any, path: str = "a/1.json", task: str = DETECTION, labels: str = "detect", **more: Any
) -> SourceImage:
    content = {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": "1.jpg", "imageData": None}
    content |= {"imageHeight": 100, "imageWidth": 200} | more
    data = json.dumps({key: value for key, value in content.items() if value != "absent"}).encode()
    found = read_labelme(data, path, IMAGES, labels=labels, task=task, source="memory://x")
    assert found is not None
    return found.image


def png_of(mask: Any, mode: str = "L") -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.array(mask, np.uint8)).convert(mode).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("kind", "points", "box", "corners"),
    [
        ("rectangle", [[30, 40], [10, 20]], (10, 20, 30, 40), None),
        ("rectangle", [[10, 40], [30, 20]], (10, 20, 30, 40), None),
        ("rectangle", SQUARE, (10, 20, 30, 40), None),
        ("polygon", SQUARE, (10, 20, 30, 40), 4),
        (None, SQUARE[:3], (10, 20, 30, 40), 3),
        ("circle", [[50, 50], [53, 54]], (45, 45, 55, 55), 12),
        ("circle", [[50, 50], [50, 50.25]], (49.75, 49.75, 50.25, 50.25), 12),
    ],
)
def test_a_shape_has_a_box_and_an_outline(kind: str | None, points: Any, box: Any, corners: int | None) -> None:
    image = read(shape(kind, points))
    assert image.rejected == []
    (item,) = image.objects
    assert item.bbox == pytest.approx(box)
    assert (len(item.rings[0]) if item.rings else None) == corners


def test_a_circle_is_an_outline_within_half_a_pixel_of_it() -> None:
    (item,) = read(shape("circle", [[500, 500], [500, 900]])).objects
    assert item.rings is not None
    edges = (item.rings[0] + np.roll(item.rings[0], 1, axis=0)) / 2
    assert np.hypot(*(edges - 500).T).min() > 399.5


@pytest.mark.parametrize("corners", [[[10, 20], [30, 30], [25, 40], [5, 30]], SQUARE])
def test_a_rotation_is_the_box_around_it(corners: Any) -> None:
    image = read(shape("rotation", corners))
    assert image.objects[0].rings is None
    assert image.adjusted == ["bbox_turned"]


def test_polygons_of_one_label_and_group_are_one_object() -> None:
    image = read(
        shape("polygon", SQUARE, group_id=1),
        shape("polygon", [[50, 50], [60, 50], [60, 60]], group_id=1),
        shape("polygon", SQUARE, "dog", group_id=1),
        shape("polygon", SQUARE),
        shape("polygon", SQUARE, group_id=0),
        task=SEGMENTATION,
    )
    assert [(item.label, len(item.rings or [])) for item in image.objects] == [
        ("cat", 2),
        ("dog", 1),
        ("cat", 1),
        ("cat", 1),
    ]
    assert image.objects[0].bbox == (10, 20, 60, 60)


@pytest.mark.parametrize(("value", "mode"), [(1, "L"), (255, "L"), (255, "1")])
def test_a_mask_lies_at_its_first_point(value: int, mode: str) -> None:
    pixels = np.zeros((3, 5), int)
    pixels[1:, 1:4] = value
    image = read(shape("mask", [[10, 20], [14, 22]], mask=png_of(pixels, mode)))
    (item,) = image.objects
    assert item.bbox == (11, 21, 14, 23)
    assert item.from_mask
    assert image.adjusted == ["mask_to_polygon"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (shape("point", [[1, 2]]), "missing_bbox"),
        (shape("line", [[1, 2], [3, 4]]), "missing_bbox"),
        (shape("linestrip", SQUARE), "missing_bbox"),
        (shape("cuboid", SQUARE), "invalid_record"),
        (shape("polygon", SQUARE) | {"shape_type": ["polygon"]}, "invalid_record"),
        (shape("polygon", SQUARE[:2]), "invalid_polygon"),
        (shape("polygon", [[1, 2], [3]]), "invalid_polygon"),
        (shape("polygon", [[1, 2], [3, float("nan")], [5, 6]]), "invalid_polygon"),
        (shape("polygon", None), "invalid_polygon"),
        (shape("rectangle", SQUARE[:3]), "invalid_bbox"),
        (shape("rectangle", [["1", 2], [3, 4]]), "invalid_bbox"),
        (shape("circle", SQUARE), "invalid_polygon"),
        (shape("mask", [[1, 2], [3, 4]]), "unreadable_mask"),
        (shape("mask", [[1, 2], [3, 4]], mask="!"), "unreadable_mask"),
        (shape("mask", [[1, 2], [3, 4]], mask=base64.b64encode(b"GIF89a").decode()), "unreadable_mask"),
        (shape("mask", [[1, 2], [3, 4]], mask=png_of(np.zeros((3, 3)))), "empty_mask"),
        (shape("mask", [[1, 2], [3, 4]], mask=png_of(np.ones((9, 3)))), "mask_size_mismatch"),
        (shape("rectangle", [[1, 2], [3, 4]], ""), "invalid_label"),
        (shape("rectangle", [[1, 2], [3, 4]], None), "invalid_label"),
        ("cat", "invalid_record"),
    ],
)
def test_a_shape_that_cannot_be_read_is_rejected_beside_the_others(bad: Any, code: str) -> None:
    image = read(bad, shape("rectangle", [[1, 2], [3, 4]]))
    assert [(item.kind, item.code, item.locator) for item in image.rejected] == [("object", code, "a/1.json shapes[0]")]
    assert len(image.objects) == 1


def test_labels_are_trimmed_and_numbers_are_text() -> None:
    image = read(shape("rectangle", SQUARE, " cat "), shape("rectangle", SQUARE, 7))
    assert [item.label for item in image.objects] == ["cat", "7"]
    assert image.adjusted == ["label_normalized", "label_from_number"]


@pytest.mark.parametrize(
    ("path", "named", "expected", "adjusted"),
    [
        ("a/1.json", "1.jpg", "a/1.jpg", []),
        ("a/1.json", "C:\\Users\\me\\1.jpg", "a/1.jpg", []),
        ("labels/train/2.json", "..\\..\\images\\train\\2.jpg", "images/train/2.jpg", []),
        ("train/labels/2.json", "2.jpg", "images/train/2.jpg", []),
        ("val/2.json", "/home/me/2.jpg", "images/val/2.jpg", []),
        ("annotations/3.json", "3.png", "images/3.PNG", ["image_by_other_name"]),
        ("a/1.json", "before.jpg", "a/1.jpg", ["image_by_other_name"]),
        ("a/1.json", None, "a/1.jpg", []),
        ("a/1.json", "absent", "a/1.jpg", []),
        ("a/1.json", "x.jpg", "a/x.jpg", []),
        ("b/9.json", "../images/9.jpg", "images/9.jpg", []),
        ("b/9.json", "D:/photos/9.jpg", "b/9.jpg", []),
    ],
)
def test_the_image_is_found_by_what_the_file_says(path: str, named: Any, expected: str, adjusted: list[str]) -> None:
    image = read(path=path, imagePath=named)
    assert (image.path, image.adjusted, image.rejected) == (expected, adjusted, [])


@pytest.mark.parametrize(
    ("path", "named", "code"),
    [
        ("b/9.json", "../../../etc/passwd", "unsafe_path"),
        ("b/9.json", "a\x00.jpg", "unsafe_path"),
        ("b/9.json", "file:///etc/passwd", "unsupported_url"),
        ("b/9.json", "", "invalid_record"),
        ("labels/2.json", "2.jpg", "ambiguous_image"),
    ],
)
def test_an_image_that_nothing_settles_is_rejected(path: str, named: str, code: str) -> None:
    image = read(path=path, imagePath=named)
    assert [(item.kind, item.code) for item in image.rejected] == [("image", code)]


@pytest.mark.parametrize(
    ("width", "height", "size", "codes"),
    [
        (200, 100, (200, 100), []),
        (200.0, 100, (200, 100), []),
        (None, None, (None, None), []),
        ("absent", "absent", (None, None), []),
        (-5, 100, (None, None), ["invalid_size"]),
        ("wide", 100, (None, None), ["invalid_size"]),
        (10**30, 100, (None, None), ["invalid_size"]),
        (None, 100, (None, None), ["invalid_size"]),
    ],
)
def test_the_size_is_the_declared_one_or_none(width: Any, height: Any, size: Any, codes: list[str]) -> None:
    image = read(imageWidth=width, imageHeight=height)
    assert (image.width, image.height) == size
    assert [item.code for item in image.rejected] == codes


CLASSIFICATION = "image_classification_multilabel"
FLAGS = {"day": True, "night": False, " wet ": True}


@pytest.mark.parametrize(
    ("labels", "flags", "expected"),
    [
        ("detect", FLAGS, ["day", "wet"]),
        ("detect", {"day": False}, []),
        ("detect", {}, ["cat", "dog"]),
        ("detect", None, ["cat", "dog"]),
        ("flags", {}, []),
        ("shapes", FLAGS, ["cat", "dog"]),
    ],
)
def test_labels_of_an_image_are_its_flags_else_its_shapes(labels: str, flags: Any, expected: list[str]) -> None:
    shapes = [shape("point", [[1, 2]]), shape("polygon", SQUARE, "dog"), shape("polygon", SQUARE, "dog")]
    image = read(*shapes, task=CLASSIFICATION, labels=labels, flags=flags)
    assert [item.label for item in image.objects] == expected


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe{\0", b'{"shapes": [' * 2000, b'{"a": "\xe9"}'])
def test_a_file_that_is_no_json_is_a_rejected_image(data: bytes) -> None:
    found = read_labelme(data, "a/1.json", IMAGES, labels="detect", task=DETECTION, source="memory://x")
    assert found is not None
    assert [(item.code, item.image) for item in found.image.rejected] == [("invalid_record", "a/1.jpg")]


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"images": []}', b"1"])
def test_json_without_shapes_is_no_annotation_file(data: bytes) -> None:
    assert read_labelme(data, "a/1.json", IMAGES, labels="detect", task=DETECTION, source="memory://x") is None


def test_a_byte_order_mark_and_embedded_data_do_not_matter() -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"shapes": [], "imagePath": "1.jpg", "imageData": "x" * 100}).encode()
    found = read_labelme(data, "a/1.json", IMAGES, labels="detect", task=DETECTION, source="memory://x")
    assert found is not None
    assert (found.image.path, found.image.rejected) == ("a/1.jpg", [])
