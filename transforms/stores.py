"""Object stores and local disks through fsspec: open, list, read, write. The only module that opens anything.

Rules that hold for every store: a listing is made once and never file by file; a read that comes back short or long is
an error; a file is written in one put, so that nobody ever sees half of it; nothing is read outside the root it was
asked for below, whatever a dataset's names or links say; and no message repeats a credential.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from fsspec import get_filesystem_class
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from schemas.errors import LabelBeamError, UsageError
from transforms.redact import redact

READS_AT_ONCE = 32
"""How many small files are read at the same time; beyond that most stores answer no faster."""

StorageOptions = dict[str, dict[str, Any]]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Location(NamedTuple):
    """A file or directory in a store: `fs` opens it under `path`; `url` opens it anew, on any worker.

    A local `url` is `file://` and the absolute path as it stands, nothing percent-encoded: so fsspec reads it, and so does
    the trainer.
    """

    fs: Any
    path: str
    url: str

    @property
    def local(self) -> bool:
        """Whether it lies on this machine's disk."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def shown(self) -> str:
        """The URL for messages, without credentials."""
        return redact(self.url)

    @property
    def parent(self) -> Location | None:
        """The directory above; None at the top of the store: of a bucket, a container or a host."""
        if self.local:
            above = posixpath.dirname(self.path)
            return None if above == self.path else Location(self.fs, above, f"file://{above}")
        before, protocol, inner, after = _split_url(self.url)
        up, slash, _ = inner.rpartition("/")
        if not inner or not (slash or isinstance(self.fs, (MemoryFileSystem, AbstractArchiveFileSystem))):
            return None
        return Location(self.fs, posixpath.dirname(self.path).rstrip("/"), f"{before}{protocol}{up}{after}")

    def below(self, relative: str) -> Location:
        """The location of `relative`, a path that `safe_relative` has passed, below this directory."""
        path = posixpath.join(self.path, relative) if self.path else relative
        return Location(self.fs, path, f"file://{path}" if self.local else join_url(self.url, relative))

    def holds(self, other: Location) -> bool:
        """Whether `other` is this place or lies below it, by its path."""
        return bool(self.fs == other.fs) and is_below(other.path, self.path)


class StoredFile(NamedTuple):
    """One file of a listing: its path below the listed root, its size, and a token that changes with its content."""

    path: str
    size: int
    token: str


class StoreError(LabelBeamError):
    """A store could not be opened, listed, read or written."""


class MissingFileError(StoreError):
    """There is nothing, or no file, where one was expected."""


def _split_url(url: str) -> tuple[str, str, str, str]:
    """A URL as what stands before, the protocol, the path, and the rest of a chain: of the first link that has a path."""
    links = url.split("::")
    at = next((number for number, link in enumerate(links) if "://" in link), 0)
    protocol, separator, inner = links[at].rpartition("://")
    return "::".join([*links[:at], ""]), protocol + separator, inner, "::".join(["", *links[at + 1 :]])


def join_url(root: str, relative: str) -> str:
    """Append `relative` to a URL; in a chained URL (`zip://dir::s3://…`) to the link that the path belongs to.

    >>> join_url("zip://data::s3://bucket/a.zip", "x/1.jpg")
    'zip://data/x/1.jpg::s3://bucket/a.zip'
    """
    before, protocol, inner, after = _split_url(root)
    return f"{before}{protocol}{posixpath.join(inner, relative) if inner else relative}{after}"


