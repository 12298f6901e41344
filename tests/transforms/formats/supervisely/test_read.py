"""Files of Supervisely, read one by one: each object is an object or a rejection, and the image is that of its own dataset."""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import Any

import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.supervisely.format import SuperviselyOptions
from labelbeam.transforms.formats.supervisely.read import SuperviselyImage, image_by_file, read_supervisely
from tests.transforms.formats.supervisely.test_bitmap import RING, png_of

IMAGES = ImageFinder(["ds/img/1.jpg", "other/img/1.jpg", "other/img/2.jpg", "flat/3.png", "train/ds/img/4.v.jpg"])
DETECTION, SEGMENTATION = "image_object_detection", "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"
SQUARE = [[10, 20], [30, 20], [30, 40], [10, 40]]
HOLE = [[15, 25], [20, 25], [20, 30]]
BITMAP = {"data": base64.b64encode(zlib.compress(png_of(RING, "RGBA"))).decode(), "origin": [5, 6]}


def item(kind: Any, exterior: Any = None, title: Any = "cat", interior: Any = (), **more: Any) -> dict[str, Any]:
    points = {"exterior": exterior, "interior": list(interior)}
    return {"id": 1, "classTitle": title, "geometryType": kind, "points": points, "tags": []} | more


def read_file(
    *objects: Any, task: str = DETECTION, options: dict[str, Any] | None = None, **more: Any
) -> SuperviselyImage:
    content = {"description": "", "tags": [], "size": {"height": 100, "width": 200}, "objects": list(objects)} | more
    data = json.dumps({key: value for key, value in content.items() if value != "absent"}).encode()
    given = SuperviselyOptions(**(options or {}))
    found = read_supervisely(data, "ds/ann/1.jpg.json", IMAGES, options=given, task=task, source="memory://x")
    assert found is not None
    return found


def read(*objects: Any, **more: Any) -> SourceImage:
    return read_file(*objects, **more).image


@pytest.mark.parametrize(
    ("found", "box", "corners"),
    [
        (item("rectangle", [[30, 40], [10, 20]]), (10, 20, 31, 41), None),
        (item("rectangle", [[10, 20], [10, 20]]), (10, 20, 11, 21), None),
        (item("oriented_bbox", points=[[10, 20], [29, 39]], angle=math.pi / 2), (10, 20, 30, 40), None),
        (item("oriented_bbox", points=[[10, 20], [29, 29]], angle=math.pi / 2), (15, 15, 25, 35), None),
        (item("oriented_bbox", points=[[10, 20], [29, 39]], angle=0), (10, 20, 30, 40), None),
        (item("polygon", SQUARE), (10, 20, 30, 40), [4]),
        (item(None, SQUARE, type="polygon"), (10, 20, 30, 40), [4]),
        (item("polygon", SQUARE, interior=[HOLE]), (10, 20, 30, 40), [4, 3]),
        (item("multipolygon", parts=[{"exterior": SQUARE}, {"exterior": HOLE, "interior": []}]), (10, 20, 30, 40), [4, 3]),
        (item("bitmap", bitmap=BITMAP), (5, 6, 8, 10), [6, 4]),
        (item("alpha_mask", alpha_mask=BITMAP), (5, 6, 8, 10), [6, 4]),
    ],
)  # fmt: skip
def test_an_object_has_a_box_and_an_outline(found: Any, box: Any, corners: Any) -> None:
    image = read(found)
    assert image.rejected == []
    assert (image.path, image.width, image.height) == ("ds/img/1.jpg", 200, 100)
    (made,) = image.objects
    assert (made.label, made.bbox) == ("cat", pytest.approx(box))
    assert made.rings is None if corners is None else [len(ring) for ring in made.rings or ()] == corners
    assert made.by_xor == bool(found["points"]["interior"] if isinstance(found["points"], dict) else False)
    assert made.from_mask == ("bitmap" in found or "alpha_mask" in found)


@pytest.mark.parametrize(
    ("corners", "edges", "edged"),
    [
        ([[0, 0], [199, 99]], (0, 0, 199, 99), 0),
        ([[0, 0], [200, 99]], (0, 0, 200, 99), 1),
        ([[0.5, 0], [9, 9]], (0.5, 0, 9, 9), 1),
    ],
)
def test_the_second_corner_is_the_last_pixel_or_the_edge_and_what_no_pixel_is_is_told(
    corners: Any, edges: Any, edged: int
) -> None:
    found = read_file(item("rectangle", corners))
    left, top, right, bottom = edges
    assert (found.image.objects[0].bbox, found.edged) == ((left, top, right + 1, bottom + 1), edged)
    found = read_file(item("rectangle", corners), options={"supervisely_corners": "edges"})
    assert (found.image.objects[0].bbox, found.edged) == (edges, 0)


