"""Splits whose shares hold for each label: iterative stratification, over what is known of all images of a build.

K. Sechidis, G. Tsoumakas, I. Vlahavas: On the Stratification of Multi-Label Data, ECML PKDD 2011. Label by label, the one with the
fewest images left first, its images are given to the splits that lack most of it. Where that paper draws at random, images are taken
in the order of their hashes: the same in every run, and where images are added, those change places that stand at a border. Groups that stay
whole are what images are there, with as many of each label as they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.arrays import Floats, Integers, ranges
from labelbeam.transforms.columns.hashes import identity_of, stable_hash

SCHEME = "iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011)"

SCHEME_OF_GROUPS = f"{SCHEME} of whole groups, the large ones first"

Hashes = npt.NDArray[np.uint64]


def _no_hashes() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(slots=True)
class Survey:
    """Labels of n images. paths: (n,) hashes of the images' paths. units: (n,) hashes of what stays together: what they are copies of, or
    their groups. counts: (n,) labels of each. labels: hashes of these, image by image.
    """

    paths: Hashes = field(default_factory=_no_hashes)
    units: Hashes = field(default_factory=_no_hashes)
    counts: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    labels: Hashes = field(default_factory=_no_hashes)


def join_surveys(parts: Iterable[Survey]) -> Survey:
    """All images of `parts`."""
    parts = [Survey(), *parts]
    return Survey(
        np.concatenate([part.paths for part in parts]),
        np.concatenate([part.units for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


@dataclass(slots=True)
class Strata:
    """Splits of n images. paths: (n,) hashes of the images' paths, sorted. splits: (n,) indices into the shares."""

    paths: Hashes
    splits: npt.NDArray[np.int8]

    def of_bucket(self, bucket: int, buckets: int) -> Strata:
        """Those of one bucket."""
        rows = self.paths % np.uint64(buckets) == bucket if buckets > 1 else slice(None)
        return Strata(self.paths[rows], self.splits[rows])

    def split(self, path: str) -> int | None:
        """The split of an image; None where it was not known when splits were drawn."""
        wanted = np.uint64(stable_hash(identity_of(path)))
        row = int(np.searchsorted(self.paths, wanted))
        return int(self.splits[row]) if row < len(self.paths) and self.paths[row] == wanted else None


def draw_strata(survey: Survey, shares: Sequence[float], grouped: bool = False) -> Strata:
    """The splits of all images."""
    order = np.argsort(survey.paths)
    return Strata(survey.paths[order], stratified(survey, shares, grouped)[order])


def stratified(survey: Survey, shares: Sequence[float], grouped: bool = False) -> npt.NDArray[np.int8]:
    """The split of each image, as an index into `shares`; it depends on the images alone, not on their order.

    Each label's images are divided by what the splits lack of it, and last those without a label by what they lack in all. Copies of
    one image count as one, with the labels of all. With `grouped`, units are groups, which weigh as many images as they hold: of those that
    a label is in, the large ones are divided first, and smaller ones by what is lacked then.
    """
    table = _table(survey, grouped)
    count, pairs = len(table.weights), np.bincount(table.labels, minlength=table.kinds)
    # Units by label, in the order of their hashes, and labels by unit.
    by_label, by_unit = np.lexsort((table.units, table.labels)), np.lexsort((table.labels, table.units))
    starts = np.cumsum(pairs) - pairs
    sizes = np.bincount(table.units, minlength=count)
    first = np.cumsum(sizes) - sizes
    left = np.bincount(table.labels, table.images, table.kinds).astype(np.int64)
    lacks = left[:, None] * np.asarray(shares)
    chosen = np.full(count, -1, np.int8)
    for _ in range(table.kinds):
        label = int(np.argmin(np.where(left > 0, left, np.iinfo(np.int64).max)))
        if not left[label]:
            break
        rows = by_label[starts[label] : starts[label] + pairs[label]]
        rows = rows[chosen[table.units[rows]] < 0]
        for members in _by_size(table.units[rows], table.images[rows]):
            chosen[members] = _dealt(len(members), lacks[label])
            theirs = by_unit[ranges(first[members], sizes[members])]
            places = table.labels[theirs], np.repeat(chosen[members], sizes[members])
            np.subtract.at(lacks, places, table.images[theirs])
            left -= np.bincount(table.labels[theirs], table.images[theirs], table.kinds).astype(np.int64)
    lacked = table.weights.sum() * np.asarray(shares)
    lacked -= np.bincount(chosen[chosen >= 0], table.weights[chosen >= 0], len(shares))
    bare = np.flatnonzero(chosen < 0)
    for members in _by_size(bare, table.weights[bare]):
        chosen[members] = _dealt(len(members), lacked)
        lacked -= np.bincount(chosen[members], table.weights[members], len(shares))
    return chosen[table.unit_of]


class _Table(NamedTuple):
    """Units in the order of their hashes: which one each image is of, and what each weighs; a row for each pair of unit and label, with
    how many images of the unit have the label; and how many labels there are.
    """

    unit_of: Integers
    weights: Integers
    units: Integers
    labels: Integers
    images: Integers
    kinds: int


def _table(survey: Survey, grouped: bool) -> _Table:
    units, unit_of = np.unique(survey.units, return_inverse=True)
    count = len(units)
    place = np.argsort(_mixed(units), kind="stable")
    rank = np.empty(count, np.int64)
    rank[place] = np.arange(count)
    names, labels = np.unique(survey.labels, return_inverse=True)
    rows = np.repeat(rank[unit_of], survey.counts)
    images = np.ones(len(rows), np.int64)
    if count < len(unit_of):
        (rows, labels), images = np.unique(np.stack([rows, labels]), axis=1, return_counts=True)
    weights = np.bincount(rank[unit_of], minlength=count)
    if not grouped:
        weights, images = np.ones_like(weights), np.ones_like(images)
    return _Table(rank[unit_of], weights, rows, labels, images, len(names))


def _by_size(units: Integers, images: Integers) -> Iterator[Integers]:
    """Units in their order, the large ones before the small: those of one power of two together, which are of about one size."""
    powers = np.frexp(images)[1]
    for power in np.unique(powers)[::-1]:
        yield units[powers == power]


def _dealt(count: int, lacks: Floats) -> npt.NDArray[np.int8]:
    """So many images in a row, dealt out by what each split lacks: each a range of them, rounded by the largest remainder."""
    wanted = np.maximum(lacks, 0)
    if not wanted.sum():
        wanted = np.ones(len(lacks))
    exact = wanted / wanted.sum() * count
    each = np.floor(exact).astype(np.int64)
    most = np.argsort(each - exact, kind="stable")[: count - int(each.sum())]
    each[most] += 1
    return np.repeat(np.arange(len(lacks), dtype=np.int8), each)


def _mixed(hashes: Hashes) -> Hashes:
    """Other numbers for the same hashes, since those of one bucket leave the same rest."""
    mixed = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
