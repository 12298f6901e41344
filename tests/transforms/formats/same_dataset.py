"""One dataset of 273 objects, and how each format that holds boxes or outlines writes it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from tests.transforms.stores.shards_made import embedded, parquet, sample, shard

LABELS = ("cat", "dog", "traffic light")

Object = tuple[str, Sequence[tuple[int, int]]]
"""A label and an outline in whole pixels; the box is the one around it."""

Picture = tuple[str, str, int, int, Sequence[Object]]
"""Split, name, width, height and objects."""


def pictures() -> list[Picture]:
    """273 objects in 60 images of two splits, some of them without any."""
    made: list[Picture] = []
    count = 0
    for number in range(60):
        width, height = 60 + 7 * number, 90 + 3 * number
        objects: list[Object] = []
        while count < 273 and len(objects) < number % 15 and number % 5:
            left, top = (count * 13) % (width - 20), (count * 7) % (height - 20)
            right, bottom = left + 5 + count % 15, top + 3 + count % 17
            middle = (left + (right - left) // 3, bottom)
            objects.append((LABELS[count % 3], [(left, top), (right, top), (right, bottom), middle, (left, top + 2)]))
            count += 1
        made.append(("val" if number % 4 == 3 else "train", f"{number:02}", width, height, objects))
    return made


def box_of(outline: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    columns, rows = zip(*outline, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def write_coco(made: Sequence[Picture]) -> dict[str, str]:
    files = {}
    for split in ("train", "val"):
        images, annotations = [], []
        for number, (its, name, width, height, objects) in enumerate(made, 1):
            if its != split:
                continue
            images.append({"id": number, "file_name": f"images/{split}/{name}.jpg", "width": width, "height": height})
            for label, outline in objects:
                left, top, right, bottom = box_of(outline)
                bbox = [left, top, right - left, bottom - top]
                ring = [side for corner in outline for side in corner]
                found = {"image_id": number, "category_id": LABELS.index(label), "bbox": bbox, "segmentation": [ring]}
                annotations.append({"id": len(annotations)} | found)
        categories = [{"id": number, "name": name} for number, name in enumerate(LABELS)]
        files[f"{split}.json"] = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    return files


def write_voc(made: Sequence[Picture]) -> dict[str, str]:
    files = {}
    for split, name, width, height, objects in made:
        inner = f"<size><width>{width}</width><height>{height}</height></size>"
        for label, outline in objects:
            left, top, right, bottom = box_of(outline)
            sides = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
            corners = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(outline, 1))
            inner += f"<object><name>{label}</name><bndbox>{sides}</bndbox><polygon>{corners}</polygon></object>"
        files[f"annotations/{split}/{name}.xml"] = f"<annotation>{inner}</annotation>"
    return files


def write_yolo(made: Sequence[Picture], outlined: bool = False) -> dict[str, str]:
    files = {"data.yaml": "path: .\ntrain: images/train\nval: images/val\n" + f"names: {json.dumps(LABELS)}\n"}
    for split, name, width, height, objects in made:
        lines = []
        for label, outline in objects:
            left, top, right, bottom = box_of(outline)
            numbers = [
                (left + right) / 2 / width,
                (top + bottom) / 2 / height,
                (right - left) / width,
                (bottom - top) / height,
            ]
            if outlined:
                numbers = [side for x, y in outline for side in (x / width, y / height)]
            lines.append(" ".join([str(LABELS.index(label)), *(f"{number:.9f}" for number in numbers)]))
        if lines:
            files[f"labels/{split}/{name}.txt"] = "\n".join(lines)
    return files


def write_darknet(made: Sequence[Picture]) -> dict[str, str]:
    labels = {path: text for path, text in write_yolo(made).items() if path != "data.yaml"}
    lists = {"train": "train", "valid": "val"}
    files = {
        f"{name}.txt": "\n".join(f"data/images/{its}/{stem}.jpg" for its, stem, *_ in made if its == split)
        for name, split in lists.items()
    }
    described = "classes = 3\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n"
    return labels | files | {"obj.data": described, "obj.names": "\n".join(LABELS)}


def write_labelme(made: Sequence[Picture], outlined: bool = True) -> dict[str, str]:
    files = {}
    for split, name, width, height, objects in made:
        shapes = []
        for label, outline in objects:
            left, top, right, bottom = box_of(outline)
            points = [list(corner) for corner in outline] if outlined else [[right, top], [left, bottom]]
            kind = "polygon" if outlined else "rectangle"
            shapes.append({"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}})
        content = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"..\\..\\images\\{split}\\{name}.jpg",
        }
        content |= {"imageData": None, "imageHeight": height, "imageWidth": width}
        files[f"labels/{split}/{name}.json"] = json.dumps(content)
    return files


def write_via(made: Sequence[Picture], outlined: bool = True) -> dict[str, str]:
    files = {}
    for split in ("train", "val"):
        entries = {}
        for its, name, _, _, objects in made:
            if its != split:
                continue
            regions = []
            for label, outline in objects:
                left, top, right, bottom = box_of(outline)
                shape: dict[str, Any] = {
                    "name": "rect",
                    "x": left,
                    "y": top,
                    "width": right - left,
                    "height": bottom - top,
                }
                if outlined:
                    columns, rows = zip(*outline, strict=True)
                    shape = {"name": "polygon", "all_points_x": columns, "all_points_y": rows}
                regions.append({"shape_attributes": shape, "region_attributes": {"class": label}})
            entry = {"filename": f"{name}.jpg", "size": 1, "regions": regions, "file_attributes": {}}
            entries[f"{name}.jpg1"] = entry
        content = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {}}
        files[f"images/{split}/via_region_data.json"] = json.dumps(content if outlined else entries)
    return files


def write_customvision(made: Sequence[Picture]) -> dict[str, str]:
    files = {}
    for split in ("train", "val"):
        images = []
        for number, (its, name, width, height, objects) in enumerate(made):
            if its != split:
                continue
            regions = []
            for label, outline in objects:
                left, top, right, bottom = box_of(outline)
                region = {
                    "tagName": label,
                    "tagId": f"t{LABELS.index(label)}",
                    "left": left / width,
                    "top": top / height,
                }
                regions.append(region | {"width": (right - left) / width, "height": (bottom - top) / height})
            uri = f"https://h/{name}.jpg?sig=x"
            images.append({"id": f"{number}-{split}", "width": width, "height": height, "originalImageUri": uri})
            images[-1] |= {"regions": regions, "tags": [{"tagName": region["tagName"]} for region in regions]}
        files[f"{split}/page.json"] = json.dumps(images)
    return files


def write_openimages(made: Sequence[Picture]) -> dict[str, str]:
    header = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    files = {"class-descriptions-boxable.csv": "".join(f"/m/{number},{name}\n" for number, name in enumerate(LABELS))}
    for split, long in (("train", "oidv6-train"), ("val", "validation")):
        rows = [header]
        for its, name, width, height, objects in made:
            for label, outline in objects if its == split else ():
                left, top, right, bottom = box_of(outline)
                sides = f"{left / width:.9f},{right / width:.9f},{top / height:.9f},{bottom / height:.9f}"
                rows.append(f"{name},xclick,/m/{LABELS.index(label)},1,{sides},0,0,0,0,0")
        files[f"{long}-annotations-bbox.csv"] = "\n".join(rows) + "\n"
    return files


def write_cvat(made: Sequence[Picture], kind: str = "polygon") -> dict[str, str]:
    """A project's export, whose subsets are splits."""
    inner = ""
    for number, (split, name, width, height, objects) in enumerate(made):
        shapes = ""
        for label, outline in objects:
            left, top, right, bottom = box_of(outline)
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in outline)
            sides = f'xtl="{left:.2f}" ytl="{top:.2f}" xbr="{right:.2f}" ybr="{bottom:.2f}"'
            across, down = right - left, bottom - top
            turned = f'xtl="{left + across / 2 - down / 2}" xbr="{left + across / 2 + down / 2}" rotation="270.00"'
            turned += f' ytl="{top + down / 2 - across / 2}" ybr="{top + down / 2 + across / 2}"'
            fields = {"polygon": f'points="{points}"', "box": sides, "turned": turned}[kind]
            tag = "polygon" if kind == "polygon" else "box"
            shapes += f'<{tag} label="{label}" source="manual" occluded="1" {fields} z_order="1"></{tag}>'
        size = f'width="{width}" height="{height}"'
        inner += f'<image id="{number}" name="{name}.jpg" subset="{split}" task_id="1" {size}>{shapes}</image>'
    return {"annotations.xml": f"<annotations><version>1.1</version><meta/>{inner}</annotations>"}


