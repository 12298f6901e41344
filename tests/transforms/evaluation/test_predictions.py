from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pycocotools import mask as coco_mask

from schemas.predictions import LabelsPrediction, ObjectsPrediction
from transforms.evaluation.checks import PredictionsError
from transforms.evaluation.coco_predictions import CocoNames, CocoObjects, own_names, read_names
from transforms.evaluation.objects import predicted_objects
from transforms.evaluation.predictions import Form, Predictions, read_predictions
from transforms.stores.errors import MissingFileError
from transforms.stores.locations import locate

SINGLE = "image_classification"
MULTILABEL = "image_classification_multilabel"
DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"

SIDES = {"topX": 0.1, "topY": 0.2, "bottomX": 0.5, "bottomY": 0.6}
RING = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6]
BOX = {"box": SIDES, "label": "cat", "score": 0.75}
OBJECTS = {"image_url": "a.jpg", "boxes": [BOX]}
LABELS = {"image_url": "a.jpg", "probs": [0.75, 0.25], "labels": ["cat", "dog"]}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [10, 20, 40, 40], "score": 0.75}

NAMES = own_names(["a.jpg", "b.jpg"], ["cat", "dog"])


def write(path: Path, *lines: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def write_csv(path: Path, *rows: list[Any], head: tuple[str, ...] = ("image_url", "label_confidence", "label")) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def read(path: Path | str, task: str, names: CocoNames = NAMES) -> Predictions:
    return read_predictions(str(path), {}, task, names)


def refused(path: Path, task: str, *words: str) -> None:
    with pytest.raises(PredictionsError) as caught:
        read(path, task)
    for word in words:
        assert word in str(caught.value), str(caught.value)


# JSON lines. ----------------------------------------------------------------------------------------------------------


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
        (OBJECTS | {"boxes": [BOX | {"score": float("nan")}]}, "malformed"),
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
    write(tmp_path / "latest.json", {"build": 1})
    refused(tmp_path, DETECTION, "latest.json: not a pointer")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("none.jsonl", "*.jsonl"):
        with pytest.raises(MissingFileError, match="jsonl"):
            read(tmp_path / name, DETECTION)


# Azure's batch scoring. -----------------------------------------------------------------------------------------------

AZURE_OBJECT = {"label": "cat", **SIDES, "isCrowd": 0}

ROWS: list[tuple[str, Any, Any, Any]] = [
    (SINGLE, 0.75, "cat", LabelsPrediction("a.jpg", [0.75], ["cat"])),
    (MULTILABEL, [0.75, 0.5], ["cat", "a, b"], LabelsPrediction("a.jpg", [0.75, 0.5], ["cat", "a, b"])),
    (MULTILABEL, [], [], LabelsPrediction("a.jpg", [], [])),
    (DETECTION, [0.75], [AZURE_OBJECT], None),
    (DETECTION, [], [], ObjectsPrediction("a.jpg", [])),
    (SEGMENTATION, [0.75], [AZURE_OBJECT | {"polygon": [RING]}], None),
]


@pytest.mark.parametrize(("task", "confidence", "label", "expected"), ROWS)
def test_azures_rows_are_read_in_all_ways_that_they_are_written(
    tmp_path: Path, task: str, confidence: Any, label: Any, expected: Any
) -> None:
    row = {"image_url": "a.jpg", "label_confidence": confidence, "label": label}
    cells = ["a.jpg", confidence, label]  # Lists as Python writes them, as pandas does.
    as_json = ["a.jpg", json.dumps(confidence), json.dumps(label) if isinstance(label, list) else label]
    turned = [["", *reversed(each)] for each in (cells, as_json)]
    found = [
        read(write(tmp_path / "labeled_dataset.json", row), task),
        read(write(tmp_path / "array.json", [row]), task),
        read(tmp_path, task),
        read(write_csv(tmp_path / "1.csv", cells), task),
        read(write_csv(tmp_path / "2.csv", as_json), task),
        *(
            read(write_csv(tmp_path / "3.csv", each, head=("", "label", "label_confidence", "image_url")), task)
            for each in turned
        ),
    ]
    assert [each.form for each in found] == [Form.AZURE_JSON] * 3 + [Form.AZURE_CSV] * 4
    for predictions in found:
        ((name, _, value),) = predictions.said
        assert name == "a.jpg"
        if expected is not None:
            assert value == expected
        else:
            assert isinstance(value, ObjectsPrediction)
            (item,) = value.boxes
            assert (item.label, item.score, item.box.bottomY) == ("cat", 0.75, 0.6)
            assert item.polygon == ([RING] if task == SEGMENTATION else None)


def test_an_outline_without_a_box_gets_the_one_around_it(tmp_path: Path) -> None:
    row = {"image_url": "a.jpg", "label_confidence": [0.5], "label": [{"label": "cat", "polygon": [RING]}]}
    ((_, _, value),) = read(write(tmp_path / "a", row), SEGMENTATION).said
    assert isinstance(value, ObjectsPrediction)
    sides = value.boxes[0].box
    assert (sides.topX, sides.topY, sides.bottomX, sides.bottomY) == (0.1, 0.2, 0.5, 0.6)


def test_azures_csv_is_found_in_its_directory(tmp_path: Path) -> None:
    write_csv(tmp_path / "predictions.csv", ["a.jpg", 0.5, "cat"])
    assert read(tmp_path, SINGLE).form == Form.AZURE_CSV


@pytest.mark.parametrize(
    ("task", "cells", "told"),
    [
        (SINGLE, ["a", "high", "cat"], "high"),
        (SINGLE, ["a", "nan", "cat"], "probs"),
        (SINGLE, ["a", "1.5", "cat"], "probs"),
        (SINGLE, ["a", "0.5", ""], "labels"),
        (SINGLE, ["", "0.5", "cat"], "image_url"),
        (SINGLE, ["a", "0.5"], "2 cells, expected 3"),
        (MULTILABEL, ["a", "[0.5, 0.5]", "['cat']"], "1 and 2"),
        (MULTILABEL, ["a", "[0.5", "['cat']"], "label_confidence is '[0.5'"),
        (MULTILABEL, ["a", "0.5", "cat"], "label is 'cat'"),
        (MULTILABEL, ["a", "[0.5]", "__import__('os')"], "label is"),
        (MULTILABEL, ["a", "[" * 5000, "['cat']"], "label_confidence is"),
        (MULTILABEL, ["a", "[0.5]", "{['cat']}"], "label is"),
        (DETECTION, ["a", "[0.5]", "['cat']"], "label[0] is 'cat'"),
        (DETECTION, ["a", "[0.5]", "[{'label': 'cat'}]"], "label[0]: "),
        (DETECTION, ["a", "[0.5]", str([AZURE_OBJECT | {"topX": 2}])], "label[0]: "),
        (DETECTION, ["a", "[0.5]", str([AZURE_OBJECT | {"topX": 0.55}])], "boxes[0] goes from"),
        (SEGMENTATION, ["a", "[0.5]", str([{"label": "cat", "polygon": [["x"] * 6]}])], "label[0]: "),
    ],
)
def test_a_row_of_azures_csv_that_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, task: str, cells: list[str], told: str
) -> None:
    many = task != SINGLE
    good = ["b", "[]" if many else "0.5", "[]" if many else "dog"]
    refused(write_csv(tmp_path / "p.csv", good, cells), task, "p.csv, line 3: ", told)


