"""Contents of a published build, as they were published."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing

import msgspec

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import FileEntry
from labelbeam.schemas.records import RECORDS, Record
from labelbeam.transforms.stores.errors import ChangedFileError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many


def published_files(build: Location, entries: Sequence[FileEntry]) -> Generator[bytes, None, None]:
    """The bytes of files of a build, in order, a few read ahead.

    Raises:
        StoreError: one cannot be read.
        LabelBeamError: one has not the hash that the manifest says.
    """
    with closing(read_many(build, [entry.path for entry in entries], [entry.bytes for entry in entries])) as contents:
        for entry, content in zip(entries, contents, strict=True):
            if isinstance(content, Exception) and not isinstance(content, ChangedFileError):
                raise content
            if isinstance(content, ChangedFileError) or hashlib.sha256(content).hexdigest() != entry.sha256:
                raise LabelBeamError(
                    f"{build.below(entry.path).shown}: is not the file that was published; labelbeam verify says more"
                )
            yield content


def records_of(data: bytes, task: str, shown: str) -> list[Record]:
    """The records of a shard of JSON Lines, which messages call `shown`.

    Raises:
        LabelBeamError: a line is no record of the task.
    """
    try:
        return msgspec.json.Decoder(RECORDS[task]).decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LabelBeamError(
            f"{shown}: {error}; expected records of {task}. labelbeam verify says which lines are none"
        ) from None