def write_labelstudio(made: Sequence[Picture], outlined: bool = True, minimal: bool = False) -> dict[str, str]:
    files = {}
    for split in ("train", "val"):
        tasks: list[dict[str, Any]] = []
        for number, (its, name, width, height, objects) in enumerate(made):
            if its != split:
                continue
            results = []
            for at, (label, outline) in enumerate(objects):
                left, top, right, bottom = (
                    100 * side / whole for side, whole in zip(box_of(outline), (width, height) * 2, strict=True)
                )
                value: dict[str, Any] = {
                    "x": left,
                    "y": top,
                    "width": right - left,
                    "height": bottom - top,
                    "rotation": 0,
                }
                kind = "polygonlabels" if outlined else "rectanglelabels"
                if outlined:
                    value = {"points": [[100 * x / width, 100 * y / height] for x, y in outline]}
                sizes = {"original_width": width, "original_height": height}
                value |= {kind: [label]}
                result = {"id": f"r{at}", "type": kind, "from_name": "label", "to_name": "image", "image_rotation": 0}
                results.append(value | sizes if minimal else result | sizes | {"value": value})
            image = f"/data/upload/7/0a1b2c3d-{name}.jpg"
            annotation = {"id": number, "completed_by": 1, "was_cancelled": False, "result": results}
            full = {"id": number, "data": {"image": image}, "annotations": [annotation], "predictions": []}
            about = {"annotator": 1, "annotation_id": number, "lead_time": 1.5}
            tasks.append({"image": image, "id": number, "label": results} | about if minimal else full)
        files[f"{split}/project-7.json"] = json.dumps(tasks)
    return files


