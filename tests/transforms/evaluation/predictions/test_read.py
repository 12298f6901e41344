from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction
from labelbeam.transforms.evaluation.predictions.read import Form
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from tests.transforms.evaluation.files import (
    BOX,
    DETECTION,
    LABELS,
    MULTILABEL,
    OBJECTS,
    RESULT,
    SIDES,
    SINGLE,
    read,
    refused,
    write,
)


@pytest.mark.parametrize(
    ("task", "line", "kind"), [(DETECTION, OBJECTS, ObjectsPrediction), (SINGLE, LABELS, LabelsPrediction)]
)
def test_json_lines_are_read_also_from_an_array_and_with_a_byte_order_mark(
    tmp_path: Path, task: str, line: Any, kind: type[Any]
) -> None:
    lines = [line, line | {"image_url": "b.jpg"}]
    files = [write(tmp_path / "lines", *lines), write(tmp_path / "array", lines)]
    files.append(tmp_path / "mark")
    files[-1].write_bytes(b"\xef\xbb\xbf" + files[0].read_bytes() + b"\n  \n")
    for file in files:
        found = read(file, task)
        assert (found.form, [item.name for item in found.said]) == (Form.LINES, ["a.jpg", "b.jpg"])
        assert all(isinstance(item.value, kind) for item in found.said)
    assert [item.place for item in read(files[0], task).said] == [
        f"file://{files[0]}, line {number}" for number in (1, 2)
    ]


def test_explanations_are_not_kept(tmp_path: Path) -> None:
    line = LABELS | {"visualizations": "iVBORw0KGgo=", "attributions": [[[0.5]]]}
    ((_, _, value),) = read(write(tmp_path / "p", line), SINGLE).said
    assert value == LabelsPrediction("a.jpg", [0.75, 0.25], ["cat", "dog"])


def test_the_output_of_score_is_read_by_its_pointer(tmp_path: Path) -> None:
    write(tmp_path / "latest.json", {"build": "B2", "manifest": "builds/B2/manifest.json"})
    write(tmp_path / "builds/B1/predictions/predictions-00000-of-00001.jsonl", OBJECTS | {"image_url": "old.jpg"})
    for shard, name in enumerate(("a.jpg", "b.jpg")):
        write(tmp_path / f"builds/B2/predictions/predictions-{shard:05}-of-00003.jsonl", OBJECTS | {"image_url": name})
    write(tmp_path / "builds/B2/predictions/predictions-00002-of-00003.jsonl")
    assert [item.name for item in read(tmp_path, DETECTION).said] == ["a.jpg", "b.jpg"]


def test_a_glob_reads_all_files_that_it_matches(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.jsonl", OBJECTS | {"image_url": name})
    assert [item.name for item in read(f"{tmp_path}/*.jsonl", DETECTION).said] == ["a", "b"]


def test_files_of_different_forms_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [RESULT])
    write(tmp_path / "b.json", OBJECTS)
    refused(tmp_path / "*.json", DETECTION, "b.json", "a.json", Form.COCO, Form.LINES)


