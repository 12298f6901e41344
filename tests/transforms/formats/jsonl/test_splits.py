"""The split of a file of records by its name and its folder's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.jsonl.splits import splits_of


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train_annotations.jsonl", "validation_annotations.jsonl"], ["train", "validation"]),
        (["training-mltable-folder/data.jsonl", "validation-mltable-folder/data.jsonl"], ["train", "validation"]),
        (["train/x.jsonl", "x/val.jsonl"], ["train", "validation"]),
        (["crash_test.jsonl"], [None]),
        (["fridge.jsonl"], [None]),
        (["parts_train.jsonl", "parts_val.jsonl"], ["train", "validation"]),
        (["parts_train.jsonl", "dogs_val.jsonl"], [None, None]),
        (["parts_train.jsonl", "parts_train_2.jsonl"], [None, None]),
        (["train_val.jsonl"], [None]),
        (["test/train.jsonl"], ["train"]),
        (["crash_test/x.jsonl"], [None]),
        (["train.v2.jsonl"], ["train"]),
        ([], []),
    ],
)
def test_a_split_is_the_word_that_its_file_or_folder_is_told_apart_by(
    names: list[str], splits: list[str | None]
) -> None:
    assert splits_of(names) == splits


@given(
    st.lists(
        st.sampled_from(
            ["train.jsonl", "parts_train.jsonl", "parts_val.jsonl", "a/x.jsonl", "test/y.jsonl", "crash_test.jsonl"]
        ),
        max_size=5,
    )
)
def test_the_order_of_the_files_does_not_matter(names: list[str]) -> None:
    assert splits_of(names[::-1]) == splits_of(names)[::-1]
