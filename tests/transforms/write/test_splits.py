"""The split of each image: by its path, by its group, or as the source says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from labelbeam.schemas.manifest import Oddity
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.split_group import parse_split_group
from labelbeam.transforms.columns.hashes import stable_hash
from labelbeam.transforms.write.splits import UNGROUPED, Drawn, SplitOptions, draw_splits
from labelbeam.transforms.write.stratify import Strata
from tests.transforms.write.images import fragments, image

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}

FRAMES = [image(f"video{video}/f{frame}.jpg", group=f"p{video % 20}") for video in range(60) for frame in range(3)]


def drawn(images: Sequence[SourceImage], group: str | None, shares: dict[str, float] | None = SHARES) -> Drawn:
    rows = fragments(images)[0].images
    found = draw_splits(rows, range(len(rows)), SplitOptions(shares, parse_split_group(group) if group else None))
    assert sorted(row for members in found.members.values() for row in members) == list(range(len(rows)))
    return found


def splits(images: Sequence[SourceImage], group: str | None) -> dict[str, str]:
    return {images[row].path: split for split, rows in drawn(images, group).members.items() for row in rows}


@pytest.mark.parametrize("group", ["folder", r"^(?P<video>[^/]+)/(f\d+)", "patient"])
def test_what_belongs_together_comes_into_one_split(group: str) -> None:
    found = splits(FRAMES, group)
    together = defaultdict(set)
    for each in FRAMES:
        together[each.group if group == "patient" else each.path.partition("/")[0]].add(found[each.path])
    assert {len(of_one) for of_one in together.values()} == {1}
    assert {split for of_one in together.values() for split in of_one} == set(SHARES)
    assert {path: found[path] for path in splits(FRAMES[::2], group)} == splits(FRAMES[::2], group), (
        "whatever is beside it"
    )
    assert drawn(FRAMES, group).oddities == {UNGROUPED: Oddity(0, 180, "")}


def test_an_image_without_a_group_is_drawn_by_itself_and_counted() -> None:
    images = [image("b.jpg"), image("a.jpg"), image("video1/c.jpg", group="p")]
    for group in (r"^video\d+/", "patient"):
        assert drawn(images, group).oddities == {UNGROUPED: Oddity(2, 3, "a.jpg")}
        assert {path: splits(images, group)[path] for path in ("a.jpg", "b.jpg")} == splits(images[:2], None)


def test_splits_that_are_drawn_by_label_leave_images_without_a_group_counted() -> None:
    rows = fragments([image("b.jpg"), image("video1/c.jpg")])[0].images
    paths = np.array([stable_hash("b.jpg"), stable_hash("video1/c.jpg")], np.uint64)
    strata = Strata(np.sort(paths), np.array([2, 2], np.int8))
    options = SplitOptions(SHARES, parse_split_group(r"^video\d+/"), stratify=True)
    found = draw_splits(rows, range(2), options, strata)
    assert (found.members, found.oddities) == ({"test": [0, 1]}, {UNGROUPED: Oddity(1, 2, "b.jpg")})


def test_without_shares_the_splits_of_the_source_count() -> None:
    found = drawn([image("a.jpg", split="test"), image("b.jpg")], None, None)
    assert (found.members, found.oddities) == ({"test": [0], "train": [1]}, {})