def locate(url: str, options: StorageOptions) -> Location:
    """Open the store that `url` names.

    Raises:
        UsageError: the protocol is unknown, its package is not installed, or it needs other options; or the path is not
            valid UTF-8.
        StoreError: the store cannot be reached.
    """
    if re.search("[\ud800-\udfff]", url):
        raise UsageError(f"{url!r}: the path is not valid UTF-8, so that no record can name what is there; rename it")
    if url.startswith(("file://", "local://")) or (
        "://" not in url and (not _CHAIN.match(url) or os.path.lexists(url))
    ):
        path = _absolute(LocalFileSystem._strip_protocol(url))
        return Location(LocalFileSystem(**options.get("file", {})), path, f"file://{path}")
    # fsspec hands options of protocols that the URL does not name to the store that it does name.
    known = {protocol: options[protocol] for protocol in _protocols(url) if protocol in options}
    try:
        fs, path = url_to_fs(url, **known)
    except (ImportError, ValueError, TypeError) as error:
        why = _missing_package(url) or (
            f"{explain(error, known)}; expected a path or an fsspec URL such as s3://bucket/data, and the options that its "
            "store needs in --storage-options"
        )
        raise UsageError(f"{redact(url)}: {why}") from None
    except Exception as error:  # As in `explained`.
        raise StoreError(f"{redact(url)}: cannot be opened: {explain(error, known)}") from None
    before, protocol, inner, after = _split_url(url)
    return Location(fs, path.rstrip("/"), f"{before}{protocol}{inner.rstrip('/')}{after}")


_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::")
"""How a chain begins whose first link has no path; a local path may hold `::` anywhere else."""


def _absolute(path: str) -> str:
    """An absolute path without `.`, `..` and `//`; `..` leads where the system leads, up from where a link points."""
    parts = path.split("/")
    if ".." in parts:
        last = len(parts) - parts[::-1].index("..")
        path = posixpath.join(os.path.realpath("/".join(parts[:last])), *parts[last:])
    return f"/{posixpath.normpath(path).lstrip('/')}"


def _protocols(url: str) -> list[str]:
    return [link.partition("://")[0] for link in url.split("::")]


_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"} | dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure")


def _missing_package(url: str) -> str | None:
    """What to install, for the first link of the URL that cannot be opened without it; None where nothing is missing."""
    for protocol in _protocols(url):
        try:
            get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            if protocol in _EXTRAS:
                return f"the package that reads {protocol}:// is not installed; run: pip install 'labelbeam[{_EXTRAS[protocol]}]'"
            if isinstance(error, ImportError):
                return f"the package that reads {protocol}:// is not installed: {explain(error)}"
    return None


def explain(error: BaseException, options: StorageOptions | None = None) -> str:
    """An error of a store in one line of words, without credentials or the path, which the caller names."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    text = getattr(error, "strerror", None) or str(error)
    return redact(" ".join(str(text).split())[:400], options) or type(error).__name__


@contextmanager
def explained(location: Location, what: str) -> Iterator[None]:
    """Turn what a store raises into a `StoreError`, and into a `MissingFileError` where nothing is there.

    Every exception counts: those of botocore, of Google's and Azure's packages and of zipfile share no base. So nothing but
    a call of the store stands below it. The original is left out, as it may hold credentials.
    """
    try:
        yield
    except Exception as error:
        kind = MissingFileError if isinstance(error, (FileNotFoundError, NotADirectoryError)) else StoreError
        known = getattr(location.fs, "storage_options", None)
        raise kind(f"{location.shown}: {what}: {explain(error, known)}") from None


_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:/")


def safe_relative(name: str) -> str | None:
    """Normalise an image's name from a dataset to a path below its root, or None when it would leave it.

    Backslashes become `/`; `.` and empty parts go. A drive letter, a leading `/`, `..`, a control character or a lone
    surrogate make a name unsafe.

    >>> safe_relative("batch_1\\\\.//6.jpg"), safe_relative("../6.jpg")
    ('batch_1/6.jpg', None)
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path) or _CONTROL.search(path):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts) if parts and ".." not in parts else None


