"""Classification: labels are valid as they are, and written as a text or a list an image."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.geometry.boxes import OK
from labelbeam.transforms.tasks.labels import Classification, Multilabel
from labelbeam.transforms.tasks.task import Labels

NAMES = [["cat"], ["dog", "cat"], []]


def labels_of(task: Classification) -> Labels:
    images = [
        SourceImage(f"{number}.jpg", "s", "1", objects=[SourceObject(name, "1") for name in names])
        for number, names in enumerate(NAMES)
    ]
    ((_, fragment),) = fragments_of(images, 1, 0)
    judged = task.judge(fragment.objects, np.full((len(fragment.objects), 2), np.nan), True, None)
    assert (judged.codes == OK).all() and judged.adjusted == {}
    return Labels(np.arange(3), np.array([0, 1, 3, 3]), fragment.objects, fragment.labels, judged)


def test_several_labels_are_a_list_an_image_also_of_none() -> None:
    labels = labels_of(Multilabel())
    assert Multilabel().json_labels(labels) == NAMES
    column = Multilabel().arrow_labels(labels)
    assert column.to_pylist() == NAMES and column.type == Multilabel.arrow_type


def test_one_label_is_a_text_an_image() -> None:
    labels = labels_of(Classification())
    labels.rows, labels.offsets = labels.rows[:1], labels.offsets[:2]
    assert Classification().json_labels(labels) == ["cat"]
    assert Classification().arrow_labels(labels) == pa.array(["cat"])


@pytest.mark.parametrize(("task", "single", "needs"), [(Classification(), True, True), (Multilabel(), False, False)])
def test_only_one_of_them_needs_a_label(task: Classification, single: bool, needs: bool) -> None:
    assert (task.single_label, task.needs_object) == (single, needs)
