"""Copies of one image that augmentation has made, known by their names: in two splits they let a model be tested on what it has seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.columns.hashes import stable_hash

_VERSION = re.compile(r"\.rf\.[0-9A-Za-z_-]{8,64}(?=\.[^./]+$)")
"""Roboflow's name of a version of an image, `dog_jpg.rf.0a1b….jpg`: each of its augmented copies has another."""

_MOST = 100
"""Images of a bucket that are kept: those of the least hashes, so that all buckets keep the same part of all."""


def origin_of(path: str) -> str:
    """The name of the image that a file is an augmented copy of, without its folders; the path itself where it is none.

    >>> origin_of("train/dog_jpg.rf.0a1b2c3d4e5f.jpg"), origin_of("train/dog.jpg")
    ('dog_jpg.jpg', 'train/dog.jpg')
    """
    if ".rf." not in path:
        return path
    shorter, count = _VERSION.subn("", path)
    return shorter.rpartition("/")[2] if count else path


def copies_of(paths: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
    """The origins of augmented copies among the paths of each split, at most some: for each, its splits, and a copy in it."""
    found: dict[str, dict[str, str]] = {}
    for split, members in paths.items():
        for path in members:
            if ".rf." in path and (origin := origin_of(path)) is not path:
                splits = found.setdefault(origin, {})
                splits[split] = min(path, splits.get(split, path))
    return {origin: found[origin] for origin in sorted(found, key=stable_hash)[:_MOST]}


def copies_in_splits(receipts: Iterable[Receipt]) -> list[Doubt]:
    """A doubt where copies of one image are in several splits."""
    together: dict[str, dict[str, str]] = {}
    limit = 2**64
    for receipt in receipts:
        if len(receipt.copies_of) >= _MOST:
            limit = min(limit, max(map(stable_hash, receipt.copies_of)))
        for origin, splits in receipt.copies_of.items():
            known = together.setdefault(origin, {})
            for split, path in splits.items():
                known[split] = min(path, known.get(split, path))
    # Beyond the limit some bucket may have kept no copy of an image of which another has.
    looked_at = {origin: splits for origin, splits in together.items() if stable_hash(origin) <= limit}
    shared = {origin: splits for origin, splits in looked_at.items() if len(splits) > 1}
    if not shared:
        return []
    example = shared[min(shared)]
    places = " and ".join(f"{path} in {split}" for split, path in sorted(example.items()))
    message = (
        f"of {len(looked_at):,} images with augmented copies {len(shared):,} have copies in several splits, such as {places}: a model is "
        "tested on what it was trained on; draw the splits anew with --split, which keeps copies together, or before augmenting"
    )
    return [Doubt(Doubted.COPIES_IN_SPLITS, message, len(shared), min(example.values()), "--split")]
