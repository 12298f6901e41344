"""What every plan has in common: how many shards it makes, and what it is of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import unclassified
from labelbeam.transforms.formats.plans import IMAGES_A_SHARD, MOST_SHARDS, SHARD_TARGET, asks_for_images, bucket_count
from tests.transforms.builds.receipts import CONFIG, PLAN


def test_shards_by_size_are_never_more_than_their_names_can_number() -> None:
    assert bucket_count(CONFIG, 10**15) == MOST_SHARDS == 99_999


def config(**options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["s"], output="o", **options)


@pytest.mark.parametrize(
    ("size", "shards"), [(0, 1), (1, 1), (SHARD_TARGET, 1), (SHARD_TARGET + 1, 2), (10 * SHARD_TARGET, 10)]
)
def test_shards_follow_from_the_size_of_the_source(size: int, shards: int) -> None:
    assert bucket_count(config(), size) == shards
    assert bucket_count(config(shards=7), size) == 7


@pytest.mark.parametrize(
    ("size", "images", "shards"),
    [
        (0, IMAGES_A_SHARD, 1),
        (0, IMAGES_A_SHARD + 1, 2),
        (SHARD_TARGET, 10 * IMAGES_A_SHARD, 10),
        (10 * SHARD_TARGET, IMAGES_A_SHARD, 10),
        (0, 10**12, MOST_SHARDS),
    ],
)
def test_shards_follow_from_the_images_where_these_are_more(size: int, images: int, shards: int) -> None:
    assert bucket_count(config(), size, images) == shards
    assert bucket_count(config(shards=7), size, images) == 7


def test_images_are_listed_where_they_are_looked_at_or_copied() -> None:
    assert asks_for_images(config())
    assert asks_for_images(config(check_images="header"))
    assert not asks_for_images(config(check_images="none"))
    assert asks_for_images(config(check_images="none", copy_images="there"))


def test_a_plan_s_warnings_are_the_words_of_its_doubts() -> None:
    assert replace(PLAN, doubts=unclassified(["one", "two"])).warnings == ["one", "two"]
    assert PLAN.work == 0
