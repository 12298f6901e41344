"""Labels that are renamed, merged and left out, image by image."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from labelbeam.schemas.label_map import parse_labels
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Adjusted, Skipped
from labelbeam.transforms.write.assemble import Assembled
from labelbeam.transforms.write.whole import Whole
from tests.transforms.write.images import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    OUTSIDE,
    box,
    image,
    labels_of,
    reasons,
    run,
    written,
)

PETS = [image("a.jpg", box("kitten"), box("person"), box("cat")), image("b.jpg", box("person")), image("c.jpg")]


def mapped(images: list[SourceImage], labels: Any, task: str = DETECTION, **options: Any) -> Assembled:
    return run(images, task, labels=parse_labels(labels), **options)


def test_objects_of_dropped_labels_are_counted_and_those_of_renamed_ones_are_written() -> None:
    found = mapped(PETS, {"kitten": "cat", "person": None})
    assert written(found).keys() == {"a.jpg", "c.jpg"} and labels_of(found) == ["cat", "cat"]
    assert found.skipped == {Skipped.LABEL_DROPPED: 2, Skipped.ONLY_DROPPED_LABELS: 1}
    assert found.adjusted == {Adjusted.LABEL_RENAMED: 1}
    assert (found.images_found, found.skipped_images, found.objects_found, found.skipped_objects) == (3, 1, 4, 2)
    assert [part.labels.label_counts() for part in found.splits.values()] == [{"cat": 2}]


def test_an_image_of_dropped_labels_alone_is_background_where_that_is_asked_for() -> None:
    found = mapped(PETS, {"keep": ["cat"]}, keep_emptied=True)
    assert {path: len(label) for path, label in written(found).items()} == {"a.jpg": 1, "b.jpg": 0, "c.jpg": 0}
    assert found.skipped == {Skipped.LABEL_DROPPED: 3}
    dropped = mapped(PETS, {"keep": ["cat"]}, keep_background=False)
    assert written(dropped).keys() == {"a.jpg"}
    assert dropped.skipped == {Skipped.LABEL_DROPPED: 3, Skipped.ONLY_DROPPED_LABELS: 1, Skipped.BACKGROUND: 1}


def test_a_dropped_object_is_dropped_whatever_else_is_wrong_with_it() -> None:
    found = mapped([image("a.jpg", box("person", OUTSIDE), box("cat"))], {"person": None})
    assert (reasons(found), labels_of(found)) == ([], ["cat"])
    gone = mapped([image("a.jpg", box("person"), box("cat", OUTSIDE))], {"person": None}, keep_emptied=True)
    assert reasons(gone) == [("image", "no_valid_object"), ("object", "bbox_outside")]


def test_labels_that_too_few_objects_of_the_whole_source_have_are_left_out() -> None:
    found = mapped(PETS, {"rename": {"kitten": "cat"}, "min_count": 3}, whole=Whole(rare=frozenset({"person"})))
    assert written(found).keys() == {"a.jpg", "c.jpg"}
    assert found.skipped == {Skipped.LABEL_RARE: 2, Skipped.ONLY_DROPPED_LABELS: 1}


@pytest.mark.parametrize("task", [CLASSIFICATION, MULTILABEL])
def test_two_labels_of_an_image_that_become_one_are_one(task: str) -> None:
    found = mapped([image("a.jpg", box("cat"), box("kitten"), box("person"))], {"kitten": "cat", "person": None}, task)
    assert written(found, task)["a.jpg"] == ("cat" if task == CLASSIFICATION else ["cat"])
    assert found.skipped == {Skipped.LABEL_MERGED: 1, Skipped.LABEL_DROPPED: 1}
    assert (found.objects_found, found.skipped_objects, found.adjusted) == (3, 2, Counter())


@pytest.mark.parametrize(("task", "keep", "left"), [(CLASSIFICATION, True, {}), (MULTILABEL, True, {"a.jpg": []})])
def test_an_image_that_must_have_a_label_is_skipped_when_it_has_none_left(task: str, keep: bool, left: Any) -> None:
    found = mapped([image("a.jpg", box("person"))], {"person": None}, task, keep_emptied=keep)
    assert (written(found, task), reasons(found)) == (left, [])


def test_labels_of_classification_are_in_the_order_of_their_new_names() -> None:
    found = mapped([image("a.jpg", box("a"), box("b"))], {"a": "z"}, MULTILABEL)
    assert written(found, MULTILABEL)["a.jpg"] == ["b", "z"]


def test_a_label_that_is_too_long_is_written_under_a_shorter_name() -> None:
    found = mapped([image("a.jpg", box("c" * 300), box("d" * 300))], {"c" * 300: "cat"})
    assert (labels_of(found), reasons(found)) == (["cat"], [("object", "invalid_label")])
