"""What users and scripts rely on: the files of a build, the keys of its manifest, options, config files, exit status."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelbeam.pipelines.version import VERSION
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, Build, convert, labelbeam, labelbeam_process
from tests.end_to_end.datasets import coco_box, coco_image, encoded, put, voc_object, voc_xml, write_coco, write_voc
from tests.end_to_end.trainer import MLTABLE


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    """Four images in two splits, one of them rejected, and five objects."""
    items = [coco_box(number, number) for number in (1, 2, 4)] + [
        coco_box(9, 3, category=77),
        coco_box(8, 1, category=2),
    ]
    train = write_coco(place / "data/train.json", [coco_image(number) for number in (1, 2, 3)], items[:2] + items[3:])
    write_coco(place / "data/val.json", [coco_image(4)], [items[2]])
    return train.parent / "*.json"


@pytest.fixture(scope="module")
def build(place: Path, source: Path) -> Build:
    return convert("--source", source, "--image-url", PREFIX, "--shards", "2", output=place / "out")


def test_build_holds_these_files_and_no_others(build: Build) -> None:
    found = {str(path.relative_to(build.root)) for path in build.root.rglob("*") if path.is_file()} - {"report.html"}
    shards = [f"-{number:05}-of-00002" for number in range(2)]
    assert found == {
        "manifest.json",
        "labels.json",
        "croissant.json",
        *(f"{split}/MLTable" for split in ("train", "validation")),
        *(f"{split}/{split}{shard}.jsonl" for split in ("train", "validation") for shard in shards),
        *(f"parquet/{split}{shard}.parquet" for split in ("train", "validation") for shard in shards),
        *(f"rejected/rejected{shard}.jsonl" for shard in shards),
    }
    assert {path.name for path in build.output.iterdir()} == {"latest.json", "builds"}


def test_pointer_names_the_build_and_its_manifest(build: Build) -> None:
    pointer = json.loads((build.output / "latest.json").read_bytes())
    identity = build.manifest["build"]
    assert pointer == {"build": identity, "manifest": f"builds/{identity}/manifest.json"}


def test_pointer_is_written_last(build: Build) -> None:
    written = (build.output / "latest.json").stat().st_mtime_ns
    assert all(path.stat().st_mtime_ns <= written for path in build.root.rglob("*") if path.name != "report.html")


def test_mltable_has_the_wording_that_loads(build: Build) -> None:
    for split in ("train", "validation"):
        assert (build.root / split / "MLTable").read_text() == MLTABLE.format(split=split)


def test_manifest_says_what_went_in_and_what_came_out(build: Build) -> None:
    manifest = build.manifest
    assert manifest["labelbeam_version"] == VERSION
    assert manifest["task"] == DETECTION
    assert manifest["format_version"] == 1
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["created"])
    assert timedelta(0) <= age + timedelta(seconds=1) < timedelta(hours=1)
    assert manifest["config"]["shards"] == 2
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["source"]["fingerprint"])
    assert manifest["source"]["covers"]["files"] == 2
    assert manifest["labels"] == ["cat", "dog"]
    assert build.counts == {"images": (4, 3, 1, 0), "objects": (5, 4, 1, 0)}
    assert manifest["rejected_by_reason"] == {"no_valid_object": 1, "unknown_category": 1}
    assert manifest["adjusted_by_reason"] == {}
    sizes = {split: (part["images"], part["objects"]) for split, part in manifest["splits"].items()}
    assert sizes == {"train": (2, 3), "validation": (1, 1)}
    for entry in (*manifest["parquet"], *manifest["rejected"], *manifest["splits"]["train"]["files"]):
        assert entry.keys() == {"path", "records", "bytes", "sha256"}


def test_rejected_line_says_what_where_and_why(build: Build) -> None:
    (line,) = (line for line in build.rejected if line["code"] == "unknown_category")
    assert line["source"].endswith("data/train.json")
    assert line["locator"] == "annotations id=9"
    assert line["image"] == "3.jpg"
    assert "77" in line["message"]
    assert "77" in line["raw"]


def test_nothing_rejected_leaves_no_file_of_rejected_lines(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert not (build.root / "rejected").exists()
    assert build.manifest["rejected"] == []


def test_another_build_leaves_the_first_as_it_was(source: Path, tmp_path: Path) -> None:
    first = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    before = {path: path.read_bytes() for path in first.root.rglob("*") if path.is_file()}
    second = convert("--source", source, "--image-url", PREFIX, "--dimensions", "px", output=tmp_path / "out")
    assert first.root != second.root
    assert {path: path.read_bytes() for path in first.root.rglob("*") if path.is_file()} == before


def test_an_object_of_a_classification_build_is_a_label_of_an_image(tmp_path: Path) -> None:
    items = [coco_box(1, 1), coco_box(2, 1), coco_box(3, 2, category=2)]
    source = write_coco(tmp_path / "coco.json", [coco_image(1), coco_image(2)], items)
    build = convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out")
    assert build.counts["objects"] == (2, 2, 0, 0), "two boxes of one label are one label of the image"


# Options. -----------------------------------------------------------------------------------------------------------


def test_summary_is_one_json_object_and_nothing_else(source: Path, tmp_path: Path) -> None:
    answer = labelbeam_process(
        *("convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out", "--json"),
        *("--image-url", PREFIX, "--max-rejected", "1"),
    )
    assert answer.status == 0, answer.err
    summary = json.loads(answer.out)
    manifest = Build(tmp_path / "out").manifest
    assert {key: summary[key] for key in ("build", "counts", "labels", "rejected_by_reason")} == {
        key: manifest[key] for key in ("build", "counts", "labels", "rejected_by_reason")
    }


def test_config_file_says_the_same_as_flags_and_a_flag_wins(source: Path, build: Build, tmp_path: Path) -> None:
    config = f"""\
