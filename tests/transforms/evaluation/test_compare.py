"""Predictions against the truth: what is left out, what nobody predicted, and what is told of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.evaluation import Evaluation
from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.evaluation.compare import DEFAULT_THRESHOLD, Wanted, compare
from labelbeam.transforms.evaluation.truth import Truth
from labelbeam.transforms.stores.locate import locate
from tests.transforms.evaluation.files import BOX, DETECTION, MULTILABEL, SIDES, SINGLE, write


def truth(task: str, labels: list[Any], splits: list[str] | None = None) -> Truth:
    details = {"format": "jpg", "width": 100, "height": 100}
    records = [
        msgspec.convert({"image_url": f"https://h/{n}.jpg", "image_details": details, "label": label}, RECORDS[task])
        for n, label in enumerate(labels)
    ]
    return Truth(
        task,
        "b",
        None,
        ["cat", "dog"],
        "https://h/",
        records,
        splits or ["train"] * len(labels),
        [(100, 100)] * len(labels),
        [None] * len(labels),
    )


def said(number: int, **probabilities: float) -> dict[str, Any]:
    return {
        "image_url": f"https://h/{number}.jpg",
        "labels": list(probabilities),
        "probs": list(probabilities.values()),
    }


def compared(found: Truth, folder: Path, *lines: dict[str, Any], **wanted: Any) -> Evaluation:
    file = write(folder / "p.jsonl", *lines)
    targets = {
        f"--{name.replace('_', '-')}": locate(wanted[name], {})
        for name in ("coco_truth", "coco_results")
        if name in wanted
    }
    return compare(found, Wanted("out", str(file), **wanted), {}, targets)


def test_an_image_without_a_prediction_counts_as_wrong_and_one_of_no_image_not_at_all(tmp_path: Path) -> None:
    found = compared(truth(SINGLE, ["cat", "dog"]), tmp_path, said(0, cat=0.9, dog=0.1), said(7, cat=1.0, dog=0.0))
    assert (found.images, found.unpredicted, found.unknown) == (2, 1, 1)
    assert found.metrics["accuracy"] == 0.5
    assert any("1 prediction is of no image that is compared" in warning for warning in found.warnings)


def test_predictions_of_none_of_the_images_are_an_error_with_names_of_both(tmp_path: Path) -> None:
    with pytest.raises(
        LabelBeamError,
        match=r"none of 1 prediction .* found 'https://h/7.jpg', expected names such as 'https://h/0.jpg'",
    ):
        compared(truth(SINGLE, ["cat"]), tmp_path, said(7, cat=1.0))


def test_labels_that_are_never_predicted_or_that_the_build_lacks_are_told(tmp_path: Path) -> None:
    found = compared(truth(SINGLE, ["cat", "dog"]), tmp_path, said(0, cat=0.9, emu=0.1), said(1, cat=0.9, emu=0.1))
    told = " ".join(found.warnings)
    assert "no prediction names these labels, and all that have them count as missed: 'dog'" in told
    assert "predicted labels that the build does not have count as wrong: 'emu'" in told


def test_labels_that_differ_in_case_or_blanks_alone_are_told_with_those_that_may_be_meant(tmp_path: Path) -> None:
    found = compared(truth(SINGLE, ["cat", "dog"]), tmp_path, said(0, **{" Cat": 0.9}), said(1, dog=0.9))
    assert any("in case or blanks alone" in warning and "' Cat' for 'cat'" in warning for warning in found.warnings)
    found = compared(truth(SINGLE, ["cat", "dog"]), tmp_path, said(0, emu=0.9), said(1, dog=0.9))
    assert not any("in case or blanks" in warning for warning in found.warnings)


def test_a_split_that_nobody_predicted_is_told(tmp_path: Path) -> None:
    splits = ["train", "test"]
    found = compared(truth(SINGLE, ["cat", "cat"], splits), tmp_path, said(0, cat=0.9, dog=0.1))
    assert any(warning.startswith("no image of test has a prediction") for warning in found.warnings)


def test_the_threshold_is_one_of_several_labels_alone(tmp_path: Path) -> None:
    several = truth(MULTILABEL, [["cat"]])
    assert compared(several, tmp_path, said(0, cat=0.9, dog=0.1)).threshold == DEFAULT_THRESHOLD
    assert compared(several, tmp_path, said(0, cat=0.9, dog=0.1), threshold=0.25).threshold == 0.25
    assert compared(truth(SINGLE, ["cat"]), tmp_path, said(0, cat=0.9, dog=0.1)).threshold is None


def test_objects_are_compared_and_written_as_coco_where_it_is_wanted(tmp_path: Path) -> None:
    found = compared(
        truth(DETECTION, [[SIDES | {"label": "cat", "isCrowd": 0}], []]),
        tmp_path,
        {"image_url": "https://h/0.jpg", "boxes": [BOX]},
        coco_truth=str(tmp_path / "t.json"),
        coco_results=str(tmp_path / "r.json"),
    )
    assert found.metrics["map"] == pytest.approx(1.0) and found.unpredicted == 1
    document = msgspec.json.decode((tmp_path / "t.json").read_bytes())
    assert (len(document["images"]), len(document["annotations"])) == (2, 1)
    assert [result["score"] for result in msgspec.json.decode((tmp_path / "r.json").read_bytes())] == [0.75]
