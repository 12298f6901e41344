"""Splits of files of records, by their names and those of the folders around them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from labelbeam.transforms.formats.split_names import SplitName, plain_split, split_name

_NEUTRAL = frozenset(
    {
        "annotations",
        "annotation",
        "anns",
        "labels",
        "label",
        "jsonl",
        "mltable",
        "table",
        "folder",
        "automl",
        "data",
        "dataset",
    }
    | {
        "set",
        "images",
        "image",
        "of",
        "part",
        "shard",
        "split",
        "records",
        "metadata",
        "v",
        "new",
        "final",
        "detections",
    }
)
"""Words beside a split's that say nothing of a subject."""


def splits_of(names: Sequence[str]) -> list[str | None]:
    """The split of each file; None where neither its name nor a folder's says one.

    A name that says something else as well counts where another says the same of another split.

    >>> splits_of(["train_annotations.jsonl", "validation-mltable-folder/data.jsonl", "fridge.jsonl"])
    ['train', 'validation', None]
    >>> splits_of(["crash_test.jsonl"]), splits_of(["parts_train.jsonl", "parts_val.jsonl"])
    ([None], ['train', 'validation'])
    """
    read = [split_name(posixpath.basename(name).partition(".")[0], _NEUTRAL) for name in names]
    of_rest: dict[tuple[str, ...], set[str]] = {}
    for found in read:
        if found is not None:
            of_rest.setdefault(found.rest, set()).add(found.split)
    return [_split_of(name, found, of_rest) for name, found in zip(names, read, strict=True)]


def _split_of(name: str, found: SplitName | None, of_rest: dict[tuple[str, ...], set[str]]) -> str | None:
    if found is not None and (not found.rest or len(of_rest[found.rest]) > 1):
        return found.split
    folder = posixpath.basename(posixpath.dirname(name))
    inner = split_name(folder, _NEUTRAL)
    return plain_split(folder) or (inner.split if inner is not None and not inner.rest else None)
