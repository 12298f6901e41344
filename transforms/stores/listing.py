"""List the files of a dataset: each tree once, without leaving it, and with a word for everything that is not listed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem

from labelbeam.transforms.messages.words import is_utf8, printable
from labelbeam.transforms.stores.archives.store import ArchiveStore
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import StoredFile, kind
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.pages import Paged
from labelbeam.transforms.stores.paths import is_below
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.stores.tokens import content_token
from labelbeam.transforms.stores.web.index_pages import IndexPage
from labelbeam.transforms.workers.quiet_gc import quiet_gc

LEADS_OUT = "links that lead out of it, not followed; copy the files into it, or name where they lead as the source"
LEADS_NOWHERE = "links that lead nowhere"
LEADS_INSIDE = "links to directories inside it, not followed; their files are listed where they lie"
NOT_A_FILE = "neither files nor directories, left alone"
ELSEWHERE = "links of index pages to files elsewhere, not followed; name where they are as the source"
NOT_UTF8 = "names that are not valid UTF-8, which no record can hold; rename the files"


class Listing(NamedTuple):
    """The files below a root, sorted by path, and what a person should know of what is not among them.

    Hidden files are among them, and names that are not valid UTF-8 (with a lone surrogate for each bad byte): what
    becomes of these is for the formats to say.
    """

    files: list[StoredFile]
    warnings: list[str]


def list_files(root: Location) -> Listing:
    """Every file below `root`. Links to directories are not followed, so there is no loop and no way out.

    Raises:
        StoreError: `root` is no directory, or it or a directory below cannot be listed. Nothing is passed over.
    """
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    with quiet_gc():
        if root.local:
            _check_directory(root)
            files = _by_path(_walk_local(root, left_out))
        elif root.on_the_web:
            files = sorted(_walk_web(root, left_out))
        else:
            files = without_markers(_by_path(_walk_store(root, left_out)))
            if not files:
                _check_directory(root)  # In many stores a directory is no more than what lies in it.
        for file in files:
            if not file.path.isascii() and not is_utf8(file.path):
                left_out[NOT_UTF8].append(file.path)
    return Listing(files, [_warning(root, why, paths) for why, paths in sorted(left_out.items())])


def _by_path(files: Iterator[StoredFile]) -> list[StoredFile]:
    return sorted(files, key=attrgetter("path"))  # No two are the same, and text is compared sooner than tuples.


def without_markers(files: Sequence[StoredFile]) -> list[StoredFile]:
    """The files of an object store without those of no bytes that only mark a directory.

    Tools name them like the directory, with a slash at the end, or with `_$folder$`.
    """
    empty = [file.path for file in files if not file.size]
    if not empty:
        return list(files)
    folders = {above for file in files for above in _above(file.path)}
    marks = {path for path in empty if path in folders or path.endswith(("/", "_$folder$"))}
    return [file for file in files if file.path not in marks]


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path[: path.rindex("/")]
        yield path


def _check_directory(root: Location) -> None:
    found = kind(root)
    if found != "directory":
        error = MissingFileError if found is None else StoreError
        raise error(
            f"{root.shown}: expected a directory, found: {'a pipe, a socket or a device' if found == 'other' else found or 'nothing'}"
        )


def _warning(root: Location, why: str, paths: list[str]) -> str:
    return f"{root.shown}: {why}: {len(paths)}, such as '{printable(min(paths))}'"


def _walk_local(root: Location, left_out: dict[str, list[str]]) -> Iterator[StoredFile]:
    home = os.path.realpath(root.path)
    folders = [""]
    while folders:
        folder = folders.pop()
        location = root.below(folder) if folder else root
        prefix = f"{folder}/" if folder else ""
        files, others = ask(location, "cannot be listed", partial(_scan, location.path, home, prefix))
        yield from files
        for path, what in others:
            if what == "directory":
                folders.append(path)
            elif what == "file":
                place = root.below(path)
                about: os.stat_result = ask(place, "cannot be listed", partial(os.stat, place.path))
                yield StoredFile(path, about.st_size, str(about.st_mtime_ns))
            else:
                left_out[what].append(path)


def _scan(folder: str, home: str, prefix: str) -> tuple[list[StoredFile], list[tuple[str, str]]]:
    """The files of a directory, and what else it holds, also files that tell nothing of themselves; paths begin with `prefix`."""
    files: list[StoredFile] = []
    others: list[tuple[str, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            what = "file" if entry.is_file(follow_symlinks=False) else _kind_of_other(entry, home)
            try:
                if what == "file":
                    about = entry.stat()
                    files.append(StoredFile(path, about.st_size, str(about.st_mtime_ns)))
                    continue
            except OSError:
                pass  # It is asked for again, by itself.
            others.append((path, what))
    return files, others


def _kind_of_other(entry: os.DirEntry[str], home: str) -> str:
    """ "directory", why it is left out, or "file" for a link to one."""
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    if not entry.is_symlink():
        return NOT_A_FILE
    target = os.path.realpath(entry.path)
    if not os.path.exists(target):
        return LEADS_NOWHERE
    if not is_below(target, home):
        return LEADS_OUT
    if os.path.isdir(target):
        return LEADS_INSIDE
    return "file" if os.path.isfile(target) else NOT_A_FILE


_DEEPEST = 64
"""Directories in each other that index pages are followed into: a server may make up pages without end."""

_MOST_FOLDERS, _MOST_NAMES = 100_000, 10_000_000
"""Directories of a web server that are listed, and names that its pages tell of, for the same reason: also beside each other."""

_PAGES = 64
"""Pages that are asked for together, and held."""

_LOOKED_AT = 1000
"""Files of a web server that are asked for together; if none of them can be had, there is no use in asking on."""


def _walk_web(root: Location, left_out: dict[str, list[str]]) -> Iterator[StoredFile]:
    """Each file below a directory of a web server, by its index pages. These tell no sizes, so each file is asked for its own."""
    ask(root, "cannot be listed", root.fs.invalidate_cache)  # As in `expand`.
    folders, depth, names, seen = [""], 0, 0, 1
    while folders:
        depth += 1
        if depth > _DEEPEST:
            raise StoreError(f"{root.shown}: cannot be listed: directories lie in each other more than {_DEEPEST} deep")
        files: list[str] = []
        below: list[str] = []
        for folder, page in _index_pages(root, folders):
            prefix = f"{folder}/" if folder else ""
            files += [f"{prefix}{name}" for name in page.files]
            below += [f"{prefix}{name}" for name in page.folders]
            if page.elsewhere:
                left_out[ELSEWHERE] += [f"{prefix}{target}" for target in page.elsewhere]
            names += sum(map(len, page))
            if seen + len(below) > _MOST_FOLDERS or names > _MOST_NAMES:
                raise StoreError(
                    f"{root.shown}: cannot be listed: its pages tell of more than {_MOST_FOLDERS} directories or {_MOST_NAMES} "
                    "names, perhaps without end; name a directory further down, or read it by another protocol"
                )
        for start in range(0, len(files), _LOOKED_AT):
            looked = in_threads(partial(_look_at, root), files[start : start + _LOOKED_AT])
            errors = [found for found in looked if isinstance(found, StoreError)]
            if errors and len(errors) == len(looked):
                raise errors[0]
            for path, found in zip(files[start:], looked, strict=False):
                if isinstance(found, StoredFile):
                    yield found
                elif isinstance(found, MissingFileError):
                    left_out[LEADS_NOWHERE].append(path)
                elif isinstance(found, StoreError):
                    yield StoredFile(path, 0, content_token({}))  # Whoever reads it will be told why it cannot be read.
                else:
                    below.append(path)  # Some servers' links to directories do not end in a slash.
        folders, seen = below, seen + len(below)


def _index_pages(root: Location, folders: Sequence[str]) -> Iterator[tuple[str, IndexPage]]:
    for start in range(0, len(folders), _PAGES):
        some = folders[start : start + _PAGES]
        yield from zip(some, in_threads(partial(_index_page, root), some), strict=True)


def _index_page(root: Location, folder: str) -> IndexPage:
    here = root.below(folder) if folder else root
    page: IndexPage = ask(here, "cannot be listed", lambda: root.fs.index_page(here.path))
    return page


def _look_at(root: Location, path: str) -> StoredFile | StoreError | None:
    """A file; None for a directory; or why it cannot be had."""
    here = root.below(path)
    try:
        info = ask(here, "cannot be read", lambda: root.fs.info(here.path))
    except StoreError as error:
        return error
    return StoredFile(path, info["size"], content_token(info)) if info["type"] == "file" else None


def _walk_store(root: Location, left_out: dict[str, list[str]]) -> Iterator[StoredFile]:
    ask(root, "cannot be listed", root.fs.invalidate_cache)  # As in `expand`.
    if isinstance(root.fs, Paged) and root.path:
        yield from ask(root, "cannot be listed", partial(root.fs.files_below, root.path))
        return
    prefix = f"{root.path}/" if root.path or getattr(root.fs, "root_marker", "") else ""
    for name, info in _find(root):
        path = name.removeprefix(prefix)
        if not name.startswith(prefix) or not path:
            continue  # The root itself, which some stores list as well.
        if info["type"] == "file":
            yield StoredFile(path, int(info.get("size") or 0), content_token(info))
        elif info["type"] != "directory":
            left_out[NOT_A_FILE].append(path)
    if isinstance(root.fs, ArchiveStore):
        for why, paths in ask(root, "cannot be listed", partial(root.fs.left_out, root.path)).items():
            left_out[why] += paths


def _find(root: Location) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file below a directory of a store.

    A store's own `find` is one flat listing. The one that fsspec gives to all others passes over directories that it
    cannot list, without a word; these are listed one by one.
    """
    fs = root.fs
    is_flat = type(fs).find is not AbstractFileSystem.find
    if isinstance(fs, AsyncFileSystem):
        is_flat = type(fs)._find is not AsyncFileSystem._find
    if is_flat:
        yield from ask(root, "cannot be listed", lambda: fs.find(root.path, detail=True)).items()
        return
    folders = [root.path]
    while folders:
        folder = folders.pop()
        here = root.below(folder[len(root.path) :].lstrip("/")) if folder != root.path else root
        for info in ask(here, "cannot be listed", partial(fs.ls, folder, detail=True)):
            name = str(info["name"]).rstrip("/")
            if info["type"] != "directory":
                yield name, info
            elif name != folder:
                folders.append(name)
