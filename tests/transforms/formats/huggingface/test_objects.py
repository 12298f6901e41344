"""Objects and labels of samples, and what their boxes tell, where no table is read."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.class_numbers import doubts_of_ends
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.objects import Samples

DETECTION, SEGMENTATION, SEVERAL = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)


def image() -> SourceImage:
    return SourceImage("1.jpg", "s", "s 1", objects=[], rejected=[], adjusted=[], skipped=[])


@pytest.mark.parametrize(
    "objects", [{"bbox": [[1, 2, 3, 4]], "category": [0]}, [{"bbox": [1, 2, 3, 4], "category_id": 0}]]
)
def test_objects_are_lists_side_by_side_or_a_list_of_them(objects: Any) -> None:
    samples, found, evidence = Samples({0: "cat"}, DETECTION), image(), Evidence()
    samples.add(found, objects, 10, 10)
    assert [(item.label, item.bbox) for item in found.objects] == [("cat", (1, 2, 4, 6))]
    samples.tell(evidence)
    assert (samples.images, evidence.count("boxes"), samples.without, samples.unnamed) == ([found], 1, 0, 0)


def test_labels_of_an_image_are_named_each_once_and_unknown_numbers_rejected() -> None:
    samples, found = Samples({0: "cat", 1: "dog"}, SEVERAL), image()
    samples.label(found, [0, 1, 0, 2, "bird", None], 10, 20)
    assert [item.label for item in found.objects] == ["cat", "dog", "bird"]
    assert [item.code for item in found.rejected] == ["unknown_category", "invalid_label"]
    assert (found.width, found.height, samples.unnamed) == (10, 20, 0)


def test_numbers_that_nothing_names_are_counted() -> None:
    samples, found = Samples({}, SEVERAL), image()
    samples.label(found, [7, True, "x"])
    assert ([item.label for item in found.objects], samples.unnamed) == (["7", "x"], 1)


@pytest.mark.parametrize(("labels", "told"), [([1, 2, 2], 1), ([0, 1, 2], 0), ([0, 1], 0), ([1], 0)])
def test_numbers_that_count_from_another_than_the_names_are_told(labels: list[int], told: int) -> None:
    evidence = Evidence()
    for task in (SEVERAL, DETECTION):
        samples = Samples({0: "cat", 1: "dog"}, task)
        for label in labels:
            if task == DETECTION:
                samples.add(image(), {"bbox": [[1, 2, 3, 4]], "category": [label]}, 10, 10)
            else:
                samples.label(image(), [label])
        samples.tell(evidence)
    assert [str(doubt.code) for doubt in doubts_of_ends("s", evidence)] == ["categories_shifted"] * told


def test_parts_of_an_outline_combine_as_the_source_says() -> None:
    rings = [[[0, 0, 9, 0, 9, 9], [1, 1, 5, 1, 5, 3]]]
    for by_xor in (False, True):
        samples, found = Samples({}, SEGMENTATION, by_xor), image()
        samples.add(
            found, {"category": ["a", "b"], "bbox": [[0, 0, 9, 9], [0, 0, 2, 2]], "segmentation": [rings[0], None]}
        )
        assert [item.by_xor for item in found.objects] == [by_xor, False]
        assert samples.without == 1


def test_nothing_is_told_of_no_boxes() -> None:
    samples, evidence = Samples({}, DETECTION), Evidence()
    samples.add(image(), None)
    samples.tell(evidence)
    assert evidence.tallies == {}


@pytest.mark.parametrize("bbox", [[], None, [0, 0, 0, 0]])
def test_a_category_of_nothing_without_a_box_says_that_there_is_no_object(bbox: Any) -> None:
    samples, found = Samples({}, DETECTION), image()
    samples.add(found, [{"bbox": bbox, "category": "background"}, {"bbox": [1, 2, 3, 4], "category": "none"}], 10, 10)
    assert [item.label for item in found.objects] == ["none"]
    assert ([str(code) for code in found.skipped], [*found.rejected]) == (["empty_label"], [])