def within(root: Location, relative: str) -> bool:
    """Whether `relative` stays below `root` once local links are resolved."""
    return not root.local or is_below(os.path.realpath(root.below(relative).path), os.path.realpath(root.path))


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or begins with it; all paths are below "", the root of a store."""
    return not folder or path == folder or path.startswith(f"{folder.rstrip('/')}/")


_MAGIC = re.compile(r"[*?\[]")


def expand(url: str, options: StorageOptions) -> list[Location]:
    """The files that `url` names: itself, or what it matches where it is a glob, sorted by path.

    A name that exists as it stands is taken literally, whatever brackets it holds; so is the longest part of a path that
    does. Hidden files match only a pattern that begins with a dot.

    Raises:
        StoreError: nothing matches, or the store cannot be listed.
    """
    location = locate(url, options)
    with explained(location, "cannot be opened"):
        location.fs.invalidate_cache()  # What an earlier build has left there may be out of date.
    if not _MAGIC.search(location.path) or kind(location) is not None:
        return [location]
    base = location
    while (above := base.parent) is not None:
        base = above
        if not _MAGIC.search(base.path) or kind(base) is not None:
            break
    pattern = location.path[len(base.path) :]
    with explained(location, "cannot be listed"):
        found = location.fs.glob(re.sub(_MAGIC, r"[\g<0>]", base.path) + pattern)
    hidden = posixpath.basename(pattern).startswith(".")
    names = sorted(str(match)[len(base.path) :].lstrip("/") for match in found)
    matches = [base.below(name) for name in names if hidden or not posixpath.basename(name).startswith(".")]
    if not matches:
        raise MissingFileError(f"{location.shown}: nothing matches this glob; expected at least one file")
    return matches


def kind(location: Location) -> str | None:
    """What is there: "file", "directory", or, locally, "other"; None for nothing.

    Raises:
        StoreError: the store does not tell.
    """
    try:
        with explained(location, "cannot be read"):
            return str(location.fs.info(location.path)["type"])
    except MissingFileError:
        return None


def stat(location: Location) -> StoredFile:
    """Size and token of one file.

    Raises:
        MissingFileError: it does not exist, or is a directory.
        StoreError: it cannot be read.
    """
    with explained(location, "cannot be read"):
        info = location.fs.info(location.path)
        token = str(os.stat(location.path).st_mtime_ns) if location.local else content_token(info)
    if info["type"] != "file":
        raise MissingFileError(f"{location.shown}: expected a file, found: {info['type']}")
    if info.get("size") is None:
        raise StoreError(f"{location.shown}: the store does not tell the file's size, without which it cannot be cut")
    return StoredFile(posixpath.basename(location.path), int(info["size"]), token)


_TOKENS = (
    *("ETag", "etag", "content_md5", "Content-MD5", "md5Hash", "crc32c", "CRC"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created"),
)


def content_token(info: dict[str, Any]) -> str:
    """What changes when the content does, from what a listing tells anyway: an ETag or hash, else the time.

    Where a store tells neither, no two tokens are alike: what cannot be known to be unchanged counts as changed.
    """
    return next((str(info[key]) for key in _TOKENS if info.get(key)), uuid4().hex)


def read_range(location: Location, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file.

    Raises:
        StoreError: it cannot be read, or not exactly so many bytes came back (a store that ignores ranges does that).
    """
    if start == end:
        return b""  # Stores refuse an empty range.
    with explained(location, f"bytes {start} to {end} cannot be read"):
        data: bytes = location.fs.cat_file(location.path, start=start, end=end)
    if len(data) != end - start:
        raise StoreError(
            f"{location.shown}: asked for bytes {start} to {end}, expected {end - start} of them, got {len(data)}; "
            "the store ignores ranges, or the file changed while it was read"
        )
    return data


def read_file(location: Location) -> bytes:
    """The whole of a small file.

    Raises:
        StoreError: it cannot be read.
    """
    with explained(location, "cannot be read"):
        data: bytes = location.fs.cat_file(location.path)
    return data


def read_many(root: Location, paths: Sequence[str]) -> list[bytes | StoreError]:
    """Whole small files below `root`, in the order asked for, many at a time; a failure takes the place of its bytes."""

    def read(path: str) -> bytes | StoreError:
        location = root.below(path)
        if not within(root, path):
            return StoreError(f"{location.shown}: is a link out of {root.shown}, which is not followed")
        try:
            return read_file(location)
        except StoreError as error:
            return error

    return in_threads(read, paths)


def in_threads(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """`[call(item) for item in items]`, up to `READS_AT_ONCE` at a time: for calls that wait on a store."""
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(READS_AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))


def put(location: Location, data: bytes) -> None:
    """Write a file in one step: nobody sees it before it is whole.

    Raises:
        StoreError: it cannot be written.
    """
    with explained(location, "cannot be written"):
        if location.local:
            _put_local(Path(location.path), data)
        else:
            location.fs.pipe_file(location.path, data)


def _put_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its own name might be as long as a name may be.
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
