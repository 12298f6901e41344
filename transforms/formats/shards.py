"""Shards of a dataset, TAR, Parquet or Arrow files: those that a source names, their images' place, and marks of our own exports among them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.export.marker import MARKER, read_marker
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.inputs import fingerprint_of
from labelbeam.transforms.formats.jsonl.splits import splits_of
from labelbeam.transforms.formats.plans import Plan, bucket_count
from labelbeam.transforms.images.names import hidden
from labelbeam.transforms.messages.words import counted, printable
from labelbeam.transforms.stores.errors import TooLongError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location


class Shards(NamedTuple):
    """Shards below `root`, by path, in order."""

    root: Location
    paths: Sequence[str]


def shards_of(tree: Tree, endings: tuple[str, ...]) -> Shards | None:
    """The files with one of the endings among the sources: all below a directory, or those that are named; None where there is none.

    Raises:
        StoreError: the directory cannot be listed.
    """
    if tree.root is not None:
        named = tree.visible_of(*{ending.rpartition(".")[2] for ending in endings})
        found = [file.path for file in named if file.path.lower().endswith(endings)]
        return Shards(tree.root, sorted(found)) if found else None
    if not tree.files or len(tree.files) < len(tree.locations):
        return None
    if not all(file.path.lower().endswith(endings) for file in tree.files):
        return None
    root = tree.files[0].parent
    while root is not None and not all(root.holds(file) for file in tree.files):
        root = root.parent
    if root is None:
        return None
    return Shards(root, sorted(file.path[len(root.path) :].lstrip("/") for file in tree.files))


def images_in(root: Location) -> str:
    """The URL of the place of images in the shards of a directory.

    >>> images_in(locate("memory://data", {}))
    'shards://::memory://data'
    """
    return f"shards://::{root.url}"


def exported_as(root: Location, listing: Collection[StoredFile], name: str) -> bool:
    """Tell whether a directory is an export of ours to the format `name`: its outlines combine by XOR, as in records.

    Raises:
        StoreError: its mark cannot be read.
    """
    if not any(file.path == MARKER for file in listing):
        return False
    try:
        marker = read_marker(root)
    except (UsageError, TooLongError):
        return False  # It is of somebody else.
    return marker is not None and marker.format == name


def plan_shards(
    tree: Tree, name: str, shards: Shards, size: Callable[[Sequence[StoredFile]], int]
) -> tuple[Plan, list[StoredFile]]:
    """A plan without units, and the shards as they are listed. `size` says how many bytes of labels the build is to be divided by.

    Raises:
        StoreError: a directory cannot be listed.
        LabelBeamError: there is no shard.
        UsageError: the images are said to be elsewhere.
    """
    root, config = shards.root, tree.config
    if config.images is not None:
        raise UsageError(f"--images: images of {name} are in the shards; leave it out")
    listing = tree.listing_of(root)
    chosen = frozenset(shards.paths)
    found = sorted(file for file in listing.files if file.path in chosen and printable(file.path) == file.path)
    if not found:
        raise LabelBeamError(f"{root.shown}: no shard of {name} among {counted(len(listing.files), 'file')}")
    beside = [file for file in listing.files if is_beside(file.path)]
    fingerprint, covers = fingerprint_of((root.url, file) for file in [*found, *beside])
    images = images_in(root)
    # An earlier run of this process may have read them before they changed.
    locate(images, tree.storage).fs.invalidate_cache()
    plan = Plan(name, "", images, bucket_count(config, size(found)), fingerprint, covers)
    plan.trees = [root.url]
    plan.in_bytes = True
    plan.files = [(root.below(file.path).url, file) for file in found]
    plan.doubts = [Doubt(Doubted.NOT_LISTED, warning) for warning in dict.fromkeys(listing.warnings)]
    if tree.root is not None and (missing := missing_shards([file.path for file in found])):
        message = f"{root.shown}: shards count more of them than there are: {len(missing)} are missing, such as {missing[0]}; fetch them"
        plan.doubts.append(Doubt(Doubted.SHARDS_MISSING, message, len(missing), missing[0]))
    return plan, found


_NUMBERED = re.compile(r"(.*?)(\d{5})-of-(\d{5})(\..*)", re.DOTALL)
_MOST_MISSING = 1000


def missing_shards(paths: Collection[str]) -> list[str]:
    """Shards that the names of others count, as `datasets` numbers them, and that are not there; at most a thousand.

    >>> missing_shards(["data/train-00000-of-00003.parquet", "data/train-00002-of-00003.parquet", "test-00000-of-00001.parquet"])
    ['data/train-00001-of-00003.parquet']
    """
    there = frozenset(paths)
    families = {(match[1], int(match[3]), match[4]) for path in paths if (match := _NUMBERED.fullmatch(path))}
    expected = (
        f"{before}{number:05}-of-{count:05}{after}"
        for before, count, after in sorted(families)
        for number in range(count)
    )
    return list(islice((path for path in expected if path not in there), _MOST_MISSING))


_HASH = re.compile(r"(?<=-of-\d{5})-[0-9a-f]{6,40}\Z")

_BESIDE = (".json", ".txt", ".md", ".yaml", ".yml")


def is_beside(path: str) -> bool:
    """Tell whether a file beside shards may say something of all samples, such as the names of their classes."""
    return path.lower().endswith(_BESIDE) and not hidden(path)


def splits_of_shards(paths: Sequence[str]) -> list[str | None]:
    """The split of each shard, by its name or by a folder's.

    >>> splits_of_shards(["train-000000.tar", "val/0.tar.gz", "data/test-00000-of-00002.parquet", "cc3m-train-01.tar", "cc3m-val-00.tar"])
    ['train', 'validation', 'test', 'train', 'validation']
    >>> splits_of_shards(["data/train-00000-of-00001-b42a775f407cee45.parquet", "data/test-00000-of-00001-3f2c8b4d5e6f7a8b.parquet"])
    ['train', 'test']
    """
    return splits_of([posixpath.join(posixpath.dirname(path), _stem(path)) for path in paths])


def _stem(path: str) -> str:
    """The name of a shard, without the hash that `push_to_hub` wrote behind the number of all in 2022 and 2023."""
    return _HASH.sub("", posixpath.basename(path).partition(".")[0])
