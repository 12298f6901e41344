"""Where things are: URLs of object stores, local disks and archives, and the names below them.

Nothing is read outside the root that it was asked for below, whatever a dataset's names or links say.
"""

from __future__ import annotations

import os
import posixpath
import re
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fsspec import available_protocols, get_filesystem_class
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import registry

from schemas.errors import UsageError
from transforms.stores.errors import StoreError, UnavailableError, explain
from transforms.stores.failures import passes
from transforms.stores.index_pages import quote_path, unquote_path
from transforms.stores.redact import redact
from transforms.stores.retries import repeated

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
    def on_the_web(self) -> bool:
        """Whether a web server has it, which may show directories by index pages or not at all."""
        return self.url.startswith(_WEB)

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
        if not inner or not (slash or protocol in _ARCHIVES or isinstance(self.fs, MemoryFileSystem)):
            return None
        return Location(self.fs, posixpath.dirname(self.path).rstrip("/"), f"{before}{protocol}{up}{after}")

    def below(self, relative: str) -> Location:
        """The location of `relative`, a path that `safe_relative` has passed, below this directory."""
        path = posixpath.join(self.path, relative) if self.path else relative
        return Location(self.fs, path, f"file://{path}" if self.local else join_url(self.url, relative))

    def holds(self, other: Location) -> bool:
        """Whether `other` is this place or lies below it, by its path."""
        return bool(self.fs == other.fs) and is_below(other.path, self.path)


def _links(url: str) -> list[str]:
    """The links of a chained URL; the `::` of a host such as `[::1]` parts nothing."""
    return re.split(r"::(?![0-9A-Fa-f:.]*\])", url)


def _split_url(url: str) -> tuple[str, str, str, str]:
    """A URL as what stands before, the protocol, the path, and the rest: a query, and further links of a chain.

    Of a chain it is the first link that has a path.
    """
    links = _links(url)
    at = next((number for number, link in enumerate(links) if "://" in link), 0)
    rest = "::".join(["", *links[at + 1 :]])
    protocol, separator, inner = links[at].partition("://")
    if f"{protocol}://" in _WEB:
        inner, mark, query = inner.partition("?")
        rest = f"{mark}{query}{rest}"
    return "::".join([*links[:at], ""]), protocol + separator, inner, rest


def join_url(root: str, relative: str) -> str:
    """Append `relative` to a URL; in a chained URL (`zip://dir::s3://…`) to the link that the path belongs to.

    In an address of the web it is percent-encoded and stands before the query.

    >>> join_url("zip://data::s3://bucket/a.zip", "x/1.jpg")
    'zip://data/x/1.jpg::s3://bucket/a.zip'
    >>> join_url("https://host/c?sig=abc", "100%.jpg")
    'https://host/c/100%25.jpg?sig=abc'
    """
    before, protocol, inner, after = _split_url(root)
    if protocol in _WEB:
        relative = quote_path(relative)
    return f"{before}{protocol}{posixpath.join(inner, relative) if inner else relative}{after}"


_WEB = ("http://", "https://")
_ARCHIVES = ("zip://", "tar://")
_ARCHIVE = re.compile("(zip|tar)(?:://|(?=::))")


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
    if url.startswith(_WEB):
        return _locate_on_the_web(url, options)
    if _ARCHIVE.match(url):
        return _locate_in_archive(_ARCHIVE.sub(r"\1://", url, count=1), options)
    # fsspec hands options of protocols that the URL does not name to the store that it does name.
    known = {protocol: options[protocol] for protocol in _protocols(url) if protocol in options}
    try:
        _register(url)
        fs, path = repeated(redact(url), lambda: url_to_fs(url, **known), known)
    except (ImportError, ValueError, TypeError) as error:
        why = _missing_package(url) or (
            f"{explain(error, known)}; expected a path or an fsspec URL such as s3://bucket/data, and the options that its "
            "store needs in --storage-options"
        )
        raise UsageError(f"{redact(url)}: {why}") from None
    except Exception as error:  # As in `ask`.
        kind = UnavailableError if passes(error) else StoreError
        raise kind(f"{redact(url)}: cannot be opened: {explain(error, known)}") from None
    before, protocol, inner, after = _split_url(url)
    return Location(fs, path.rstrip("/"), f"{before}{protocol}{inner.rstrip('/')}{after}")