@pytest.mark.parametrize("lines", [(), ("",)])
def test_no_predictions_at_all_are_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    refused(write(tmp_path / "a.jsonl", *lines), DETECTION, "found no predictions", "a.jsonl")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "truncated"),
        ('{"image_url": "b.jpg"}', "boxes"),
        (OBJECTS | {"boxes": [BOX | {"score": 1.5}]}, "score"),
        (OBJECTS | {"boxes": [BOX | {"score": float("nan")}]}, "found NaN at byte"),
        (OBJECTS | {"boxes": [BOX | {"label": "\ud800"}]}, "found \\ud800 at byte"),
        (OBJECTS | {"boxes": [BOX | {"label": ""}]}, "label"),
        (OBJECTS | {"boxes": [BOX | {"box": SIDES | {"topX": -0.1}}]}, "topX"),
        (OBJECTS | {"boxes": [BOX | {"box": SIDES | {"topX": 0.6}}]}, "boxes[0] goes from (0.6, 0.2)"),
        (OBJECTS | {"boxes": [BOX, BOX | {"polygon": [[0.1] * 7]}]}, "boxes[1].polygon[0] has 7 numbers"),
        ("[" * 100_000, "line 2"),
        ('{"image_url": "\udcff"}', "line 2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, line: Any, told: str) -> None:
    path = tmp_path / "p.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(f"{json.dumps(OBJECTS)}\n{text}\n".encode("utf-8", "surrogateescape"))
    refused(path, DETECTION, f"{path}, line 2: ", told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probs": [0.5]}, "1 probs and 2 labels"),
        ({"labels": ["cat", "cat"]}, "'cat' twice"),
        ({"probs": [2, 0]}, "probs"),
    ],
)
def test_labels_that_cannot_be_read_are_named_by_file_and_line(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    refused(write(tmp_path / "p.jsonl", LABELS, LABELS | change), MULTILABEL, "p.jsonl, line 2: ", told)


def test_predictions_of_another_task_are_refused(tmp_path: Path) -> None:
    refused(write(tmp_path / "a", OBJECTS), SINGLE, "line 1: found boxes", "expected probs", SINGLE)
    refused(write(tmp_path / "a", LABELS), DETECTION, "line 1: found probs", "expected boxes", DETECTION)
    refused(write(tmp_path / "a", [RESULT]), MULTILABEL, "element 0: found COCO results", MULTILABEL)


def test_what_is_of_no_known_form_is_refused_with_what_would_be(tmp_path: Path) -> None:
    refused(write(tmp_path / "a", {"images": [], "annotations": []}), DETECTION, "a COCO dataset", "--coco")
    refused(write(tmp_path / "a", {"name": 1}), DETECTION, "line 1", "name", "labeled_dataset.json")
    refused(write(tmp_path / "a", "[{]"), DETECTION, "a: not JSON")
    refused(
        write(tmp_path / "a", "x,y", "1,2"), DETECTION, "line 1: found 'x', 'y'", "image_url, label_confidence, label"
    )
    (tmp_path / "a").write_bytes(b"\xff\xd8\xff\xe0")
    refused(tmp_path / "a", DETECTION, "byte 0 is not UTF-8")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", DETECTION, "neither latest.json nor")


def test_a_build_in_place_of_predictions_is_told_from_them(tmp_path: Path) -> None:
    write(tmp_path / "latest.json", {"build": "B", "manifest": "builds/B/manifest.json"})
    refused(tmp_path, DETECTION, "no predictions-*.jsonl", "labelbeam convert")
    for pointer in ({"build": 1}, {"build": "B", "manifest": "../manifest.json"}):
        write(tmp_path / "latest.json", pointer)
        with pytest.raises(StoreError, match=r"latest.json: not a pointer"):
            read(tmp_path, DETECTION)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("none.jsonl", "*.jsonl"):
        with pytest.raises(MissingFileError, match="jsonl"):
            read(tmp_path / name, DETECTION)


def test_utf_16_is_read_as_powershell_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    for encoding in ("utf-16", "utf-16-be"):
        text = json.dumps(OBJECTS) + "\r\n"
        path.write_bytes(("\ufeff" + text).encode(encoding) if encoding == "utf-16-be" else text.encode(encoding))
        assert [item.name for item in read(path, DETECTION).said] == ["a.jpg"]
    path.write_bytes(b"\xff\xfea")
    refused(path, DETECTION, "p.jsonl: begins as UTF-16 and is none")


def test_what_is_packed_or_spread_over_lines_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(OBJECTS).encode()))
    refused(path, DETECTION, "is compressed with gzip", "gzip -d")
    refused(write(path, json.dumps(OBJECTS, indent=1)), DETECTION, "line 1", "jq -c .")
