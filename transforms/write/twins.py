"""Images whose files are the same, byte by byte, and images that look alike: found before anything is written, so that each may be
written once.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.manifest import Oddity, Twin
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.hashes import bucket_of, sample_hash
from labelbeam.transforms.columns.images import Images
from labelbeam.transforms.columns.listed import join_listed
from labelbeam.transforms.images.likeness import NO_HASH, likeness
from labelbeam.transforms.images.names import too_long
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.many import LARGEST, read_many
from labelbeam.transforms.stores.paths import leads_out
from labelbeam.transforms.workers import parcels

DIGEST = 16
"""Bytes of a hash by which files are compared."""


@dataclass(slots=True)
class Contents:
    """Paths of n images, and the hashes of what their files hold, one after the other; and the paths that could not be read.

    `looks` are the hashes of what they show, of eight bytes each; empty where nobody asked for them.
    """

    paths: list[str] = field(default_factory=list)
    digests: bytes = b""
    unread: list[str] = field(default_factory=list)
    looks: bytes = b""


@dataclass(slots=True)
class Twins:
    """What was found of the images of a bucket: for the path of each that is not alone, the one that sorts first among the same, and the
    one that it looks like; those that could not be read, and those of which nobody can say how they look.
    """

    first: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    like: dict[str, str] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)


def contents_of(fragments: Iterable[Fragment], root: Location, sampled: int | None, looks: bool = False) -> Contents:
    """Read the images of a bucket that may be written; one that cannot be read has no content to compare.

    Images that are named by a URL are never fetched. With `looks`, they are also decoded.
    """
    fragments = list(fragments)
    every = {path for fragment in fragments for path in fragment.images.read_paths()}
    paths = {path for path in every if sampled is None or sample_hash(path) < sampled}
    wanted = sorted(path for path in paths if "://" not in path and not (too_long(path) or leads_out(path)))
    listed = join_listed([fragment.listed for fragment in fragments if fragment.listed is not None])
    sizes = [(file.size or None) if (file := listed.find(path)) is not None else None for path in wanted]
    found: dict[str, bytes] = {}
    seen: list[bytes] = []
    # What is of no known size takes memory by what arrives.
    with closing(
        read_many(root, wanted, sizes, [_LARGEST_UNKNOWN if size is None else LARGEST for size in sizes])
    ) as arriving:
        for path, data in zip(wanted, arriving, strict=True):
            if isinstance(data, bytes):
                found[path] = hashlib.blake2b(data, digest_size=DIGEST).digest()
                if looks:
                    seen.append(likeness(data, root.below(path).shown).to_bytes(8, sys.byteorder))
    unread = sorted(path for path in paths if path not in found)
    return Contents([*found], b"".join(found.values()), unread, b"".join(seen))


_LARGEST_UNKNOWN = 64 * 2**20
"""Bytes of an image whose size no listing tells; a longer one is not compared, and told."""


def hash_bucket(
    encoded: Sequence[bytes], root: str, storage: StorageOptions, sampled: int | None, looks: bool = False
) -> Contents:
    """Read the images of one bucket, which lie below the URL `root`, from its encoded fragments."""
    return contents_of((decode(parcels.unwrap(data)) for data in encoded), locate(root, storage), sampled, looks)


def join_contents(parts: Iterable[Contents]) -> Contents:
    """All images of `parts`."""
    joined = Contents()
    digests: list[bytes] = []
    looks: list[bytes] = []
    for part in parts:
        joined.paths += part.paths
        joined.unread += part.unread
        digests.append(part.digests)
        looks.append(part.looks)
    joined.digests, joined.looks = b"".join(digests), b"".join(looks)
    return joined


def find_twins(contents: Contents, buckets: int, distance: int | None = None) -> dict[int, Twins]:
    """The images that are the same as others, by bucket, as far as there is something to tell.

    With a `distance`, also those that look like others: of whose hashes no more bits differ.
    """
    halves = np.frombuffer(contents.digests, np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    same = (halves[order][1:] == halves[order][:-1]).all(axis=1)
    found: defaultdict[int, Twins] = defaultdict(Twins)
    for path in contents.unread:
        found[bucket_of(path, buckets)].unread.add(path)
    # Images that are the same are neighbours now: a group ends where the next one is another.
    for group in np.split(order, np.flatnonzero(~same) + 1) if same.any() else []:
        if len(group) > 1:
            paths = [contents.paths[row] for row in group.tolist()]
            for path in paths:
                found[bucket_of(path, buckets)].first[path] = min(paths)
    if distance is not None:
        _find_alike(contents, buckets, distance, found)
    return dict(found)


def _find_alike(contents: Contents, buckets: int, distance: int, found: dict[int, Twins]) -> None:
    """Add the images that look like others. Those of the same bytes are one image here, under the path that sorts first."""
    firsts = [found[bucket_of(path, buckets)].first.get(path, path) for path in contents.paths]
    looks = np.frombuffer(contents.looks, np.uint64)
    for path, look in zip(contents.paths, looks.tolist(), strict=True):
        if look == NO_HASH:
            found[bucket_of(path, buckets)].unseen.add(path)
    one_of = [row for row, path in enumerate(contents.paths) if firsts[row] == path and looks[row] != NO_HASH]
    one_of.sort(key=contents.paths.__getitem__)
    leaders = alike(looks[one_of], distance).tolist()
    paths = [contents.paths[row] for row in one_of]
    several = {leader for row, leader in enumerate(leaders) if leader != row}
    like = {path: paths[leader] for path, leader in zip(paths, leaders, strict=True) if leader in several}
    for path, first in zip(contents.paths, firsts, strict=True):
        if first in like:
            found[bucket_of(path, buckets)].like[path] = like[first]


def alike(looks: npt.NDArray[np.uint64], distance: int) -> Integers:
    """For each of n hashes the first one that stands for it: from the first on, each that none before it stands for stands for itself, and
    for all of which no more than `distance` bits differ from its own.

    So an image is put to one that it resembles itself, and never by way of a third. Hashes that differ in so many bits are the same in at least
    one of `distance` + 1 stretches; only hashes that have a stretch in common are compared.
    """
    leaders = np.full(len(looks), -1, np.int64)
    edges = np.linspace(0, 64, distance + 2).astype(int)
    stretches = []
    for low, high in pairwise(edges.tolist()):
        keys = (looks >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(keys, kind="stable")
        places = [np.searchsorted(keys[order], keys, side) for side in ("left", "right")]
        stretches.append((order, *(place.tolist() for place in places)))
    for row, look in enumerate(looks):
        if leaders[row] < 0:
            near = np.concatenate([order[starts[row] : ends[row]] for order, starts, ends in stretches])
            near = near[leaders[near] < 0]
            leaders[near[np.bitwise_count(looks[near] ^ look) <= distance]] = row
    return leaders


NOT_COMPARED = "not_compared"
"""The oddity of images that --duplicates could not compare."""

NOT_SEEN = "not_seen"
"""The oddity of images that --near-duplicates could not compare."""


def twins_of(images: Images, members: Mapping[str, Sequence[int]], first: Mapping[str, str]) -> list[Twin]:
    """Those of the images, by split, that are not alone; sorted. `first` is the image that each of them is like."""
    return sorted(
        Twin(first[images.paths[row]], images.paths[row], split)
        for split, rows in members.items()
        for row in rows
        if images.paths[row] in first
    )


def not_compared(images: Images, rows: Sequence[int], twins: Twins) -> dict[str, Oddity]:
    """How many of the images at `rows` could not be compared, or not by how they look."""

    def those(paths: Collection[str]) -> Oddity:
        found = [images.paths[row] for row in rows if images.paths[row] in paths]
        return Oddity(len(found), len(rows), min(found, default=""))

    return {NOT_COMPARED: those(twins.unread), **({NOT_SEEN: those(twins.unseen)} if twins.unseen else {})}
