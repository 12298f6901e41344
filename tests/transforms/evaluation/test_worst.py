from __future__ import annotations

from typing import Any

import numpy as np

from labelbeam.schemas.evaluation import WorstImage
from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction, PredictedObject, Sides
from labelbeam.schemas.records import Box, ClassificationRecord, DetectionRecord, ImageDetails, MultilabelRecord, Record
from labelbeam.transforms.evaluation.classification import answer
from labelbeam.transforms.evaluation.detection import evaluate_objects
from labelbeam.transforms.evaluation.objects import PixelObject, true_objects
from labelbeam.transforms.evaluation.predictions.coco import CocoObjects
from labelbeam.transforms.evaluation.predictions.read import Said
from labelbeam.transforms.evaluation.worst import MOST, worst_labels, worst_objects
from labelbeam.transforms.geometry.raster import rasterise

SIZE = (100, 100)
DETAILS = ImageDetails("jpg", 100, 100)


def at(left: float, label: str = "cat", score: float = 1.0, crowd: int = 0) -> PixelObject:
    return PixelObject(label, (left, 0.0, 20.0, 20.0), None, score, crowd)


def record(name: str, objects: list[PixelObject]) -> DetectionRecord:
    boxes = [Box(item.label, item.box[0] / 100, 0.0, (item.box[0] + 20) / 100, 0.2, 0) for item in objects]
    return DetectionRecord(name, DETAILS, boxes)


def worst(*images: tuple[str, list[PixelObject], list[PixelObject] | None]) -> list[WorstImage]:
    records = [record(name, true) for name, true, _ in images]
    true = [true_objects(each, *SIZE) for each in records]
    found = [items or [] for _, _, items in images]
    said = [
        None if items is None else Said(name, "", CocoObjects("")) for name, _, items in images
    ]  # Not looked into but for whether there are any.
    sizes = [SIZE] * len(images)
    figures = evaluate_objects(sizes, true, found, ["cat", "dog"], with_masks=False)
    return worst_objects(records, sizes, said, true, found, figures.outcomes)


def why(true: list[PixelObject], found: list[PixelObject] | None) -> str:
    (image,) = worst(("a", true, found))
    return image.why


def test_what_is_wrong_is_said_in_words() -> None:
    assert why([at(0), at(30)], [at(0)]) == "1 of 2 objects missed"
    assert why([at(0), at(30), at(60)], [at(0), at(31, "dog")]) == "1 of 3 objects missed, 1 wrong label"
    assert why([], [at(0)]) == "1 found where none is"
    assert why([at(0)], [at(0), at(30), at(60)]) == "2 found where none are"
    assert why([at(0)], [at(0), at(1)]) == "1 found where none is"
    assert why([at(0), at(30)], None) == "no prediction: 2 of 2 objects missed"


def test_an_object_of_another_label_at_a_missed_ones_place_is_one_mistake() -> None:
    assert why([at(0), at(30)], [at(0, "dog"), at(30, "dog")]) == "2 wrong labels"
    assert why([at(0)], [at(0, "dog"), at(1, "dog")]) == "1 wrong label, 1 found where none is"


def test_masks_tell_what_lies_at_a_missed_ones_place() -> None:
    def outlined(label: str, *corners: tuple[float, float]) -> PixelObject:
        return PixelObject(label, (0.0, 0.0, 40.0, 40.0), rasterise([np.array(corners, float)], *SIZE))

    true = [[outlined("cat", (0, 0), (40, 0), (0, 40))]]
    for corners, expected in (
        (((0, 0), (39, 0), (0, 39)), "1 wrong label"),
        (((40, 40), (40, 1), (1, 40)), "1 of 1 objects missed, 1 found where none is"),
    ):
        found = [[outlined("dog", *corners)]]
        outcomes = evaluate_objects([SIZE], true, found, ["cat", "dog"], with_masks=True).outcomes
        (image,) = worst_objects([record("a", [])], [SIZE], [Said("a", "", CocoObjects(""))], true, found, outcomes)
        assert image.why == expected


def test_images_come_worst_first_and_those_without_a_mistake_not_at_all() -> None:
    found = worst(
        ("right", [at(0)], [at(0)]),
        ("half", [at(0), at(30)], [at(0)]),
        ("none", [at(0)], []),
        ("none of two", [at(0), at(30)], []),
        ("also none", [at(0)], []),
        ("empty", [], []),
    )
    assert [image.image_url for image in found] == ["none of two", "also none", "none", "half"]
    assert [image.score for image in found] == [0, 0, 0, 2 / 3]


