"""Images whose files are the same, byte by byte: found before anything is written, so that each may be written once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from labelbeam.schemas.manifest import Oddity, Twin
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.hashes import bucket_of, sample_hash
from labelbeam.transforms.columns.images import Images
from labelbeam.transforms.columns.listed import join_listed
from labelbeam.transforms.images.names import too_long
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import leads_out
from labelbeam.transforms.stores.reading import LARGEST, read_many
from labelbeam.transforms.workers import parcels

DIGEST = 16
"""Bytes of a hash by which files are compared."""


@dataclass(slots=True)
class Contents:
    """Paths of n images, and the hashes of what their files hold, one after the other; and the paths that could not be read."""

    paths: list[str] = field(default_factory=list)
    digests: bytes = b""
    unread: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Twins:
    """What was found of the images of a bucket: for the path of each that is not alone, the one that sorts first among the same; and
    those that could not be read.
    """

    first: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)


def contents_of(fragments: Iterable[Fragment], root: Location, sampled: int | None) -> Contents:
    """Read the images of a bucket that may be written; one that cannot be read has no content to compare.

    Images that are named by a URL are never fetched.
    """
    fragments = list(fragments)
    every = {path for fragment in fragments for path in fragment.images.read_paths()}
    paths = {path for path in every if sampled is None or sample_hash(path) < sampled}
    wanted = sorted(path for path in paths if "://" not in path and not (too_long(path) or leads_out(path)))
    listed = join_listed([fragment.listed for fragment in fragments if fragment.listed is not None])
    sizes = [(file.size or None) if (file := listed.find(path)) is not None else None for path in wanted]
    found: dict[str, bytes] = {}
    # What is of no known size takes memory by what arrives.
    with closing(
        read_many(root, wanted, sizes, [_LARGEST_UNKNOWN if size is None else LARGEST for size in sizes])
    ) as arriving:
        for path, data in zip(wanted, arriving, strict=True):
            if isinstance(data, bytes):
                found[path] = hashlib.blake2b(data, digest_size=DIGEST).digest()
    return Contents([*found], b"".join(found.values()), sorted(path for path in paths if path not in found))


_LARGEST_UNKNOWN = 64 * 2**20
"""Bytes of an image whose size no listing tells; a longer one is not compared, and told."""


def hash_bucket(encoded: Sequence[bytes], root: str, storage: StorageOptions, sampled: int | None) -> Contents:
    """Read the images of one bucket, which lie below the URL `root`, from its encoded fragments."""
    return contents_of((decode(parcels.unwrap(data)) for data in encoded), locate(root, storage), sampled)


def join_contents(parts: Iterable[Contents]) -> Contents:
    """All images of `parts`."""
    joined = Contents()
    digests: list[bytes] = []
    for part in parts:
        joined.paths += part.paths
        joined.unread += part.unread
        digests.append(part.digests)
    joined.digests = b"".join(digests)
    return joined


def find_twins(contents: Contents, buckets: int) -> dict[int, Twins]:
    """The images that are the same as others, by bucket, as far as there is something to tell."""
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
    return dict(found)


NOT_COMPARED = "not_compared"
"""The oddity of images that --duplicates could not compare."""


def twins_of(images: Images, members: Mapping[str, Sequence[int]], twins: Twins) -> list[Twin]:
    """Those of the images, by split, that are not alone; sorted."""
    return sorted(
        Twin(twins.first[images.paths[row]], images.paths[row], split)
        for split, rows in members.items()
        for row in rows
        if images.paths[row] in twins.first
    )


def not_compared(images: Images, rows: Sequence[int], twins: Twins) -> dict[str, Oddity]:
    """How many of the images at `rows` could not be compared."""
    unread = [images.paths[row] for row in rows if images.paths[row] in twins.unread]
    return {NOT_COMPARED: Oddity(len(unread), len(rows), min(unread, default=""))}
