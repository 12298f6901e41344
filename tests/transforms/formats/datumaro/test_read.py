"""Items of Datumaro: each annotation is an object or a rejection, and the image is the one that is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.datumaro.read import DatumaroError, DatumaroImages, read_items
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.geometry.rle import counts_to_string

IMAGES = ImageFinder(["images/train/a/1.jpg", "images/val/a/1.jpg", "images/2.PNG"])
DETECTION, SEGMENTATION, LABELS = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)


def item_of(*annotations: Any, **more: Any) -> dict[str, Any]:
    return {"id": "a/1", "annotations": list(annotations), "image": {"path": "a/1.jpg", "size": [100, 200]}} | more


def read(
    *items: Any, task: str = DETECTION, apart: bool = False, path: str = "annotations/train.json"
) -> DatumaroImages:
    labels = {"labels": [{"name": "cat"}, {"name": "dog"}, "owl"]}
    content = {"info": {}, "categories": {"label": labels}, "items": list(items)}
    data = json.dumps(content).encode()
    return read_items(data, IMAGES, path=path, source="memory://x", task=task, split="train", apart=apart)


def image_of(*annotations: Any, **more: Any) -> SourceImage:
    return read(item_of(*annotations), **more).images[0]


def made(kind: str = "bbox", label: Any = 0, **more: Any) -> dict[str, Any]:
    return {"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": label, "z_order": 0} | more


BOX = made(bbox=[10, 20, 30, 40])
RLE = {"size": [100, 200], "counts": counts_to_string([1020, 3, 18977])}


@pytest.mark.parametrize(
    ("annotation", "box", "corners", "adjusted"),
    [
        (BOX, (10, 20, 40, 60), None, []),
        (made(bbox=[10, 20, 30, 40], attributes={"rotation": 90.0}), (5, 25, 45, 55), None, ["bbox_turned"]),
        (made("rotated_bbox", points=[25, 40, 30, 40, 90.0]), (5, 25, 45, 55), None, ["bbox_turned"]),
        (made("rotated_bbox", rotated_bbox=[25, 40, 30, 40, 30]), (2.01, 15.18, 47.99, 64.82), None, ["bbox_turned"]),
        (made("rotated_bbox", bbox=[25, 40, 30, 40, 360]), (10, 20, 40, 60), None, []),
        (made("polygon", 2, points=[1, 1, 5, 1, 3, 6]), (1, 1, 5, 6), 3, []),
        (made("ellipse", points=[2, 4, 8, 6]), (2, 4, 8, 6), 12, []),
        (made("mask", rle=RLE), (10, 20, 11, 23), 4, ["mask_to_polygon"]),
    ],
)
def test_an_annotation_has_a_box_and_an_outline(annotation: Any, box: Any, corners: int | None, adjusted: Any) -> None:
    image = image_of(annotation, task=SEGMENTATION)
    assert (image.path, image.width, image.height, image.split) == ("images/train/a/1.jpg", 200, 100, "train")
    assert image.rejected == []
    (item,) = image.objects
    assert item.bbox == pytest.approx(box, abs=0.005)
    assert (len(item.rings[0]) if item.rings else None) == corners
    assert image.adjusted == adjusted


@pytest.mark.parametrize(
    ("annotation", "code"),
    [
        (7, "invalid_record"),
        (made("cuboid", bbox=[1, 2, 3, 4]), "invalid_record"),
        (BOX | {"type": ["bbox"]}, "invalid_record"),
        (made("points", points=[1, 2]), "missing_bbox"),
        (made("polyline", points=[1, 2, 3, 4, 5, 6]), "missing_bbox"),
        (made("skeleton", points=[1, 2, 2]), "missing_bbox"),
        (made(label=3, bbox=[1, 2, 3, 4]), "unknown_category"),
        (made(label=-1, bbox=[1, 2, 3, 4]), "unknown_category"),
        (made(label=None, bbox=[1, 2, 3, 4]), "invalid_label"),
        (made(bbox=[1, 2, 3]), "invalid_bbox"),
        (made(bbox=[1, 2, 3, None]), "invalid_bbox"),
        (made(bbox=[1, 2, 3, 1e300]), "invalid_bbox"),
        (made("rotated_bbox", bbox=[1, 2, 3, 4]), "invalid_bbox"),
        (made("rotated_bbox", points=[1, 2, 3, 4, "30"]), "invalid_bbox"),
        (made("rotated_bbox"), "invalid_bbox"),
        (made("polygon", points=[1, 2, 3, 4]), "invalid_polygon"),
        (made("polygon", points=[1, 2, 3, 4, 5, 6, 7]), "invalid_polygon"),
        (made("polygon"), "invalid_polygon"),
        (made("mask"), "invalid_rle"),
        (made("mask", rle={"size": [100, 200], "counts": "1"}), "invalid_rle"),
        (made("mask", rle=RLE | {"size": [99, 200]}), "rle_size_mismatch"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_rejected_beside_the_others(annotation: Any, code: str) -> None:
    image = image_of(annotation, BOX)
    assert [(item.kind, item.code) for item in image.rejected] == [("object", code)]
    assert len(image.objects) == 1


@pytest.mark.parametrize(("apart", "objects", "united"), [(False, 3, 1), (True, 4, 0)])
def test_annotations_of_one_label_and_group_are_one_object(apart: bool, objects: int, united: int) -> None:
    polygon = made("polygon", points=[1, 1, 5, 1, 3, 6], group=4)
    found = read(item_of(BOX | {"group": 4}, polygon, polygon | {"label_id": 1}, BOX), apart=apart)
    assert (len(found.images[0].objects), found.united) == (objects, united)


def test_labels_of_an_item_are_its_own_else_those_of_its_objects() -> None:
    label, caption = made("label", 1), {"type": "caption", "caption": "x"}
    found = read(
        item_of(label, BOX, caption), item_of(BOX, BOX | {"type": [1]}, caption, made("points", 9)), task=LABELS
    )
    assert [[item.label for item in image.objects] for image in found.images] == [["dog"], ["cat"]]
    assert found.twofold == 1
    assert [item.code for item in found.images[1].rejected] == ["unknown_category"]
    assert image_of(label, caption).objects == [], "neither is an object"


@pytest.mark.parametrize(
    ("item", "path", "codes"),
    [
        (item_of(), "images/train/a/1.jpg", []),
        ({"id": "2"}, "images/2.PNG", []),
        ({"id": "2", "media": {"path": "/home/me/2.png"}}, "images/2.PNG", []),
        ({"id": "9", "image": {"path": "b/9.jpg"}}, "b/9.jpg", []),
        ({"id": "../../9"}, None, ["unsafe_path"]),
        ({"id": 7}, None, ["invalid_record"]),
        (7, None, ["invalid_record"]),
        (item_of(annotations=7), None, ["invalid_record"]),
        (item_of(image={"path": "a/1.jpg", "size": [0.5, 2]}), None, ["invalid_size"]),
    ],
)
def test_an_item_is_its_image_in_the_folder_of_its_subset(item: Any, path: str | None, codes: list[str]) -> None:
    (image,) = read(item).images
    assert [rejection.code for rejection in image.rejected] == codes
    assert path is None or image.path == path


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"items": 5}'])
def test_a_file_without_items_is_refused(data: bytes) -> None:
    with pytest.raises(DatumaroError):
        read_items(data, IMAGES, path="a.json", source="s", task=DETECTION, split=None)
