"""Object stores and local disks through fsspec: open, list, read, write. The only module that opens anything.

Rules that hold for every store: a listing is made once and never file by file; a read that comes back short or long is
an error; a file is written in one put, so that nobody ever sees half of it; nothing is read outside the root it was
asked for below, whatever a dataset's names or links say.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from schemas.errors import LabelBeamError, UsageError

READS_AT_ONCE = 32
"""How many small files are read at the same time; beyond that most stores answer no faster."""

StorageOptions = dict[str, dict[str, Any]]


class Location(NamedTuple):
    """A file or directory in a store: `fs` opens it under `path`; `url` is how a person names it."""

    fs: Any
    path: str
    url: str

    @property
    def local(self) -> bool:
        """Whether it lies on this machine's disk."""
        return isinstance(self.fs, LocalFileSystem)

    def below(self, relative: str) -> Location:
        """The location of `relative`, a path that `safe_relative` has passed, below this directory."""
        joined = posixpath.join(self.path, relative) if self.path else relative
        return Location(self.fs, joined, join_url(self.url, relative))


class StoredFile(NamedTuple):
    """One file of a listing: its path below the listed root, its size, and a token that changes with its content."""

    path: str
    size: int
    token: str


class StoreError(LabelBeamError):
    """A store could not be opened, listed, read or written."""


def join_url(root: str, relative: str) -> str:
    """Append `relative` to a URL; in a chained URL (`zip://dir::s3://…`) to its first link.

    >>> join_url("zip://data::s3://bucket/a.zip", "x/1.jpg")
    'zip://data/x/1.jpg::s3://bucket/a.zip'
    """
    first, chain, rest = root.partition("::")
    slash = "" if first.endswith("/") or not relative else "/"
    return f"{first}{slash}{relative}{chain}{rest}"


def locate(url: str, options: StorageOptions) -> Location:
    """Open the store that `url` names.

    Raises:
        UsageError: the protocol is unknown, or its package is not installed.
        StoreError: the store cannot be reached.
    """
    try:
        fs, path = url_to_fs(url, **options)
    except ImportError as error:
        protocol = url.partition("://")[0]
        extra = {"s3": "s3", "az": "azure", "abfs": "azure", "abfss": "azure", "gs": "gcs", "gcs": "gcs"}.get(protocol)
        hint = f"pip install 'labelbeam[{extra}]'" if extra else str(error)
        raise UsageError(f"{url}: the package that reads {protocol}:// is not installed; run: {hint}") from None
    except ValueError as error:
        raise UsageError(f"{url}: {error}; expected a path or an fsspec URL such as s3://bucket/data") from None
    except OSError as error:
        raise StoreError(f"{url}: cannot be opened: {explain(error)}") from None
    if isinstance(fs, LocalFileSystem):
        return Location(fs, path, Path(path).as_uri() if "%" not in path else f"file://{path}")
    return Location(fs, path.rstrip("/"), url.rstrip("/"))


def explain(error: BaseException) -> str:
    """An error of a store in words, without the object's repr or a path that repeats what the caller names."""
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()


def replace_path(location: Location, path: str) -> Location:
    """The same store at a directory above `location`."""
    up = len(location.path) - len(path)
    first, chain, rest = location.url.partition("::")
    return Location(location.fs, path, f"{first[:-up] if up else first}{chain}{rest}")


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


def expand(url: str, options: StorageOptions) -> list[Location]:
    """The files that `url` names: itself, or what it matches where it is a glob, sorted by path.

    A name that exists as it stands is taken literally, whatever brackets it holds.

    Raises:
        StoreError: nothing is there.
    """
    location = locate(url, options)
    try:
        if not re.search(r"[*?\[]", location.path) or location.fs.exists(location.path):
            return [location]
        matches = sorted(location.fs.glob(location.path))
    except OSError as error:
        raise StoreError(f"{url}: cannot be listed: {explain(error)}") from None
    if not matches:
        raise StoreError(f"{url}: nothing matches this glob; expected at least one file")
    if location.local:
        return [locate(match, options) for match in matches]
    first, chain, rest = url.partition("::")
    protocol = first.partition("://")[0]
    return [
        Location(location.fs, match, f"{protocol}://{match.lstrip('/')}{chain}{rest}") for match in map(str, matches)
    ]


