"""The loops that builds are compared with make the records that builds make, of the datasets that are made for both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import datasets, loops
from benchmarks.loops import IMAGE_URL, WORKS
from benchmarks.measure import served
from benchmarks.store import BUCKET, serve
from tests.end_to_end.builds import labelbeam

COUNT = 40
TASKS = {
    "folder": "image_classification",
    "voc": "image_object_detection",
    "yolo": "image_object_detection",
    "cvat": "image_object_detection",
}


def by_url(lines: str) -> dict[str, dict[str, Any]]:
    return {record["image_url"]: record for record in map(json.loads, lines.splitlines())}


def built(source: str, task: str, output: Path) -> dict[str, dict[str, Any]]:
    """Records of a build."""
    where = ("--task", task, "--source", source, "--output", output, "--image-url", IMAGE_URL)
    answer = labelbeam("convert", *where)
    assert answer.status == 0, answer.err
    return by_url("".join(path.read_text() for path in output.glob("builds/*/train/*.jsonl")))


def check_same(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> None:
    """Compare records but for the last digit."""
    assert ours.keys() == theirs.keys()
    for url, record in ours.items():
        other = theirs[url]
        assert record["image_details"] == other["image_details"]
        if isinstance(record["label"], str):
            assert record["label"] == other["label"]
            continue
        for label, expected in zip(record["label"], other["label"], strict=True):
            assert label == {key: pytest.approx(value, abs=1.1e-6) for key, value in expected.items()}


@pytest.mark.parametrize("kind", TASKS)
def test_a_loop_writes_what_a_build_writes(kind: str, tmp_path: Path) -> None:
    source = datasets.tree(tmp_path, kind, COUNT)
    WORKS[kind](source, str(tmp_path / "by_hand"))
    theirs = by_url((tmp_path / "by_hand").read_text())
    assert len(theirs) == COUNT
    check_same(built(source, TASKS[kind], tmp_path / "built"), theirs)


@pytest.mark.server
def test_the_loop_over_a_store_writes_what_that_over_the_disk_writes(
    tmp_path: Path, s3_at: Callable[[str], None]
) -> None:
    source = datasets.tree(tmp_path, "voc", COUNT)
    with served(serve, source, 0.0) as endpoint:
        s3_at(endpoint)
        loops.voc_on_s3(BUCKET, str(tmp_path / "far"))
        loops.pages(BUCKET, str(tmp_path / "pages"))
        loops.listing(f"s3://{BUCKET}", str(tmp_path / "listing"))
    loops.voc(source, str(tmp_path / "near"))
    assert by_url((tmp_path / "far").read_text()) == by_url((tmp_path / "near").read_text())
    assert (tmp_path / "pages").read_text() == (tmp_path / "listing").read_text() == str(2 * COUNT)


def test_one_object_in_ten_of_a_file_with_pairs_has_two_parts(tmp_path: Path) -> None:
    dataset = json.loads(Path(datasets.coco(tmp_path, 128, pairs=True)).read_bytes())
    parts = [len(item["segmentation"]) for item in dataset["annotations"] if not item["iscrowd"]]
    assert set(parts) == {1, 2}
    assert parts.count(2) == round(len(dataset["annotations"]) / 10)
