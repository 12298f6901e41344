"""Images of Custom Vision's API: found by name or id, with regions in fractions and tags by name or id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.customvision.read import (
    CustomVisionError,
    CustomVisionImages,
    read_images,
    read_tags,
)
from labelbeam.transforms.formats.named_images import ImageFinder

IMAGES = ImageFinder(["images/0a-1.jpg", "train/2.jpg", "val/2.jpg", "a b.png"])
DETECTION, MULTILABEL = "image_object_detection", "image_classification_multilabel"
PLACE = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
REGION = {"regionId": "r", "tagName": "cat", "tagId": "t1", **PLACE}


def read(content: Any, task: str = DETECTION, path: str = "export.json", **tags: str) -> CustomVisionImages:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_images(data, tags, IMAGES, path=path, source="memory://x", task=task)


def image(*regions: Any, **more: Any) -> dict[str, Any]:
    return {"id": "0a-1", "width": 200, "height": 100, "regions": list(regions)} | more


def test_a_region_is_a_box_in_fractions() -> None:
    (found,) = read([image(REGION)]).images
    assert (found.path, found.width, found.height, found.rejected) == ("images/0a-1.jpg", 200, 100, [])
    assert [(item.label, item.bbox) for item in found.objects] == [("cat", pytest.approx((0.1, 0.2, 0.4, 0.6)))]


@pytest.mark.parametrize(
    "content",
    [
        {"images": [image({"tagId": "t1", **PLACE})], "tags": [{"id": "t1", "name": "cat"}]},
        {"value": [image(REGION)]},
        [[image(REGION)], []],
        [image({"tag_name": "cat", "tag_id": "t1", **PLACE})],
    ],
)
def test_pages_uploads_and_the_sdk_are_read_alike(content: Any) -> None:
    (found,) = read(content).images
    assert [item.label for item in found.objects] == ["cat"]


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({"name": "..\\images\\0a-1.jpg"}, "x/e.json", "images/0a-1.jpg"),
        ({"metadata": {"filename": "a b.png"}}, "e.json", "a b.png"),
        ({"id": "none", "originalImageUri": "https://h/p/a%20b.png?sig=1"}, "e.json", "a b.png"),
        ({"id": "2"}, "val/e.json", "val/2.jpg"),
        ({"name": "new/3.jpg"}, "e.json", "new/3.jpg"),
    ],
)
def test_an_image_is_found_by_its_name_else_its_id(fields: Any, path: str, expected: str) -> None:
    (found,) = read([image(**fields)], path=path).images
    assert (found.path, found.rejected) == (expected, [])


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (image(id="nowhere"), "missing_image"),
        (image(id=None), "invalid_record"),
        (image(id="2"), "ambiguous_image"),
        (image(name="../../x.jpg"), "unsafe_path"),
        (image(width="wide"), "invalid_size"),
        (image(regions=5), "invalid_record"),
        (7, "invalid_record"),
    ],
)
def test_an_image_that_nothing_settles_is_rejected(entry: Any, code: str) -> None:
    (found,) = read([entry]).images
    assert [(item.kind, item.code) for item in found.rejected] == [("image", code)]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (REGION | {"left": 40, "width": 100}, "invalid_bbox"),
        (REGION | {"left": None}, "invalid_bbox"),
        ({"tagId": "unknown", **PLACE}, "unknown_category"),
        ({"tagName": " ", **PLACE}, "unknown_category"),
        ("cat", "invalid_record"),
    ],
)
def test_a_region_that_cannot_be_read_is_rejected_beside_the_others(bad: Any, code: str) -> None:
    (found,) = read([image(bad, REGION)]).images
    assert [(item.kind, item.code) for item in found.rejected] == [("object", code)]
    assert len(found.objects) == 1


@pytest.mark.parametrize(
    ("fields", "labels", "codes"),
    [
        ({"tags": [{"tagName": "a"}, {"tagId": "t1"}, {"tagName": "a"}]}, ["a", "cat"], []),
        ({"tagIds": ["t1", "t2"]}, ["cat"], ["unknown_category"]),
        ({"tags": None, "regions": [REGION]}, ["cat"], []),
        ({"tags": ["plain"]}, ["plain"], []),
        ({"tags": [], "regions": None}, [], []),
    ],
)
def test_labels_are_tags_by_name_or_id_else_those_of_regions(fields: Any, labels: list[str], codes: list[str]) -> None:
    (found,) = read([image() | fields], MULTILABEL, t1="cat").images
    assert [item.label for item in found.objects] == labels
    assert [item.code for item in found.rejected] == codes


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        ({"created": "2020", "tags": None, "regions": None}, "not_annotated"),
        ({"originalImageUri": "https://x/i-1"}, "not_annotated"),
        ({"created": "2020", "tags": [{"tagName": "none"}], "regions": None}, None),
        ({"created": "2020", "tags": [], "regions": []}, None),
        ({"regions": []}, None),
    ],
)
def test_an_image_of_the_api_without_tags_and_regions_is_left_out(fields: Any, left_out: str | None) -> None:
    entry = {key: value for key, value in image().items() if key not in ("tags", "regions")} | fields
    found = read([entry])
    assert (found.images[0].left_out, found.untagged) == (left_out, int(left_out is not None))


def test_a_list_of_tags_is_their_names_by_id() -> None:
    tags = [{"id": "t1", "name": "cat", "imageCount": 3}, {"id": "t2", "name": "dog", "image_count": 0}]
    assert read_tags(json.dumps(tags).encode()) == {"t1": "cat", "t2": "dog"}


@pytest.mark.parametrize("data", [b"{", b"{}", b'"x"', b'{"images": 3}'])
def test_a_file_without_a_list_of_images_is_refused(data: bytes) -> None:
    with pytest.raises(CustomVisionError):
        read(data)
