"""JSON Lines of training records as a source: as the documents print them, as others write them, and as an earlier build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    SEGMENTATION,
    Build,
    convert,
    failed,
    labelbeam,
)

V2 = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/image_data/paths/"
DETAILS = {"format": "jpg", "width": "499px", "height": "666px"}
CAN = {"label": "can", "topX": 0.26, "topY": 0.406, "bottomX": 0.735, "bottomY": 0.701}
SHAPE = [0.577, 0.689, 0.567, 0.689, 0.559, 0.686]


def write(file: Path, *records: dict[str, Any] | str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def record(number: int, label: Any, **others: Any) -> dict[str, Any]:
    return {"image_url": f"AmlDatastore://image_data/a/{number}.jpg", "image_details": DETAILS, "label": label} | others


@pytest.mark.parametrize(
    ("task", "label", "expected"),
    [
        (CLASSIFICATION, "can", "can"),
        (MULTILABEL, ["can", "carton"], ["can", "carton"]),
        (DETECTION, [CAN], [CAN | {"isCrowd": 0}]),
        (SEGMENTATION, [{"label": "can", "polygon": [SHAPE]}], [{"label": "can", "isCrowd": 0, "polygon": [SHAPE]}]),
    ],
)
def test_records_as_the_documents_print_them_move_to_another_datastore(
    tmp_path: Path, task: str, label: Any, expected: Any
) -> None:
    source = write(tmp_path / "train_annotations.jsonl", record(1, label), record(2, label))
    build = convert("--source", source, "--image-url", V2, task=task, output=tmp_path / "out")
    assert [line["image_url"] for line in build.lines["train"]] == [f"{V2}a/1.jpg", f"{V2}a/2.jpg"]
    assert build.lines["train"][0]["label"] == expected
    assert build.lines["train"][0]["image_details"] == {"format": "jpg", "width": 499, "height": 666}
    assert build.adjusted == {}


def test_without_an_image_url_each_record_keeps_its_own_whatever_stands_in_it(tmp_path: Path) -> None:
    urls = [f"{V2}a%20b.jpg", "https://h.example/x/1%23.jpg", "file:///data/1.jpg"]
    source = write(tmp_path / "x.jsonl", *(record(0, [CAN], image_url=url) for url in urls))
    build = convert("--source", source, output=tmp_path / "out")
    assert sorted(line["image_url"] for line in build.lines["train"]) == sorted(urls)


@pytest.mark.parametrize(
    ("crowd", "expected"),
    [(1, 1), ("1", 1), (True, 1), ("true", 1), ("True", 1), (0, 0), (False, 0), ("false", 0), (None, 0), ("yes", 0)],
)
def test_is_crowd_is_what_the_trainer_makes_of_it(tmp_path: Path, crowd: Any, expected: int) -> None:
    source = write(tmp_path / "x.jsonl", record(1, [CAN | {"isCrowd": crowd}]))
    build = convert("--source", source, output=tmp_path / "out")
    assert build.lines["train"][0]["label"][0]["isCrowd"] == expected
    assert ("crowd_unknown" in {doubt["code"] for doubt in build.manifest["doubts"]}) == (crowd == "yes")


def test_an_export_of_a_labelling_project_has_its_sizes_beside_the_label(tmp_path: Path) -> None:
    line = {
        "image_url": f"{V2}UI/t/1.jpg",
        "label": [CAN],
        "label_confidence": [0.5],
        "image_width": 800,
        "image_height": 600.0,
    }
    write(tmp_path / "export/labeled.jsonl", line)
    (tmp_path / "export/MLTable").write_text(
        "type: mltable\npaths:\n  - file: ./labeled.jsonl\ntransformations:\n  - read_json_lines:\n      encoding: utf8\n"
    )
    build = convert("--source", tmp_path / "export", output=tmp_path / "out")
    assert build.manifest["source"]["recognised"] == "found 'MLTable'"
    assert build.lines["train"][0]["image_details"] == {"format": "jpg", "width": 800, "height": 600}
    assert [doubt["code"] for doubt in build.manifest["doubts"]] == ["confidences_below_one"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            "paths:\n  - file: azureml://datastores/d/paths/x.jsonl\ntransformations:\n  - read_json_lines: {}\n",
            "azureml://",
        ),
        ("paths:\n  - file: ../x.jsonl\ntransformations:\n  - read_json_lines: {}\n", "../x.jsonl"),
        ("paths:\n  - file: ./x.jsonl\ntransformations:\n  - read_json_lines: {}\n  - take: 5\n", "take"),
        ("paths:\n  - file: ./x.csv\ntransformations:\n  - read_delimited: {}\n", "read_delimited"),
        ("a: [", "not YAML"),
    ],
)
def test_an_mltable_that_cannot_be_followed_is_refused(tmp_path: Path, table: str, words: str) -> None:
    write(tmp_path / "x/x.jsonl", record(1, [CAN]))
    (tmp_path / "x/MLTable").write_text(table)
    answer = labelbeam("convert", "--task", DETECTION, "--source", tmp_path / "x", "--output", tmp_path / "out")
    failed(answer, 2, words)


# Splits and several sources. ----------------------------------------------------------------------------------------


def test_splits_follow_from_names_of_files_and_folders_and_several_sources_are_one_dataset(tmp_path: Path) -> None:
    write(tmp_path / "data/training-mltable-folder/annotations.jsonl", record(1, [CAN]))
    write(tmp_path / "data/validation-mltable-folder/annotations.jsonl", record(2, [CAN]))
    build = convert("--source", tmp_path / "data", output=tmp_path / "out")
    assert {split: len(lines) for split, lines in build.lines.items()} == {"train": 1, "validation": 1}
    sources = [
        write(tmp_path / "b" / name, record(number, [CAN]))
        for number, name in enumerate(["parts_train.jsonl", "parts_val.jsonl", "crash_test.jsonl"])
    ]
    build = convert(*(part for source in sources for part in ("--source", source)), output=tmp_path / "merged")
    assert {split: len(lines) for split, lines in build.lines.items()} == {"train": 2, "validation": 1}


def test_one_path_in_two_datastores_is_not_taken_as_one_image(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", record(1, [CAN]))
    other = write(tmp_path / "two.jsonl", record(1, [CAN], image_url="AmlDatastore://other/a/1.jpg"))
    merged = ("--source", one, "--source", other)
    build = convert(*merged, output=tmp_path / "out")
    assert build.counts["images"] == (2, 2, 0, 0)
    answer = labelbeam("convert", "--task", DETECTION, *merged, "--image-url", V2, "--output", tmp_path / "not")
    failed(answer, 3, "ambiguous_image")


def test_records_of_one_image_are_one_with_the_objects_of_all(tmp_path: Path) -> None:
    source = write(tmp_path / "x.jsonl", record(1, [CAN]), record(1, [CAN | {"label": "carton"}]))
    build = convert("--source", source, output=tmp_path / "out")
    assert [item["label"] for item in build.lines["train"][0]["label"]] == ["can", "carton"]
    assert build.counts["images"] == (2, 1, 1, 0)


# An earlier build. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["directory", "pointer", "build", "split"])
def test_an_earlier_build_gives_the_same_records_in_the_same_splits(tmp_path: Path, how: str) -> None:
    hole = [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.4, 0.4, 0.6, 0.4, 0.6, 0.6, 0.4, 0.6]]
    shapes = [{"label": "can", "isCrowd": 1, "polygon": hole}, {"label": "carton", "isCrowd": 0, "polygon": [SHAPE]}]
    lines = [record(number, shapes) for number in range(30)]
    lines[3]["image_details"] = {"format": "png", "width": 7, "height": 3}
    source = write(tmp_path / "x.jsonl", *lines)
    split = ("--split", "train=0.6,validation=0.4")
    earlier = convert("--source", source, "--image-url", V2, *split, task=SEGMENTATION, output=tmp_path / "one")
    assert len(earlier.lines) == 2
    place = {
        "directory": tmp_path / "one",
        "pointer": tmp_path / "one/latest.json",
        "build": earlier.root,
        "split": earlier.root / "train",
    }[how]
    again = convert("--source", place, task=SEGMENTATION, output=tmp_path / "two")
    expected = {"train": earlier.lines["train"]} if how == "split" else earlier.lines
    assert again.lines == expected
    assert "mask_to_polygon" not in again.adjusted and "polygon_parts_united" not in again.adjusted


def test_a_build_with_images_on_this_machine_moves_with_its_paths(tmp_path: Path) -> None:
    (tmp_path / "raw/cat/deep").mkdir(parents=True)
    Image.new("RGB", (4, 3)).save(tmp_path / "raw/cat/deep/1%20.jpg")
    convert("--source", tmp_path / "raw", task=CLASSIFICATION, output=tmp_path / "one")
    moved = convert("--source", tmp_path / "one", "--image-url", V2, task=CLASSIFICATION, output=tmp_path / "two")
    assert [line["image_url"] for line in moved.lines["train"]] == [f"{V2}cat/deep/1%2520.jpg"]
    same = convert("--source", tmp_path / "one", "--check-images", "decode", task=CLASSIFICATION, output=tmp_path / "3")
    assert same.lines["train"][0]["image_url"] == f"file://{tmp_path}/raw/cat/deep/1%20.jpg"


def test_a_manifest_that_names_other_files_than_a_builds_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "x.jsonl", record(1, [CAN]))
    build = convert("--source", source, output=tmp_path / "one")
    place = build.root / "manifest.json"
    manifest = json.loads(place.read_bytes())
    manifest["splits"]["train"]["files"][0]["path"] = "../../../x.jsonl"
    place.write_text(json.dumps(manifest))
    answer = labelbeam("convert", "--task", DETECTION, "--source", tmp_path / "one", "--output", tmp_path / "two")
    failed(answer, 1, "x.jsonl", "manifest.json")


# Images. ------------------------------------------------------------------------------------------------------------


def test_images_are_looked_at_through_the_directory_that_their_urls_lead_into(tmp_path: Path) -> None:
    (tmp_path / "here/a b").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(tmp_path / "here/a b/1.jpg")
    urls = [
        "https://acct.blob.core.windows.net/c/set/a%20b/1.jpg",
        "https://acct.blob.core.windows.net/c/set/a%20b/2.jpg",
    ]
    source = write(tmp_path / "x.jsonl", *({"image_url": url, "label": [CAN]} for url in urls))
    images = ("--source", source, "--images", tmp_path / "here")
    build = convert(*images, output=tmp_path / "out")
    (line,) = build.lines["train"]
    assert line["image_url"] == "https://acct.blob.core.windows.net/c/set/a b/1.jpg"
    assert line["image_details"] == {"format": "jpg", "width": 40, "height": 30}
    assert build.manifest["rejected_by_reason"] == {"missing_image": 1, "image_rejected": 1}
    moved = convert(*images, "--image-url", V2, output=tmp_path / "moved")
    assert [line["image_url"] for line in moved.lines["train"]] == [f"{V2}a b/1.jpg"]


def test_a_check_of_images_that_are_only_named_by_urls_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "x.jsonl", record(1, [CAN]))
    options = ("--source", source, "--check-images", "header", "--output", tmp_path / "out")
    failed(labelbeam("convert", "--task", DETECTION, *options), 2, "--images")


def test_paths_in_place_of_urls_are_relative_to_the_file_or_to_the_directory_that_is_named(tmp_path: Path) -> None:
    sources = [
        write(tmp_path / folder / f"{folder}.jsonl", record(1, [CAN], image_url=f"images/{folder}.jpg"))
        for folder in ("one", "two")
    ]
    build = convert("--source", sources[0], output=tmp_path / "out")
    assert build.lines["train"][0]["image_url"] == f"file://{tmp_path}/one/images/one.jpg"
    both = ("--source", sources[0], "--source", sources[1], "--output", tmp_path / "both")
    failed(labelbeam("convert", "--task", DETECTION, *both), 2, "--images", "image_url is a path")


# What is wrong. -----------------------------------------------------------------------------------------------------


def test_each_bad_line_and_object_is_rejected_with_its_place_and_the_others_are_kept(tmp_path: Path) -> None:
    outside = CAN | {"bottomX": 1.25}
    source = write(
        tmp_path / "x.jsonl",
        record(1, [CAN, outside, CAN | {"label": None}, CAN | {"topX": "x"}, CAN | {"topX": 0.9}]),
        '{"image_url": "AmlDatastore://image_data/2.jpg", "label"',
        "",
        "[1, 2]",
        '{"image_url": "a", "image_url": "b", "label": []}',
        {"label": [CAN, CAN]},
        record(7, [CAN], image_details={"width": "wide", "height": 5}),
        record(8, [CAN], image_url="azureml://datastores/d/paths/8.jpg"),
        record(9, [CAN], image_url="s3://bucket/9.jpg"),
        record(10, None),
        record(11, []),
        '{"image_url": "AmlDatastore://image_data/12.jpg", "image_width": 4, "image_height": 4, "label": [{"label": "can", '
        '"topX": NaN, "topY": 0, "bottomX": 1, "bottomY": 1}, {"label": "can", "topX": 0, "topY": 0, "bottomX": 1, "bottomY": 1}]}',
        record(13, [CAN], image_url="AmlDatastore://image_data/\u0007.jpg"),
    )
    build = convert("--source", source, output=tmp_path / "out")
    found = {(line["locator"], line["code"]) for line in build.rejected}
    assert found == {
        ("line 1 label[2]", "invalid_label"),
        ("line 1 label[3]", "invalid_bbox"),
        ("line 2", "invalid_record"),
        ("line 4", "invalid_record"),
        ("line 5", "invalid_record"),
        ("line 6", "invalid_record"),
        ("line 6 label[0]", "image_rejected"),
        ("line 6 label[1]", "image_rejected"),
        ("line 7", "invalid_size"),
        ("line 7 label[0]", "image_rejected"),
        ("line 8", "unsupported_url"),
        ("line 8 label[0]", "image_rejected"),
        ("line 9", "unsupported_url"),
        ("line 9 label[0]", "image_rejected"),
        ("line 10", "invalid_record"),
        ("line 12 label[0]", "invalid_bbox"),
        ("line 13", "unsafe_path"),
        ("line 13 label[0]", "image_rejected"),
    }
    assert build.counts["images"] == (12, 3, 9, 0)
    assert build.adjusted["bbox_clipped"] == build.adjusted["bbox_corners_swapped"] == 1
    doubts = {doubt["code"]: doubt["count"] for doubt in build.manifest["doubts"]}
    assert doubts["dropped_by_trainer"] == 5, "the lint of the file: what the trainer would drop as it stands"


def test_a_url_with_a_way_up_in_it_is_never_written(tmp_path: Path) -> None:
    """Who opens it would leave the datastore, container or host that the record names."""
    datastore = "https://host/c"
    hostile = ["../k/1.jpg", "a/%2e%2e/%2E%2E/1.jpg", "a/..%2F../1.jpg", "..\\1.jpg"]
    plain = ["a..b/1.jpg"]
    urls = [f"{datastore}/{path}" for path in [*hostile, *plain]] + [
        "https://host/c/../../1.jpg",
        "file:///data/../etc/1.jpg",
    ]
    source = write(tmp_path / "x.jsonl", *[record(number, [CAN], image_url=url) for number, url in enumerate(urls, 1)])
    build = convert("--source", source, output=tmp_path / "out")
    assert {line["image_url"] for line in build.lines["train"]} == {f"{datastore}/{path}" for path in plain}
    codes = {(line["locator"], line["code"]) for line in build.rejected if line["kind"] == "image"}
    assert codes == {(f"line {number}", "unsafe_path") for number in (1, 2, 3, 4, 6, 7)}
    assert build.counts["images"] == (7, 1, 6, 0)


def test_coordinates_in_pixels_are_refused_and_a_few_of_them_are_doubted(tmp_path: Path) -> None:
    pixels = {"label": "can", "topX": 26, "topY": 40, "bottomX": 73, "bottomY": 70}
    source = write(tmp_path / "x.jsonl", record(1, [pixels]), record(2, [pixels, CAN]))
    answer = labelbeam("inspect", source)
    failed(answer, 2, "2 of 3 objects", "line 1 label[0]", "fractions")
    source = write(tmp_path / "x.jsonl", record(1, [pixels]), record(2, [CAN, CAN]))
    build = convert("--source", source, output=tmp_path / "out")
    assert "frames_disagree" in {doubt["code"] for doubt in build.manifest["doubts"]}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x1f\x8b\x08\x00", "gzip"),
        ('{"image_url": "a"}'.encode("utf-16"), "UTF-16"),
        (b'[{"image_url": "a"}]', "JSON list"),
        (b'{"file_name": "a.jpg", "label": "cat"}\n', "file_name"),
    ],
)
def test_a_file_that_is_none_of_json_lines_is_refused_by_what_it_is(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(data)
    options = ("--format", "jsonl", "--source", tmp_path / "x.jsonl", "--output", tmp_path / "out")
    failed(labelbeam("convert", "--task", DETECTION, *options), 2, word)


def test_inspect_takes_the_task_from_the_labels(tmp_path: Path) -> None:
    source = write(tmp_path / "x.jsonl", record(1, "can"), record(2, "carton"))
    answer = labelbeam("inspect", source, "--json")
    assert answer.status == 0
    assert json.loads(answer.out)["task"] == CLASSIFICATION


def test_inspect_takes_several_files_as_one_dataset(tmp_path: Path) -> None:
    sources = [write(tmp_path / f"{name}.jsonl", record(number, [CAN])) for number, name in enumerate(("train", "val"))]
    answer = labelbeam("inspect", *sources, "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["splits"] == {name: {"images": 1, "objects": 1} for name in ("train", "validation")}


def test_class_folders_and_label_tables_are_what_they_were_beside_records(tmp_path: Path) -> None:
    for name in ("cat/1.jpg", "dog/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 3)).save(tmp_path / name)
    write(tmp_path / "train_annotations.jsonl", record(1, "can"))
    build = convert("--source", tmp_path, task=CLASSIFICATION, output=tmp_path.parent / f"{tmp_path.name}-out")
    assert build.manifest["source"]["format"] == "folder"
    assert isinstance(build, Build)


def boxes_of(folder: Path, *boxes: tuple[float, float, float, float]) -> dict[str, dict[str, Any]]:
    """The doubts of a file with an image for each box."""
    sides = ("topX", "topY", "bottomX", "bottomY")
    lines = [record(at, [{"label": "cat", **dict(zip(sides, box, strict=True))}]) for at, box in enumerate(boxes)]
    build = convert("--source", write(folder / "train.jsonl", *lines), output=folder / "out")
    return {doubt["code"]: doubt for doubt in build.manifest["doubts"]}


def test_boxes_that_end_before_they_begin_may_be_sizes(tmp_path: Path) -> None:
    sizes = [(0.6, 0.6, 0.2, 0.2), (0.5, 0.7, 0.3, 0.2), (0.1, 0.1, 0.3, 0.3)]
    found = boxes_of(tmp_path / "sizes", *sizes)["corners_or_sizes"]
    assert found["count"] == 2 and "a width and a height" in found["message"]
    swapped = boxes_of(tmp_path / "swapped", (0.9, 0.9, 0.2, 0.2), (0.5, 0.7, 0.3, 0.2))["corners_or_sizes"]
    assert swapped["count"] == 2 and "a width and a height" not in swapped["message"]


def test_a_single_box_in_the_wrong_order_is_a_slip(tmp_path: Path) -> None:
    assert "corners_or_sizes" not in boxes_of(tmp_path, (0.6, 0.6, 0.2, 0.2), (0.1, 0.1, 0.3, 0.3))