def locate_target(option: str, url: str, options: StorageOptions) -> Location:
    """`locate` what `option` names as a place to write to.

    Raises:
        UsageError: nothing can be written there; and as in `locate`.
        StoreError: as in `locate`.
    """
    location = locate(url, options)
    protocol = _split_url(url)[1]
    if protocol in (*_WEB, *_ARCHIVES):
        what = "a web server" if protocol in _WEB else "an archive"
        raise UsageError(
            f"{option}: {location.shown} is read only, as {what} is; expected a directory, or a store that takes files, "
            "such as az://container/path or s3://bucket/path"
        )
    return location


_REMOTE = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""The modules of `transforms.stores.remote`, by protocol."""


def _register(url: str) -> None:
    """Have fsspec know the stores of a URL as this project needs them.

    Raises:
        ImportError: the package of one is not installed.
        ValueError: a protocol is unknown; fsspec would take a short one for a Windows drive.
    """
    for protocol in _protocols(url):
        if protocol in _REMOTE:
            import_module(f"transforms.stores.remote.{_REMOTE[protocol]}")
        elif f"{protocol}://" in url and protocol not in {*available_protocols(), *registry}:
            raise ValueError(f"Protocol not known: {protocol}")


_opened: dict[str, Any] = {}
_opening = threading.Lock()


def _open_once(key: str, make: Callable[[], Any]) -> Any:
    """The one store of this process for `key`: it keeps connections, or what is in an archive, for all threads."""
    with _opening:
        if key not in _opened:
            _opened[key] = make()
        return _opened[key]


def _locate_on_the_web(url: str, options: StorageOptions) -> Location:
    _, protocol, inner, query = _split_url(url)
    host, _, path = inner.partition("/")
    known = options.get(protocol.removesuffix("://"), {})
    try:
        from transforms.stores.web import HttpStore  # aiohttp takes long to load, and may be missing.

        _ = urlsplit(protocol + host).port  # Raises where it is none.
        key = repr((protocol, host, query, sorted(known.items())))
        fs = _open_once(key, lambda: HttpStore(protocol + host, query.removeprefix("?"), **known))
    except ImportError:
        raise UsageError(f"{redact(url)}: {_install(protocol.removesuffix('://'))}") from None
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{redact(url)}: {explain(error, known)}; expected an address such as https://host/path, and in --storage-options "
            "no more than headers, timeout, ssl, proxy and client_kwargs"
        ) from None
    return Location(fs, unquote_path(path).strip("/"), f"{protocol}{inner.rstrip('/')}{query}")


def _locate_in_archive(url: str, options: StorageOptions) -> Location:
    _, protocol, inner, after = _split_url(url)
    name = protocol.removesuffix("://")
    if not after:
        raise UsageError(
            f"{redact(url)}: names no archive; expected {name}://PATH/IN/IT::ARCHIVE, such as {name}://::data/coco.{name}"
        )
    if name in options:
        raise UsageError(
            f"{redact(url)}: --storage-options: {name} takes none; those of the store that the archive lies in stand under "
            "its own protocol"
        )
    from transforms.stores.archives import open_archive  # As above: only who reads archives loads what reads them.

    archive = locate(after.removeprefix("::"), options)
    inside = posixpath.normpath(inner.strip("/"))
    inside = "" if inside == "." else inside
    if inside == ".." or inside.startswith("../"):
        raise UsageError(f"{redact(url)}: the path leaves the archive; expected one in it")
    fs = _open_once(repr((name, archive.url)), lambda: open_archive(name, archive.fs, archive.path, archive.shown))
    return Location(fs, inside, f"{protocol}{inside}::{archive.url}")


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
    return [link.partition("://")[0] for link in _links(url)]


_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
_EXTRAS |= dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure")


def _missing_package(url: str) -> str | None:
    """What to install, for the first link of the URL that cannot be opened without it; None where nothing is missing."""
    for protocol in _protocols(url):
        try:
            _register(f"{protocol}://")
            get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            if protocol in _EXTRAS:
                return _install(protocol)
            if isinstance(error, ImportError):
                return f"the package that reads {protocol}:// is not installed: {explain(error)}"
    return None


def _install(protocol: str) -> str:
    return f"the package that reads {protocol}:// is not installed; run: pip install 'labelbeam[{_EXTRAS[protocol]}]'"


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


def is_of_this_machine(url: str) -> bool:
    """Whether a URL names this machine's disk or memory, itself or as what an archive lies on.

    >>> [is_of_this_machine(url) for url in ("data/a.json", "zip://x::/a.zip", "zip://x::s3://b/a.zip")]
    [True, True, False]
    """
    protocol, separator, _ = _links(url)[-1].partition("://")
    return not separator or protocol in ("file", "local", "memory")


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or begins with it; all paths are below "", the root of a store."""
    return not folder or path == folder or path.startswith(f"{folder.rstrip('/')}/")
