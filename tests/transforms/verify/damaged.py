"""Builds as they were published, to be damaged, and what `labelbeam verify` says of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.pipelines.cli import main

LABELS = ["cat", "dog: small", "Bär"]
NAMES = [
    *(f"a/{number:02}.jpg" for number in range(10)),
    "a/100%.jpg",
    "a/1?.png",
    "b#/x.jpeg",
    "Z.tif",
    "é.bmp",
    "a-b.jpg",
]


def coco() -> dict[str, Any]:
    """Images of none to three objects, one image of every name that is odd in a URL, and two objects to reject."""
    annotations: list[dict[str, Any]] = []

    def annotate(image: int, category: int, left: int, width: int) -> None:
        right = left + width
        rings = [[left, 5, right, 5, right, 15.5, left, 15.5], [left, 20, left + 9, 20, left, 29]]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": [left, 5, width, 10.5],
                "segmentation": rings,
                "iscrowd": 0,
            }
        )

    categories = cycle([1, 2, 3])
    for image in range(1, len(NAMES) + 1):
        category = next(categories)
        for place in range(image % 4):
            annotate(image, category if image % 2 else next(categories), 3 * place + image, 20)
    annotate(1, 77, 1, 5)
    annotate(2, 1, 500, 5)
    return {
        "images": [
            {"id": number, "file_name": name, "width": 100 + number, "height": 80}
            for number, name in enumerate(NAMES, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(LABELS, 1)],
    }


def publish(task: str, root: Path) -> Path:
    """An output below `root` with a build for a task; that of the multi-label task writes sizes such as "640px"."""
    source = root / "coco.json"
    source.write_text(json.dumps(coco()), encoding="utf-8")
    dimensions = ["--dimensions", "px"] if task == "image_classification_multilabel" else []
    split = ["--shards", "2", "--split", "train=0.6,validation=0.4", "--max-rejected", "1"]
    where = ["--source", str(source), "--output", str(root / task), "--image-url", "https://example.org/i"]
    assert main(["convert", "--task", task, *where, *split, *dimensions]) == 0
    return root / task


class Build:
    """A copy of a published build, to be damaged."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.root = (output / json.loads((output / "latest.json").read_bytes())["manifest"]).parent

    @contextlib.contextmanager
    def manifest(self) -> Iterator[dict[str, Any]]:
        """The manifest, to be changed."""
        path = self.root / "manifest.json"
        manifest = json.loads(path.read_bytes())
        yield manifest
        path.write_text(json.dumps(manifest), encoding="utf-8")

    def first(self, folder: str) -> str:
        """The path of a file of `folder` that holds records of objects."""
        return max(self.files(folder), key=lambda path: (self.root / path).stat().st_size)

    def files(self, folder: str = ".") -> list[str]:
        """The paths of all files below `folder`."""
        return sorted(str(path.relative_to(self.root)) for path in (self.root / folder).rglob("*") if path.is_file())

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return (self.root / path).read_bytes()

    def put(self, path: str, data: bytes, records: int | None = None) -> None:
        """Write a file and make the manifest say that it is the one that was published."""
        (self.root / path).write_bytes(data)
        with self.manifest() as manifest:
            lists = [part["files"] for part in manifest["splits"].values()] + [
                manifest["parquet"],
                manifest["rejected"],
            ]
            (entry,) = (entry for entries in lists for entry in entries if entry["path"] == path)
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if records is not None:
                entry["records"] = records

    def put_lines(self, path: str, lines: list[bytes]) -> None:
        """The same for lines."""
        self.put(path, b"".join(line + b"\n" for line in lines), len(lines))

    def lines(self, path: str) -> list[bytes]:
        """A file's lines."""
        return self.read(path).splitlines()

    def table(self) -> tuple[str, pa.Table]:
        """The Parquet copy of the shard of `train` with the most objects, and its path."""
        path = self.copy_of(self.first("train"))
        return path, pq.ParquetFile(self.root / path).read()

    @staticmethod
    def copy_of(shard: str) -> str:
        """The path of a shard's Parquet copy."""
        return f"parquet/{Path(shard).stem}.parquet"

    def put_table(self, path: str, table: pa.Table) -> None:
        """Write a Parquet file, as `put` does."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.put(path, sink.getvalue().to_pybytes())


def copy(output: Path, to: Path) -> Build:
    shutil.copytree(output, to)
    return Build(to)


Run = Callable[[Build | Path | str], tuple[int, dict[str, Any]]]


def told(answer: tuple[int, dict[str, Any]], file: str, found: str, expected: str = "") -> bool:
    """Whether the answer is 3 and holds a difference in `file` with these words."""
    status, report = answer
    return status == 3 and any(
        item["file"] == file and found in item["found"] and expected in item["expected"]
        for item in report["differences"]
    )


def spoil(line: bytes, old: bytes, new: bytes) -> bytes:
    assert old in line
    return line.replace(old, new, 1)
