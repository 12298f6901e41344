"""Units of work with the options that reading and writing them take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.formats.coco.cut import plan_exact
from labelbeam.transforms.formats.coco.format import Coco
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.formats.reading import ReadOptions, ReadResult
from labelbeam.transforms.workers.parcels import unwrap
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.work import ShardOptions

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="o")


def options(buckets: int = 1, **fields: Any) -> ReadOptions:
    return ReadOptions(msgspec.structs.replace(CONFIG, **fields), {}, buckets)


def shard_options(build: Path | None, root: Path, **fields: Any) -> ShardOptions:
    values: dict[str, Any] = {
        "assemble": AssembleOptions("image_object_detection", "https://h/"),
        "check_images": None,
        "images_root": str(root),
        "images_listed": False,
        "format": Coco(),
        "config": CONFIG,
        "buckets": 1,
        "target": None if build is None else Target(str(build), str(root / "unfinished"), "hash", False),
        "report": "",
        "px": False,
        "copy_images": None,
        "transcode": None,
        "storage": {},
    }
    return ShardOptions(**(values | fields))


def coco(path: Path, annotations: int = 60, target: int = 1) -> tuple[CocoFile, list[CocoUnit]]:
    """Write a COCO file, and cut its annotations into ranges of about `target` bytes."""
    images = [{"id": at, "file_name": f"{at}.jpg", "width": 64, "height": 48} for at in range(20)]
    objects: list[dict[str, Any]] = [
        {"id": at, "image_id": at % 23, "category_id": at % 3, "bbox": [1, 1, at % 9, 9]} for at in range(annotations)
    ]
    categories = [{"id": at, "name": f"label {at}"} for at in range(2)]
    path.write_text(json.dumps({"annotations": objects, "images": images, "categories": categories}))
    data = path.read_bytes()
    ranges = plan_exact(lambda start, end: data[start:end], len(data), target)
    index = tuple(part for part in ranges if part.section != "annotations")
    units = [CocoUnit(str(path), part) for part in ranges if part.section == "annotations"]
    return CocoFile(0, str(path), "", None, index), units


def fragments(result: ReadResult) -> list[Fragment]:
    return [decode(unwrap(data)) for _, data in result.fragments]
