"""Doubts of splits: none to train on, groups that are none, shares that are missed."""

from __future__ import annotations

from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.manifest import Oddity, Sample, SplitCounts
from labelbeam.transforms.builds.split_doubts import group_doubts, sample_doubt, split_doubts
from labelbeam.transforms.write.splits import UNGROUPED
from tests.transforms.builds.receipts import receipt


def config(**options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["s"], output="o", **options)


def test_an_empty_split_and_one_of_background_are_told() -> None:
    found = split_doubts({"train": SplitCounts(3, 0)}, config(split="train=0.5,test=0.5"))
    assert [(doubt.code, doubt.example) for doubt in found] == [
        ("split_empty", "test"),
        ("split_of_background", "train"),
    ]
    assert split_doubts({"train": SplitCounts(3, 1)}, config()) == []


def test_images_without_a_group_and_shares_that_groups_miss_are_told() -> None:
    receipts = [receipt(0), receipt(1)]
    receipts[0].oddities = {UNGROUPED: Oddity(2, 6, "b.jpg")}
    receipts[1].oddities = {UNGROUPED: Oddity(1, 4, "a.jpg")}
    grouped = config(split="train=0.5,test=0.5", split_group="^x/")
    one, other = group_doubts(receipts, {"train": SplitCounts(9), "test": SplitCounts(1)}, grouped)
    assert (one.code, one.count, one.example) == ("split_group_not_found", 3, "a.jpg")
    assert (other.code, "train 50% → 90.0%, test 50% → 10.0%" in other.message) == ("shares_missed", True)
    assert list(group_doubts([], {"train": SplitCounts(52), "test": SplitCounts(48)}, grouped)) == []
    assert list(group_doubts(receipts, {"train": SplitCounts(9)}, config(split="train=0.5,test=0.5"))) == []


def test_a_sample_says_of_what_it_is_one() -> None:
    assert "10 of 2,000 images" in sample_doubt(Sample(0.01, 10, 2000)).message