def test_both_sides_of_an_image_are_told_and_unlikely_objects_left_out() -> None:
    (image,) = worst(("a", [at(30)], [at(0, "dog", 0.9), at(60, score=0.29)]))
    assert image.truth == [{"label": "cat", "topX": 0.3, "topY": 0.0, "bottomX": 0.5, "bottomY": 0.2, "isCrowd": 0}]
    assert image.predicted == [
        {"box": {"topX": 0.0, "topY": 0.0, "bottomX": 0.2, "bottomY": 0.2}, "label": "dog", "score": 0.9}
    ]


def test_a_prediction_that_has_outlines_is_told_with_them() -> None:
    ring = [0.0, 0.0, 0.2, 0.0, 0.2, 0.2]
    boxes = [PredictedObject(Sides(0.0, 0.0, 0.2, 0.2), "dog", score, [ring]) for score in (0.9, 0.2)]
    said = [Said("a", "", ObjectsPrediction("a", boxes))]
    true, found = [[at(0)]], [[at(0, "dog", 0.9), at(0, "dog", 0.2)]]
    outcomes = evaluate_objects([SIZE], true, found, ["cat", "dog"], with_masks=False).outcomes
    (image,) = worst_objects([record("a", true[0])], [SIZE], said, true, found, outcomes)
    box = {"topX": 0.0, "topY": 0.0, "bottomX": 0.2, "bottomY": 0.2}
    assert image.predicted == [{"box": box, "label": "dog", "score": 0.9, "polygon": [ring]}]
    assert (image.width, image.height) == SIZE


def test_only_so_many_images_are_told_of() -> None:
    assert len(worst(*((f"{number}", [at(0)], []) for number in range(MOST + 5)))) == MOST


def labels_of(threshold: float | None, *images: tuple[str, Any, dict[str, float] | None]) -> list[WorstImage]:
    records: list[Record] = [
        MultilabelRecord(name, DETAILS, label)
        if isinstance(label, list)
        else ClassificationRecord(name, DETAILS, label)
        for name, label, _ in images
    ]
    said = [
        LabelsPrediction("", list(probs.values()), list(probs)) if probs is not None else None for *_, probs in images
    ]
    names = [label if isinstance(label, list) else [label] for _, label, _ in images]
    return worst_labels(
        records, [SIZE] * len(images), names, said, [answer(each, threshold) for each in said], threshold
    )


def test_images_of_one_label_come_by_what_the_right_one_was_given() -> None:
    found = labels_of(
        None,
        ("right", "cat", {"cat": 0.9, "dog": 0.1}),
        ("close", "cat", {"cat": 0.4, "dog": 0.6}),
        ("far", "dog", {"cat": 0.95, "dog": 0.05}),
        ("nothing", "dog", None),
    )
    assert [(image.image_url, image.score, image.why) for image in found] == [
        ("nothing", 0.0, "no prediction"),
        ("far", 0.05, "dog predicted as cat (0.95)"),
        ("close", 0.4, "cat predicted as dog (0.60)"),
    ]
    assert (found[1].truth, found[1].predicted) == ("dog", {"cat": 0.95, "dog": 0.05})


def test_images_of_several_labels_come_by_the_share_that_is_right() -> None:
    found = labels_of(
        0.5,
        ("right", ["cat"], {"cat": 0.5, "dog": 0.1}),
        ("empty", [], {"cat": 0.1}),
        ("missed", ["cat", "dog"], {"cat": 0.5, "dog": 0.1}),
        ("wrong", [], {"cat": 0.5, "dog": 0.6}),
        ("both", ["emu"], {"cat": 0.5, "emu": 0.1}),
    )
    assert [(image.image_url, image.score, image.why) for image in found] == [
        ("both", 0, "1 of 1 labels missed: emu; 1 predicted that it does not have: cat"),
        ("wrong", 0, "2 predicted that it does not have: cat, dog"),
        ("missed", 0.5, "1 of 2 labels missed: dog"),
    ]
    assert list(found[1].predicted) == ["dog", "cat"]


def test_of_many_labels_the_most_probable_are_told() -> None:
    probs = {f"label {number}": number / 100 for number in range(50)}
    (image,) = labels_of(None, ("a", "label 3", probs))
    assert list(image.predicted)[:2] == ["label 49", "label 48"] and len(image.predicted) < 10
