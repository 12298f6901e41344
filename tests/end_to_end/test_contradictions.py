"""What annotations say that does not agree with itself, or with the images: rebuilt from reports of users of other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, SEGMENTATION, Build, attempt, convert, failed, near
from tests.end_to_end.datasets import coco_box, coco_image, put, voc_object, voc_xml, write_coco, write_image

WIDTH, HEIGHT = SIZE = (640, 480)


def built(source: Path, place: Path, *options: str | Path, task: str = DETECTION) -> Build:
    return convert("--source", source, "--image-url", PREFIX, *options, output=place / "out", task=task)


def doubts(build: Build) -> dict[str, dict[str, Any]]:
    return {doubt["code"]: doubt for doubt in build.manifest["doubts"]}


def coco_of(place: Path, boxes: Sequence[Any], size: tuple[int, int] = SIZE, **fields: Any) -> Path:
    """A COCO file of an image a box, without the images."""
    images = [coco_image(number, width=size[0], height=size[1]) for number in range(len(boxes))]
    items = [coco_box(number, number, bbox=bbox, **fields) for number, bbox in enumerate(boxes)]
    return write_coco(place / "in/d.json", images, items)


# Names of images. ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/home/bob/data/images/{}", "images_in_other_folders"),
        ("C:\\data\\images\\{}", "images_in_other_folders"),
        ("..\\..\\label-studio\\media\\upload\\4\\{}", "images_in_other_folders"),
        ("s3://bucket/data/images/{}", "images_in_other_folders"),
        ("../images/{}", ""),
        ("/data/local-files/?d=images/{}", ""),
    ],
)
def test_images_of_absolute_names_are_found_by_what_of_them_is_here(name: str, code: str, tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"in/images/{number}.jpg", SIZE)
    images = [coco_image(number, name.format(f"{number}.jpg"), width=WIDTH, height=HEIGHT) for number in range(3)]
    boxes = [coco_box(number, number, [300, 20, 300, 200]) for number in range(3)]
    build = built(write_coco(tmp_path / "in/annotations/d.json", images, boxes), tmp_path)
    assert [path.rpartition("/")[2] for path in build.records] == ["0.jpg", "1.jpg", "2.jpg"]
    assert build.adjusted["image_by_other_name"] == 3
    assert list(doubts(build)) == [code] * bool(code)


def test_absolute_names_of_images_that_are_not_here_are_told_once(tmp_path: Path) -> None:
    images = [coco_image(number, f"/home/bob/{number}.jpg") for number in range(3)]
    source = write_coco(tmp_path / "d.json", images, [coco_box(number, number) for number in range(3)])
    answer = attempt(source, tmp_path / "out", "--max-rejected", "1")
    failed(answer, 3, "names_lead_out", "'/home/bob/'", "--images")


def test_one_name_that_leads_out_is_found_beside_the_others(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"in/{number}.jpg", SIZE)
    names = ["0.jpg", "..\\label\\1.jpg", "2.jpg"]
    images = [coco_image(number, name, width=WIDTH, height=HEIGHT) for number, name in enumerate(names)]
    items = [coco_box(number, number, [300, 20, 300, 200]) for number in range(3)]
    build = built(write_coco(tmp_path / "in/d.json", images, items), tmp_path)
    assert list(build.records) == ["0.jpg", "1.jpg", "2.jpg"] and build.rejected == []
    assert doubts(build)["images_in_other_folders"]["count"] == 1


# Declared sizes, and angles beside boxes, in every format that has them. --------------------------------------------


BESIDE = {"angle": 30, "is_deleted": True, "score": 0.5}
"""What is not read of an object: that it is turned, that it is not to be trained on, and that a model made it."""


def _cvat(root: Path, width: int, height: int) -> Path:
    fields = {"rotation": 30, "is_deleted": "true", "score": 0.5}
    attributes = "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in fields.items())
    box = f'<box label="cat" xtl="320" ytl="20" xbr="400" ybr="200">{attributes}</box>'
    image = f'<image id="0" name="1.jpg" width="{width}" height="{height}">{box}</image>'
    put(root / "annotations.xml", f"<annotations><version>1.1</version>{image}</annotations>")
    return root


def _labelstudio(root: Path, width: int, height: int) -> Path:
    value = {"x": 50, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cat"], **BESIDE}
    sizes = {"original_width": width, "original_height": height}
    result = [{"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value, **sizes}]
    put(root / "e.json", json.dumps([{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": result}]}]))
    return root


def _datumaro(root: Path, width: int, height: int) -> Path:
    box = {"type": "bbox", "label_id": 0, "bbox": [320, 20, 80, 180], "attributes": BESIDE}
    item = {"id": "1", "annotations": [box], "image": {"path": "1.jpg", "size": [height, width]}}
    labels = {"label": {"labels": [{"name": "cat"}]}}
    put(root / "annotations/train.json", json.dumps({"info": {}, "categories": labels, "items": [item]}))
    return root


def _labelme(root: Path, width: int, height: int) -> Path:
    shape = {"label": "cat", "points": [[320, 20], [400, 200]], "shape_type": "rectangle", **BESIDE}
    content = {"shapes": [shape], "imagePath": "1.jpg", "imageWidth": width, "imageHeight": height}
    put(root / "1.json", json.dumps(content))
    return root


def _supervisely(root: Path, width: int, height: int) -> Path:
    points = {"exterior": [[320, 20], [400, 200]], "interior": []}
    item = {
        "classTitle": "cat",
        "geometryType": "rectangle",
        "points": points,
        "tags": [{"name": name, "value": None if value is True else value} for name, value in BESIDE.items()],
    }
    content = {"tags": [], "size": {"height": height, "width": width}, "objects": [item]}
    put(root / "ds/ann/1.jpg.json", json.dumps(content))
    return root


def _huggingface(root: Path, width: int, height: int) -> Path:
    objects = {"bbox": [[320, 20, 80, 180]], "category": ["cat"], **{name: [value] for name, value in BESIDE.items()}}
    put(
        root / "metadata.jsonl",
        json.dumps({"file_name": "1.jpg", "width": width, "height": height, "objects": objects}),
    )
    return root


def _jsonl(root: Path, width: int, height: int) -> Path:
    details = {"format": "jpg", "width": width, "height": height}
    label = {"label": "cat", "topX": 0.5, "topY": 0.1, "bottomX": 0.7, "bottomY": 0.5, "isCrowd": 0, **BESIDE}
    put(root / "d.jsonl", json.dumps({"image_url": "https://h/1.jpg", "image_details": details, "label": [label]}))
    return root / "d.jsonl"


def _customvision(root: Path, width: int, height: int) -> Path:
    region = {"left": 0.5, "top": 0.1, "width": 0.2, "height": 0.4, "tagName": "cat", **BESIDE}
    entry = {"id": "1", "name": "1.jpg", "width": width, "height": height, "regions": [region], "tags": []}
    put(root / "images.json", json.dumps([entry]))
    return root


def _voc(root: Path, width: int, height: int) -> Path:
    turned = "<rotated_bbox><cx>5</cx><cy>5</cy><w>4</w><h>3</h><angle>0.5</angle></rotated_bbox>"
    xml = voc_xml(
        voc_object(box=(320, 20, 400, 200), inner=f"{turned}<is_deleted>1</is_deleted><score>0.5</score>"),
        size=(width, height),
    )
    put(root / "Annotations/1.xml", xml)
    return root


def _coco(root: Path, width: int, height: int) -> Path:
    items = [coco_box(1, 1, bbox=[320, 20, 80, 180], rbbox=[360, 110, 80, 180, 30], is_deleted=True, score=0.5)]
    return write_coco(root / "d.json", [coco_image(1, width=width, height=height)], items)


WITH_SIZES = [_cvat, _labelstudio, _datumaro, _labelme, _supervisely, _huggingface, _jsonl, _customvision, _voc, _coco]


@pytest.mark.parametrize("write", WITH_SIZES, ids=lambda write: write.__name__[1:])
def test_sizes_that_are_not_the_images_and_angles_flags_and_confidences_that_are_not_read_are_told(
    write: Callable[[Path, int, int], Path], tmp_path: Path
) -> None:
    root = tmp_path / "in"
    for place in ("1.jpg", "JPEGImages/1.jpg") if write is _voc else ("ds/img/1.jpg", "1.jpg"):
        write_image(root / place, SIZE)
    options = ("--images", root) if write is _jsonl else ()
    told = doubts(built(write(root, HEIGHT, WIDTH), tmp_path, *options))
    assert told["declared_size_differs"]["count"] == 1
    beside = ("rotated_boxes", "flags_not_read", "predicted_labels")
    assert [told[code]["count"] for code in beside] == [1, 1, 1]
    of_its_size = doubts(built(write(root, WIDTH, HEIGHT), tmp_path / "right", *options))
    assert "declared_size_differs" not in of_its_size


def test_rectangles_of_via_and_boxes_of_open_images_with_an_angle_or_a_flag_are_told(tmp_path: Path) -> None:
    region = {"name": "rect", "x": 320, "y": 20, "width": 80, "height": 180}
    of_via = {
        "shape_attributes": region,
        "region_attributes": {"label": "cat", "rotation": "30", "quality": {"bad": True}},
    }
    put(tmp_path / "via/v.json", json.dumps({"1.jpg1": {"filename": "1.jpg", "size": 1, "regions": [of_via]}}))
    header = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,Angle,Status\n"
    put(tmp_path / "oi/train-annotations-bbox.csv", f"{header}1,x,cat,1,0.5,0.7,0.1,0.5,30,rejected\n")
    for name in ("via", "oi"):
        write_image(tmp_path / name / "1.jpg", SIZE)
        told = doubts(built(tmp_path / name, tmp_path / f"of {name}"))
        assert told["rotated_boxes"]["count"] == told["flags_not_read"]["count"] == 1


@pytest.mark.parametrize("field", ["rotation", "imageAngle", "rotate"])
def test_images_that_a_field_says_are_turned_are_told(field: str, tmp_path: Path) -> None:
    images = [coco_image(number, width=WIDTH, height=HEIGHT) | {field: 90 * number} for number in range(3)]
    items = [coco_box(number, number, [300, 20, 300, 200]) for number in range(3)]
    told = doubts(built(write_coco(tmp_path / "d.json", images, items), tmp_path))
    assert told["rotated_boxes"]["count"] == 2 and "images id=1" in told["rotated_boxes"]["message"]


# Numbers that mean something else. ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boxes", "codes"),
    [
        ([[10, 20, 40, 50], [30, 10, 60, 80]], ["all_in_a_corner"]),
        ([[10.5, 20.25, 40.1, 50.3]], ["all_in_a_corner"]),
        ([[10, 20, 40, 50]], []),  # It may well lie there.
        ([[10, 20, 40, 50], [300, 10, 60, 80]], []),
        ([[10, 20, 16, 16], [30, 10, 15, 20]], []),  # Small objects.
        ([[10.5, 20.25, 40.5, 50.5], *([300 + 9 * n, 20 + 9 * n, 90, 60] for n in range(20))], ["frames_disagree"]),
        ([[10, 20, 40, 50], *([300 + 9 * n, 20 + 9 * n, 90, 60] for n in range(20))], []),
    ],
)
def test_boxes_that_may_be_percent_are_told(boxes: Any, codes: list[str], tmp_path: Path) -> None:
    source = coco_of(tmp_path, boxes)
    told = doubts(built(source, tmp_path))
    assert [code for code in told if code != "images_not_found"] == codes
    if codes:
        settled = doubts(built(source, tmp_path / "settled", "--coco-boxes", "pixels"))
        assert not settled.keys() & set(codes)


@pytest.mark.parametrize("size", [SIZE, (WIDTH, WIDTH)])
def test_shapes_with_y_before_x_are_told_where_the_image_tells(size: tuple[int, int], tmp_path: Path) -> None:
    points = [[[20, 10], [400, 600]], [[100, 500], [200, 620]], [[50, 60], [90, 120]]]
    for number, corners in enumerate(points):
        shape = {"label": "cat", "points": corners, "shape_type": "rectangle"}
        sides = {"imagePath": f"{number}.jpg", "imageWidth": size[0], "imageHeight": size[1]}
        put(tmp_path / f"in/{number}.json", json.dumps({"shapes": [shape], **sides}))
        write_image(tmp_path / f"in/{number}.jpg", size)
    told = doubts(built(tmp_path / "in", tmp_path))
    assert [told[code]["count"] for code in told] == ([2] if size == SIZE else [])


def test_fractions_where_percent_are_expected_are_told(tmp_path: Path) -> None:
    value = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4, "rectanglelabels": ["cat"]}
    sizes = {"original_width": WIDTH, "original_height": HEIGHT}
    result = [{"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value, **sizes}]
    tasks = [{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": result}]}]
    put(tmp_path / "in/e.json", json.dumps(tasks))
    write_image(tmp_path / "in/1.jpg", SIZE)
    assert "smaller_than_a_pixel" in doubts(built(tmp_path / "in", tmp_path))


@pytest.mark.parametrize(
    ("sides", "status", "code"),
    [("0.6,0.2,0.9,0.5", 0, "corners_or_sizes"), ("0.2,0.6,0.5,0.9", 0, ""), ("10,310,20,220", 2, "")],
)
def test_columns_of_open_images_in_another_order_or_unit(sides: str, status: int, code: str, tmp_path: Path) -> None:
    header = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n"
    rows = "".join(f"{number},x,cat,1,{sides}\n" for number in range(3))
    put(tmp_path / "in/train-annotations-bbox.csv", header + rows)
    for number in range(3):
        write_image(tmp_path / f"in/{number}.jpg", SIZE)
    if status:
        failed(attempt(tmp_path / "in", tmp_path / "out"), status, "no fractions of the image", "pixels")
        return
    build = built(tmp_path / "in", tmp_path)
    assert near(build.boxes("0.jpg")[0], ("cat", 0.2, 0.5, 0.6, 0.9, 0))
    assert list(doubts(build)) == [code] * bool(code)


@pytest.mark.parametrize(
    ("names", "code"), [(["0", "1"], "labels_are_numbers"), (["n02084071"], "labels_are_codes"), (["cat"], "")]
)
def test_classes_of_voc_that_are_ids_are_told(names: list[str], code: str, tmp_path: Path) -> None:
    put(
        tmp_path / "in/Annotations/1.xml",
        voc_xml(*(voc_object(name, (220, 31, 400, 180)) for name in names), size=SIZE),
    )
    write_image(tmp_path / "in/JPEGImages/1.jpg", SIZE)
    assert list(doubts(built(tmp_path / "in", tmp_path))) == [code] * bool(code)


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ((100, 200), "width and height of the boxes were exchanged"),
        ((400, 200), "less than half in common"),
        ((200, 100), ""),
        ((210, 110), ""),  # Drawn a little larger.
    ],
)
def test_boxes_of_another_size_than_their_outlines_are_told(
    sides: tuple[int, int], words: str, task: str, tmp_path: Path
) -> None:
    outline = [30, 60, 230, 60, 230, 160, 30, 160]
    boxes = [[30, 60, *sides]] * 3
    told = doubts(built(coco_of(tmp_path, boxes, segmentation=[outline]), tmp_path, task=task))
    assert [words in doubt["message"] for doubt in told.values()] == [True] * bool(words)
    assert not words or told["outlines_off_boxes"]["count"] == 3


@pytest.mark.parametrize(("right", "count"), [(250, 2), (390, 0)])
def test_outlines_of_voc_of_another_size_than_their_boxes_are_told(right: int, count: int, tmp_path: Path) -> None:
    corners = f"<x1>101</x1><y1>101</y1><x2>{right}</x2><y2>101</y2><x3>{right}</x3><y3>300</y3>"
    polygon = f"<polygon>{corners}</polygon>"
    xml = voc_xml(*[voc_object(name, (101, 101, 400, 300), polygon) for name in ("cat", "dog")], size=SIZE)
    put(tmp_path / "in/Annotations/1.xml", xml)
    write_image(tmp_path / "in/JPEGImages/1.jpg", SIZE)
    told = doubts(built(tmp_path / "in", tmp_path, task=SEGMENTATION))
    assert [doubt["count"] for doubt in told.values()] == [count] * bool(count)
