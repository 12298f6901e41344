"""Files of a build: their names, their entries in a manifest, and the empty ones that complete a set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from labelbeam.schemas.manifest import FileEntry
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.threads import in_threads


def fill(entries: list[FileEntry], names: Sequence[str], build: Location, empty: bytes) -> None:
    """Write those of the files `names` that are not among `entries`, as `empty`, and add them."""
    present = {entry.path for entry in entries}
    missing = [name for name in names if name not in present]
    entries += in_threads(lambda name: write_file(build, name, empty, 0), missing)
    entries.sort(key=lambda entry: entry.path)


SAMPLES = 5
"""How many rejections a receipt repeats, for the summary."""


def shard_name(folder: str, stem: str, bucket: int, buckets: int, suffix: str) -> str:
    """The path of a shard below its build, such as train/train-00000-of-00016.jsonl."""
    return f"{folder}/{stem}-{bucket:05d}-of-{buckets:05d}.{suffix}"


def entry_of(path: str, data: bytes, records: int) -> FileEntry:
    """The entry of a file in the manifest."""
    return FileEntry(path, records, len(data), hashlib.sha256(data).hexdigest())


def write_file(build: Location, name: str, data: bytes, records: int) -> FileEntry:
    """Put one file of a build and return its entry."""
    put(build.below(name), data)
    return entry_of(name, data, records)