@pytest.mark.parametrize(
    ("side", "hole", "xor", "adjusted", "corners"),
    [
        (40, [[15, 25], [20, 25], [20, 30]], True, [], [4, 3]),
        (40, [[40, 40], [60, 40], [60, 60], [40, 60]], True, ["polygon_parts_united"], [6]),
        (10_000_000, [[15, 25], [20, 25], [20, 30]], False, [], [4, 3]),
    ],
)
def test_a_hole_is_taken_out_and_adds_nothing_where_it_leaves_its_polygon(
    side: int, hole: Any, xor: bool, adjusted: list[str], corners: list[int]
) -> None:
    outer = [[10, 10], [10 + side, 10], [10 + side, 10 + side], [10, 10 + side]]
    image = read(item("polygon", outer, interior=[hole]), task=SEGMENTATION)
    (made,) = image.objects
    assert (made.by_xor, [str(each) for each in image.adjusted]) == (xor, adjusted)
    assert [len(ring) for ring in made.rings or ()] == corners


def test_polygons_of_one_class_and_binding_key_are_one_object() -> None:
    objects = [
        item("polygon", SQUARE, instance="a", interior=[HOLE]),
        item("polygon", [[60, 20], [70, 20], [70, 50]], instance="a"),
        item("polygon", SQUARE, "dog", instance="a"),
        item("polygon", SQUARE, instance=None),
        item("bitmap", bitmap=BITMAP, instance="b"),
        item("bitmap", bitmap=BITMAP, instance="b"),
    ]
    found = read_file(*objects)
    assert [(made.label, len(made.rings or ())) for made in found.image.objects] == [
        *(("cat", 3), ("dog", 1), ("cat", 1), ("cat", 2), ("cat", 2))
    ]
    assert (found.image.objects[0].bbox, found.image.objects[0].by_xor, found.united) == ((10, 20, 70, 50), True, 1)
    assert len(read(*objects, options={"supervisely_groups": "apart"}).objects) == 6


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (7, "invalid_record"),
        (item("polygon", SQUARE, title=None), "invalid_label"),
        (item("point", [[1, 2]]), "missing_bbox"),
        (item("graph", nodes={"a": {"loc": [1, 2]}}), "missing_bbox"),
        (item("cuboid", [[1, 2]]), "missing_bbox"),
        (item("any", SQUARE), "invalid_record"),
        (item(["polygon"], SQUARE), "invalid_record"),
        (item("rectangle", SQUARE[:3]), "invalid_bbox"),
        (item("rectangle", [[1, 2], [3, 1e999]]), "invalid_bbox"),
        (item("rectangle", points=None), "invalid_bbox"),
        (item("oriented_bbox", points=[[1, 2], [3, 4]], angle=1e308), "invalid_bbox"),
        (item("polygon", SQUARE[:2]), "invalid_polygon"),
        (item("polygon", SQUARE, interior=[[[1, 2]]]), "invalid_polygon"),
        (item("polygon", points={"exterior": SQUARE, "interior": 5}), "invalid_polygon"),
        (item("multipolygon", parts=[]), "invalid_polygon"),
        (item("bitmap"), "unreadable_mask"),
        (item("bitmap", bitmap=BITMAP | {"origin": [1e300, 0]}), "unreadable_mask"),
        (item("bitmap", bitmap={"origin": [1, 2], "data": "x"}), "unreadable_mask"),
    ],
)
def test_what_cannot_be_read_costs_its_object_alone(found: Any, code: str) -> None:
    image = read(found, item("polygon", SQUARE))
    assert [(each.kind, str(each.code), each.locator) for each in image.rejected] == [
        ("object", code, "ds/ann/1.jpg.json objects[0]")
    ]
    assert [made.label for made in image.objects] == ["cat"]


TAGS = [{"name": "wet"}, {"name": "sky", "value": "red"}, {"name": "sky", "value": 7}, {"name": "wet", "value": None}]


