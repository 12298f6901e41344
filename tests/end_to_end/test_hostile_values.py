"""Values that no honest tool writes: each costs its own record at most, and what is published can be used."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

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


STRANGE = [
    *(
        "<script>alert(1)</script>",
        "]]>",
        "<!--",
        "&lt;",
        "<![CDATA[x",
        "\" onload='x'",
        "a\nb",
        "a\u2028b",
        "a\x85b",
        "\ufeffbom",
    ),
    *(
        "x: y",
        "# c",
        "- x",
        "!!python/object/apply:os.system ['id']",
        "null",
        "~",
        "no",
        "1:30",
        "0x1F",
        "*a",
        "&a b",
        "...",
        "%YAML 1.2",
    ),
    *(
        "{{7*7}}",
        "{% x %}",
        "=1+1",
        "a,b",
        '"q"',
        "`id`",
        "../../x",
        "\u202eevil",
        "__proto__",
        "\\",
        "'",
        "?",
        ">",
        "|",
        "\x7f",
    ),
]
"""Labels that mean something in YAML, XML, HTML, CSV, a template, a shell or a path."""


def read_back(to: str, dest: Path) -> set[str]:
    """The labels of an export, by a reader that is not ours."""
    if to == "yolo":
        return set(yaml.safe_load((dest / "data.yaml").read_bytes())["names"].values())
    if to == "voc":
        documents = [ElementTree.parse(path) for path in dest.rglob("*.xml")]
        return {name.text or "" for document in documents for name in document.iter("name")}
    if to == "coco":
        return {
            item["name"]
            for path in dest.rglob("*.json")
            for item in json.loads(path.read_bytes()).get("categories", [])
        }
    rows = csv.DictReader(io.StringIO((dest / "labels.csv").read_bytes().decode(), newline=""))
    return {row["label"] for row in rows}


@pytest.fixture(scope="module")
def strange(place: Path) -> Path:
    """A build whose labels are the strange ones."""
    items = [coco_box(number, 1, category=number) for number, _ in enumerate(STRANGE, 1)]
    categories = [{"id": number, "name": label} for number, label in enumerate(STRANGE, 1)]
    source = write_json(
        place / "coco.json", {"images": [coco_image(1)], "annotations": items, "categories": categories}
    )
    assert attempt(source, place / "out").status == 0
    return place / "out"


@pytest.mark.parametrize("to", ["yolo", "voc", "coco", "csv"])
def test_strange_labels_of_an_export_are_read_back_as_they_were(to: str, strange: Path, tmp_path: Path) -> None:
    assert labelbeam("export", strange, tmp_path / "dest", "--to", to).status == 0
    assert read_back(to, tmp_path / "dest") == set(STRANGE)
