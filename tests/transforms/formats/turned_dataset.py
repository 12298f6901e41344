"""One dataset of turned boxes, and how each format that holds these writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

LABELS = ("plane", "ship")
ANGLES = (30.0, -45.0, 90.0, 135.5, 200.0, 1.0)


class Turned(NamedTuple):
    """A box that is turned clockwise about its middle, in pixels and degrees."""

    label: str
    x: float
    y: float
    width: float
    height: float
    angle: float

    def corners(self) -> list[tuple[float, float]]:
        """Where its corners lie: first the top-left one of the upright box, then clockwise."""
        cosine, sine = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        halves = [
            (across * self.width / 2, down * self.height / 2) for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        return [(self.x + a * cosine - b * sine, self.y + a * sine + b * cosine) for a, b in halves]

    def upright(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom before it was turned."""
        return (
            self.x - self.width / 2,
            self.y - self.height / 2,
            self.x + self.width / 2,
            self.y + self.height / 2,
        )


TurnedPicture: TypeAlias = tuple[str, str, int, int, Sequence[Turned]]
"""Split, name, width, height and objects."""


def turned_pictures() -> list[TurnedPicture]:
    """Eight images of two splits with 24 turned boxes, no two of which are alike, far from the borders."""
    made: list[TurnedPicture] = []
    for number in range(8):
        objects = [
            Turned(LABELS[at % 2], 150 + 40 * at, 160 + 10 * number, 40 + 2 * at + number, 20 + at, angle)
            for at, angle in enumerate((ANGLES * 2)[number % 6 : number % 6 + 3])
        ]
        made.append(("val" if number % 4 == 3 else "train", f"{number:02}", 400 + 3 * number, 380 - number, objects))
    return made


def _splits(made: Sequence[TurnedPicture]) -> dict[str, list[TurnedPicture]]:
    return {split: [picture for picture in made if picture[0] == split] for split in ("train", "val")}


def write_yolo(made: Sequence[TurnedPicture]) -> dict[str, str]:
    """As Ultralytics and Roboflow write oriented boxes: a class and four corners."""
    files = {"data.yaml": f"path: .\ntrain: images/train\nval: images/val\nnames: {json.dumps(LABELS)}\n"}
    for split, name, width, height, objects in made:
        files[f"labels/{split}/{name}.txt"] = "".join(
            f"{LABELS.index(item.label)} {' '.join(f'{x / width:.9f} {y / height:.9f}' for x, y in item.corners())}\n"
            for item in objects
        )
    return files


def write_cvat(made: Sequence[TurnedPicture]) -> dict[str, str]:
    inner = ""
    for number, (split, name, width, height, objects) in enumerate(made):
        shapes = ""
        for item in objects:
            sides = " ".join(
                f'{key}="{side:.6f}"' for key, side in zip(("xtl", "ytl", "xbr", "ybr"), item.upright(), strict=True)
            )
            shapes += f'<box label="{item.label}" occluded="0" {sides} rotation="{item.angle % 360:.2f}"></box>'
        size = f'width="{width}" height="{height}"'
        inner += f'<image id="{number}" name="{name}.jpg" subset="{split}" task_id="1" {size}>{shapes}</image>'
    return {"annotations.xml": f"<annotations><version>1.1</version><meta/>{inner}</annotations>"}


