"""Images of one bucket with their objects, assembled, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.images import ImageRow
from labelbeam.transforms.formats.frames import FRACTIONS
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.write.assemble import Assembled, assemble
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.splits import SplitOptions
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, Whole

DETECTION = "image_object_detection"


SEGMENTATION = "image_instance_segmentation"


CLASSIFICATION = "image_classification"


MULTILABEL = "image_classification_multilabel"


PREFIX = "https://h/c/"


GOOD = (10.0, 10.0, 30.0, 40.0)


OUTSIDE = (200.0, 200.0, 210.0, 210.0)


def unseen(rows: Sequence[ImageRow]) -> list[None]:
    return [None] * len(rows)


def fragments(images: Sequence[SourceImage], first_key: int = 0) -> list[Fragment]:
    return [fragment for _, fragment in fragments_of(images, 1, first_key)]


def run(
    images: Sequence[SourceImage] | Sequence[Fragment],
    task: str = DETECTION,
    relative: Sequence[str] = (),
    look_at: Any = unseen,
    whole: Whole = NOTHING_OF_ALL,
    **options: Any,
) -> Assembled:
    parts = [item for item in images if isinstance(item, Fragment)] or fragments(images)  # type: ignore[arg-type]
    shares = options.pop("split", None)
    options["split"] = shares if isinstance(shares, SplitOptions) else SplitOptions(shares)
    frames = dict.fromkeys(relative, FRACTIONS)
    return assemble(parts, AssembleOptions(task, PREFIX, **options), frames, look_at, whole=whole)


def box(label: str = "cat", bbox: Any = GOOD, **fields: Any) -> SourceObject:
    return SourceObject(label, fields.pop("locator", f"object {label}"), bbox=bbox, **fields)


def image(path: str = "a.jpg", *objects: SourceObject, **fields: Any) -> SourceImage:
    values = {"source": "file:///s.json", "locator": f"record of {path}", "width": 100, "height": 80} | fields
    return SourceImage(path, objects=list(objects), **values)


def lines(assembled: Assembled, task: str = DETECTION) -> dict[str, list[Any]]:
    """Return the records of each split as the JSON lines that they become."""
    return {
        split: [json.loads(line) for line in encode_jsonl(records, TASKS[task], False).splitlines()]
        for split, records in assembled.splits.items()
    }


def written(assembled: Assembled, task: str = DETECTION) -> dict[str, Any]:
    """Return the label of each record by its path."""
    every = [line for part in lines(assembled, task).values() for line in part]
    found = {line["image_url"].removeprefix(PREFIX): line["label"] for line in every}
    assert len(found) == len(every)
    return found


def reasons(assembled: Assembled) -> list[tuple[str, str]]:
    return [(rejection.kind, str(rejection.code)) for rejection in assembled.rejections]


def labels_of(assembled: Assembled, path: str = "a.jpg") -> list[str]:
    return [item["label"] for item in written(assembled)[path]]
