"""What all tasks have in common: labels of rows, and lists an image."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.tasks.task import offsets_of, per_image
from tests.transforms.tasks.drawn import records_of


def test_labels_are_counted_by_name() -> None:
    items = [SourceObject(name, "1", bbox=(0, 0, 1, 1)) for name in ("dog", "cat", "dog")]
    bad = SourceObject("gone", "1", bbox=(9, 9, 9, 9))
    records = records_of([SourceImage("a.jpg", "s", "1", 9, 9, objects=[*items, bad])], "image_object_detection")
    assert records is not None
    assert records.labels.label_counts() == {"cat": 1, "dog": 2}


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=5))
def test_items_fall_apart_into_lists_and_offsets_put_them_together(lists: list[list[int]]) -> None:
    offsets = np.array(offsets_of(np.array([len(part) for part in lists], np.int64)).to_pylist())
    assert per_image([item for part in lists for item in part], offsets) == lists


def test_labels_are_shared_texts_in_the_order_of_the_rows() -> None:
    items = [SourceObject(name, "1", bbox=(0, 0, 1, 1), crowd=name == "cat") for name in ("dog", "cat", "dog")]
    records = records_of([SourceImage("a.jpg", "s", "1", 9, 9, objects=items)], "image_object_detection")
    assert records is not None
    labels = records.labels
    assert labels.label_list() == labels.label_column().to_pylist() == ["dog", "cat", "dog"]
    assert labels.crowd_column().to_pylist() == [0, 1, 0]