def write_datumaro(made: Sequence[Picture], kind: str = "polygon") -> dict[str, str]:
    labels = {"labels": [{"name": label, "parent": "", "attributes": []} for label in LABELS], "attributes": []}
    files = {}
    for split in ("train", "val"):
        items: list[dict[str, Any]] = []
        for its, name, width, height, objects in made:
            if its != split:
                continue
            found = []
            for at, (label, outline) in enumerate(objects):
                left, top, right, bottom = box_of(outline)
                shape: dict[str, Any] = {"bbox": [left, top, right - left, bottom - top]}
                if kind == "polygon":
                    shape = {"points": [side for corner in outline for side in corner]}
                about = {"id": at, "type": kind, "attributes": {"occluded": False}, "group": 0, "z_order": 0}
                found.append(about | shape | {"label_id": LABELS.index(label)})
            image = {"path": f"{name}.jpg", "size": [height, width]}
            items.append({"id": name, "annotations": found, "image": image})
        content = {"info": {}, "categories": {"label": labels}, "items": items}
        files[f"annotations/{split}.json"] = json.dumps(content)
    return files


def write_huggingface(made: Sequence[Picture], table: str = "jsonl", outlined: bool = False) -> dict[str, str]:
    names = "".join(f"          '{number}': {name}\n" for number, name in enumerate(LABELS))
    readme = "---\ndataset_info:\n  features:\n  - name: objects\n    sequence:\n    - name: category\n      dtype:\n"
    files = {
        "README.md": f"{readme}        class_label:\n          names:\n{names.replace('  ', '   ')}---\n# A card\n"
    }
    for split in ("train", "val"):
        rows = []
        for its, name, width, height, objects in made:
            if its != split:
                continue
            boxes = [box_of(outline) for _, outline in objects]
            found: dict[str, Any] = {
                "bbox": [[left, top, right - left, bottom - top] for left, top, right, bottom in boxes],
                "category": [LABELS.index(label) for label, _ in objects],
            }
            if outlined:
                found["segmentation"] = [[[side for corner in outline for side in corner]] for _, outline in objects]
            rows.append({"file_name": f"{name}.jpg", "width": width, "height": height, "objects": found})
        text = "\n".join(map(json.dumps, rows))
        if table == "csv":
            buffer = io.StringIO()
            written = csv.DictWriter(buffer, list(rows[0]))
            written.writeheader()
            written.writerows(rows)
            text = buffer.getvalue()
        files[f"images/{split}/metadata.{table}"] = text
    return files


