"""Which split a COCO file's name stands for."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.coco.names import split_of_name


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/d/annotations/instances_train2017.json", "train"),
        ("/d/annotations/instances_val2014.json", "validation"),
        ("/d/annotations/image_info_test-dev2017.json", "test"),
        ("/d/annotations/minival2014.json", None),
        ("/d/annotations/trainval.json", None),
        ("/d/constraints.json", None),
        ("/d/train/_annotations.coco.json", "train"),
        ("/d/valid/_annotations.coco.json", "validation"),
        ("/d/Test/annotations/coco.json", "test"),
        ("/d/train/val.json", "validation"),
        ("/d/DEV.json", "validation"),
        ("/d/train_test.json", None),
        ("/d/train-training.json", "train"),
        ("/training/d/x.json", None),
        ("x.json", None),
    ],
)
def test_the_split_is_that_of_the_name_or_else_of_the_directory(path: str, split: str | None) -> None:
    assert split_of_name(path) == split
