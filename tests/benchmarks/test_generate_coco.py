"""The benchmark's file is what it says, and what is written by hand from it is right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

ROOT = Path(__file__).resolve().parents[2]
IMAGES, OBJECTS = 50, 400


def run_module(name: str, *arguments: object) -> str:
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def generate(path: Path, seed: int) -> Path:
    run_module("generate_coco", path, "--images", IMAGES, "--objects", OBJECTS, "--seed", seed)
    return path


def convert(source: Path, out: Path, task: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    report = json.loads(run_module("by_hand", source, out, "--task", task))
    return report, [json.loads(line) for line in out.read_bytes().splitlines()]


def signed_area(ring: npt.NDArray[np.float64]) -> float:
    (x, y), (following_x, following_y) = ring.T, np.roll(ring, -1, axis=0).T
    return float(np.sum(x * following_y - following_x * y)) / 2


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("generated") / "coco.json", seed=1)


@pytest.fixture(scope="module")
def dataset(source: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(source.read_bytes())
    return loaded


def test_bytes_follow_from_the_seed(source: Path, tmp_path: Path) -> None:
    assert generate(tmp_path / "same.json", seed=1).read_bytes() == source.read_bytes()
    assert generate(tmp_path / "other.json", seed=2).read_bytes() != source.read_bytes()


def test_pycocotools_reads_it_and_finds_the_declared_areas(source: Path) -> None:
    coco = COCO(str(source))
    assert (len(coco.imgs), len(coco.anns)) == (IMAGES, OBJECTS)
    assert (len(coco.cats), min(coco.cats), max(coco.cats)) == (80, 1, 90)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        rle = coco.annToRLE(annotation)
        image = coco.imgs[annotation["image_id"]]
        assert rle["size"] == [image["height"], image["width"]]
        area = float(coco_mask.area(rle))
        if annotation["iscrowd"]:
            assert annotation["area"] == area
            assert annotation["bbox"] == coco_mask.toBbox(rle).tolist()
            assert 0.04 < area / (image["height"] * image["width"]) < 0.41
        elif len(annotation["segmentation"]) == 1 and area > 1000:
            assert annotation["area"] == pytest.approx(area, rel=0.1)


def test_every_oddity_of_the_real_file_is_there(source: Path, dataset: dict[str, Any]) -> None:
    sizes = {image["id"]: (image["width"], image["height"]) for image in dataset["images"]}
    annotations = dataset["annotations"]
    polygons = [annotation for annotation in annotations if not annotation["iscrowd"]]
    boxes = [(*annotation["bbox"], *sizes[annotation["image_id"]]) for annotation in annotations]
    parts = Counter(len(annotation["segmentation"]) for annotation in polygons)
    owners = [annotation["image_id"] for annotation in annotations]
    assert source.read_bytes().count(b"\n") == 0
    assert len(polygons) == OBJECTS - round(0.012 * OBJECTS)
    assert sum(parts.values()) - parts[1] == round(0.095 * OBJECTS) + round(0.005 * OBJECTS)
    assert max(parts) <= 5
    assert sum(w == 0 for _, _, w, _, _, _ in boxes) == 1
    assert sum(x + w > width + 0.01 or y + h > height + 0.01 for x, y, w, h, width, height in boxes) == 1
    assert set(owners) < set(sizes)
    assert sum(a == b for a, b in pairwise(owners)) < OBJECTS / 4, "grouped by image"


def test_boxes_of_polygons_are_tight(dataset: dict[str, Any]) -> None:
    for annotation in dataset["annotations"]:
        if not annotation["iscrowd"]:
            corners = np.concatenate([np.reshape(part, (-1, 2)) for part in annotation["segmentation"]])
            expected = [*corners.min(axis=0), *np.ptp(corners, axis=0)]
            assert annotation["bbox"] == pytest.approx(expected, abs=1e-9)


def test_by_hand_writes_every_object_of_it_within_a_millionth(
    source: Path, dataset: dict[str, Any], tmp_path: Path
) -> None:
    annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in dataset["images"]}
    for annotation in dataset["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    names = {category["id"]: category["name"] for category in dataset["categories"]}
    report, boxes = convert(source, tmp_path / "boxes.jsonl", "image_object_detection")
    assert (report["images"], report["objects"]) == (IMAGES, OBJECTS)
    report, outlines = convert(source, tmp_path / "outlines.jsonl", "image_instance_segmentation")
    assert (report["images"], report["objects"]) == (IMAGES, OBJECTS)

    for image, boxed, outlined in zip(dataset["images"], boxes, outlines, strict=True):
        assert boxed["image_url"] == f"https://example.blob.core.windows.net/images/{image['file_name']}"
        assert boxed["image_details"] == {"format": "jpg", "width": image["width"], "height": image["height"]}
        assert {key: outlined[key] for key in ("image_url", "image_details")} == {
            key: boxed[key] for key in ("image_url", "image_details")
        }
        size = np.array([image["width"], image["height"]])
        for annotation, box, outline in zip(annotations[image["id"]], boxed["label"], outlined["label"], strict=True):
            for found in (box, outline):
                assert found["label"] == names[annotation["category_id"]]
                assert found["isCrowd"] == annotation["iscrowd"]
            x, y, w, h = annotation["bbox"]
            corners = np.clip(np.array([[x, y], [x + w, y + h]]) / size, 0, 1).ravel()
            assert [box[key] for key in ("topX", "topY", "bottomX", "bottomY")] == pytest.approx(corners, abs=1e-6)
            rings = [np.reshape(ring, (-1, 2)) for ring in outline["polygon"]]
            if annotation["iscrowd"]:
                # Outer rings and holes turn opposite ways, so their signed areas add up to the mask's.
                area = sum(signed_area(ring * size) for ring in rings)
                assert area == pytest.approx(annotation["area"], rel=1e-4)
            else:
                expected = [np.clip(np.reshape(part, (-1, 2)) / size, 0, 1) for part in annotation["segmentation"]]
                assert len(rings) == len(expected)
                for ring, part in zip(rings, expected, strict=True):
                    np.testing.assert_allclose(ring, part, rtol=0, atol=1e-6)


def test_by_hand_agrees_with_what_was_computed_on_paper(tmp_path: Path) -> None:
    dataset = {
        "images": [
            {"id": 7, "file_name": "sub/a.b.png", "width": 10, "height": 20},
            {"id": 2, "file_name": "empty.jpg", "width": 4, "height": 4},
        ],
        "categories": [{"id": 90, "name": "tin drum"}, {"id": 1, "name": "bell"}],
        "annotations": [
            {
                "image_id": 7,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [2, 4, 3, 5],
                "segmentation": [[2, 4, 5, 4, 5, 9]],
            },
            {  # Rows 1 and 2 of columns 1 and 2.
                "image_id": 7,
                "category_id": 90,
                "iscrowd": 1,
                "bbox": [1, 1, 2, 2],
                "segmentation": {"counts": [21, 2, 18, 2, 157], "size": [20, 10]},
            },
            {  # Past the right and the lower border, in two parts.
                "image_id": 7,
                "category_id": 90,
                "iscrowd": 0,
                "bbox": [8, 18, 3, 4],
                "segmentation": [[8, 18, 11, 18, 9.5, 22], [0, 0, 1, 0, 1, 1]],
            },
        ],
    }
    source = tmp_path / "coco.json"
    source.write_text(json.dumps(dataset))
    prefix = "https://example.blob.core.windows.net/images/"
    first = {"image_url": f"{prefix}sub/a.b.png", "image_details": {"format": "png", "width": 10, "height": 20}}
    second = {"image_url": f"{prefix}empty.jpg", "image_details": {"format": "jpg", "width": 4, "height": 4}}

    _, boxes = convert(source, tmp_path / "boxes.jsonl", "image_object_detection")
    assert boxes == [
        {
            **first,
            "label": [
                {"label": "bell", "topX": 0.2, "topY": 0.2, "bottomX": 0.5, "bottomY": 0.45, "isCrowd": 0},
                {"label": "tin drum", "topX": 0.1, "topY": 0.05, "bottomX": 0.3, "bottomY": 0.15, "isCrowd": 1},
                {"label": "tin drum", "topX": 0.8, "topY": 0.9, "bottomX": 1, "bottomY": 1, "isCrowd": 0},
            ],
        },
        {**second, "label": []},
    ]

    _, outlines = convert(source, tmp_path / "outlines.jsonl", "image_instance_segmentation")
    square = [0.1, 0.05, 0.3, 0.05, 0.3, 0.15, 0.1, 0.15]
    assert outlines == [
        {
            **first,
            "label": [
                {"label": "bell", "isCrowd": 0, "polygon": [[0.2, 0.2, 0.5, 0.2, 0.5, 0.45]]},
                {"label": "tin drum", "isCrowd": 1, "polygon": [square]},
                {
                    "label": "tin drum",
                    "isCrowd": 0,
                    "polygon": [[0.8, 0.9, 1, 0.9, 0.95, 1], [0, 0, 0.1, 0, 0.1, 0.05]],
                },
            ],
        },
        {**second, "label": []},
    ]
