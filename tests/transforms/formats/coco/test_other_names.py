"""Records of COCO files whose fields are called otherwise than COCO calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.coco.frames import doubts_of
from labelbeam.transforms.formats.coco.index import IndexBuilder
from labelbeam.transforms.formats.coco.other_names import OF_ANNOTATIONS, OF_IMAGES, may_hold, other_name
from labelbeam.transforms.formats.frames import PIXELS
from tests.transforms.formats.coco.annotations_read import DETECTION, SEGMENTATION, SQUARE, Read, annotation


@pytest.mark.parametrize(
    ("record", "field", "name"),
    [
        ({"filename": "a.jpg"}, "file_name", "filename"),
        ({"fileName": "a.jpg", "path": "/data/a.jpg"}, "file_name", "fileName"),
        ({"file-name": "a.jpg"}, "file_name", "file-name"),
        ({"image_path": "x/a.PNG"}, "file_name", "image_path"),
        ({"file_name": None, "filename": "a.jpg"}, "file_name", "filename"),
        ({"file_name": "b.jpg", "filename": "a.jpg"}, "file_name", None),
        ({"name": "the first image"}, "file_name", None),
        ({"path": 5}, "file_name", None),
        ({"image_id": 0}, "id", "image_id"),
    ],
)
def test_an_image_has_its_fields_under_other_names(record: dict[str, Any], field: str, name: str | None) -> None:
    assert other_name(record, field, OF_IMAGES) == name


def without(*names: str, **others: Any) -> dict[str, Any]:
    return {key: value for key, value in annotation().items() if key not in names} | others


def test_an_annotation_may_call_its_image_an_item() -> None:
    """As vailabel-studio wrote it (https://github.com/vailabel/vailabel-studio/pull/277)."""
    assert other_name({"item_id": 1, "bbox": [1, 2, 3, 4]}, "image_id", OF_ANNOTATIONS) == "item_id"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (without("bbox", box=[1, 1, 2, 2]), "'box' as bbox (1)"),
        (without("bbox", boundingBox={"x": 1, "y": 1, "width": 2, "height": 2}), "'boundingBox' as bbox (1)"),
        (without("image_id", imageId=1), "'imageId' as image_id (1)"),
        (without("image_id", img_id="1"), "'img_id' as image_id (1)"),
        (without("category_id", class_id=3), "'class_id' as category_id (1)"),
        (without("category_id", category="three"), "'category' as category_id (1)"),
        (without("category_id", Category_Name="three"), "'Category_Name' as category_id (1)"),
    ],
)
def test_an_annotation_is_read_under_other_names_and_told(record: dict[str, Any], told: str) -> None:
    read = Read([record])
    assert (read.names, read.boxes, read.rejected) == ([("a.jpg", "three")], [[1, 1, 3, 3]], [])
    (doubt, *_) = doubts_of("file:///d.json", read.evidence, PIXELS, "detect", corners=False)
    assert doubt.code == "fields_renamed"
    assert told in doubt.message


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
@pytest.mark.parametrize(
    "others", [{"polygon": SQUARE}, {"points": [[1, 1], [3, 1], [3, 3]]}, {"segmentations": [SQUARE]}]
)
def test_an_outline_under_another_name_serves_for_a_box_that_is_missing(others: dict[str, Any], task: str) -> None:
    read = Read([without("bbox", **others)], task)
    assert read.rings == [[[[1, 1], [3, 1], [3, 3]]]]


def test_a_record_is_read_alike_whichever_others_stand_beside_it() -> None:
    odd = without("bbox", box=[1, 1, 2, 2], id=1)
    plain = annotation(id=2)
    for records in ([odd, plain], [plain, odd], [odd], [annotation(id=3, bbox=None), odd]):
        read = Read(records)
        assert read.boxes[records.index(odd)] == [1, 1, 3, 3]


def test_the_name_of_a_category_stands_for_its_id_and_is_told() -> None:
    read = Read([annotation(category_id="three"), annotation(category_id="3")])
    assert read.names == [("a.jpg", "three")] * 2
    codes = [doubt.code for doubt in doubts_of("file:///d.json", read.evidence, PIXELS, "detect", corners=False)]
    assert codes == ["names_for_ids"]


def test_images_and_categories_under_other_names_are_told() -> None:
    builder = IndexBuilder("file:///d.json", 0, "", None, 1)
    builder.add_images(json.dumps({"image_id": 1, "filename": "a.jpg"}).encode())
    builder.categories.add(json.dumps({"id": 1, "title": "cat"}).encode())
    list(builder.finish())
    assert (builder.index.paths, builder.index.labels) == (["a.jpg"], ["cat"])
    (doubt,) = builder.doubts
    assert "'filename' as file_name (1), 'image_id' as id (1), 'title' as name (1)" in doubt.message


@pytest.mark.parametrize("field", ["bbox", "segmentation"])
def test_a_range_that_holds_a_field_by_another_name_is_known_by_its_bytes(field: str) -> None:
    for name in OF_ANNOTATIONS[field]:
        assert may_hold(json.dumps({name.upper(): 1}).encode(), field)
    assert not may_hold(json.dumps(annotation(segmentation=[SQUARE])).encode(), field)
