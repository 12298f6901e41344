"""CSV: rows of objects and labels, and what stands in their cells."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.end_to_end.builds import labelbeam as command
from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    ODD,
    PREFIX,
    SEGMENTATION,
    box,
    export,
    mask,
    publish,
    record,
)


def test_rows_of_objects_hold_odd_names_and_images_without_objects_are_told(tmp_path: Path) -> None:
    boxes = [box(label, 0.000001, 0.2, 0.3, 1.0, number % 2) for number, label in enumerate(ODD)]
    publish(tmp_path / "published", DETECTION, {"test": [[record("ü, 1.png", boxes), record("2.png", [])]]})
    answer = command("export", tmp_path / "published", "--to", "csv", tmp_path / "out", "--json")
    assert json.loads(answer.out)["not_held"] == {"background_images": 1}
    assert "1 images without a label have no row" in answer.err
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ODD
    first = dict(zip(("topX", "topY", "bottomX", "bottomY"), ("0.000001", "0.2", "0.3", "1"), strict=True))
    assert rows[0] == {"image_url": f"{PREFIX}ü, 1.png", "split": "test", "label": ODD[0], **first, "isCrowd": "0"}


def test_an_outline_is_json_in_its_cell(tmp_path: Path) -> None:
    ring = [0.1, 0.2, 0.9, 0.2, 0.5, 0.8]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", ring, crowd=1)])], "csv")
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["polygon"]) == [ring]
    assert [row[name] for name in ("topX", "topY", "bottomX", "bottomY", "isCrowd")] == [
        "0.1",
        "0.2",
        "0.9",
        "0.8",
        "1",
    ]


def test_a_row_for_each_label_of_an_image(tmp_path: Path) -> None:
    exported = export(tmp_path, MULTILABEL, [record("1.png", ["a", "b"]), record("2.png", [])], "csv")
    rows = (tmp_path / "out/labels.csv").read_text("utf-8").splitlines()
    assert rows == ["image_url,split,label", f"{PREFIX}1.png,train,a", f"{PREFIX}1.png,train,b"]
    assert exported.not_held == {"background_images": 1}


@pytest.mark.parametrize("label", ["a\rb", "a\r\nb", "a\nb", 'a"b', "a,b", " a ", "=1+1"])
def test_a_label_comes_back_from_its_cell(label: str, tmp_path: Path) -> None:
    export(tmp_path, CLASSIFICATION, [record("1.png", label), record("2.png", "next")], "csv")
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows == [
        ["image_url", "split", "label"],
        [f"{PREFIX}1.png", "train", label],
        [f"{PREFIX}2.png", "train", "next"],
    ]


def test_lines_end_with_lf_and_cells_have_quotes_only_where_needed(tmp_path: Path) -> None:
    export(tmp_path, DETECTION, [record("1.png", [box("a b", 0, 0, 1, 0.5), box('"', 0, 0, 1, 1, 1)])], "csv")
    assert (tmp_path / "out/labels.csv").read_bytes().decode() == (
        "image_url,split,label,topX,topY,bottomX,bottomY,isCrowd\n"
        f"{PREFIX}1.png,train,a b,0,0,1,0.5,0\n"
        f'{PREFIX}1.png,train,"""",0,0,1,1,1\n'
    )


def test_the_box_of_an_outline_is_the_extent_of_all_its_rings(tmp_path: Path) -> None:
    rings = [0.4, 0.4, 0.5, 0.4, 0.5, 0.5], [0.1, 0.9, 0.2, 0.6, 0.7, 0.95]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", *rings)])], "csv")
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert [row[name] for name in ("topX", "topY", "bottomX", "bottomY")] == ["0.1", "0.4", "0.7", "0.95"]