def list_files(root: Location) -> list[StoredFile]:
    """Every file below `root`, sorted by path. Links to directories are not followed, so no loop and no way out.

    Raises:
        StoreError: `root` is no directory, or cannot be read.
    """
    if root.local:
        return sorted(_walk(Path(root.path)))
    try:
        found = root.fs.find(root.path, detail=True)
    except OSError as error:
        raise StoreError(f"{root.url}: cannot be listed: {explain(error)}") from None
    prefix = f"{root.path.rstrip('/')}/" if root.path else ""
    return sorted(
        StoredFile(str(path).removeprefix(prefix), int(info.get("size") or 0), content_token(info))
        for path, info in found.items()
        if info["type"] == "file" and str(path).startswith(prefix)
    )


def _walk(root: Path) -> Iterator[StoredFile]:
    if not root.is_dir():
        raise StoreError(f"{root}: expected a directory, found {'a file' if root.exists() else 'nothing'}")
    home = root.resolve()

    def refuse(error: OSError) -> None:
        raise StoreError(f"{error.filename}: cannot be listed: {explain(error)}")

    for folder, _, names in os.walk(root, onerror=refuse):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                continue
            try:
                stat = path.stat()
                name.encode()
            except (FileNotFoundError, UnicodeEncodeError):
                continue
            yield StoredFile(path.relative_to(root).as_posix(), stat.st_size, f"{stat.st_mtime_ns}")


def content_token(info: dict[str, Any]) -> str:
    """What changes when the content does, from what a listing tells anyway: an ETag or hash, else the time."""
    for key in ("ETag", "etag", "content_md5", "md5Hash", "crc32c", "CRC", "mtime", "LastModified", "last_modified"):
        if info.get(key):
            return str(info[key])
    return ""


def stat(location: Location) -> StoredFile:
    """Size and token of one file.

    Raises:
        StoreError: it does not exist, is a directory, or cannot be read.
    """
    try:
        info = location.fs.info(location.path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{location.url}: cannot be read: {explain(error)}") from None
    if info["type"] != "file":
        raise StoreError(f"{location.url}: expected a file, found a {info['type']}")
    return StoredFile(posixpath.basename(location.path), int(info["size"] or 0), content_token(info))


def read_range(location: Location, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file.

    Raises:
        StoreError: it cannot be read, or not exactly so many bytes came back (a store that ignores ranges does that).
    """
    try:
        data: bytes = location.fs.cat_file(location.path, start=start, end=end)
    except (OSError, ValueError) as error:
        raise StoreError(f"{location.url}: bytes {start} to {end} cannot be read: {explain(error)}") from None
    if len(data) != end - start:
        raise StoreError(
            f"{location.url}: asked for bytes {start} to {end}, expected {end - start} of them, got {len(data)}; "
            "the store ignores ranges, or the file changed while it was read"
        )
    return data


def read_file(location: Location) -> bytes:
    """The whole of a small file.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        data: bytes = location.fs.cat_file(location.path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{location.url}: cannot be read: {explain(error)}") from None
    return data


def read_many(root: Location, paths: Sequence[str]) -> list[bytes | StoreError]:
    """Whole small files below `root`, in the order asked for, many at a time; a failure takes the place of its bytes."""

    def read(path: str) -> bytes | StoreError:
        if not within(root, path):
            return StoreError(f"{root.below(path).url}: is a link out of {root.url}, which is not followed")
        try:
            return read_file(root.below(path))
        except StoreError as error:
            return error

    return in_threads(read, paths)


def in_threads(call: Any, items: Sequence[Any]) -> list[Any]:
    """`[call(item) for item in items]`, up to `READS_AT_ONCE` at a time: for calls that wait on a store."""
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(READS_AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))


def within(root: Location, relative: str) -> bool:
    """Whether `relative` stays below `root` once local links are resolved."""
    if not root.local:
        return True
    return Path(root.path, relative).resolve().is_relative_to(Path(root.path).resolve())


def put(location: Location, data: bytes) -> None:
    """Write a file in one step: nobody sees it before it is whole.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        if location.local:
            _put_local(Path(location.path), data)
        else:
            location.fs.pipe_file(location.path, data)
    except (OSError, ValueError) as error:
        raise StoreError(f"{location.url}: cannot be written: {explain(error)}") from None


def _put_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
