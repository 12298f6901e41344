"""YOLO datasets on their way through a build: every line is written, adjusted, skipped or rejected, and counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from labelbeam.transforms.stores.files import put as put_in_store
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.builds import (
    CLASSIFICATION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Build,
    attempt,
    convert,
    failed,
    labelbeam,
    near,
)
from tests.end_to_end.datasets import encoded, put, write_image

BOX = "0 0.2 0.375 0.2 0.25"
CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
"""What the usual box is written as."""

NAMES = "names: [cat, dog, 'no']\n"


def write_yolo(root: Path, labels: Mapping[str, str | bytes | None], yaml: str = NAMES) -> Path:
    """A tree of images and label files by their path without suffix, below `images` and `labels`; None leaves one out."""
    for name, text in labels.items():
        write_image(root / "images" / f"{name}.jpg")
        if text is not None:
            put(root / "labels" / f"{name}.txt", text)
    put(root / "data.yaml", yaml)
    return root


FACTS: dict[str, tuple[str | bytes | None, list[object] | None, list[str], list[str]]] = {
    # name: (label file, boxes or None for an image that is not written, codes of rejections, adjustments)
    "a box": (BOX, [CAT], [], []),
    "windows": (f"\ufeff{BOX}\r\n\r\n".encode(), [CAT], [], []),
    "utf-16": (BOX.encode("utf-16"), [CAT], [], []),
    "tabs": (BOX.replace(" ", "\t"), [CAT], [], []),
    "commas": (BOX.replace(" ", ", "), [CAT], [], ["commas_in_numbers"]),
    "decimal commas": (BOX.replace(".", ","), [CAT], [], ["commas_in_numbers"]),
    "confidence": (f"{BOX} 0.75", [CAT], [], []),
    "corners": ("0 0.1 0.25 0.3 0.25 0.3 0.5", [CAT], [], ["bbox_from_segmentation"]),
    "twice": (f"{BOX}\n{BOX}0\n", [CAT], [], []),
    "past the edge": ("0 0.95 0.5 0.2 1", [("cat", 0.85, 0, 1, 1, 0)], [], ["bbox_clipped"]),
    "by a hair": ("0 0.5 0.5 1.000001 1", [("cat", 0, 0, 1, 1, 0)], [], []),
    "backwards": ("0 0.2 0.375 -0.2 0.25", [CAT], [], ["bbox_corners_swapped"]),
    "outside": (f"{BOX}\n0 1.3 0.5 0.2 0.2", [CAT], ["bbox_outside"], []),
    "no size": (f"{BOX}\n0 0.5 0.5 0 0.2", [CAT], ["empty_bbox"], []),
    "pixels": (f"{BOX}\n0 20 30 20 20", [CAT], ["invalid_bbox"], []),
    "not a number": (f"{BOX}\n0 nan 0.5 0.2 0.2", [CAT], ["invalid_bbox"], []),
    "no such class": (f"{BOX}\n3 0.5 0.5 0.2 0.2", [CAT], ["unknown_category"], []),
    "a name": (f"{BOX}\ncat 0.5 0.5 0.2 0.2", [CAT], ["invalid_label"], []),
    "too few": (f"{BOX}\n0 0.5 0.5", [CAT], ["invalid_record"], []),
    "odd": (f"{BOX}\n0 .1 .1 .2 .2 .3 .3 .4", [CAT], ["invalid_polygon"], []),
    "nothing left": ("9 0.5 0.5 0.2 0.2", None, ["no_valid_object", "unknown_category"], []),
    "empty": ("", [], [], []),
    "blank": ("\r\n \r\n", [], [], []),
    "without a file": (None, [], [], []),
    "yaml's no": ("2 0.2 0.375 0.2 0.25", [("no", *CAT[1:])], [], []),
}


@pytest.fixture(scope="module")
def facts(place: Path) -> Build:
    """One build of all facts."""
    root = write_yolo(place / "raw", {name: text for name, (text, *_) in FACTS.items()})
    put(root / "labels/orphan.txt", BOX)
    put(root / "labels/large.txt", b"0 0.5 0.5 0.1 0.1\n" * 500_000)
    write_image(root / "images/large.jpg")
    write_image(root / "logo.png", format_name="PNG")
    return convert("--source", root, "--image-url", PREFIX, output=place / "out")


@pytest.mark.parametrize("name", FACTS)
def test_a_label_file_is_written_adjusted_or_rejected(name: str, facts: Build) -> None:
    _, boxes, codes, _ = FACTS[name]
    path = f"images/{name}.jpg"
    assert facts.codes(path) == codes
    if boxes is None:
        assert path not in facts.records
    else:
        found = facts.boxes(path)
        assert len(found) == len(boxes)
        assert all(near(one, other) for one, other in zip(found, boxes, strict=True))  # type: ignore[arg-type]


def test_all_is_counted(facts: Build) -> None:
    expected = Counter(code for *_, adjusted in FACTS.values() for code in adjusted)
    assert facts.manifest["source"]["format"] == "yolo"
    assert facts.adjusted == dict(sorted(expected.items()))
    assert facts.manifest["skipped_by_reason"] == {"outside_splits": 1, "repeated_line": 1}
    (line,) = [line for line in facts.rejected if line["image"] == "images/too few.jpg"]
    assert (line["locator"], line["raw"]) == ("labels/too few.txt line 2", "0 0.5 0.5")
    assert facts.codes("images/orphan.jpg") == ["image_rejected", "missing_image"]
    assert facts.codes("images/large.jpg") == ["unreadable_file"]
    assert {doubt["code"] for doubt in facts.manifest["doubts"]} >= {
        "predicted_labels",
        "frames_disagree",
        "outside_lists",
    }


ROBOFLOW = {"train/1": BOX, "train/4": "", "valid/2": BOX, "test/3": BOX}


def roboflow(root: Path) -> Path:
    """A dataset as Roboflow exports it."""
    for name, text in ROBOFLOW.items():
        split, stem = name.split("/")
        write_image(root / split / "images" / f"{stem}.jpg")
        put(root / split / "labels" / f"{stem}.txt", text)
    put(root / "README.roboflow.txt", "exported\n")
    put(
        root / "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 1\nnames: ['cat']\n",
    )
    return root


def test_roboflow_s_export_keeps_its_splits_and_is_unchanged_the_second_time(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "raw")
    build = convert("--source", root / "data.yaml", "--strict", output=tmp_path / "out")
    assert {split: len(lines) for split, lines in build.lines.items()} == {"test": 1, "train": 2, "validation": 1}
    assert build.manifest["doubts"] == []
    again = labelbeam(
        "convert",
        "--task",
        build.task,
        "--source",
        root / "data.yaml",
        "--output",
        tmp_path / "out",
        "--if-changed",
        "--strict",
    )
    assert again.status == 0
    assert "unchanged" in again.err
    put(root / "train/labels/1.txt", "0 0.5 0.5 0.1 0.1\n")
    changed = convert("--source", root / "data.yaml", "--if-changed", output=tmp_path / "out")
    assert changed.root != build.root


def test_a_dataset_in_memory_is_read_like_one_on_a_disk_with_workers_too(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "raw")
    for file in root.rglob("*.*"):
        put_in_store(locate("memory://yolo-facts", {}).below(file.relative_to(root).as_posix()), file.read_bytes())
    here = convert("--source", root, "--image-url", PREFIX, "--direct_num_workers=2", output=tmp_path / "here")
    there = convert("--source", "memory://yolo-facts", "--image-url", PREFIX, output=tmp_path / "there")
    assert here.files() == there.files()


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "raw")
    secret = put(tmp_path / "secret.txt", BOX)
    (root / "train/labels/1.txt").unlink()
    (root / "train/labels/1.txt").symlink_to(secret)
    build = convert("--source", root, output=tmp_path / "out")
    assert [line["label"] for line in build.lines["train"]] == [[], []]
    assert "not_listed" in {doubt["code"] for doubt in build.manifest["doubts"]}


TURNED = "0 0.1 0.2 0.5 0.1 0.6 0.5 0.2 0.6"


@pytest.mark.parametrize(
    ("task", "choice", "written", "rejected"),
    [
        ("image_object_detection", "detect", 1, {"oriented_box": 1}),
        ("image_object_detection", "box", 2, {}),
        (SEGMENTATION, "detect", 0, {"missing_segmentation": 1, "no_valid_object": 1, "oriented_box": 1}),
        (SEGMENTATION, "polygon", 1, {"missing_segmentation": 1}),
    ],
)
def test_oriented_boxes_are_rejected_unless_an_option_reads_them(
    task: str, choice: str, written: int, rejected: dict[str, int], tmp_path: Path
) -> None:
    root = write_yolo(tmp_path / "raw", {"1": f"{BOX}\n{TURNED}\n", "2": ""})
    build = convert("--source", root, "--yolo-oriented", choice, task=task, output=tmp_path / "out")
    assert build.counts["objects"][1] == written
    assert build.manifest["rejected_by_reason"] == rejected
    if choice == "box":
        assert build.adjusted == {"bbox_turned": 1}
    if choice == "detect":
        assert "rotated_boxes" in {doubt["code"] for doubt in build.manifest["doubts"]}


def test_pixels_are_refused_unless_they_are_asked_for(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "raw", {"1": "0 20 30 20 20"})
    failed(attempt(root, tmp_path / "out"), 2, "no fractions of the image", "labels/1.txt", "--yolo-boxes pixels")
    build = convert("--source", root, "--yolo-boxes", "pixels", output=tmp_path / "out")
    assert near(build.boxes(f"file://{root}/images/1.jpg")[0], CAT)


@pytest.mark.parametrize(
    ("yaml", "status", "words"),
    [
        ("names: cat\n", 1, ["data.yaml: line 1: names is 'cat'", "expected a list of names"]),
        ("names: [cat\nnc: 1\n", 1, ["data.yaml: line "]),
        ("names: {a: cat}\nnc: 1\n", 1, ["expected a class number"]),
    ],
)
def test_a_malformed_data_yaml_is_refused_with_its_line(
    yaml: str, status: int, words: list[str], tmp_path: Path
) -> None:
    root = write_yolo(tmp_path / "raw", {"1": BOX}, yaml)
    failed(attempt(root, tmp_path / "out", "--yolo-data", "data.yaml"), status, *words)


def test_classification_takes_the_labels_of_each_image(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "raw", {"1": f"{BOX}\n0 0.5 0.5 0.1 0.1\n", "2": f"{BOX}\n1 0.5 0.5 0.1 0.1\n"})
    build = convert("--source", root, "--image-url", PREFIX, task=MULTILABEL, output=tmp_path / "out")
    assert {name: record["label"] for name, record in build.records.items()} == {
        "images/1.jpg": ["cat"],
        "images/2.jpg": ["cat", "dog"],
    }


def test_inspect_writes_nothing_and_says_what_a_build_would_do(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "raw", {"1": f"{BOX}\n7 0.5 0.5 0.1 0.1\n"})
    before = sorted(tmp_path.rglob("*"))
    answer = labelbeam("inspect", root, "--json")
    assert answer.status == 0, answer.err
    said = json.loads(answer.out)
    assert said["counts"]["objects"] == {"found": 2, "written": 1, "rejected": 1, "skipped": 0}
    assert said["rejected_by_reason"] == {"unknown_category": 1}
    assert sorted(tmp_path.rglob("*")) == before


def test_ultralytics_classify_trees_are_class_folders(tmp_path: Path) -> None:
    for path in ("train/cat/1", "train/dog/2", "val/cat/3", "test/dog/4"):
        put(tmp_path / "raw" / f"{path}.jpg", encoded())
    build = convert("--source", tmp_path / "raw", task=CLASSIFICATION, output=tmp_path / "out")
    assert build.manifest["source"]["format"] == "folder"
    assert {split: [line["label"] for line in lines] for split, lines in build.lines.items()} == {
        "test": ["dog"],
        "train": ["cat", "dog"],
        "validation": ["cat"],
    }
