"""What a bucket holds of each label, before anything of it is written: what splits by label are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.split_group import SplitGroup
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.hashes import identity_of, sample_hash, stable_hash
from labelbeam.transforms.columns.images import NO_NOTE
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.splits import unit_of
from labelbeam.transforms.write.stratify import Hashes, Survey
from labelbeam.transforms.write.whole import Whole


class Compared(NamedTuple):
    """Whether the bytes of images are compared, and how many bits of what they look like may differ; None where looks are not compared."""

    content: bool
    distance: int | None = None


def compared(config: ConvertConfig) -> Compared:
    """What a build compares."""
    return Compared(config.duplicates is not None, config.near_duplicates)


@dataclass(frozen=True, slots=True)
class SurveyOptions:
    """Options of what is looked at in all buckets before any is written."""

    assemble: AssembleOptions
    compare: Compared
    images_root: str
    buckets: int
    storage: StorageOptions


def survey_bucket(
    encoded: Sequence[bytes], labels: LabelMap | None, whole: Whole, group: SplitGroup | None = None
) -> Survey:
    """Survey one bucket from its encoded fragments."""
    with quiet_gc():
        return survey([decode(parcels.unwrap(data)) for data in encoded], labels, whole, group)


def survey(
    fragments: Iterable[Fragment], labels: LabelMap | None, whole: Whole, group: SplitGroup | None = None
) -> Survey:
    """The labels of each image that may be written, under the build's names; sorted by the hash of the image's path.

    Objects count as they were read: whether they are valid is not known yet.
    """
    fragments = list(fragments)
    row_of: dict[int, int] = {}
    rows: dict[str, int] = {}
    firsts: dict[str, tuple[str, int, str]] = {}
    for fragment in fragments:
        images = fragment.images
        for key, path, row in zip(images.keys.tolist(), images.paths, range(len(images)), strict=True):
            if row in images.notes and images.notes[row].left_out:
                continue
            if whole.sampled is None or sample_hash(path) < whole.sampled:
                row_of[key] = rows.setdefault(path, len(rows))
                if group is not None:  # That of the record which is kept, whichever is met first.
                    said = images.sources[row], key, images.notes.get(row, NO_NOTE).group
                    firsts[path] = min(firsts.get(path, said), said)
    pairs: list[np.ndarray] = [np.empty((0, 2), np.uint64)]
    for fragment in fragments:
        hashes = _hashes(fragment.labels, labels, whole)
        at = np.array([row_of.get(key, -1) for key in fragment.objects.image.tolist()], np.int64)
        of = hashes[fragment.objects.label] if len(at) else np.empty(0, np.uint64)
        known = (at >= 0) & (of > 0)
        pairs.append(np.stack([at[known].astype(np.uint64), of[known]], axis=1))
    distinct = np.unique(np.concatenate(pairs), axis=0)
    counts = np.bincount(distinct[:, 0].astype(np.int64), minlength=len(rows))
    units = (unit_of(path, firsts[path][2] if group is not None else "", group).name for path in rows)
    return Survey(_hashed(map(identity_of, rows)), _hashed(units), counts, distinct[:, 1])


def _hashed(names: Iterable[str]) -> Hashes:
    return np.fromiter(map(stable_hash, names), np.uint64)


def _hashes(names: Sequence[str], labels: LabelMap | None, whole: Whole) -> np.ndarray:
    """Hashes of labels under the build's names; 0 for those that are left out."""
    fates = [None] * len(names) if labels is None else labels.fates(names, whole.rare)
    made = names if labels is None else [labels.becomes(name) for name in names]
    hashes = [0 if fate is not None else max(1, stable_hash(name)) for name, fate in zip(made, fates, strict=True)]
    return np.array(hashes, np.uint64)
