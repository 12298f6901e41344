"""Datasets as tools export them, each with oddities that public reports tell of; and what is to be read of them."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

from PIL import Image

from tests.transforms.stores.shards_made import arrow, embedded, picture, sample, shard

PICTURE = picture()
"""Of 100 × 60 pixels."""

CAR = ("car", 10, 10, 30, 30)
BUS = ("bus", 40, 10, 60, 30)


def _png(mode: str, size: tuple[int, int]) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, (255,) * 4 if mode == "RGBA" else 1).save(written, "PNG")
    return written.getvalue()


def cvat(image: str, more: str = "") -> str:
    """CVAT for images with one image, and what stands behind it."""
    return (
        f"<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version><meta/><image id='0' name='1.jpg' width='100' height='60'>"
        f"{image}</image>{more}</annotations>"
    )


def label_studio(*results: dict[str, Any], image: str = "/data/upload/1/ab12cd34-1.jpg") -> list[Any]:
    """A task with one annotation of these results."""
    fields = {"to_name": "image", "original_width": 100, "original_height": 60, "image_rotation": 0}
    return [
        {"id": 1, "annotations": [{"id": 1, "result": [fields | each for each in results]}], "data": {"image": image}}
    ]


PLACE = {"x": 10, "y": 100 / 6, "width": 20, "height": 100 / 3, "rotation": 0}


def _supervisely(**item: Any) -> dict[str, Any]:
    return {
        "description": "",
        "tags": [],
        "size": {"height": 60, "width": 100},
        "objects": [{"classTitle": "car", "tags": []} | item],
    }


def _datumaro(*items: dict[str, Any]) -> dict[str, Any]:
    labels = [{"name": name, "parent": "", "attributes": []} for name in ("car", "bus")]
    return {
        "dm_format_version": "1.0",
        "media_type": 2,
        "infos": {},
        "categories": {"label": {"label_groups": [], "labels": labels, "attributes": []}, "mask": {"colormap": []}},
        "items": list(items),
    }


def _coco(*annotations: dict[str, Any], name: str = "1.jpg") -> dict[str, Any]:
    # Roboflow's first category is the name of the project, and no object has it.
    categories = [{"id": 0, "name": "cars", "supercategory": "none"}, {"id": 1, "name": "car", "supercategory": "cars"}]
    image = {"id": 0, "license": 1, "file_name": name, "width": 100, "height": 60}
    return {"info": {}, "licenses": [], "categories": categories, "images": [image], "annotations": list(annotations)}


COCO_CAR = {
    "id": 0,
    "image_id": 0,
    "category_id": 1,
    "bbox": [10, 10, 20, 20],
    "area": 400,
    "segmentation": [],
    "iscrowd": 0,
}
FEATURES = {"objects": {"feature": {"category": {"names": ["car", "bus"], "_type": "ClassLabel"}}, "_type": "Sequence"}}
YES_OR_NO = """---
dataset_info:
  features:
  - name: image
    dtype: image
  - name: objects
    sequence:
    - name: categories
      dtype:
        class_label:
          names:
            '0': no
            '1': yes