def test_a_row_of_azures_json_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    good = {"image_url": "a", "label_confidence": 0.5, "label": "cat"}
    refused(write(tmp_path / "p", good, {"image_url": "a", "label_confidence": 0.5}), SINGLE, "p, line 2: ", "label")
    refused(write(tmp_path / "p", good, good | {"label_confidence": "0.5"}), SINGLE, "p, line 2: ", "probs")


def test_csv_with_broken_quotes_is_named_by_its_line(tmp_path: Path) -> None:
    refused(write(tmp_path / "p.csv", "image_url,label_confidence,label", 'a,0.5,"cat"s'), SINGLE, "line 2: not CSV")


def test_a_cell_may_hold_a_large_mask(tmp_path: Path) -> None:
    label = [AZURE_OBJECT | {"polygon": [RING * 10_000]}]
    ((_, _, value),) = read(write_csv(tmp_path / "p.csv", ["a", [0.5], label]), SEGMENTATION).said
    assert isinstance(value, ObjectsPrediction) and value.boxes[0].polygon is not None
    assert len(value.boxes[0].polygon[0]) == 60_000


# COCO results. --------------------------------------------------------------------------------------------------------


def test_coco_results_are_collected_by_image_in_their_order(tmp_path: Path) -> None:
    results = [RESULT, RESULT | {"image_id": 2}, RESULT | {"category_id": 2, "score": 12.5}]
    found = read(write(tmp_path / "r.json", results), DETECTION)
    assert (found.form, [item.name for item in found.said]) == (Form.COCO, ["a.jpg", "b.jpg"])
    value = found.said[0].value
    assert isinstance(value, CocoObjects)
    items = predicted_objects(value, "", 100, 100, with_masks=False)
    assert [(item.label, item.box, item.score) for item in items] == [
        ("cat", (10, 20, 40, 40), 0.75),
        ("dog", (10, 20, 40, 40), 12.5),
    ]


def test_coco_results_of_nothing_are_predictions(tmp_path: Path) -> None:
    found = read(write(tmp_path / "r.json", []), DETECTION)
    assert (found.form, found.said) == (Form.COCO, [])


