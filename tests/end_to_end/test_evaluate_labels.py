"""`labelbeam evaluate` for the two classification tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    MULTILABEL,
    PREFIX,
    Build,
    convert,
    evaluate,
    failed,
    labelbeam,
)
from tests.end_to_end.datasets import put, write_image


@pytest.fixture(scope="module")
def animals(place: Path) -> Build:
    """Two images of each of three classes."""
    for name in ("cat", "dog", "emu"):
        for number in (1, 2):
            write_image(place / "animals" / name / f"{number}.jpg")
    return convert(
        "--source", place / "animals", "--image-url", PREFIX, task=CLASSIFICATION, output=place / "animals-out"
    )


@pytest.fixture(scope="module")
def shelves(place: Path) -> Build:
    """Three images with two labels, one and none."""
    put(place / "shelves" / "labels.csv", "file,labels\na.jpg,can;milk\nb.jpg,can\nc.jpg,\n")
    for name in "abc":
        write_image(place / "shelves" / "images" / f"{name}.jpg")
    return convert(
        "--source",
        place / "shelves",
        "--background",
        "keep",
        "--image-url",
        PREFIX,
        task=MULTILABEL,
        output=place / "shelves-out",
    )


def test_one_label_an_image_is_evaluated(animals: Build, tmp_path: Path) -> None:
    said = {"cat/1": [0.8, 0.1, 0.1], "cat/2": [0.3, 0.6, 0.1], "dog/1": [0.1, 0.8, 0.1], "emu/1": [0.9, 0.0, 0.1]}
    lines = [
        {"image_url": f"{PREFIX}{name}.jpg", "probs": probs, "labels": ["cat", "dog", "emu"]}
        for name, probs in said.items()
    ]
    put(tmp_path / "p.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    found = evaluate(animals, tmp_path / "p.jsonl")
    assert (found["images"], found["unpredicted"]) == (6, 2)
    assert found["metrics"]["accuracy"] == pytest.approx(2 / 6)
    assert found["by_class"]["cat"]["precision"] == 0.5
    assert found["confusion"] == {"labels": ["cat", "dog", "emu"], "matrix": [[1, 1, 0], [0, 1, 0], [1, 0, 0]]}
    assert [image["why"] for image in found["worst"]] == [
        "no prediction",
        "no prediction",
        "emu predicted as cat (0.90)",
        "cat predicted as dog (0.60)",
    ]
    answer = labelbeam("evaluate", animals.output, "--predictions", tmp_path / "p.jsonl", "--min-accuracy", 0.5)
    assert answer.status == 3 and "accuracy: found 0.333333, expected at least 0.5 (--min-accuracy)" in answer.err


def test_the_best_label_alone_is_enough_but_for_average_precision(animals: Build, tmp_path: Path) -> None:
    rows = [
        (f"{PREFIX}{name}/{number}.jpg", 0.9, name if name != "emu" else "fox")
        for name in ("cat", "dog", "emu")
        for number in (1, 2)
    ]
    put(
        tmp_path / "predictions.csv",
        "image_url,label_confidence,label\n" + "".join(f"{url},{p},{label}\n" for url, p, label in rows),
    )
    found = evaluate(animals, tmp_path)
    assert found["metrics"]["accuracy"] == pytest.approx(4 / 6)
    assert found["metrics"]["average_precision_macro"] is None
    told = "\n".join(found["warnings"])
    assert "no average precision" in told
    assert "no prediction names these labels, and all that have them count as missed: 'emu'" in told
    assert "predicted labels that the build does not have count as wrong: 'fox'" in told


def test_several_labels_an_image_are_evaluated_from_a_threshold_on(shelves: Build, tmp_path: Path) -> None:
    said = {"images/a": [0.9, 0.4], "images/b": [0.5, 0.1], "images/c": [0.1, 0.45]}
    lines = [
        {"image_url": f"{PREFIX}{name}.jpg", "probs": probs, "labels": ["can", "milk"]} for name, probs in said.items()
    ]
    put(tmp_path / "p.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    found = evaluate(shelves, tmp_path / "p.jsonl")
    assert (found["threshold"], found["confusion"]) == (0.5, None)
    assert found["metrics"]["accuracy"] == pytest.approx(2 / 3)
    assert found["by_class"]["milk"]["recall"] == 0
    lower = evaluate(shelves, tmp_path / "p.jsonl", "--threshold", "0.4")
    assert (lower["threshold"], lower["by_class"]["milk"]["recall"]) == (0.4, 1)
    assert lower["metrics"]["average_precision_macro"] == found["metrics"]["average_precision_macro"] == 0.75


@pytest.mark.parametrize("option", ["--coco", "--coco-results", "--coco-truth"])
def test_cocos_files_are_of_no_use_for_labels(animals: Build, option: str, tmp_path: Path) -> None:
    failed(
        labelbeam("evaluate", animals.output, "--predictions", "p", option, tmp_path / "c.json"),
        2,
        option,
        CLASSIFICATION,
    )


def test_a_build_of_labels_takes_no_gate_of_boxes(animals: Build) -> None:
    failed(
        labelbeam("evaluate", animals.output, "--predictions", "p", "--min-map", "0.5"),
        2,
        "--min-map",
        "--min-accuracy",
    )


def test_a_build_of_no_image_has_no_figures(tmp_path: Path) -> None:
    write_image(tmp_path / "raw" / "cat" / "1.jpg")
    build = convert("--source", tmp_path / "raw", "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out")
    # As builds of version 0.1 could be.
    (shard,) = build.root.glob("train/*.jsonl")
    shard.write_bytes(b"")
    (entry,) = build.manifest["splits"]["train"]["files"]
    entry["bytes"] = 0
    (build.root / "manifest.json").write_text(json.dumps(build.manifest))
    failed(labelbeam("evaluate", build.output, "--predictions", "p"), 1, "found no image")
