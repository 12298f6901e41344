from __future__ import annotations

import pytest
from pycocotools import mask as coco_mask

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.records import Box, DetectionRecord, ImageDetails, Mask, SegmentationRecord
from labelbeam.transforms.evaluation.objects import predicted_objects, true_objects
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import CocoObjects, CocoResult, Labelled

OUTER, HOLE = [0.1, 0.2, 0.9, 0.2, 0.9, 0.8, 0.1, 0.8], [0.3, 0.4, 0.5, 0.4, 0.5, 0.6, 0.3, 0.6]


def outline(*polygon: list[float], crowd: int = 0) -> SegmentationRecord:
    return SegmentationRecord("a.jpg", ImageDetails("jpg", 1, 1), [Mask("cat", crowd, list(polygon))])  # type: ignore[arg-type]


def test_a_predicted_corner_that_no_float_holds_is_told_of_with_its_place() -> None:
    result = CocoResult(1, 1, 0.5, segmentation=[[0, 0, 5, int("9" * 400), 5, 3]])
    found = CocoObjects("p", [Labelled("results[3]", "cat", result)])
    with pytest.raises(PredictionsError, match=r"results\[3\]: segmentation holds a number of over 308 digits"):
        predicted_objects(found, "p", 6, 4, with_masks=True)


def test_boxes_are_left_top_width_and_height_in_pixels() -> None:
    boxes = [Box("cat", 0.1, 0.2, 0.5, 0.6, 0), Box("dog", 0.0, 0.0, 1.0, 1.0, 1)]
    first, second = true_objects(DetectionRecord("a.jpg", ImageDetails("jpg", 1, 1), boxes), 200, 100)
    assert (first.label, first.crowd, first.mask) == ("cat", 0, None)
    assert first.box == pytest.approx((20, 20, 80, 40))
    assert (second.label, second.crowd, second.box) == ("dog", 1, (0, 0, 200, 100))


def test_an_outline_has_the_box_around_its_corners_and_a_mask_with_its_holes() -> None:
    (item,) = true_objects(outline(OUTER, HOLE, crowd=1), 100, 50)
    assert item.box == pytest.approx((10, 10, 80, 30))
    assert item.crowd == 1 and item.mask is not None
    assert int(coco_mask.area(item.mask)) == 80 * 30 - 20 * 10


def test_a_mask_of_the_truth_that_is_too_large_is_told_by_its_image() -> None:
    with pytest.raises(LabelBeamError, match=r"a\.jpg: a mask of the truth cannot be compared: the image has"):
        true_objects(outline(OUTER), 2**15, 2**15)
