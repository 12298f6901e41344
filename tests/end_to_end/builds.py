"""Run the command line in this process and read what it published, checking each time what holds for every build."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labelbeam.pipelines.cli import main
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from tests.end_to_end.trainer import problems

REPOSITORY = Path(__file__).parents[2]

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
CLASSIFICATION = "image_classification"
MULTILABEL = "image_classification_multilabel"

PREFIX = "https://images.example.org/c/"
"""An --image-url that spares a dataset its image files."""

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Answer:
    """What a run of the command ended with."""

    status: int
    out: str
    err: str


def labelbeam(*arguments: str | Path) -> Answer:
    """Run the command in this process."""
    written, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(written, encoding="utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    out.flush()
    return Answer(status, written.getvalue().decode(), err.getvalue())


def labelbeam_process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Answer:
    """Run the command as a shell would."""
    ran = subprocess.run(
        [sys.executable, "-m", "labelbeam.pipelines.cli", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Answer(ran.returncode, ran.stdout, ran.stderr)


def attempt(source: Path | str, output: Path, *options: str | Path, task: str = DETECTION) -> Answer:
    """Try to build, with an --image-url so that no image is needed."""
    return labelbeam("convert", "--task", task, "--source", source, "--output", output, "--image-url", PREFIX, *options)


def failed(answer: Answer, status: int, *words: str) -> None:
    """The run ended so, and said in a message of its own, without a traceback, what a person needs to know."""
    assert answer.status == status, answer.err
    assert answer.err.strip().splitlines()[-1].startswith("labelbeam"), answer.err
    assert "Traceback" not in answer.err and "this was not expected" not in answer.err
    for word in words:
        assert word in answer.err, answer.err
    assert answer.out == ""


@dataclass
class Build:
    """The current build below `output`, as a reader of its files sees it."""

    output: Path
    said: str = ""
    root: Path = field(init=False)
    manifest: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        pointer = json.loads((self.output / "latest.json").read_bytes())
        self.manifest = json.loads((self.output / pointer["manifest"]).read_bytes())
        self.root = (self.output / pointer["manifest"]).parent

    @property
    def task(self) -> str:
        """The task that it was built for."""
        task: str = self.manifest["task"]
        return task

    @cached_property
    def lines(self) -> dict[str, list[dict[str, Any]]]:
        """The records of each split, in the order of its shards."""
        return {
            split: [line for file in part["files"] for line in self._json_lines(file["path"])]
            for split, part in self.manifest["splits"].items()
        }

    @cached_property
    def rejected(self) -> list[dict[str, Any]]:
        """The rejected lines."""
        return [line for file in self.manifest["rejected"] for line in self._json_lines(file["path"])]

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """Every record by its image's path: its image_url without the prefix that it was built with."""
        prefix = self.manifest["config"].get("image_url") or ""
        prefix += "" if prefix.endswith("/") or not prefix else "/"
        return {line["image_url"].removeprefix(prefix): line for lines in self.lines.values() for line in lines}

    @property
    def splits(self) -> dict[str, str]:
        """The split of each image, by its path."""
        return {
            name: split
            for name, record in self.records.items()
            for split, lines in self.lines.items()
            if record in lines
        }

    @property
    def adjusted(self) -> dict[str, int]:
        """How often each adjustment was made."""
        adjusted: dict[str, int] = self.manifest["adjusted_by_reason"]
        return adjusted

    @property
    def counts(self) -> dict[str, tuple[int, int, int, int]]:
        """Found, written, rejected, skipped: of images and of objects."""
        return {
            name: (tally["found"], tally["written"], tally["rejected"], tally["skipped"])
            for name, tally in self.manifest["counts"].items()
        }

    def boxes(self, path: str) -> list[tuple[Any, ...]]:
        """The boxes of an image: label, left, top, right, bottom, isCrowd."""
        keys = ("label", "topX", "topY", "bottomX", "bottomY", "isCrowd")
        return [tuple(item[key] for key in keys) for item in self.records[path]["label"]]

    def codes(self, path: str | None, kind: str | None = None) -> list[str]:
        """Why the image or its objects were rejected, sorted."""
        lines = [line for line in self.rejected if line["image"] == path and kind in (None, line["kind"])]
        return sorted(line["code"] for line in lines)

    def files(self, suffix: str = "") -> dict[str, bytes]:
        """The bytes of its JSONL and Parquet files, rejected ones too."""
        paths = (path for path in sorted(self.root.rglob(f"*{suffix}")) if path.suffix in (".jsonl", ".parquet"))
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}

    def _json_lines(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / path).read_bytes().splitlines()]


