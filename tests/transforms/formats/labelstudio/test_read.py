"""Tasks of Label Studio: each region is an object or a rejection, in percent; and the image is the one that is meant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.read import StudioImages, read_studio
from labelbeam.transforms.formats.labelstudio.tasks import Annotation, StudioTask
from labelbeam.transforms.formats.named_images import ImageFinder
from tests.transforms.formats.labelstudio.test_brush import pack

IMAGES = ImageFinder(["images/1.jpg", "images/0a1b2c3d-2.jpg", "a/3.jpg", "b/3.jpg"])
DETECTION, SEGMENTATION, LABELS = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)
SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def result(kind: str = "rectanglelabels", labels: Any = ("cat",), sizes: Any = SIZE, **value: Any) -> dict[str, Any]:
    value = value or {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    made = {"from_name": "label", "to_name": "image", "type": kind, "value": {**value, kind: [*labels]}, **sizes}
    if not labels:
        del made["value"][kind]
    return made


CHOICE = {"from_name": "kind", "type": "choices", "value": {"choices": ["wet"]}}


def read(*results: Any, task: str = DETECTION, image: Any = "1.jpg", **options: Any) -> StudioImages:
    tasks = [StudioTask("task 1", {"image": image}, [Annotation([*results])])]
    return read_all(tasks, task, **options)


def read_all(tasks: list[StudioTask], task: str = DETECTION, split: str | None = None, **options: Any) -> StudioImages:
    given = LabelStudioOptions(**options)
    return read_studio(tasks, given, IMAGES, path="p.json", source="memory://x", task=task, split=split)


def image_of(*results: Any, **more: Any) -> SourceImage:
    return read(*results, **more).images[0]


def test_an_image_has_the_size_that_it_was_drawn_at() -> None:
    image = image_of(result())
    assert (image.path, image.width, image.height, image.locator) == ("images/1.jpg", 200, 100, "p.json task 1")
    assert [(item.label, item.bbox, item.locator) for item in image.objects] == [("cat", (10, 20, 40, 60), "result[0]")]


@pytest.mark.parametrize(
    ("item", "box", "corners", "adjusted"),
    [
        # A rectangle of 60×40 pixels at (20, 20), turned by 90 degrees about that corner.
        (result(x=10, y=20, width=30, height=40, rotation=90), (-10, 20, 10, 80), None, ["bbox_turned"]),
        (result("polygonlabels", points=[[1, 1], [5, 1], [3, 6]], closed=True), (1, 1, 5, 6), 3, []),
        (result("ellipselabels", x=50, y=50, radiusX=10, radiusY=5), (40, 45, 60, 55), 12, []),
        # Half axes of 20 and 5 pixels.
        (result("ellipselabels", x=50, y=50, radiusX=10, radiusY=5, rotation=90), (47.5, 30, 52.5, 70), 12, []),
        (result("ellipselabels", sizes={}, x=50, y=50, radiusX=1, radiusY=1), (49, 49, 51, 51), 12, []),
    ],
)
def test_a_region_has_a_box_and_an_outline(item: Any, box: Any, corners: int | None, adjusted: list[str]) -> None:
    image = image_of(item, task=SEGMENTATION)
    assert image.rejected == []
    (found,) = image.objects
    assert found.bbox == pytest.approx(box)
    assert (len(found.rings[0]) if found.rings else None) == corners or (corners == 12 and found.rings)
    assert image.adjusted == adjusted
    assert all(np.isfinite(ring).all() for ring in found.rings or [])


def test_a_brush_is_traced_in_pixels_beside_a_box_in_percent() -> None:
    alpha = [0, 255, 0, 0, 1, 0]
    packed = pack([value for pixel in alpha for value in (9, 9, 9, pixel)], [1] * 24)
    sizes = {"original_width": 3, "original_height": 2}
    image = image_of(result("brushlabels", format="rle", rle=packed, sizes=sizes), task=SEGMENTATION)
    (found,) = image.objects
    assert found.from_mask and found.rings is not None
    assert {tuple(corner) for corner in found.rings[0].tolist()} == {(1, 0), (2, 0), (2, 2), (1, 2)}
    assert found.bbox == pytest.approx((100 / 3, 0, 200 / 3, 100))
    assert image.adjusted == ["mask_to_polygon"]
    image = image_of(result(), result("brushlabels", format="rle", rle=packed, sizes=sizes))
    assert [item.code for item in image.rejected] == ["rle_size_mismatch"], (
        "it is of another image than the first region"
    )


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (result("keypointlabels", x=1, y=2, width=1), "missing_bbox"),
        (result("vectorlabels", vertices=[]), "missing_bbox"),
        (result("bitmasklabels", imageDataURL="data:"), "invalid_record"),
        (result("videorectanglelabels", sequence=[]), "invalid_record"),
        (7, "invalid_record"),
        (result(x=1, y=2, width=None, height=3), "invalid_bbox"),
        (result(x=1, y=2, width=math.inf, height=3), "invalid_bbox"),
        (result(x=400, y=2, width=1, height=3), "invalid_bbox"),
        (result(x=1, y=2, width=1, height=3, rotation="x"), "invalid_bbox"),
        (result(sizes={}, x=1, y=2, width=1, height=3, rotation=5), "invalid_bbox"),
        (result(sizes={**SIZE, "image_rotation": 90}), "invalid_bbox"),
        (result("polygonlabels", points=[[1, 1], [2, 2]]), "invalid_polygon"),
        (result("polygonlabels", points=[[1, 1], [2, 2], [3]]), "invalid_polygon"),
        (result("ellipselabels", x=1, y=2, radiusX="a", radiusY=1), "invalid_polygon"),
        (result("ellipselabels", sizes={}, x=1, y=2, radiusX=1, radiusY=1, rotation=3), "invalid_polygon"),
        (result("brushlabels", rle=[1, 2]), "invalid_rle"),
        (result("brushlabels", sizes={}, rle=[1, 2]), "rle_size_mismatch"),
        (result(labels=()), "invalid_label"),
        (result(labels=("a", "b")), "invalid_label"),
        (result(labels=(" ",)), "invalid_label"),
        (result(labels=(None,)), "invalid_label"),
    ],
)
def test_a_region_that_cannot_be_read_is_rejected_beside_the_others(bad: Any, code: str) -> None:
    found = read(bad, result())
    (image,) = found.images
    assert [(item.kind, item.code) for item in image.rejected] == [("object", code)]
    assert (len(image.objects), found.counts["boxes"]) == (1, 2)


def test_results_of_one_id_are_one_region_and_others_say_nothing_of_objects() -> None:
    shape = result("rectangle", labels=()) | {"id": "r"}
    labels = {"id": "r", "type": "labels", "value": {**shape["value"], "labels": ["dog"]}}
    text = {"id": "r", "type": "textarea", "value": {"text": ["x"]}}
    others = [CHOICE, {"type": "relation", "from_id": "r", "to_id": "r"}, {"type": "rating", "value": {"rating": 3}}]
    assert [item.label for item in image_of(shape, labels, text, *others).objects] == ["dog"]
    choice = {"id": "r", "from_name": "kind", "type": "choices", "value": {**shape["value"], "choices": ["big"]}}
    assert [item.label for item in image_of(shape, choice).objects] == ["big"]
    assert [item.label for item in image_of(shape, labels, choice).objects] == ["dog"]
    assert [item.label for item in image_of(shape, labels, choice, labelstudio_control="kind").objects] == ["big"]
    assert read(shape, text).counts["unlabelled"] == 1


@pytest.mark.parametrize(
    ("results", "control", "labels", "others", "twofold"),
    [
        ([CHOICE, result()], None, ["wet"], (), 1),
        ([result(), result(labels=("a", "b"))], None, ["cat", "a", "b"], (), 0),
        (
            [CHOICE, CHOICE | {"from_name": "class", "value": {"choices": ["x", "y"]}}],
            None,
            ["x", "y"],
            ("class", "kind"),
            0,
        ),
        ([CHOICE, CHOICE | {"from_name": "class", "value": {"choices": ["x"]}}], "kind", ["wet"], (), 0),
        ([CHOICE | {"value": {"taxonomy": [["a", "b"], ["a", "c"]]}}], None, ["a/b", "a/c"], (), 0),
        ([CHOICE | {"value": {"choices": [None]}}], None, [], (), 0),
        ([CHOICE | {"from_name": ["kind"]}], None, ["wet"], (), 0),
        ([], None, [], (), 0),
    ],
)
def test_labels_of_an_image_are_choices_of_one_control_else_those_of_regions(
    results: Any, control: str | None, labels: list[str], others: Any, twofold: int
) -> None:
    found = read(*results, task=LABELS, labelstudio_control=control)
    assert [item.label for item in found.images[0].objects] == labels
    assert (found.others, found.counts["twofold"]) == (others, twofold)


@pytest.mark.parametrize(
    ("name", "path", "adjusted"),
    [
        ("/data/upload/7/0a1b2c3d-1.jpg", "images/1.jpg", ["image_by_other_name"]),
        ("/data/upload/7/0a1b2c3d-2.jpg", "images/0a1b2c3d-2.jpg", []),
        ("/data/local-files/?d=images/1.jpg", "images/1.jpg", []),
        ("s3://bucket/there/1.jpg", "images/1.jpg", []),
        ("https://h/there/1.jpg?sig=x", "images/1.jpg", []),
        ("https://h/there/9.jpg?sig=x", "https://h/there/9.jpg?sig=x", []),
        ("s3://bucket/there/9.jpg", "there/9.jpg", []),
        ("/data/upload/7/0a1b2c3d-9.jpg", "upload/7/0a1b2c3d-9.jpg", []),
    ],
)
def test_an_image_is_found_by_what_its_task_calls_it(name: str, path: str, adjusted: list[str]) -> None:
    image = image_of(result(), image=name)
    assert (image.path, image.adjusted, image.rejected) == (path, adjusted, [])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("3.jpg", "ambiguous_image"),
        ("x/0a1b2c3d-3.jpg", "ambiguous_image"),
        ("../../9.jpg", "unsafe_path"),
        (7, "invalid_record"),
    ],
)
def test_an_image_that_cannot_be_told_is_rejected(name: Any, code: str) -> None:
    image = image_of(result(), image=name)
    assert [(item.kind, item.code) for item in image.rejected] == [("image", code)]
    two = StudioTask("task 1", {"left": "1.jpg", "right": "2.jpg"}, [Annotation([])])
    assert read_all([two]).images[0].rejected[0].message.startswith("data names several images (left, right)")


def test_tasks_that_nobody_has_annotated_are_left_out_and_are_no_background() -> None:
    data, gone = {"image": "1.jpg"}, Annotation([result()], cancelled=True)
    tasks = [
        StudioTask("task 1", data, [gone]),
        StudioTask("task 2", data, [], [Annotation([result()])]),
        StudioTask("task 3", data, [Annotation([])]),
        StudioTask("task 4", data, [Annotation(7)]),
        StudioTask("task 5", data, [Annotation([result()]), Annotation([result()])]),
        StudioTask("task 6", data, bad="the task is 7"),
    ]
    found = read_all(tasks, split="test")
    assert [image.left_out for image in found.images] == ["not_annotated", "not_annotated", None, None, None, None]
    assert [bool(image.rejected) for image in found.images] == [False, False, False, True, False, True]
    assert {image.split for image in found.images} == {"test"}
    assert +found.counts == {"unannotated": 2, "predicted": 1, "several": 1, "boxes": 1}
    found = read_all(tasks, labelstudio_annotations="predictions")
    assert (found.images[1].left_out, len(found.images[1].objects), found.counts["models"]) == (None, 1, 1)
    assert len(read_all(tasks, labelstudio_annotations="all").images[4].objects) == 2