def write_supervisely(made: Sequence[Picture], kind: str = "polygon", edges: bool = False) -> dict[str, str]:
    """A project without meta.json, whose datasets are splits; the second corner of a rectangle is its last pixel."""
    files = {}
    for split, name, width, height, objects in made:
        found = []
        for at, (label, outline) in enumerate(objects):
            left, top, right, bottom = box_of(outline)
            less = 0 if edges else 1
            exterior = [[left, top], [right - less, bottom - less]] if kind == "rectangle" else outline
            item = {
                "id": at,
                "classId": 70 + LABELS.index(label),
                "labelerLogin": "a",
                "tags": [],
                "classTitle": label,
                "geometryType": kind,
            }
            found.append(item | {"points": {"exterior": exterior, "interior": []}})
        size = {"height": height, "width": width}
        content = {"description": "", "tags": [], "size": size, "objects": found}
        files[f"{split}/ann/{name}.jpg.json"] = json.dumps(content)
    return files


def _objects(objects: Sequence[Object], outlined: bool) -> dict[str, Any]:
    boxes = [box_of(outline) for _, outline in objects]
    found: dict[str, Any] = {
        "bbox": [[left, top, right - left, bottom - top] for left, top, right, bottom in boxes],
        "category": [LABELS.index(label) for label, _ in objects],
    }
    if outlined:
        found["segmentation"] = [[[side for corner in outline for side in corner]] for _, outline in objects]
    return found


def write_webdataset(made: Sequence[Picture], outlined: bool = False) -> dict[str, bytes]:
    """Shards of ten samples, whose keys lie in folders."""
    files = {"classnames.txt": "\n".join(LABELS).encode()}
    for split in ("train", "val"):
        its = [picture for picture in made if picture[0] == split]
        for number in range(0, len(its), 10):
            samples = [
                sample(
                    f"images/{split}/{name}",
                    jpg=b"x",
                    json={"width": width, "height": height, "objects": _objects(objects, outlined)},
                )
                for _, name, width, height, objects in its[number : number + 10]
            ]
            files[f"{split}-{number // 10:06}.tar"] = shard(*samples)
    return files


def write_parquet(made: Sequence[Picture], outlined: bool = False) -> dict[str, bytes]:
    """A Parquet file a split, with embedded images, as `datasets` writes it."""
    files = {}
    names = {"names": list(LABELS), "_type": "ClassLabel"}
    for split in ("train", "val"):
        its = [picture for picture in made if picture[0] == split]
        columns: dict[str, list[Any]] = {
            "image": [embedded(b"x", f"{name}.jpg") for _, name, *_ in its],
            "width": [width for _, _, width, *_ in its],
            "height": [height for *_, height, _ in its],
            "objects": [_objects(objects, outlined) for *_, objects in its],
        }
        features = {"objects": {"bbox": [[{}]], "category": [names]}}
        files[f"data/{split}-00000-of-00001.parquet"] = parquet(columns, features, rows=7)
    return files
