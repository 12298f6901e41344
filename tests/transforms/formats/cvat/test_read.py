"""Images of CVAT: each shape is an object or a rejection, and the image is the one that is meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelbeam.transforms.formats.cvat.format import CvatOptions
from labelbeam.transforms.formats.cvat.read import CvatImage, read_image
from labelbeam.transforms.formats.cvat.xml import images_in
from labelbeam.transforms.formats.named_images import ImageFinder

IMAGES = ImageFinder(
    [
        "images/1.jpg",
        "images/Train/a/2.jpg",
        "images/Validation/a/2.jpg",
        "images/Validation/3.jpg",
        "images/frame_0.PNG",
    ]
)
DETECTION, SEGMENTATION, LABELS = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)
BOX = '<box label="cat" source="manual" occluded="0" xtl="10.00" ytl="20.00" xbr="30.00" ybr="50.00" z_order="0"/>'
SQUARE = "10.00,20.00;30.00,20.00;30.00,40.00;10.00,40.00"


def read(*shapes: str, task: str = DETECTION, options: Any = None, name: str = "1.jpg", **more: str) -> CvatImage:
    fields = {"id": "0", "name": name, "width": "200", "height": "100"} | more
    head = " ".join(f'{key}="{value}"' for key, value in fields.items())
    data = f"<annotations><image {head}>{''.join(shapes)}</image></annotations>".encode()
    found = [
        read_image(image, IMAGES, options or CvatOptions(), path="a.xml", source="memory://x", task=task)
        for boxes in {False, "classification" not in task}
        for written in images_in(lambda start, end: data[start:end], 0, len(data), len(data), boxes)
        if written is not None
        for image in written.one_by_one()
    ]
    assert len({repr(each) for each in found}) == 1, "boxes that are taken together are the same objects"
    return found[0]


def test_a_box_is_a_box_in_pixels_and_an_image_has_its_size() -> None:
    image = read(BOX).image
    assert (image.path, image.width, image.height, image.locator) == ("images/1.jpg", 200, 100, "a.xml image 0")
    assert [(item.label, item.bbox, item.rings) for item in image.objects] == [("cat", (10, 20, 30, 50), None)]


@pytest.mark.parametrize(
    ("shape", "box", "corners", "adjusted"),
    [
        (BOX.replace("z_order", 'rotation="90.00" z_order'), (5, 25, 35, 45), None, ["bbox_turned"]),
        (BOX.replace("z_order", 'rotation="360" z_order'), (10, 20, 30, 50), None, []),
        (f'<polygon label="cat" points="{SQUARE}"/>', (10, 20, 30, 40), 4, []),
        ('<ellipse label="cat" cx="50" cy="40" rx="3" ry="1"/>', (47, 39, 53, 41), 12, []),
        ('<ellipse label="cat" cx="50" cy="40" rx="3" ry="1" rotation="90"/>', (49, 37, 51, 43), 12, []),
        (
            '<mask label="cat" rle="1, 5" left="10" top="20" width="3" height="2"/>',
            (10, 20, 13, 22),
            6,
            ["mask_to_polygon"],
        ),
    ],
)
def test_a_shape_has_a_box_and_an_outline(shape: str, box: Any, corners: int | None, adjusted: list[str]) -> None:
    image = read(shape, task=SEGMENTATION).image
    assert image.rejected == []
    (item,) = image.objects
    assert item.bbox == pytest.approx(box)
    assert (len(item.rings[0]) if item.rings else None) == corners
    assert image.adjusted == adjusted


def test_a_mask_goes_along_the_rows_of_its_box_background_first() -> None:
    (item,) = read('<mask label="a" rle="0, 2, 1, 1" left="5" top="7" width="2" height="2"/>').image.objects
    assert item.from_mask and item.rings is not None
    # The pixels (5, 7), (6, 7) and (6, 8).
    corners = {tuple(corner) for corner in item.rings[0].tolist()}
    assert corners == {(5, 7), (7, 7), (7, 9), (6, 9), (6, 8), (5, 8)}
    x, y = item.rings[0].T
    area = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    assert area == 3, "clockwise as seen on a screen, like every mask that is traced"


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ('<polyline label="a" points="1,2;3,4;5,6"/>', "missing_bbox"),
        ('<points label="a" points="1,2"/>', "missing_bbox"),
        ('<cuboid label="a" xtl1="1"/>', "missing_bbox"),
        ('<skeleton label="a"><points label="b" outside="0" points="1,2"/></skeleton>', "missing_bbox"),
        ('<sphere label="a"/>', "unknown_element"),
        (BOX.replace("cat", " "), "invalid_label"),
        ('<box xtl="1" ytl="2" xbr="3" ybr="4"/>', "invalid_label"),
        (BOX.replace("30.00", "nan"), "invalid_bbox"),
        (BOX.replace("30.00", "1e300"), "invalid_bbox"),
        (BOX.replace("30.00", ""), "invalid_bbox"),
        (BOX.replace("z_order", 'rotation="x" z_order'), "invalid_bbox"),
        ('<polygon label="a" points="1,2;3,4"/>', "invalid_polygon"),
        ('<polygon label="a" points="1,2;3;5,6"/>', "invalid_polygon"),
        ('<polygon label="a"/>', "invalid_polygon"),
        ('<ellipse label="a" cx="1" cy="2" rx="3"/>', "invalid_polygon"),
        ('<ellipse label="a" cx="1" cy="2" rx="1e9" ry="1"/>', "invalid_polygon"),
        ('<mask label="a" rle="1, 2" left="1" top="1" width="2" height="2"/>', "invalid_rle"),
        ('<mask label="a" rle="1, 9" left="1" top="1" width="2" height="2"/>', "invalid_rle"),
        ('<mask label="a" rle="1, x" left="1" top="1" width="2" height="2"/>', "invalid_rle"),
        ('<mask label="a" rle="1_0" left="1" top="1" width="2" height="5"/>', "invalid_rle"),
        ('<mask label="a" rle="4" left="1" top="1" width="2" height="2"/>', "empty_mask"),
        ('<mask label="a" rle="" left="1" top="1" width="0" height="2"/>', "empty_mask"),
        ('<mask label="a" rle="0,4" left="1.5" top="1" width="2" height="2"/>', "invalid_bbox"),
        ('<mask label="a" rle="0,4" left="1" top="1" width="99999" height="99999"/>', "mask_too_large"),
    ],
)
def test_a_shape_that_cannot_be_read_is_rejected_beside_the_others(shape: str, code: str) -> None:
    image = read(shape, BOX).image
    assert [(item.kind, item.code) for item in image.rejected] == [("object", code)]
    assert image.rejected[0].locator.startswith("a.xml image 0 ")
    assert len(image.objects) == 1


def test_a_shape_that_is_outside_is_skipped() -> None:
    image = read(BOX.replace("z_order", 'outside="1" z_order'), BOX).image
    assert (image.skipped, len(image.objects)) == (["outside"], 1)


@pytest.mark.parametrize(("groups", "expected", "united"), [("unite", 3, 1), ("apart", 4, 0)])
def test_shapes_of_one_label_and_group_are_one_object(groups: Any, expected: int, united: int) -> None:
    polygon = f'<polygon label="cat" points="{SQUARE}" group_id="3"/>'
    mask = '<mask label="cat" rle="0,4" left="60" top="60" width="2" height="2" group_id="3"/>'
    other, alone = polygon.replace("cat", "dog"), polygon.replace('"3"', '"0"')
    found = read(polygon, mask, other, alone, options=CvatOptions(cvat_groups=groups), task=SEGMENTATION)
    assert (len(found.image.objects), found.united, found.boxes) == (expected, united, 0)
    if united:
        first = found.image.objects[0]
        assert first.bbox == (10, 20, 62, 62) and first.rings is not None
        assert (len(first.rings), first.from_mask) == (2, False)


@pytest.mark.parametrize(
    ("labels", "expected", "twofold"),
    [("detect", ["wet"], True), ("tags", ["wet"], False), ("shapes", ["cat", "dog"], False)],
)
def test_labels_of_an_image_are_its_tags_else_its_shapes(labels: Any, expected: list[str], twofold: bool) -> None:
    tag = '<tag label="wet" source="manual"/>'
    shapes = (BOX, BOX, '<points label="dog" points="1,2"/>')
    found = read(tag, tag, *shapes, task=LABELS, options=CvatOptions(cvat_labels=labels))
    assert ([item.label for item in found.image.objects], found.twofold) == (expected, twofold)
    found = read(*shapes, task=LABELS, options=CvatOptions(cvat_labels=labels))
    assert [item.label for item in found.image.objects] == ([] if labels == "tags" else ["cat", "dog"])
    assert not found.twofold
    assert len(read(tag).image.objects) == 0, "a tag is no object"


def test_a_tag_without_a_label_is_rejected() -> None:
    image = read('<tag source="manual"/>', task=LABELS).image
    assert [(item.kind, item.code) for item in image.rejected] == [("object", "invalid_label")]


@pytest.mark.parametrize(
    ("name", "subset", "path", "split", "other"),
    [
        ("a/2.jpg", "Train", "images/Train/a/2.jpg", "train", False),
        ("a/2.jpg", "Validation", "images/Validation/a/2.jpg", "validation", False),
        ("3.jpg", "Train", "3.jpg", "train", False),
        ("1.jpg", "default", "images/1.jpg", None, False),
        ("1.jpg", "batch 7", "images/1.jpg", None, True),
        ("frame_0", "", "images/frame_0.PNG", None, False),
        ("b/9.jpg", "", "b/9.jpg", None, False),
    ],
)
def test_an_image_lies_in_the_folder_of_its_subset_which_is_its_split(
    name: str, subset: str, path: str, split: str | None, other: bool
) -> None:
    found = read(BOX, name=name, subset=subset)
    assert (found.image.path, found.image.split, found.other_subset) == (path, split, other)
    assert found.image.rejected == []


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("", {}, "invalid_record"),
        ("../../x.jpg", {}, "unsafe_path"),
        ("a/2.jpg", {}, "ambiguous_image"),
        ("1.jpg", {"width": "0.5"}, "invalid_size"),
        ("1.jpg", {"width": "x"}, "invalid_size"),
    ],
)
def test_an_image_that_cannot_be_used_is_rejected(name: str, more: dict[str, str], code: str) -> None:
    image = read(BOX, name=name, **more).image
    assert [(item.kind, item.code) for item in image.rejected] == [("image", code)]


def test_boxes_have_no_outline() -> None:
    assert read(BOX, task=SEGMENTATION).boxes == 1
