"""Marker of an export: what it was made from, and which files are its own. It is put last, and nothing else says that it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.words import counted, printable
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded

MARKER = "labelbeam-export.json"
"""The marker of an export that is whole."""

UNFINISHED = "labelbeam-export.unfinished"
"""The marker of one that is under way, or was killed."""

_NOTE = re.compile(r"labelbeam-export\.unfinished-[0-9a-f]{32}")


def note_name() -> str:
    """A new name for a note of the files that an export is about to put: what a killed one has left is told from files of others by it."""
    return f"{UNFINISHED}-{uuid4().hex}"


def is_note(path: str) -> bool:
    """Tell whether a file at a destination is such a note."""
    return _NOTE.fullmatch(path) is not None


class Marker(msgspec.Struct):
    """`labelbeam-export.json`. `files` are the sizes of all files of the export but this one, by path."""

    format_version: int
    format: str
    build: str
    labelbeam_version: str
    task: str
    splits: dict[str, dict[str, int]]
    not_held: dict[str, int]
    files: dict[str, int]


class Unfinished(msgspec.Struct):
    """`labelbeam-export.unfinished`: the run, the files of an earlier export that are there still, as in its marker, and those that
    killed runs had begun to put, some perhaps over these.
    """

    run: str
    before: dict[str, int] = {}
    begun: list[str] = []


class Note(msgspec.Struct):
    """`labelbeam-export.unfinished-…`: files that are about to be put."""

    files: list[str]


def encode_marker(marker: Marker | Unfinished | Note) -> bytes:
    """The bytes of a marker: the same for the same export."""
    return msgspec.json.format(msgspec.json.encode(marker), indent=2) + b"\n"


def read_marker(dest: Location) -> Marker | None:
    """The marker of the export at `dest`, None where there is none.

    Raises:
        UsageError: what is there is none of ours.
        StoreError: it cannot be read.
    """
    return _read(dest.below(MARKER), Marker)


def read_unfinished(dest: Location) -> Unfinished | None:
    """The same of an export that is under way, or was killed."""
    return _read(dest.below(UNFINISHED), Unfinished)


def read_note(dest: Location, name: str) -> Note:
    """A note that the export has left; one that is gone by now names nothing."""
    return _read(dest.below(name), Note) or Note([])


_Form = TypeVar("_Form", Marker, Unfinished, Note)


def _read(place: Location, form: type[_Form]) -> _Form | None:
    try:
        data = read_bounded(place, DOCUMENT)
    except MissingFileError:
        return None
    found: _Form | None = None
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = msgspec.json.decode(data, type=form)
    # Whoever can write there can write a marker, and what it names is removed.
    if found is None or any(safe_relative(path) != path for path in _files_of(found)):
        raise UsageError(
            f"DEST: {place.shown}: is no marker of an export by labelbeam; name another directory, or an empty one"
        )
    return found


def _files_of(marker: Marker | Unfinished | Note) -> Iterable[str]:
    return [*marker.before, *marker.begun] if isinstance(marker, Unfinished) else marker.files


def check_ours(dest: Location, found: Sequence[tuple[str, int]], ours: Mapping[str, int]) -> None:
    """Make sure that the files `found` at `dest`, by path and size, are all of an earlier export.

    Raises:
        UsageError: one is not, or has changed since.
    """
    foreign = [
        path
        for path, size in found
        if path not in (MARKER, UNFINISHED) and not is_note(path) and ours.get(path) != size
    ]
    if foreign:
        first = min(foreign)
        what = (
            "has another size than the export before gave it" if first in ours else "is not of an export by labelbeam"
        )
        raise UsageError(
            f"DEST: {dest.shown} is not empty: {printable(first)} {what} ({counted(len(foreign), 'such file')}); nothing was removed. Name an "
            "empty directory, or one that only holds an earlier export"
        )