def test_a_coco_dataset_says_what_ids_mean_be_they_numbers_or_text(tmp_path: Path) -> None:
    dataset = {
        "images": [{"id": "7", "file_name": "x/a.jpg", "width": None}],
        "categories": [{"id": 0, "name": "emu"}],
        "annotations": [{"id": None}],
    }
    names = read_names(locate(str(write(tmp_path / "gt.json", dataset)), {}))
    found = read(write(tmp_path / "r.json", [RESULT | {"image_id": 7, "category_id": "0"}]), DETECTION, names)
    assert [(item.name, item.value.results[0].label) for item in found.said] == [("x/a.jpg", "emu")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ([], "expected a COCO dataset"),
        ({"images": []}, "categories"),
        (
            {"images": [{"id": 1, "file_name": name} for name in "ab"], "categories": []},
            "image id 1 stands for 'a' and for 'b'",
        ),
    ],
)
def test_a_dataset_that_does_not_say_what_ids_mean_is_refused(tmp_path: Path, dataset: Any, told: str) -> None:
    with pytest.raises(PredictionsError, match=told) as caught:
        read_names(locate(str(write(tmp_path / "gt.json", dataset)), {}))
    assert "gt.json" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_id": 3}, "image_id 3"),
        ({"category_id": 3}, "category_id 3"),
        ({"image_id": None}, "image_id"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": [1, 2, 3, 1e300]}, "bbox"),
        ({"bbox": [1, 2, 3, float("inf")]}, "malformed"),
        ({"score": "high"}, "score"),
    ],
)
def test_a_result_that_cannot_be_read_is_named_by_its_place(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = write(tmp_path / "r.json", [RESULT, RESULT | change])
    refused(path, DETECTION, "r.json", told, "" if told == "malformed" else "element 1: ")


def objects(result: dict[str, Any], tmp_path: Path, task: str = SEGMENTATION) -> Any:
    ((_, place, value),) = read(write(tmp_path / "r.json", [result]), task).said
    assert isinstance(value, CocoObjects)
    (item,) = predicted_objects(value, place, 10, 8, with_masks=task == SEGMENTATION)
    return item


SQUARE = [2, 2, 6, 2, 6, 6, 2, 6]


@pytest.mark.parametrize(
    ("segmentation", "area"),
    [
        ([SQUARE], 16),
        ([SQUARE, [4, 2, 8, 2, 8, 6, 4, 6]], 24),
        ({"size": [8, 10], "counts": [8, 8, 64]}, 8),
        ({"size": [8, 10], "counts": "88P2"}, 8),
        ({"size": [8, 10], "counts": [80]}, 0),
    ],
)
def test_masks_are_polygons_that_unite_or_run_lengths(tmp_path: Path, segmentation: Any, area: int) -> None:
    item = objects(RESULT | {"segmentation": segmentation}, tmp_path)
    assert int(coco_mask.area(item.mask)) == area
    assert item.box == (10, 20, 40, 40)


def test_a_box_that_is_missing_is_the_one_around_the_mask(tmp_path: Path) -> None:
    result = {key: value for key, value in RESULT.items() if key != "bbox"} | {"segmentation": [SQUARE]}
    assert objects(result, tmp_path).box == (2, 2, 4, 4)
    assert objects(result, tmp_path, DETECTION).box == (2, 2, 4, 4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "no segmentation"),
        ({"bbox": [1, 1, -1, 1], "segmentation": [SQUARE]}, "negative width"),
        ({"segmentation": {"size": [10, 8], "counts": [80]}}, "the mask's size is"),
        ({"segmentation": {"size": [8, 10], "counts": [81]}}, "expected 0 to 80"),
        ({"segmentation": {"size": [8, 10], "counts": [8, 8]}}, "add up to 16"),
        ({"segmentation": [[1, 1, 2]]}, "in pairs"),
        ({"segmentation": [[1, 1, 2, 2]]}, "2 corners"),
        ({"segmentation": [[1, 1, 2, 2, 1e9, 3]]}, "beyond"),
        ({"segmentation": "all"}, "expected RLE"),
        ({"segmentation": [["1", "2", "3", "4", "5", "6"]]}, "in pairs"),
    ],
)
def test_a_mask_or_box_that_cannot_be_used_is_named_by_its_place(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(PredictionsError, match=told) as caught:
        objects(RESULT | change, tmp_path)
    assert "r.json, element 0: " in str(caught.value)


def test_a_result_without_box_and_mask_is_refused(tmp_path: Path) -> None:
    result = {key: value for key, value in RESULT.items() if key != "bbox"}
    with pytest.raises(PredictionsError, match="neither bbox nor segmentation"):
        objects(result, tmp_path, DETECTION)


def test_an_object_of_a_segmentation_needs_an_outline_and_an_empty_one_is_an_empty_mask() -> None:
    bare = msgspec.convert(OBJECTS, ObjectsPrediction)
    assert predicted_objects(bare, "p, line 1", 10, 10, with_masks=False)[0].mask is None
    with pytest.raises(PredictionsError, match=r"p, line 1: boxes\[0\]: it has no polygon"):
        predicted_objects(bare, "p, line 1", 10, 10, with_masks=True)
    empty = msgspec.convert(OBJECTS | {"boxes": [BOX | {"polygon": []}]}, ObjectsPrediction)
    assert int(coco_mask.area(predicted_objects(empty, "", 10, 10, with_masks=True)[0].mask)) == 0