---
"""
VIA_RECT = {"name": "rect", "x": 10, "y": 10, "width": 20, "height": 20}
OPEN_IMAGES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside,"
    "XClick1X,XClick2X,XClick3X,XClick4X,XClick1Y,XClick2Y,XClick3Y,XClick4Y\n"
    "1,xclick,/m/01,1,0.1,0.3,0.166667,0.5,0,1,-1,0,0,0.1,0.2,0.3,0.2,0.4,0.2,0.3,0.6\n"
)
CASES: dict[str, tuple[dict[str, Any], dict[str, list[Any]], dict[str, int]]] = {
    "CVAT: a skeleton, attributes, z_order and a swapped box": (
        {
            "annotations.xml": cvat(
                "<skeleton label='person' z_order='0'><points label='1' outside='0' points='1,2'/></skeleton>"
                "<box label=' car' xtl='30' ytl='10' xbr='10' ybr='30' z_order='2'><attribute name='a'>red</attribute></box>"
            ),
            "images/1.jpg": PICTURE,
        },
        {"images/1.jpg": [CAR]},
        {"missing_bbox": 1},
    ),
    "CVAT: tracks beside images": (
        {"annotations.xml": cvat("<box label='car' xtl='10' ytl='10' xbr='30' ybr='30'/>", "<track id='0' label='car'/>"), "1.jpg": PICTURE},
        {"1.jpg": [CAR]},
        {},
    ),
    "CVAT: Ultralytics' yaml with a list of data/images": (
        {
            "data.yaml": "names:\n  0: car\npath: .\ntrain: train.txt\n",
            "train.txt": "data/images/train/a b.jpg\n",
            "images/train/a b.jpg": PICTURE,
            "labels/train/a b.txt": "0 0.2 0.333333 0.2 0.333333\n",
        },
        {"images/train/a b.jpg": [CAR]},
        {},
    ),
    "Label Studio: a rectangle, its labels, a choice, a text and a number of one region": (
        {
            "p.json": label_studio(
                {"id": "a", "type": "rectangle", "from_name": "box", "value": PLACE},
                {"id": "a", "type": "labels", "from_name": "label", "value": PLACE | {"labels": ["car"]}},
                {"id": "a", "type": "choices", "from_name": "colour", "value": PLACE | {"choices": ["red"]}},
                {"id": "a", "type": "textarea", "from_name": "text", "value": PLACE | {"text": ["hello"]}},
                {"id": "a", "type": "number", "from_name": "count", "value": PLACE | {"number": 3}},
                {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
            ),
            "1.jpg": PICTURE,
        },
        {"1.jpg": [CAR]},
        {},
    ),
    "Label Studio: local files with a blank in a folder": (
        {
            "p.json": label_studio(
                {"id": "a", "type": "rectanglelabels", "from_name": "l", "value": PLACE | {"rectanglelabels": ["car"]}},
                image="/data/local-files/?d=mnt%2Fimgs%2Fsub%20dir%2F1.jpg",
            ),
            "images/sub dir/1.jpg": PICTURE,
        },
        {"images/sub dir/1.jpg": [CAR]},
        {},
    ),
    "Label Studio: two labels of one rectangle": (
        {
            "p.json": label_studio(
                {"id": "a", "type": "rectanglelabels", "from_name": "l", "value": PLACE | {"rectanglelabels": ["car"]}},
                {"id": "b", "type": "rectanglelabels", "from_name": "l", "value": PLACE | {"rectanglelabels": ["a", "b"]}},
            ),
            "1.jpg": PICTURE,
        },
        {"1.jpg": [CAR]},
        {"invalid_label": 1},
    ),
    "Label Studio: its COCO export with backslashes": (
        {"result.json": _coco(COCO_CAR, name="images\\ab12-1.jpg"), "images/ab12-1.jpg": PICTURE},
        {"images/ab12-1.jpg": [CAR]},
        {},
    ),
    "LabelMe: a folder of another system, and a mask of bits": (
        {
            "ann/1.json": {
                "version": "5.4.1",
                "flags": {},
                "imagePath": "..\\images\\1.jpg",
                "imageData": None,
                "imageHeight": 60,
                "imageWidth": 100,
                "shapes": [
                    {"label": "car", "points": [[30, 30], [10, 10]], "shape_type": "rectangle", "description": None},
                    {
                        "label": "bus",
                        "points": [[40, 10], [59, 29]],
                        "shape_type": "mask",
                        "mask": base64.b64encode(_png("1", (20, 20))).decode(),
                    },
                ],
            },
            "images/1.jpg": PICTURE,
        },
        {"images/1.jpg": [CAR, BUS]},
        {},
    ),
    "VIA 1: regions by number": (
        {
            "via.json": {
                "1.jpg9": {
                    "fileref": "",
                    "size": 9,
                    "filename": "1.jpg",
                    "base64_img_data": "",
                    "file_attributes": {},
                    "regions": {"0": {"shape_attributes": VIA_RECT, "region_attributes": {"name": "car"}}},
                }
            },
            "1.jpg": PICTURE,
        },
        {"1.jpg": [CAR]},
        {},
    ),
    "VIA 2: checkboxes, one of them false": (
        {
            "via.json": {
                "1.jpg9": {
                    "filename": "1.jpg",
                    "size": 9,
                    "file_attributes": {},
                    "regions": [{"shape_attributes": VIA_RECT, "region_attributes": {"type": {"bus": False, "car": True}}}],
                }
            },
            "1.jpg": PICTURE,
        },
        {"1.jpg": [CAR]},
        {},
    ),
    "Roboflow: COCO with a split that is empty": (
        {
            "train/_annotations.coco.json": _coco(COCO_CAR, name="1_jpg.rf.0123.jpg"),
            "train/1_jpg.rf.0123.jpg": PICTURE,
            "valid/_annotations.coco.json": _coco() | {"images": []},
            "README.roboflow.txt": "x",
        },
        {"1_jpg.rf.0123.jpg": [CAR]},
        {},
    ),
    "Roboflow: RetinaNet's table with an image without a box": (
        {"train/_annotations.csv": "1.jpg,10,10,30,30,car\n2.jpg,,,,,\n", "train/_classes.csv": "car,0\n", "train/1.jpg": PICTURE, "train/2.jpg": PICTURE},
        {"train/1.jpg": [CAR], "train/2.jpg": []},
        {},
    ),
    "Roboflow: a yaml of Colab's, and a label that YAML has to quote": (
        {
            "data.yaml": "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\nnames: ['a: b, #c']\nroboflow:\n  workspace: x\n",
            "train/images/1.jpg": PICTURE,
            "train/labels/1.txt": "0 0.5 0.5 1.0000001 1\n",
        },
        {"train/images/1.jpg": [("a: b, #c", 0, 0, 100, 60)]},
        {},
    ),
    "Ultralytics: lists of folders, and nc of another number": (
        {
            "data.yaml": "path: ../datasets/x # root\ntrain:\n  - images/a\n  - images/b/\ntest: # optional\nnc: 3\nnames:\n  0: car\n  1: bus\n",
            "images/a/1.jpg": PICTURE,
            "labels/a/1.txt": "0 .2 .333333 .2 .333333\n1 0.5 .333333 .2 .333333",
            "images/b/1.jpg": PICTURE,
            "labels/b/1.txt": "0 .2 .333333 .2 .333333\n2 .5 .5 .2 .2\n",
        },
        {"images/a/1.jpg": [CAR, BUS], "images/b/1.jpg": [CAR]},
        {"unknown_category": 1},
    ),
    "Supervisely: a bitmap lies at its origin": (
        {
            "meta.json": {"classes": [], "tags": []},
            "ds/ann/1.jpg.json": _supervisely(
                geometryType="bitmap",
                bitmap={"data": base64.b64encode(zlib.compress(_png("RGBA", (20, 20)))).decode(), "origin": [10, 10]},
            ),
            "ds/img/1.jpg": PICTURE,
        },
        {"ds/img/1.jpg": [CAR]},
        {},
    ),
    "Supervisely: a project of 2018, whose classes alone say what its objects are": (
        {
            "meta.json": {"classes": [{"title": "car", "shape": "rectangle"}, {"title": "bus", "shape": "any"}], "tags": []},
            "ds/ann/1.json": {
                "description": "",
                "tags": [],
                "size": {"height": 60, "width": 100},
                "objects": [
                    {"classTitle": "car", "type": "regular", "bitmap": None, "points": {"exterior": [[10, 10], [29, 29]], "interior": []}},
                    {"classTitle": "bus", "type": "regular", "bitmap": None, "points": {"exterior": [[10, 10], [29, 29]], "interior": []}},
                ],
            },
            "ds/img/1.jpg": PICTURE,
        },
        {"ds/img/1.jpg": [CAR]},
        {"invalid_record": 1},
    ),
    "Datumaro: run lengths that are not compressed, a label of none, and media without a size": (
        {
            "annotations/train.json": _datumaro(
                {
                    "id": "a/1",
                    "image": {"path": "a/1.jpg", "size": [60, 100]},
                    "annotations": [
                        {"type": "mask", "label_id": 0, "rle": {"size": [60, 100], "counts": [610, *[20, 40] * 19, 20, 4230]}},
                        {"type": "bbox", "label_id": None, "bbox": [1, 1, 2, 2]},
                    ],
                },
                {"id": "2", "media": {"path": "2.jpg"}, "annotations": []},
            ),
            "images/train/a/1.jpg": PICTURE,
            "images/train/2.jpg": PICTURE,
        },
        {"images/train/a/1.jpg": [CAR], "images/train/2.jpg": []},
        {"invalid_label": 1},
    ),
    "Open Images: columns of clicks, and a group of which nobody knows": (
        {"oidv6-train-annotations-bbox.csv": OPEN_IMAGES, "class-descriptions-boxable.csv": '/m/01,"car"\n', "train/1.jpg": PICTURE},
        {"train/1.jpg": [CAR]},
        {},
    ),
    "Open Images: as FiftyOne exports it": (
        {
            "metadata/classes.csv": "/m/01,car\n",
            "labels/detections.csv": f"{','.join(OPEN_IMAGES.split(',')[:12])},IsInside\n1,,/m/01,1,0.1,0.3,0.166667,0.5,,,,,\n",
            "data/1.jpg": PICTURE,
        },
        {"data/1.jpg": [CAR]},
        {},
    ),
    "Hugging Face: save_to_disk with lists of objects": (
        {
            "train/data-00000-of-00001.arrow": arrow(
                {
                    "image": [embedded(PICTURE, "a.jpg")],
                    "width": [100],
                    "height": [60],
                    "objects": [[{"id": 1, "bbox": [10.0, 10.0, 20.0, 20.0], "category": 0}, {"id": 2, "bbox": [40.0, 10.0, 20.0, 20.0], "category": 1}]],
                },
                FEATURES,
            ),
            "train/state.json": {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]},
            "dataset_dict.json": {"splits": ["train"]},
        },
        {"train/data-00000-of-00001.arrow/000000_a.jpg": [CAR, BUS]},
        {},
    ),
    "Hugging Face: classes called no and yes": (
        {
            "metadata.jsonl": '{"file_name": "images/1.jpg", "objects": {"bbox": [[10, 10, 20, 20]], "categories": [0], "id": [5], "area": [400]}}\n',
            "images/1.jpg": PICTURE,
            "README.md": YES_OR_NO,
        },
        {"images/1.jpg": [("no", 10, 10, 30, 30)]},
        {},
    ),
    "WebDataset: dots in folders and keys, and COCO's annotations": (
        {
            "train-000.tar": shard(
                sample("dir.v1/a", jpg=PICTURE, seg_png=picture(form="PNG"), json={"annotations": [{"bbox": [10, 10, 20, 20], "category_id": 0}]})
            ),
            "labels.json": ["car"],
        },
        {"train-000.tar/dir.v1/a.jpg": [CAR]},
        {},
    ),
    "a table of boxes: corners as tl and br": (
        {"train.csv": "filename,tl_x,tl_y,br_x,br_y,class\n1.jpg,10,10,30,30,car\n", "1.jpg": PICTURE},
        {"1.jpg": [CAR]},
        {},
    ),
    "a table of boxes: a semicolon between, and a comma for the point": (
        {"t.csv": "filename;xmin;ymin;xmax;ymax;class\n1.jpg;10,5;10;30,5;30;car\n", "1.jpg": PICTURE},
        {"1.jpg": [("car", 10.5, 10, 30.5, 30)]},
        {},
    ),
    "a table of boxes: lists as numpy and Python write them": (
        {"t.csv": 'image_path,label,bbox\n/home/me/d/1.jpg,car,[10 10 20 20]\n/home/me/d/1.jpg,bus,"[40, 10, 20, 20]"\n', "d/1.jpg": PICTURE},
        {"d/1.jpg": [CAR, BUS]},
        {},
    ),
}  # fmt: skip
"""Files, the objects of each image as label and edges in pixels, and what is rejected, by what is odd."""
