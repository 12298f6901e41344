"""A manifest as small as one can be, for tests of what is made of manifests."""

from __future__ import annotations

from typing import Any

from labelbeam.schemas.manifest import Counts, Manifest, Source

BUILD = "20261121T203833477542Z-cdba7ac6"


def manifest(**changes: Any) -> Manifest:
    """The manifest of a build of nothing for detection, with these fields."""
    fields: dict[str, Any] = {
        "format_version": 1,
        "build": BUILD,
        "labelbeam_version": "1",
        "task": "image_object_detection",
        "created": "2026-11-21T20:38:33+00:00",
        "config": {},
        "source": Source("f", {}, "coco", "the source is JSON"),
        "labels": [],
        "counts": Counts(),
        "rejected_by_reason": {},
        "skipped_by_reason": {},
        "adjusted_by_reason": {},
        "splits": {},
        "label_counts": {},
        "parquet": [],
        "rejected": [],
    }
    return Manifest(**fields | changes)
