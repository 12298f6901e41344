"""Files of VIA: each region is an object or a rejection, with the label that its attribute says."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.via.content import read_content
from labelbeam.transforms.formats.via.read import ViaImages, find_attribute, read_via

IMAGES = ImageFinder(["a/1.jpg", "b/1.jpg", "b/2.png"])
DETECTION = "image_object_detection"
RECT = {"name": "rect", "x": 10, "y": 20, "width": 30, "height": 40}
CAT = {"class": "cat"}


def region(shape: Any, attributes: Any = CAT) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(*regions: Any, name: Any = "1.jpg", **attributes: Any) -> dict[str, Any]:
    return {"filename": name, "size": 9, "regions": list(regions), "file_attributes": attributes}


def read(
    content: Any,
    path: str = "a/via.json",
    task: str = DETECTION,
    attribute: str | None = None,
    label: str | None = None,
) -> ViaImages:
    parsed = read_content(content if isinstance(content, bytes) else json.dumps(content).encode(), path)
    found = find_attribute(parsed, attribute, task)
    return read_via(parsed, found, IMAGES, path=path, source="memory://x", task=task, split=None, label=label)


def image_of(*regions: Any, **more: Any) -> SourceImage:
    return read({"1.jpg9": entry(*regions)}, **more).images[0]


def test_project_export_and_table_are_the_same_images() -> None:
    regions = [region(RECT), region(RECT, {"class": "dog"})]
    entries = {"1.jpg9": entry(*regions), "2.png9": entry(name="2.png")}
    project = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {}}
    old = {key: value | {"regions": dict(enumerate(value["regions"]))} for key, value in entries.items()}
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(
        [
            "#filename",
            "file_size",
            "file_attributes",
            "region_count",
            "region_id",
            "region_shape_attributes",
            "region_attributes",
        ]
    )
    for number, item in enumerate(regions):
        shape, attributes = json.dumps(item["shape_attributes"]), json.dumps(item["region_attributes"])
        rows.writerow(["1.jpg", 9, "{}", 2, number, shape, attributes])
    rows.writerow(["2.png", 9, "{}", 0, 0, "{}", "{}"])
    table = buffer.getvalue().encode()

    def told(found: ViaImages) -> list[Any]:
        return [(image.path, [(item.label, item.bbox) for item in image.objects]) for image in found.images]

    expected = [("a/1.jpg", [("cat", (10, 20, 40, 60)), ("dog", (10, 20, 40, 60))]), ("b/2.png", [])]
    assert told(read(project)) == told(read(entries)) == told(read(old)) == expected
    assert told(read(table, "a/via.csv")) == told(read(b"\xef\xbb\xbf" + table, "a/via.csv")) == expected


@pytest.mark.parametrize(
    ("shape", "box", "corners"),
    [
        (RECT, (10, 20, 40, 60), None),
        ({"name": "circle", "cx": 5, "cy": 6, "r": 2}, (3, 4, 7, 8), 12),
        ({"name": "ellipse", "cx": 5, "cy": 6, "rx": 3, "ry": 1}, (2, 5, 8, 7), 12),
        ({"name": "ellipse", "cx": 5, "cy": 6, "rx": 3, "ry": 1, "theta": 1.5707963267948966}, (4, 3, 6, 9), 12),
        ({"name": "polygon", "all_points_x": [1, 5, 3, 1], "all_points_y": [1, 1, 6, 1]}, (1, 1, 5, 6), 3),
    ],
)
def test_a_shape_has_a_box_and_an_outline(shape: Any, box: Any, corners: int | None) -> None:
    image = image_of(region(shape))
    assert image.rejected == []
    (item,) = image.objects
    assert item.bbox == pytest.approx(box)
    assert (len(item.rings[0]) if item.rings else None) == corners


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (region({"name": "point", "cx": 1, "cy": 2}), "missing_bbox"),
        (region({"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [1, 2, 3]}), "missing_bbox"),
        (region({"name": "cuboid"}), "invalid_record"),
        (region({"name": ["rect"]}), "invalid_record"),
        (region({"name": "rect", "x": 1, "y": 2, "width": None, "height": 3}), "invalid_bbox"),
        (region({"name": "rect", "x": 1e308, "y": 2, "width": 1e308, "height": 3}), "invalid_bbox"),
        (region({"name": "circle", "cx": 1, "cy": 2}), "invalid_polygon"),
        (region({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}), "invalid_polygon"),
        (region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}), "invalid_polygon"),
        (region(None), "invalid_record"),
        (5, "invalid_label"),
        (region(RECT, {}), "invalid_label"),
        (region(RECT, {"class": " "}), "invalid_label"),
        (region(RECT, {"class": {"a": True, "b": True}}), "invalid_label"),
        (region(RECT, {"class": {"a": False}}), "invalid_label"),
    ],
)
def test_a_region_that_cannot_be_read_is_rejected_beside_the_others(bad: Any, code: str) -> None:
    image = image_of(bad, region(RECT))
    assert [(item.kind, item.code) for item in image.rejected] == [("object", code)]
    assert len(image.objects) == 1


def test_the_option_of_a_checkbox_that_is_chosen_is_the_label() -> None:
    assert [item.label for item in image_of(region(RECT, {"kind": {"a": False, "b": True}})).objects] == ["b"]


@pytest.mark.parametrize(
    ("given", "expected", "others"),
    [(None, "cat", ("note",)), ("note", "big", ()), ("none", None, ())],
)
def test_of_several_attributes_the_one_called_like_a_label_is_taken_and_told(
    given: str | None, expected: str | None, others: tuple[str, ...]
) -> None:
    content = {"1.jpg9": entry(region(RECT, {"note": "big", "class": "cat"}), region(RECT, {"note": "x", "class": ""}))}
    found = find_attribute(read_content(json.dumps(content).encode(), "v.json"), given, DETECTION)
    assert found.others == others
    assert [item.label for item in read(content, attribute=given).images[0].objects][:1] == (
        [expected] if expected else []
    )


def test_regions_without_any_attribute_have_the_label_that_is_given() -> None:
    assert [item.label for item in image_of(region(RECT, {}), label="balloon").objects] == ["balloon"]
    assert read({"x": entry(region(RECT, {}))}).unlabelled == 1


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [({"weather": "wet"}, ["wet"]), ({"weather": {"a": True, "b": True}}, ["a", "b"]), ({"caption": "x"}, ["cat"])],
)
def test_labels_of_an_image_are_its_own_attribute_else_those_of_its_regions(attributes: Any, expected: Any) -> None:
    content = {"1.jpg9": entry(region(RECT), region({"name": "point"}), **attributes)}
    image = read(content, task="image_classification_multilabel").images[0]
    assert [item.label for item in image.objects] == expected


def test_the_folder_of_a_project_says_where_its_images_lie() -> None:
    project = {"_via_settings": {"core": {"default_filepath": "C:\\x\\b\\"}}, "_via_img_metadata": {"1.jpg9": entry()}}
    assert read(project).images[0].path == "b/1.jpg"


@pytest.mark.parametrize(
    ("name", "code"), [("../../x.jpg", "unsafe_path"), ("data:x://", "unsupported_url"), (None, "invalid_record")]
)
def test_an_image_of_an_unusable_name_is_rejected(name: Any, code: str) -> None:
    image = read({"k": entry(region(RECT), name=name)}).images[0]
    assert [(item.kind, item.code) for item in image.rejected] == [("image", code)]


def test_images_of_one_name_are_told_apart_by_their_bytes_as_via_does() -> None:
    two = {f"1.jpg{size}": entry(region(RECT)) | {"size": size} for size in (7, 9)}
    assert [image.named for image in read(two).images] == ["1.jpg of 7 bytes", "1.jpg of 9 bytes"]
    assert [image.named for image in read({"1.jpg9": entry(region(RECT))}).images] == [""]
