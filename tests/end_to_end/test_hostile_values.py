"""Values that no honest tool writes: each costs its own record at most, and what is published can be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.builds import DETECTION, Build, attempt, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_json

SURROGATE = "\ud800"

RECORD: dict[str, Any] = {
    "image_url": "https://host/c/a.jpg",
    "image_details": {"format": "jpg", "width": 640, "height": 480},
    "label": [{"label": "cat", "topX": 0.1, "topY": 0.1, "bottomX": 0.5, "bottomY": 0.5, "isCrowd": 0}],
}


def built(source: Path, tmp_path: Path, *options: str) -> Build:
    answer = attempt(source, tmp_path / "out", "--max-rejected", "1", *options)
    assert answer.status == 0, answer.err
    return Build(tmp_path / "out")


def lines(path: Path, *records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def test_categories_with_ids_and_supercategories_that_are_no_unicode_are_read(tmp_path: Path) -> None:
    document = {
        "images": [coco_image(1), coco_image(2)],
        "annotations": [coco_box(1, 1, category=SURROGATE), coco_box(2, 2, category=1)],
        "categories": [
            {"id": SURROGATE, "name": "cat", "supercategory": SURROGATE},
            {"id": 1, "name": "cat", "supercategory": "animal"},
        ],
    }
    build = built(write_json(tmp_path / "coco.json", document), tmp_path)
    assert build.counts["objects"][:2] == (2, 2)
    (label,) = build.manifest["source_labels"]
    assert label["ids"] == [1, "\\ud800"]


def test_a_label_that_is_no_unicode_costs_its_object(tmp_path: Path) -> None:
    boxes = {"bbox": [[1, 1, 9, 9], [2, 2, 9, 9]], "categories": [SURROGATE, "cat"]}
    source = lines(tmp_path / "set/metadata.jsonl", {"file_name": "a.jpg", "width": 64, "height": 48, "objects": boxes})
    (tmp_path / "set/a.jpg").write_bytes(b"")
    build = built(source.parent, tmp_path, "--format", "huggingface")
    assert build.counts["objects"] == (2, 1, 1, 0)


def test_an_object_that_is_null_costs_its_image(tmp_path: Path) -> None:
    good = {"bbox": [1, 1, 9, 9], "category": "cat"}
    rows = [
        {"file_name": f"{name}.jpg", "width": 64, "height": 48, "objects": objects}
        for name, objects in (("a", [good, None]), ("b", [good]))
    ]
    source = lines(tmp_path / "set/metadata.jsonl", *rows)
    for row in rows:
        (tmp_path / "set" / row["file_name"]).write_bytes(b"")
    build = built(source.parent, tmp_path, "--format", "huggingface")
    assert build.counts["images"][:3] == (2, 1, 1)


def test_a_label_of_hundreds_of_digits_costs_its_object(tmp_path: Path) -> None:
    odd = RECORD | {"label": [RECORD["label"][0] | {"label": 10**400}, RECORD["label"][0]]}
    build = built(lines(tmp_path / "a.jsonl", odd), tmp_path)
    assert build.counts["objects"][:3] == (2, 1, 1)


def test_what_is_published_can_be_exported_whatever_urls_the_source_has(tmp_path: Path) -> None:
    urls = ["http://h/%0d%0aX: y", "https://host/", "https://host/c/%00.jpg", "https://host/c/b%20c.jpg"]
    source = lines(tmp_path / "set/a.jsonl", RECORD, *(RECORD | {"image_url": url} for url in urls))
    answer = labelbeam(
        *("convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out", "--max-rejected", "1")
    )
    assert answer.status == 0, answer.err
    build = Build(tmp_path / "out")
    assert {line["image_url"] for part in build.lines.values() for line in part} == {RECORD["image_url"], urls[3]}
    assert labelbeam("export", tmp_path / "out", tmp_path / "coco", "--to", "coco").status == 0
