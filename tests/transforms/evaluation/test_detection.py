from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.predictions import ObjectsPrediction
from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.evaluation.detection import (
    COCO_FIGURES,
    ObjectFigures,
    evaluate_objects,
    result_documents,
    truth_document,
)
from labelbeam.transforms.evaluation.objects import PixelObject, predicted_objects, true_objects
from tests.transforms.evaluation.datasets import HEIGHT, LABELS, WIDTH, Both, by_pycocotools, draw

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = (WIDTH, HEIGHT)


def objects_of(both: Both) -> tuple[list[list[PixelObject]], list[list[PixelObject]]]:
    with_masks = both.task == "image_instance_segmentation"
    said = {each["image_url"]: each for each in both.predictions}
    true, found = [], []
    for line in both.records:
        record = msgspec.convert(line, RECORDS[both.task])
        true.append(true_objects(record, *SIZE))  # type: ignore[arg-type]
        prediction = said.get(line["image_url"], {"image_url": line["image_url"], "boxes": []})
        found.append(predicted_objects(msgspec.convert(prediction, ObjectsPrediction), "", *SIZE, with_masks))
    return true, found


def evaluated(both: Both) -> ObjectFigures:
    true, found = objects_of(both)
    return evaluate_objects([SIZE] * len(true), true, found, LABELS, both.task == "image_instance_segmentation")


def figures(metrics: dict[str, float | None], prefix: str = "") -> list[float]:
    """As pycocotools has them: -1 for what there is nothing to compute from."""
    values = [metrics[f"{prefix}{name}"] for name in COCO_FIGURES]
    return [-1.0 if value is None else value for value in values]


@pytest.mark.parametrize("seed", range(8))
def test_the_figures_of_boxes_are_those_of_pycocotools(seed: int) -> None:
    both = draw(seed, segmentation=False)
    expected = by_pycocotools(both.truth, both.results, "bbox")
    assert 0 < expected[0] < 1
    assert figures(evaluated(both).metrics) == expected


@pytest.mark.parametrize("seed", range(8))
def test_the_figures_of_masks_with_holes_are_those_of_pycocotools(seed: int) -> None:
    both = draw(seed, segmentation=True)
    metrics = evaluated(both).metrics
    expected = by_pycocotools(both.truth, both.results, "segm")
    assert 0 < expected[0] < 1
    assert figures(metrics) == expected
    assert figures(metrics, "bbox_") == pytest.approx(by_pycocotools(both.truth, both.results, "bbox"), abs=1e-12)


def test_every_size_every_label_and_crowds_are_among_what_is_compared() -> None:
    for segmentation in (False, True):
        expected = [-1.0] * 12
        crowds = 0
        for seed in range(8):
            both = draw(seed, segmentation)
            crowds += sum(item["iscrowd"] for item in both.truth["annotations"])
            found = by_pycocotools(both.truth, both.results, "segm" if segmentation else "bbox")
            expected = [max(pair) for pair in zip(expected, found, strict=True)]
        assert min(expected) > 0 and crowds > 5


@pytest.mark.parametrize("segmentation", [False, True])
def test_the_figures_of_a_class_are_those_of_a_dataset_that_holds_no_other(segmentation: bool) -> None:
    both = draw(3, segmentation, images=25)
    by_class = evaluated(both).by_class
    assert set(by_class) == set(LABELS)
    for number, label in enumerate(LABELS, 1):
        items = [item for item in both.truth["annotations"] if item["category_id"] == number]
        results = [result for result in both.results if result["category_id"] == number]
        found = by_class[label]
        assert found["truth"] == sum(not item["iscrowd"] for item in items)
        assert found["predicted"] == len(results)
        names = ("ap", "ap_50", "ap_75", "ap_small", "ap_medium", "ap_large")
        alone = by_pycocotools(both.truth | {"annotations": items}, results, "segm" if segmentation else "bbox")
        expected = dict(zip((*names, "", "", "recall"), alone, strict=False))
        for name in (*names, "recall"):
            assert found[name] == (None if expected[name] == -1 else expected[name]), (label, name)


def test_a_label_of_predictions_alone_has_no_average_precision_and_lowers_none() -> None:
    box = (0.0, 0.0, 50.0, 50.0)
    found = [[PixelObject("cat", box, score=0.9), PixelObject("fox", (90.0, 90.0, 50.0, 50.0), score=0.9)]]
    result = evaluate_objects([SIZE], [[PixelObject("cat", box)]], found, ["cat", "fox"], with_masks=False)
    assert result.metrics["map"] == pytest.approx(1)
    assert result.by_class["fox"]["ap"] is None
    assert (result.by_class["fox"]["truth"], result.by_class["fox"]["predicted"]) == (0, 1)


@pytest.mark.parametrize("with_masks", [False, True])
def test_where_nothing_is_true_there_are_no_figures(with_masks: bool) -> None:
    result = evaluate_objects([SIZE, SIZE], [[], []], [[], []], [], with_masks)
    assert set(result.metrics.values()) == {None} and result.by_class == {}
    assert [outcome.score for outcome in result.outcomes] == [1, 1]


def at(left: float, label: str = "cat", **more: Any) -> PixelObject:
    return PixelObject(label, (left, 0.0, 50.0, 50.0), **more)


def test_an_images_outcome_says_which_objects_were_found_missed_and_wrong() -> None:
    true = [[at(0), at(100), at(200, "dog"), at(300, crowd=1)], [at(0)], []]
    found = [
        [at(102, score=0.5), at(0, score=0.29), at(202, score=0.9), at(301, score=0.9), at(303, score=0.8)],
        [at(1, score=0.4)],
        [at(1, score=0.3), at(100, score=0.2)],
    ]
    first, second, third = evaluate_objects([SIZE] * 3, true, found, ["cat", "dog"], with_masks=False).outcomes
    assert (first.true, first.found, sorted(first.missed), first.wrong) == (3, 1, [0, 2], [2])
    assert first.score == pytest.approx(2 / 5)
    assert (second.true, second.found, second.missed, second.wrong, second.score) == (1, 1, [], [], 1)
    assert (third.true, third.found, third.missed, third.wrong, third.score) == (0, 0, [], [0], 0)


@pytest.mark.parametrize("segmentation", [False, True])
def test_what_is_written_for_pycocotools_is_the_dataset(segmentation: bool) -> None:
    both = draw(5, segmentation)
    true, found = objects_of(both)
    names = [image["file_name"] for image in both.truth["images"]]
    written = truth_document(names, [SIZE] * len(names), true, LABELS)
    assert (written["images"], written["categories"]) == (both.truth["images"], both.truth["categories"])
    for mine, theirs in zip(written["annotations"], both.truth["annotations"], strict=True):
        assert mine.pop("bbox") == pytest.approx(theirs["bbox"], abs=1e-9)
        assert mine == {key: value for key, value in theirs.items() if key != "bbox"}
    assert result_documents(found, LABELS) == both.results
