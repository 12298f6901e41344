"""Globs: the files and directories that a pattern names.

fsspec's own passes over directories that it cannot list: a store that refuses or fails once would make files vanish without a
word. Here each directory that the pattern leads through is listed by itself, and a failure is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from fsspec.utils import glob_translate

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import Directory, kind, list_directory
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import in_threads

_MAGIC = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{(?:(\d{1,9})\.\.(\d{1,9})|([^{},]*(?:,[^{},]*)+))\}")

MOST_NAMES = 100_000
"""Names that braces may stand for."""


def expand(url: str, options: StorageOptions) -> list[Location]:
    """The files and directories that `url` names: itself, or what it matches where it is a glob, sorted by path.

    `*`, `?` and `[…]` match in one name, `**` any number of directories. A name that exists as it stands is taken literally,
    whatever brackets it holds; so is the longest part of a path that does. Hidden names match only a pattern that begins with
    a dot. `{000..123}` and `{a,b}` stand for one name each, as in a shell, and in WebDataset's names of shards.

    Raises:
        StoreError: nothing matches, or the store cannot be listed.
        UsageError: braces stand for too many names.
    """
    location = locate(url, options)
    # What an earlier build has left may be out of date.
    ask(location, "cannot be opened", location.fs.invalidate_cache)
    if _BRACES.search(url) and kind(location) is None:
        return [found for name in names_of(url) for found in expand(name, options)]
    if not _MAGIC.search(location.path) or kind(location) is not None:
        return [location]
    base = above_glob(location)
    pattern = location.path[len(base.path) :].strip("/").split("/")
    matches = [base.below(path) if path else base for path in sorted(set(_matches(base, pattern)))]
    if not matches:
        raise MissingFileError(f"{location.shown}: nothing matches this glob; expected at least one file")
    return matches


def names_of(url: str) -> list[str]:
    """The names that the braces in a URL stand for, in order.

    >>> names_of("a-{08..11}.tar"), names_of("{a,b}/{0..1}")
    (['a-08.tar', 'a-09.tar', 'a-10.tar', 'a-11.tar'], ['a/0', 'a/1', 'b/0', 'b/1'])

    Raises:
        UsageError: they stand for too many names.
    """
    names = [url]
    while any(map(_BRACES.search, names)):
        made: list[str] = []
        for name in names:
            found = _BRACES.search(name)
            values = (
                [name]
                if found is None
                else [f"{name[: found.start()]}{value}{name[found.end() :]}" for value in _values(found, url)]
            )
            made += values
            if len(made) > MOST_NAMES:
                raise _too_many(url)
        names = made
    return names


def _values(found: re.Match[str], url: str) -> Iterator[str]:
    first, last, listed = found.groups()
    if listed is not None:
        yield from listed.split(",")
        return
    low, high = int(first), int(last)
    if abs(high - low) >= MOST_NAMES:
        raise _too_many(url)
    # As a shell does it: as many digits as the longer one has, where either begins with a zero.
    width = max(len(first), len(last)) if any(len(text) > 1 and text[0] == "0" for text in (first, last)) else 0
    step = 1 if low <= high else -1
    for number in range(low, high + step, step):
        yield f"{number:0{width}}"


def _too_many(url: str) -> UsageError:
    return UsageError(f"{redact(url)}: its braces stand for more than {MOST_NAMES:,} names")


def above_glob(location: Location) -> Location:
    """The directory that a glob begins from: the deepest one above it whose path exists as it stands.

    Raises:
        StoreError: the store does not tell what exists.
    """
    base = location
    while (above := base.parent) is not None:
        base = above
        if not _MAGIC.search(base.path) or kind(base) is not None:
            break
    return base


def _matches(base: Location, pattern: list[str]) -> list[str]:
    """The paths below `base` that the names of `pattern`, from the top, match."""
    found = [""]
    for number, name in enumerate(pattern):
        is_last = number == len(pattern) - 1
        if name == "**":
            found = _everything(base, found, with_files=is_last)
        elif _MAGIC.search(name):
            regex = re.compile(glob_translate(name))
            found = [
                _join(folder, entry)
                for folder, held in zip(found, _listed(base, found), strict=True)
                for entry in (*held.folders, *(file.path for file in held.files if is_last))
                if regex.match(entry) and (name.startswith(".") or not entry.startswith("."))
            ]
        else:
            found = [_join(folder, name) for folder in found]
    if not _MAGIC.search(pattern[-1]):
        kinds = in_threads(lambda path: kind(base.below(path)), found)
        found = [path for path, what in zip(found, kinds, strict=True) if what is not None]
    return found


def _everything(base: Location, folders: list[str], with_files: bool) -> list[str]:
    """The folders and all below them, each once though a link may lead back up."""
    found: list[str] = []
    seen: set[str] = set()
    level = folders
    while level:
        if base.local:
            level = [folder for folder in level if not _seen(os.path.realpath(_at(base, folder).path), seen)]
        found += level
        below: list[str] = []
        for folder, held in zip(level, _listed(base, level), strict=True):
            below += [_join(folder, entry) for entry in held.folders if not entry.startswith(".")]
            if with_files:
                found += [_join(folder, file.path) for file in held.files if not file.path.startswith(".")]
        level = below
    return found


def _seen(path: str, seen: set[str]) -> bool:
    was_seen = path in seen
    seen.add(path)
    return was_seen


def _listed(base: Location, folders: Iterable[str]) -> list[Directory]:
    return in_threads(lambda folder: list_directory(_at(base, folder)), list(folders))


def _at(base: Location, path: str) -> Location:
    return base.below(path) if path else base


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