@pytest.mark.parametrize(
    ("tags", "tag", "labels", "told"),
    [
        (TAGS, None, ["wet"], (2, True)),
        (TAGS, "sky", ["red", "7"], (0, False)),
        (TAGS, "wet", ["wet"], (0, False)),
        (TAGS, "none", [], (0, False)),
        (TAGS[1:3], None, ["cat", "dog"], (2, False)),
        (["dry"], None, ["dry"], (0, True)),
        (None, None, ["cat", "dog"], (0, False)),
    ],
)
def test_labels_are_tags_without_a_value_or_those_of_one_tag_else_classes(
    tags: Any, tag: str | None, labels: list[str], told: tuple[int, bool]
) -> None:
    objects = [item("point", [[1, 2]]), item("rectangle", None, "dog"), item("line", None)]
    found = read_file(*objects, task=MULTILABEL, tags=tags, options={"supervisely_tag": tag})
    assert [made.label for made in found.image.objects] == labels
    assert (found.valued, found.twofold) == told
    assert found.image.rejected == []


def test_tags_that_are_no_list_are_rejected() -> None:
    image = read(item("line"), 7, task=MULTILABEL, tags={"name": "wet"})
    assert [str(each.code) for each in image.rejected] == ["invalid_label", "invalid_label"]
    assert [made.label for made in image.objects] == ["cat"]


@pytest.mark.parametrize(
    ("path", "image", "split"),
    [
        ("ds/ann/1.jpg.json", "ds/img/1.jpg", None),
        ("ds/ann/1.json", "ds/img/1.jpg", None),
        ("ds/ann/2.jpg.json", "ds/img/2.jpg", None),
        ("train/ds/ann/4.v.jpg.json", "train/ds/img/4.v.jpg", "train"),
        ("ds/ann/4.v.jpg.json", "train/ds/img/4.v.jpg", "train"),
        ("val/ann/3.png.json", "flat/3.png", "validation"),
        ("val/ann/9.png.json", "val/img/9.png", "validation"),
        ("ann/2.jpg.json", "other/img/2.jpg", None),
        ("labels/3.JSON", "flat/3.png", None),
    ],
)
def test_the_image_is_the_one_of_its_own_dataset(path: str, image: str, split: str | None) -> None:
    found = image_by_file(path, IMAGES, "memory://x")
    assert (found.path, found.split, found.rejected) == (image, split, [])


@pytest.mark.parametrize("name", ["..", "..%2f", "a\\..\\..\\b.jpg", "a\0b.jpg"])
def test_hostile_names_stay_inside(name: str) -> None:
    found = image_by_file(f"ds/ann/{name}.json", IMAGES, "memory://x")
    assert found.rejected or not {"..", ""} & set(found.path.split("/"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "the file is not read"),
        (b'{"objects": 5}', "objects is 5"),
        (b'{"objects": [], "framesCount": 9}', "framesCount"),
        (b'{"objects": [], "figures": []}', "figures"),
        (b'{"objects": [], "size": {"width": 1.5, "height": 2}}', "width 1.5"),
    ],
)
def test_a_file_that_is_none_costs_its_image(data: bytes, message: str) -> None:
    given = SuperviselyOptions()
    found = read_supervisely(data, "ds/ann/1.jpg.json", IMAGES, options=given, task=DETECTION, source="memory://x")
    assert found is not None
    (rejection,) = found.image.rejected
    assert (rejection.kind, message in rejection.message) == ("image", True)


def test_other_json_is_left_alone_and_an_answer_of_the_api_is_read() -> None:
    given = SuperviselyOptions()
    for data in (b"[]", b"{}", b'{"annotation": 7}'):
        assert read_supervisely(data, "a.json", IMAGES, options=given, task=DETECTION, source="memory://x") is None
    answer = json.dumps({"imageName": "1.jpg", "annotation": {"objects": [item("polygon", SQUARE)]}}).encode()
    found = read_supervisely(answer, "ds/ann/1.jpg.json", IMAGES, options=given, task=DETECTION, source="memory://x")
    assert found is not None and len(found.image.objects) == 1


def test_a_rectangle_of_four_upright_corners_is_the_one_of_two() -> None:
    assert read_file(item("rectangle", SQUARE)).image.objects[0].bbox == (10, 20, 31, 41)
    found = read_file(item("rectangle", [[10, 20], [30, 22], [30, 40], [10, 40]]), item("rectangle", SQUARE[:3])).image
    assert [rejection.code for rejection in found.rejected] == ["invalid_bbox"] * 2