task: image_classification
source: ["{source}"]
output: {tmp_path / "out"}
image_url: {PREFIX}
shards: 2
max_rejected: 1.0
direct_num_workers: 1
"""
    path = put(tmp_path / "config.yaml", config)
    answer = labelbeam("convert", path, "--task", DETECTION)
    assert answer.status == 0, answer.err
    found = Build(tmp_path / "out")
    assert found.files() == build.files()
    assert found.manifest["config"] == build.manifest["config"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", DETECTION], ("--source", "--output")),
        (["--tsak", DETECTION], ("--tsak", "--task")),
        (["--task", "detection", "--source", "x", "--output", "y"], ("--task", "image_object_detection")),
        (["--task", DETECTION, "--source", "x", "--output", "y", "--split", "train=0.8"], ("--split", "0.8")),
        (["--task", DETECTION, "--source", "x", "--output", "y", "--max-rejected", "5"], ("--max-rejected", "0 to 1")),
        (["--task", DETECTION, "--source", "x", "--output", "y", "--runner=DaskRunner"], ("DaskRunner", "refused")),
        (
            ["--task", DETECTION, "--source", "x", "--output", "y", "--direct_running_mode=multi_threading"],
            ("multi_threading", "refused"),
        ),
        (
            ["--task", DETECTION, "--source", "x", "--output", "y", "--experiments=data_buffer_time_limit_ms=1"],
            ("data_buffer_time_limit_ms", "refused"),
        ),
        (["missing.yaml"], ("missing.yaml",)),
    ],
)
def test_wrong_command_line_is_told_without_a_run(arguments: list[str], words: tuple[str, ...]) -> None:
    answer = labelbeam("convert", *arguments)
    assert answer.status == 2
    assert all(word in answer.err for word in words), answer.err


@pytest.mark.parametrize("name", ["coco", "voc", "folder"])
def test_format_may_be_named_or_is_found_with_a_reason(name: str, tmp_path: Path) -> None:
    root, task = tmp_path / "set", DETECTION
    if name == "coco":
        write_coco(root / "annotations/instances_train.json", [coco_image(1)], [coco_box(1, 1)])
    elif name == "voc":
        write_voc(root, {"1": voc_xml(voc_object())})
    else:
        put(root / "cat/1.jpg", encoded())
        task = CLASSIFICATION
    found = convert("--source", root, "--image-url", PREFIX, task=task, output=tmp_path / "found")
    named = convert("--source", root, "--image-url", PREFIX, "--format", name, task=task, output=tmp_path / "named")
    assert found.manifest["source"]["format"] == named.manifest["source"]["format"] == name
    assert found.files() == named.files()
    assert "found" in found.manifest["source"]["recognised"]
    assert f"format: {name}" in found.said


@pytest.mark.parametrize("name", ["a::b", "100% #1?", "[x]*", "~", "http:", "ü 漢"])
def test_directories_may_be_called_anything(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    source = write_coco(root / "coco.json", [coco_image(1)], [coco_box(1, 1)])
    image = put(root / "images/1.jpg", encoded())
    build = convert("--source", source, output=root / "out")
    (record,) = build.records.values()
    assert record["image_url"] == f"file://{image}"


def test_output_inside_the_source_is_not_read_as_one(tmp_path: Path) -> None:
    """The second build finds what the first one found, not what it made of it."""
    put(tmp_path / "set/cat/1.jpg", encoded())
    options = ("--source", tmp_path / "set", "--image-url", PREFIX, "--copy-images", tmp_path / "copies")
    first = convert(*options, task=CLASSIFICATION, output=tmp_path / "set")
    second = convert(*options, task=CLASSIFICATION, output=tmp_path / "set")
    assert first.files() == second.files()
    assert second.counts["images"] == (1, 1, 0, 0)


def test_verify_and_a_missing_build() -> None:
    answer = labelbeam("verify", "/nowhere")
    assert answer.status == 1 and "latest.json" in answer.err


def test_verify_finds_a_changed_byte(source: Path, tmp_path: Path) -> None:
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    path = build.root / "train/train-00000-of-00001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"cat", b"cow", 1))
    assert labelbeam("verify", tmp_path / "out").status == 3
