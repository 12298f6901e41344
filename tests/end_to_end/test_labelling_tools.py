"""Files of labelling tools on their way through a build: every image and object is written, rejected or skipped, and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.builds import DETECTION, MULTILABEL, PREFIX, SEGMENTATION, Build, convert, near
from tests.end_to_end.datasets import put, write_image

BOX = (10, 15, 30, 30)
"""In images of 100×60 pixels."""

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)


def convert_raw(root: Path, task: str, *options: str) -> Build:
    arguments = ("--source", root / "raw", "--image-url", PREFIX, *options)
    return convert(*arguments, task=task, output=root / f"out-{task}")


def shape(kind: str, points: Any, label: str = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None} | more


def test_files_of_labelme_are_read_for_all_tasks(place: Path) -> None:
    outline = [[10, 15], [30, 15], [30, 30], [10, 30]]
    shapes = {
        "1": [shape("rectangle", [[30, 30], [10, 15]]), shape("point", [[1, 2]], "dog")],
        "2": [shape("polygon", outline, group_id=1), shape("polygon", [[50, 15], [60, 15], [60, 30]], group_id=1)],
        "3": [],
    }
    for name, its in shapes.items():
        write_image(place / f"raw/val/{name}.jpg", (100, 60))
        content = {"shapes": its, "imagePath": f"..\\val\\{name}.jpg", "flags": {"day": name != "3"}}
        put(place / f"raw/val/{name}.json", json.dumps(content | {"imageData": "x", "imageWidth": None}))
    write_image(place / "raw/val/unseen.jpg", (100, 60))
    put(place / "raw/notes.json", "{}")
    found = convert_raw(place, DETECTION)
    assert set(found.lines) == {"validation"}
    assert near(found.boxes("val/1.jpg")[0], CAT)
    assert near(found.boxes("val/2.jpg")[0], ("cat", 0.1, 0.25, 0.6, 0.5, 0))
    assert found.boxes("val/3.jpg") == []
    assert found.codes("val/1.jpg") == ["missing_bbox"]
    assert found.counts == {"images": (3, 3, 0, 0), "objects": (3, 2, 1, 0)}
    codes = {doubt["code"] for doubt in found.manifest["doubts"]}
    assert {"files_left_alone", "images_without_annotation"} <= codes
    found = convert_raw(place, SEGMENTATION)
    assert len(found.records["val/2.jpg"]["label"][0]["polygon"]) == 2
    assert found.manifest["rejected_by_reason"]["missing_segmentation"] == 1
    assert "without_outline" in {doubt["code"] for doubt in found.manifest["doubts"]}
    found = convert_raw(place, MULTILABEL)
    assert [record["label"] for record in found.records.values()] == [["day"], ["day"]]


def test_every_tool_gives_the_same_box(place: Path) -> None:
    left, top, right, bottom = BOX
    region = {"name": "rect", "x": left, "y": top, "width": right - left, "height": bottom - top}
    entry = {"filename": "1.jpg", "regions": [{"shape_attributes": region, "region_attributes": {"class": "cat"}}]}
    part = {"left": 0.1, "top": 0.25, "width": 0.2, "height": 0.25, "tagName": "cat"}
    header = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\n"
    rows = "1,x,/m/1,1,0.1,0.3,0.25,0.5,0\n1,x,/m/1,1,0,1,0,1,1\nelsewhere,x,/m/1,1,0,1,0,1,0\n"
    box = '<box label="cat" xtl="10.00" ytl="15.00" xbr="30.00" ybr="30.00"/><points label="cat" points="1,2"/>'
    size = {"original_width": 100, "original_height": 60}
    value = {"x": 10, "y": 25, "width": 20, "height": 25, "rotation": 0, "rectanglelabels": ["cat"]}
    made = [{"result": [{"from_name": "label", "to_name": "image", "value": value, **size}]}]
    task = {"data": {"image": "/data/upload/1/0a1b2c3d-1.jpg"}, "annotations": made}
    row = {"file_name": "images/1.jpg", "objects": {"bbox": [[10, 15, 20, 15]], "category": ["cat"]}}
    exterior = {"exterior": [[10, 15], [29, 29]], "interior": []}
    drawn = {"classTitle": "cat", "geometryType": "rectangle", "points": exterior}
    of_image = {"tags": [], "size": {"height": 60, "width": 100}, "objects": [drawn, drawn | {"geometryType": "graph"}]}
    trees = {
        "supervisely": {"meta.json": '{"classes": [], "tags": []}', "ds/ann/1.jpg.json": json.dumps(of_image)},
        "cvat": {
            "annotations.xml": f'<annotations><meta/><image name="1.jpg" width="100" height="60">{box}</image></annotations>'
        },
        "labelstudio": {"p.json": json.dumps([task, task | {"annotations": []}])},
        "huggingface": {"metadata.jsonl": json.dumps(row)},
        "via": {"via_project.json": json.dumps({"_via_settings": {}, "_via_img_metadata": {"1.jpg9": entry}})},
        "customvision": {"page.json": json.dumps([{"id": "1", "width": 100, "height": 60, "regions": [part]}])},
        "openimages": {"boxes.csv": header + rows, "classes.csv": "/m/1,cat\n"},
    }
    told: dict[str, Any] = {}
    for name, files in trees.items():
        write_image(place / name / "raw/images/1.jpg", (100, 60))
        for path, text in files.items():
            put(place / name / "raw" / path, text)
        found = convert_raw(place / name, DETECTION)
        assert found.manifest["source"]["format"] == name
        assert near(found.boxes("images/1.jpg")[0], CAT), name
        told[name] = (found.counts["images"], found.counts["objects"], found.manifest["rejected_by_reason"])
    assert told["supervisely"] == told["cvat"] == ((1, 1, 0, 0), (2, 1, 1, 0), {"missing_bbox": 1})
    assert told["labelstudio"] == ((2, 1, 0, 1), (1, 1, 0, 0), {})
    assert told["huggingface"] == told["via"] == ((1, 1, 0, 0), (1, 1, 0, 0), {})
    assert [box[5] for box in found.boxes("images/1.jpg")] == [0, 1]
    assert found.counts == {"images": (2, 1, 0, 1), "objects": (2, 2, 0, 0)}
    assert found.manifest["skipped_by_reason"] == {"image_not_here": 1}
