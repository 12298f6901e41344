"""Exports, as readers that nobody here wrote find them, in the environment of requirements/readers.txt, which has no labelbeam.

Arguments: a reader, and directories. Prints as JSON, for each by split and image, what the reader finds: sides of the image in pixels, and for each
object its label and its box as left, top, right, bottom in pixels; for an outline the number of its pixels as well, for classification
labels alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Found = dict[str, dict[str, Any]]


def _corners(left: float, top: float, width: float, height: float) -> list[float]:
    return [left, top, left + width, top + height]


def by_pycocotools(folder: Path) -> Found:
    from pycocotools.coco import COCO

    found: Found = {}
    for path in sorted(folder.glob("annotations/*.json")):
        coco = COCO(str(path))
        split = found[path.stem.removeprefix("instances_")] = {}
        for image in coco.loadImgs(coco.getImgIds()):
            objects = []
            for one in coco.loadAnns(coco.getAnnIds(image["id"])):
                (category,) = coco.loadCats(one["category_id"])
                item = [category["name"]]
                if "bbox" in one:
                    item.append(_corners(*one["bbox"]))
                if one.get("segmentation"):
                    item.append(int(coco.annToMask(one).sum()))
                objects.append(item)
            split[image["file_name"]] = [[image["width"], image["height"]], objects]
    return found


def _of_supervision(dataset: Any, below: Path) -> dict[str, Any]:
    images = {}
    for path, image, detections in dataset:
        labels = [dataset.classes[number] for number in detections.class_id]
        boxes = np.asarray(detections.xyxy, float).tolist()
        height, width = image.shape[:2]
        images[str(Path(path).relative_to(below))] = [
            [width, height],
            [[label, box] for label, box in zip(labels, boxes, strict=True)],
        ]
    return images


def by_supervision_coco(folder: Path) -> Found:
    import supervision as sv

    images = folder / "images"
    return {
        path.stem.removeprefix("instances_"): _of_supervision(
            sv.DetectionDataset.from_coco(str(images), str(path)), images
        )
        for path in sorted(folder.glob("annotations/*.json"))
    }


def by_supervision_yolo(folder: Path) -> Found:
    import supervision as sv

    return {
        images.name: _of_supervision(
            sv.DetectionDataset.from_yolo(str(images), str(folder / "labels" / images.name), str(folder / "data.yaml")),
            images,
        )
        for images in sorted((folder / "images").iterdir())
    }


def by_supervision_voc(folder: Path) -> Found:
    import supervision as sv

    images = folder / "JPEGImages"
    return {
        "all": _of_supervision(sv.DetectionDataset.from_pascal_voc(str(images), str(folder / "Annotations")), images)
    }


def _of_sample(sample: dict[str, Any]) -> list[Any]:
    sides = [sample["width"], sample["height"]]
    if "label" in sample or "labels" in sample:
        return [sides, [[label] for label in sample.get("labels", [sample.get("label")])]]
    objects = sample.get("objects", sample)
    return [sides, [[label, _corners(*box)] for label, box in zip(objects["category"], objects["bbox"], strict=True)]]


def by_datasets(folder: Path) -> Found:
    import datasets

    found: Found = {}
    for split, rows in datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache")).items():
        found[split] = {}
        for row in rows.cast_column("image", datasets.Image(decode=False)):
            sides = datasets.Image().decode_example(row["image"]).size
            assert list(sides) == [row["width"], row["height"]]
            path = Path(row["image"]["path"]).relative_to(folder / split)
            found[split][str(path)] = _of_sample(row)
    return found


def by_webdataset(folder: Path) -> Found:
    import io

    import webdataset
    from PIL import Image

    names = json.loads((folder / "labels.json").read_text("utf-8"))
    found: Found = {}
    for path in sorted(folder.glob("*.tar")):
        split = found.setdefault(path.name.rpartition("-")[0], {})
        for sample in webdataset.WebDataset(str(path), shardshuffle=False):
            about = json.loads(sample["json"])
            assert Image.open(io.BytesIO(sample["png"])).size == (about["width"], about["height"])
            assert "cls" not in sample or names[int(sample["cls"])] == about["label"]
            split[about["file_name"]] = _of_sample(about)
    return found


def by_mlcroissant(folder: Path) -> Found:
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    found: Found = {}
    for row in dataset.records("images"):
        sample = {name.rpartition("/")[2]: _plain(value) for name, value in row.items()}
        found.setdefault(sample["split"], {})[sample["image_url"]] = _of_sample(sample)
    return found


def by_mlcroissant_of_a_build(folder: Path) -> Found:
    import mlcroissant

    (description,) = folder.glob("builds/*/croissant.json")
    dataset = mlcroissant.Dataset(jsonld=str(description))
    assert not dataset.metadata.ctx.issues.errors
    found: Found = {}
    for row in dataset.records("images"):
        sample = {name.removeprefix("images/"): _plain(value) for name, value in row.items()}
        sides = (sample["width"], sample["height"])
        objects = [_of_fractions(item, sides) for item in _items(sample["label"])]
        found.setdefault(sample["split"], {})[sample["image_url"]] = [list(sides), objects]
    return found


def _items(label: Any) -> list[dict[str, Any]]:
    """The labels of an image as objects, by the names of their parts."""
    items = [label] if isinstance(label, str) else label
    return [
        {"label": item} if isinstance(item, str) else {name.rpartition("/")[2]: part for name, part in item.items()}
        for item in items
    ]


def _of_fractions(item: dict[str, Any], sides: tuple[int, int]) -> list[Any]:
    if item.keys() == {"label"}:
        return [item["label"]]
    edges = [item.get(name) for name in ("topX", "topY", "bottomX", "bottomY")]
    if "polygon" in item:
        xs, ys = ([number for ring in item["polygon"] for number in ring[axis::2]] for axis in (0, 1))
        edges = [min(xs), min(ys), max(xs), max(ys)]
    return [item["label"], [edge * side for edge, side in zip(edges, sides * 2, strict=True)]]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


READERS: dict[str, Callable[[Path], Found]] = {
    name.removeprefix("by_"): reader for name, reader in list(globals().items()) if name.startswith("by_")
}

if __name__ == "__main__":
    print(json.dumps([READERS[sys.argv[1]](Path(folder)) for folder in sys.argv[2:]]))
