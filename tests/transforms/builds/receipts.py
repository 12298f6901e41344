"""Receipts of buckets, and the manifest that they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import unclassified
from labelbeam.schemas.manifest import Counts, FileEntry, Manifest, Receipt, SplitCounts, Tally
from labelbeam.transforms.builds.identity import BuildIdentity
from labelbeam.transforms.builds.manifest import make_manifest
from labelbeam.transforms.formats.plans import Plan

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="o")


PLAN = Plan("coco", "by its head", "file:///images", 2, "abc", {"files": 1})


IDENTITY = BuildIdentity("20240101-abc", "1.0", "abc")


def entry(path: str, records: int = 1) -> FileEntry:
    return FileEntry(path, records, 9, "00")


def receipt(bucket: int = 0, **changed: Any) -> Receipt:
    """Return a receipt of two written images, one rejected, one skipped, and of their objects."""
    name = f"train/train-{bucket:05d}-of-00002.jsonl"
    fields: dict[str, Any] = {
        "splits": {"train": SplitCounts(2, 3, [entry(name, 2)])},
        "parquet": [entry(f"parquet/train-{bucket:05d}-of-00002.parquet", 2)],
        "rejected": entry(f"rejected/rejected-{bucket:05d}-of-00002.jsonl", 2),
        "counts": Counts(Tally(4, 2, 1, 1), Tally(5, 3, 1, 1)),
        "labels": {"train": {"cat": 2, "dog": 1}},
        "rejected_by_reason": {"missing_bbox": 1, "missing_image": 1},
        "skipped_by_reason": {"background": 1, "difficult_only": 1},
        "adjusted_by_reason": {"bbox_clipped": 2},
        "records_in": 8,
    }
    return Receipt(bucket=bucket, **(fields | changed))


def manifest_of(
    *receipts: Receipt, records: int | None = None, config: ConvertConfig = CONFIG, warnings: Sequence[str] = ()
) -> Manifest:
    arrived = sum(receipt.records_in for receipt in receipts)
    sent = sum(receipt.arrived for receipt in receipts)
    found = arrived if records is None else records
    return make_manifest(PLAN, config, IDENTITY, receipts, found, sent, unclassified(warnings))
