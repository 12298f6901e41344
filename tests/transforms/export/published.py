"""Published builds of chosen records, made without a run: a manifest, shards, and the pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

import labelbeam
from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.schemas.layout import BUILDS, LATEST, MANIFEST
from labelbeam.schemas.manifest import Counts, Manifest, Source, SplitCounts
from labelbeam.transforms.builds.published import pointer_to
from labelbeam.transforms.builds.shards import entry_of

PREFIX = "https://images.example.org/c/"
BUILD = "20260101T000000000000Z-0a1b2c3d"

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
CLASSIFICATION = "image_classification"
MULTILABEL = "image_classification_multilabel"

ODD = ['a, "b"', "line\nbreak", "Füße/µ <&>", "no", "a b"]
"""Labels that formats quote, escape or take for something else."""

HOSTILE = [
    *(
        "line\nbreak",
        "a\rb",
        "a\r\nb",
        "tab\tb",
        "next\x85line",
        "a\u2028b",
        "a  b",
        "\ufeffa",
        "\u200b",
        "\u202eabc",
        "😀🇩🇪",
    ),
    *("a, b", "a;b", "a|b", "\"a\" 'b'", "a/b", "a\\b", "../x", ".hid", "CON", "x" * LONGEST_LABEL, "=1+1", "~", "%41"),
    *("# a", "- a", "a: b", "['a', 'b']", '{"a":1}', "<a>&amp;]]>", "007", "1.0", "null", "None", "true", "nan", "yes"),
]
"""Labels that formats, readers of tables or shells may take for something else."""

CONTROLS = ["a\0b", "\x1b[31mred", "\x7f"]
"""Labels with characters that XML has none of, and tables of labels are not read with."""

Records = Sequence[dict[str, Any]]


def record(url: str, label: Any, width: int = 200, height: int = 100) -> dict[str, Any]:
    """A training record of a PNG."""
    details = {"format": "png", "width": width, "height": height}
    return {"image_url": url if "://" in url else PREFIX + url, "image_details": details, "label": label}


def box(label: str, left: float, top: float, right: float, bottom: float, crowd: int = 0) -> dict[str, Any]:
    """A box of fractions."""
    return {"label": label, "topX": left, "topY": top, "bottomX": right, "bottomY": bottom, "isCrowd": crowd}


def mask(label: str, *rings: Sequence[float], crowd: int = 0) -> dict[str, Any]:
    """An outline of fractions."""
    return {"label": label, "isCrowd": crowd, "polygon": [list(ring) for ring in rings]}


def publish(
    output: Path,
    task: str,
    splits: Mapping[str, Sequence[Records]],
    images: Path | None = None,
    prefix: str | None = PREFIX,
    build: str = BUILD,
) -> Path:
    """Publish records by split and shard; with `images`, draw each image there, and name it as where they were read."""
    place = output / BUILDS / build
    labels: set[str] = set()
    parts: dict[str, SplitCounts] = {}
    for split, shards in splits.items():
        part = parts[split] = SplitCounts(files=[])
        for number, records in enumerate(shards):
            data = b"".join(msgspec.json.encode(item) + b"\n" for item in records)
            name = f"{split}/{split}-{number:05}-of-{len(shards):05}.jsonl"
            place.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            place.joinpath(name).write_bytes(data)
            part.files.append(entry_of(name, data, len(records)))
            part.images += len(records)
            for item in records:
                found = item["label"] if isinstance(item["label"], list) else [item["label"]]
                labels |= {one if isinstance(one, str) else one["label"] for one in found}
                part.objects += len(found)
                if images is not None:
                    draw(images, item)
    manifest = Manifest(
        format_version=1,
        build=build,
        labelbeam_version="0.0.0",
        task=task,
        created="2026-01-01T00:00:00+00:00",
        config={} if prefix is None else {"image_url": prefix},
        source=Source("", {}, "jsonl", "", images="" if images is None else f"file://{images}", image_prefix=""),
        labels=sorted(labels),
        counts=Counts(),
        rejected_by_reason={},
        skipped_by_reason={},
        adjusted_by_reason={},
        splits=parts,
        label_counts={},
        parquet=[],
        rejected=[],
    )
    place.joinpath(MANIFEST).write_bytes(msgspec.json.encode(manifest))
    (output / LATEST).write_bytes(msgspec.json.encode(pointer_to(build)))
    return output


def export(tmp_path: Path, task: str, records: list[dict[str, Any]], to: str, **options: Any) -> labelbeam.Exported:
    """Publish records as one split of one shard, and export them to `out`."""
    publish(tmp_path / "published", task, {"train": [records]}, prefix=options.pop("prefix", PREFIX))
    return labelbeam.export(tmp_path / "published", tmp_path / "out", to=to, **options)


def draw(images: Path, item: dict[str, Any]) -> None:
    """An image of the size that a record says, in a colour that its name says."""
    path = images / item["image_url"].removeprefix(PREFIX).replace("%25", "%").replace("%3F", "?")
    path.parent.mkdir(parents=True, exist_ok=True)
    details = item["image_details"]
    colour = sum(path.name.encode()) % 256
    Image.new("L", (details["width"], details["height"]), colour).save(path, "PNG")


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a directory, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def inside(numbers: list[float], x: float, y: float) -> bool:
    """Tell whether a point lies in an outline, by the even-odd rule."""
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    crossed = 0
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crossed += (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return crossed % 2 == 1
