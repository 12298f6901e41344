"""`labelbeam evaluate` with builds, predictions and results in stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, convert, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, put, write_coco, write_json
from tests.servers.stores import HttpStore, Store

pytestmark = pytest.mark.server


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A build of two images below `out`, and below `scores` predictions that are right about the first."""
    source = write_coco(tmp_path / "a.json", [coco_image(1), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    convert("--source", source, "--image-url", PREFIX, task=DETECTION, output=tmp_path / "raw" / "out")
    sides = {"topX": 0.1, "topY": 0.25, "bottomX": 0.3, "bottomY": 0.5}
    line = {"image_url": f"{PREFIX}1.jpg", "boxes": [{"box": sides, "label": "cat", "score": 0.9}]}
    write_json(tmp_path / "raw/scores/latest.json", {"build": "S", "manifest": "builds/S/manifest.json"})
    put(tmp_path / "raw/scores/builds/S/predictions/predictions-00000-of-00001.jsonl", f"{json.dumps(line)}\n")
    return tmp_path / "raw"


def test_everything_may_lie_in_an_object_store(raw: Path, s3_store: Store) -> None:
    s3_store.fs.put(f"{raw}/", s3_store.path, recursive=True)
    answer = labelbeam(
        "evaluate",
        s3_store.url("out"),
        *("--predictions", s3_store.url("scores")),
        *("--output", s3_store.url("found")),
        *("--coco-results", s3_store.url("found/results.json")),
        *("--storage-options", json.dumps(s3_store.storage_options)),
    )
    assert answer.status == 0, answer.err
    found = json.loads(s3_store.fs.cat_file(f"{s3_store.path}/found/evaluation.json"))
    assert (found["images"], found["unpredicted"]) == (2, 1)
    assert found["by_class"]["cat"]["recall"] == pytest.approx(0.5)
    assert len(json.loads(s3_store.fs.cat_file(f"{s3_store.path}/found/results.json"))) == 1


def test_predictions_may_lie_on_a_web_server(raw: Path, http_store: HttpStore) -> None:
    http_store.fs.put(f"{raw}/", http_store.path, recursive=True)
    answer = labelbeam(
        "evaluate",
        raw / "out",
        *("--predictions", http_store.url("scores/builds/S/predictions/predictions-00000-of-00001.jsonl")),
        "--json",
    )
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["unpredicted"] == 1