def convert(*arguments: str | Path, task: str = DETECTION, output: Path, max_rejected: str = "1") -> Build:
    """Publish a build and check what holds for every build."""
    answer = labelbeam("convert", "--task", task, "--output", output, "--max-rejected", max_rejected, *arguments)
    assert answer.status == 0, answer.err
    assert answer.out == "" or "--json" in arguments, "stdout holds only what was asked for"
    build = Build(output, answer.err)
    check(build)
    return build


def evaluate(build: Build, predictions: Path | str, *options: str | Path) -> dict[str, Any]:
    """What `labelbeam evaluate --json` prints of a build."""
    answer = labelbeam("evaluate", build.output, "--predictions", predictions, "--json", *options)
    assert answer.status == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


def check(build: Build) -> None:
    """What holds for every build: the counts add up, the trainer takes every line, verify finds no difference."""
    check_counts(build)
    check_parquet(build)
    for split in build.lines:
        assert problems(build.root / split, build.task) == []
    verified = labelbeam("verify", build.output)
    assert verified.status == 0, verified.err


def check_counts(build: Build) -> None:
    """Whatever was found is written, rejected or skipped, and every count is that of the lines."""
    manifest, lines = build.manifest, build.lines
    images, objects = manifest["counts"]["images"], manifest["counts"]["objects"]
    for tally in (images, objects):
        assert tally["found"] == tally["written"] + tally["rejected"] + tally["skipped"], tally
    single = build.task == CLASSIFICATION
    for split, part in manifest["splits"].items():
        found = (len(lines[split]), sum(1 if single else len(line["label"]) for line in lines[split]))
        assert (part["images"], part["objects"]) == found, split
    assert images["written"] == sum(part["images"] for part in manifest["splits"].values())
    assert objects["written"] == sum(part["objects"] for part in manifest["splits"].values())
    kinds = Counter(line["kind"] for line in build.rejected)
    assert (images["rejected"], objects["rejected"]) == (kinds["image"], kinds["object"])
    assert manifest["rejected_by_reason"] == dict(sorted(Counter(line["code"] for line in build.rejected).items()))
    assert sum(manifest["skipped_by_reason"].values()) == images["skipped"] + objects["skipped"]
    check_reasons(manifest, build.rejected)
    names = {
        item if isinstance(item, str) else item["label"]
        for part in lines.values()
        for line in part
        for item in _items(line)
    }
    assert manifest["labels"] == sorted(names)
    entries = [
        *manifest["parquet"],
        *manifest["rejected"],
        *(file for part in manifest["splits"].values() for file in part["files"]),
    ]
    for entry in entries:
        data = (build.root / entry["path"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest()), entry["path"]
        if entry["path"].endswith(".jsonl"):
            assert entry["records"] == data.count(b"\n"), entry["path"]


def check_reasons(manifest: dict[str, Any], rejected: Sequence[dict[str, Any]]) -> None:
    """Every reason is a documented one, and every rejected line says what, where and why."""
    assert manifest["rejected_by_reason"].keys() <= set(Rejected)
    assert manifest["skipped_by_reason"].keys() <= set(Skipped)
    assert manifest["adjusted_by_reason"].keys() <= set(Adjusted)
    for line in rejected:
        assert {"source", "locator", "image", "code", "message", "raw"} <= line.keys()
        assert line["source"] and line["locator"] and line["message"], line
        assert len(line["raw"]) <= 500


def check_parquet(build: Build) -> None:
    """The Parquet files hold the same records as the JSONL, with sizes as numbers, and beside them what fits each."""
    found = [
        row for entry in build.manifest["parquet"] for row in pq.read_table(build.root / entry["path"]).to_pylist()
    ]
    rows = [{name: row[name] for name in ("image_url", "image_details", "label")} for row in found]
    expected = [line for lines in build.lines.values() for line in lines]
    for line in json.loads(json.dumps(expected)):
        details = line["image_details"]
        details |= {side: int(str(details[side]).removesuffix("px")) for side in ("width", "height")}
        assert rows.count(line) == 1, line
    assert len(rows) == len(expected)
    assert sum(entry["records"] for entry in build.manifest["parquet"]) == len(rows)
    splits = {line["image_url"]: split for split, lines in build.lines.items() for line in lines}
    for row in found:
        count = len(_items(row))
        lengths = [row["label_count"], *(len(row[name]) for name in ("source_id", "area") if name in row)]
        assert (row["split"], lengths) == (splits[row["image_url"]], [count] * len(lengths)), row


def _items(line: dict[str, Any]) -> list[Any]:
    return [line["label"]] if isinstance(line["label"], str) else line["label"]


def near(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether two boxes, (label, left, top, right, bottom, isCrowd), agree to a millionth of the image."""
    sides = zip(found[1:5], expected[1:5], strict=True)
    return (found[0], found[5]) == (expected[0], expected[5]) and all(abs(a - b) <= TOLERANCE for a, b in sides)
