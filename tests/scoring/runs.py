"""Ten images, what the endpoint says of them, and what a run has published, checked each time for what always holds."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from labelbeam.pipelines.commands.schema import schema
from labelbeam.schemas.requests import RequestedImage
from labelbeam.schemas.tasks import TASKS
from tests.end_to_end.builds import Answer
from tests.servers.endpoint import Generation, answer_for

CLASSIFICATION, MULTILABEL, DETECTION, SEGMENTATION = TASKS

KEY = "kQ7-secret-of-the-endpoint"

IMAGES = {f"a/{number:02}.jpg": b"image %d" % number for number in range(10)}

BAD = "a/05.jpg"
"""The image that something is wrong with."""

Score = Callable[..., Answer]
"""Scores the images; see the fixture."""


def manifest(output: Path) -> tuple[Path, dict[str, Any]]:
    """The current build and its manifest; every file is compared with it, and the counts with each other."""
    latest = json.loads((output / "latest.json").read_bytes())
    found = json.loads((output / latest["manifest"]).read_bytes())
    jsonschema.validate(found, schema("scores_manifest"))
    build = output / "builds" / latest["build"]
    files = [entry for kind in ("predictions", "parquet", "failed") for entry in found[kind]]
    for entry in files:
        data = (build / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    there = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    assert there == {entry["path"] for entry in files} | {"manifest.json"}
    assert not (output / "unfinished").exists()
    counts = found["counts"]
    assert counts["found"] == counts["scored"] + counts["failed"] == len(lines(build, "predictions")) + counts["failed"]
    assert Counter(line["code"] for line in lines(build, "failed")) == found["failed_by_code"]
    assert sum(entry["records"] for entry in found["predictions"]) == counts["scored"]
    return build, found


def lines(build: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for file in sorted(build.glob(f"{kind}/*.jsonl")) for line in file.read_text().splitlines()
    ]


def expected(photos: Path, task: str, generation: Generation = "v2", explain: Any = None) -> list[dict[str, Any]]:
    """What the endpoint says of each image, as predictions."""
    found = []
    for name, content in sorted(IMAGES.items()):
        entry = answer_for(RequestedImage(content, explain), task, generation)
        values = {key: value for key, value in entry.items() if key != "filename" and value is not None}
        found.append({"image_url": f"file://{photos}/{name}", **values})
    return found
