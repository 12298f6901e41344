"""Receipts add up to a manifest or to an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import CountsError
from labelbeam.schemas.manifest import Counts, SplitCounts
from tests.transforms.builds.receipts import CONFIG, entry, manifest_of, receipt


def test_receipts_add_up() -> None:
    second = receipt(
        1,
        splits={"train": SplitCounts(1, 1, [entry("train/1")]), "test": SplitCounts(1, 2, [entry("test/1")])},
        labels={"train": {"cat": 1}, "test": {"bird": 2}},
        rejected=None,
    )
    manifest = manifest_of(receipt(), second)
    assert msgspec.to_builtins(manifest.counts) == {
        "images": {"found": 8, "written": 4, "rejected": 2, "skipped": 2},
        "objects": {"found": 10, "written": 6, "rejected": 2, "skipped": 2},
    }
    assert [(name, part.images, part.objects, len(part.files)) for name, part in manifest.splits.items()] == [
        ("test", 1, 2, 1),
        ("train", 3, 4, 2),
    ]
    assert manifest.labels == ["bird", "cat", "dog"]
    assert manifest.label_counts == {"test": {"bird": 2}, "train": {"cat": 3, "dog": 1}}
    assert manifest.rejected_by_reason == {"missing_bbox": 2, "missing_image": 2}
    assert manifest.skipped_by_reason == {"background": 2, "difficult_only": 2}
    assert manifest.adjusted_by_reason == {"bbox_clipped": 4}
    assert len(manifest.parquet) == 2
    assert len(manifest.rejected) == 1


def test_receipts_are_left_as_they_are() -> None:
    receipts = [receipt(0), receipt(1)]
    before = msgspec.json.encode(receipts)
    manifest_of(*receipts)
    manifest_of(*receipts)
    assert msgspec.json.encode(receipts) == before


def test_nothing_adds_up_to_nothing() -> None:
    manifest = manifest_of()
    assert (manifest.splits, manifest.labels, manifest.counts) == ({}, [], Counts())


def test_a_manifest_says_what_it_was_made_from() -> None:
    manifest = manifest_of(receipt(), warnings=["mind the gap"])
    assert (manifest.build, manifest.labelbeam_version, manifest.task) == ("20240101-abc", "1.0", CONFIG.task)
    assert msgspec.to_builtins(manifest.source) == {
        "fingerprint": "abc",
        "image_prefix": None,
        "covers": {"files": 1},
        "format": "coco",
        "recognised": "by its head",
        "warnings": [],
        "files": [],
        "trees": [],
        "images": "file:///images",
    }
    assert manifest.warnings == ["mind the gap"]
    assert datetime.now(UTC) - datetime.fromisoformat(manifest.created) < timedelta(minutes=1)


@pytest.mark.parametrize("records", [7, 9])
def test_a_record_that_was_lost_or_repeated_on_the_way_stops_the_build(records: int) -> None:
    with pytest.raises(CountsError, match=f"readers found {records} images and objects, 8 reached the writers"):
        manifest_of(receipt(), records=records)


@pytest.mark.parametrize("kind", ["images", "objects"])
@pytest.mark.parametrize("field", ["found", "written", "rejected", "skipped"])
def test_counts_that_do_not_add_up_stop_the_build(kind: str, field: str) -> None:
    wrong = receipt()
    tally = getattr(wrong.counts, kind)
    setattr(tally, field, getattr(tally, field) + 1)
    with pytest.raises(CountsError, match=f"{kind} found, but .* do not add up"):
        manifest_of(wrong)


@pytest.mark.parametrize(
    ("label", "warned"), [("#hash", True), (" cat", True), ("--bg--", False), ("0", False), ("-", True)]
)
def test_a_label_that_sorts_before_the_trainers_background_is_warned_of(label: str, warned: bool) -> None:
    doubts = manifest_of(receipt(labels={"train": {label: 3}})).doubts
    told = [repr(label) in doubt.message for doubt in doubts if doubt.code == Doubted.LABEL_BEFORE_BACKGROUND]
    assert told == [True] * warned


def test_a_split_without_a_line_or_an_object_is_warned_of() -> None:
    config = msgspec.structs.replace(CONFIG, split="train=0.5,validation=0.3,test=0.2")
    bare = receipt(splits={"train": SplitCounts(1, 1), "validation": SplitCounts(2, 0)}, labels={})
    warnings = manifest_of(bare, config=config).warnings
    assert [warning.partition(",")[0] for warning in warnings] == [
        "split test is empty",
        "split validation holds background only",
    ]
