"""Where things are: URLs of object stores, local disks and archives, and the names below them.

Nothing is read outside the root that it was asked for below, whatever a dataset's names or links say.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import Any, NamedTuple

from fsspec import get_filesystem_class
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from schemas.errors import UsageError
from transforms.redact import redact
from transforms.store_errors import StoreError, explain

StorageOptions = dict[str, dict[str, Any]]


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
    except Exception as error:  # As in `ask`.
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
