"""What was whole pixels before it was rounded to millionths is whole pixels again, and figures are those of the raw files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.predictions import ObjectsPrediction, PredictedObject, Sides
from labelbeam.schemas.records import Box, DetectionRecord, ImageDetails
from labelbeam.transforms.evaluation.detection import COCO_FIGURES, evaluate_objects
from labelbeam.transforms.evaluation.objects import PixelObject, predicted_objects, true_objects
from labelbeam.transforms.evaluation.pixels import length, to_pixels
from labelbeam.transforms.geometry.boxes import STEPS, to_millionths
from tests.transforms.evaluation.datasets import by_pycocotools

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = ("topX", "topY", "bottomX", "bottomY")


def rounded(pixels: list[float], sides: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """As records hold them."""
    return to_millionths(np.array(pixels, np.float64), STEPS / np.array(sides, np.float64)) / STEPS


@given(st.integers(1, 100_000), st.data())
def test_whole_pixels_come_back_whole(side: int, data: st.DataObject) -> None:
    pixel = float(data.draw(st.integers(0, side)))
    assert to_pixels(rounded([pixel], [side]), np.array([float(side)])).tolist() == [pixel]


@given(st.integers(1, 9000), st.data())
def test_pixels_with_two_decimals_come_back_as_they_were(side: int, data: st.DataObject) -> None:
    pixel = data.draw(st.integers(0, side * 100)) / 100
    assert to_pixels(rounded([pixel], [side]), np.array([float(side)])).tolist() == [pixel]


@given(st.integers(1, 2**31 - 1), st.floats(0, 1))
def test_nothing_moves_farther_than_it_was_rounded(side: int, fraction: float) -> None:
    exact = to_pixels(np.array([fraction]), np.array([float(side)]))[0]
    assert abs(exact - fraction * side) <= 0.501e-6 * side
    if abs(fraction * STEPS - round(fraction * STEPS)) > 1e-6:  # It has more decimals, and was not rounded.
        assert abs(exact - fraction * side) <= 1e-11 * side


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_lengths_are_those_that_a_file_holds(low: int, size: int) -> None:
    assert length(low / 100, (low + size) / 100) == size / 100


def draw(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """COCO's files of whole pixels: objects at the borders of sizes, and predictions whose IoU with one is exactly a threshold."""
    random = np.random.default_rng(seed)
    truth: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    results: list[dict[str, Any]] = []
    for image in range(1, 9):
        width, height = (int(side) for side in random.integers(501, 3001, 2))
        truth["images"].append({"id": image, "file_name": f"{image:03}.jpg", "width": width, "height": height})
        for _ in range(int(random.integers(1, 6))):
            # In 20 parts, of which a prediction may have 10 to 19: an IoU of 0.50, 0.55 … 0.95. Or at the border of a size.
            across, down = 20 * int(random.integers(1, 8)), int(random.integers(5, 200))
            if random.random() < 0.3:
                across = down = int(random.choice([32, 96]))
            left, top = int(random.integers(0, width - across)), int(random.integers(0, height - down))
            category, crowd = int(random.integers(1, 3)), int(random.random() < 0.1)
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": image,
                    "category_id": category,
                    "bbox": [left, top, across, down],
                    "area": across * down,
                    "iscrowd": crowd,
                }
            )
            for _ in range(int(random.integers(0, 4))):
                parts = int(random.integers(9, 21))
                box = [left, top, across * parts // 20, down]
                score = round(float(random.random()), 2)
                results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    return truth, results


def compared(truth: dict[str, Any], results: list[dict[str, Any]], as_fractions: bool) -> list[float]:
    """The figures from records of the truth, and from results in pixels or as an endpoint answers them."""
    names = {item["id"]: item["name"] for item in truth["categories"]}
    sizes = [(image["width"], image["height"]) for image in truth["images"]]
    true, found = [], []
    for image, (width, height) in zip(truth["images"], sizes, strict=True):
        boxes = []
        for item in truth["annotations"]:
            if item["image_id"] == image["id"]:
                left, top, across, down = item["bbox"]
                sides = rounded([left, top, left + across, top + down], [width, height] * 2).tolist()
                boxes.append(Box(names[item["category_id"]], *sides, item["iscrowd"]))
        true.append(true_objects(DetectionRecord("", ImageDetails("jpg", width, height), boxes), width, height))
        mine = [result for result in results if result["image_id"] == image["id"]]
        if as_fractions:
            said = [_answered(item, names, width, height) for item in mine]
            found.append(predicted_objects(ObjectsPrediction("", said), "", width, height, False))
        else:
            found.append(
                [PixelObject(names[item["category_id"]], tuple(item["bbox"]), None, item["score"]) for item in mine]
            )
    metrics = evaluate_objects(sizes, true, found, sorted(names.values()), with_masks=False).metrics
    return [-1.0 if (value := metrics[name]) is None else value for name in COCO_FIGURES]


def _answered(item: dict[str, Any], names: dict[int, str], width: int, height: int) -> PredictedObject:
    left, top, across, down = item["bbox"]
    sides = Sides(left / width, top / height, (left + across) / width, (top + down) / height)
    return PredictedObject(sides, names[item["category_id"]], item["score"])


@pytest.mark.parametrize("as_fractions", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_all_figures_equal_those_of_the_raw_files_where_ious_and_areas_are_at_thresholds(
    seed: int, as_fractions: bool
) -> None:
    truth, results = draw(seed)
    assert compared(truth, results, as_fractions) == by_pycocotools(truth, results, "bbox")