def write_labelstudio(made: Sequence[TurnedPicture]) -> dict[str, str]:
    """Percent of the image; x and y are where the top-left corner lies once it was turned."""
    files = {}
    for split, its in _splits(made).items():
        tasks = []
        for number, (_, name, width, height, objects) in enumerate(its):
            results = []
            for at, item in enumerate(objects):
                left, top = item.corners()[0]
                value = {"x": 100 * left / width, "y": 100 * top / height, "rotation": item.angle}
                value |= {"width": 100 * item.width / width, "height": 100 * item.height / height}
                result = {"id": f"r{at}", "type": "rectanglelabels", "from_name": "label", "to_name": "image"}
                sizes = {"original_width": width, "original_height": height, "image_rotation": 0}
                results.append(result | sizes | {"value": value | {"rectanglelabels": [item.label]}})
            annotation = {"id": number, "was_cancelled": False, "result": results}
            tasks.append({"id": number, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}.jpg"}})
            tasks[-1] |= {"annotations": [annotation], "predictions": []}
        files[f"{split}/project-1.json"] = json.dumps(tasks)
    return files


def write_datumaro(made: Sequence[TurnedPicture], kind: str) -> dict[str, str]:
    """As CVAT writes them, an upright bbox and its rotation; or a rotated_bbox of five numbers."""
    labels = {"labels": [{"name": label, "parent": "", "attributes": []} for label in LABELS], "attributes": []}
    files = {}
    for split, its in _splits(made).items():
        items = []
        for _, name, width, height, objects in its:
            found = []
            for at, item in enumerate(objects):
                left, top, *_ = item.upright()
                shape: dict[str, Any] = {"bbox": [left, top, item.width, item.height]}
                shape |= {"attributes": {"rotation": item.angle}}
                if kind == "rotated_bbox":
                    shape = {"points": [item.x, item.y, item.width, item.height, item.angle], "attributes": {}}
                about = {"id": at, "type": kind, "group": 0, "label_id": LABELS.index(item.label), "z_order": 0}
                found.append(about | shape)
            items.append({"id": name, "annotations": found, "image": {"path": f"{name}.jpg", "size": [height, width]}})
        content = {"info": {}, "categories": {"label": labels}, "items": items}
        files[f"annotations/{split}.json"] = json.dumps(content)
    return files


def write_voc(made: Sequence[TurnedPicture], kind: str) -> dict[str, str]:
    """As roLabelImg writes them, a robndbox with an angle in radians; or as CVAT, a bndbox and its rotation in degrees."""
    files = {}
    for split, name, width, height, objects in made:
        inner = f"<size><width>{width}</width><height>{height}</height></size>"
        for item in objects:
            left, top, right, bottom = item.upright()
            box = f"<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>"
            box += f"<attributes><attribute><name>rotation</name><value>{item.angle}</value></attribute></attributes>"
            if kind == "robndbox":
                sides = f"<cx>{item.x}</cx><cy>{item.y}</cy><w>{item.width}</w><h>{item.height}</h>"
                box = f"<robndbox>{sides}<angle>{math.radians(item.angle)}</angle></robndbox>"
            inner += f"<object><name>{item.label}</name>{box}</object>"
        files[f"annotations/{split}/{name}.xml"] = f"<annotation>{inner}</annotation>"
    return files


def write_coco(made: Sequence[TurnedPicture], kind: str) -> dict[str, str]:
    """As CVAT writes them, an upright bbox and a rotation among attributes; or a rotation beside it."""
    files = {}
    for split, its in _splits(made).items():
        images, annotations = [], []
        for number, (_, name, width, height, objects) in enumerate(its, 1):
            images.append({"id": number, "file_name": f"images/{split}/{name}.jpg", "width": width, "height": height})
            for item in objects:
                left, top, *_ = item.upright()
                turn = {"attributes": {"rotation": item.angle}} if kind == "attributes" else {"rotation": item.angle}
                about = {"id": len(annotations), "image_id": number, "category_id": LABELS.index(item.label)}
                annotations.append(about | {"bbox": [left, top, item.width, item.height], "iscrowd": 0} | turn)
        categories = [{"id": number, "name": name} for number, name in enumerate(LABELS)]
        files[f"{split}.json"] = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    return files


def write_labelme(made: Sequence[TurnedPicture], kind: str) -> dict[str, str]:
    """As X-AnyLabeling writes them, a rotation of four corners; or a rectangle of four."""
    files = {}
    for split, name, width, height, objects in made:
        shapes = [
            {"label": item.label, "points": item.corners(), "group_id": None, "shape_type": kind, "flags": {}}
            for item in objects
        ]
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"../../images/{split}/{name}.jpg"}
        content |= {"imageData": None, "imageHeight": height, "imageWidth": width}
        files[f"labels/{split}/{name}.json"] = json.dumps(content)
    return files


def write_supervisely(made: Sequence[TurnedPicture], edges: bool) -> Mapping[str, str]:
    """The second corner is the last pixel, unless corners are edges."""
    files = {}
    for split, name, width, height, objects in made:
        found = []
        for at, item in enumerate(objects):
            left, top, right, bottom = item.upright()
            less = 0 if edges else 1
            shape = {"points": [[left, top], [right - less, bottom - less]], "angle": math.radians(item.angle)}
            about = {"id": at, "classId": 7, "tags": [], "classTitle": item.label, "geometryType": "oriented_bbox"}
            found.append(about | shape)
        content = {"description": "", "tags": [], "size": {"height": height, "width": width}, "objects": found}
        files[f"{split}/ann/{name}.jpg.json"] = json.dumps(content)
    return files
