"""Open the store that a URL names: of fsspec, a web server, or an archive in any of them."""

from __future__ import annotations

import os
import posixpath
import re
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from fsspec import available_protocols, get_filesystem_class
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import registry

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import ShortageError, StoreError, UnavailableError, explain
from labelbeam.transforms.stores.failures import is_retryable, is_shortage
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import ARCHIVES, WEB, links_of, split_url, unquote_path
from labelbeam.transforms.stores.retries import repeated

_ARCHIVE = re.compile("(zip|tar|shards)(?:://|(?=::))")


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
    if url.startswith(WEB):
        return _locate_on_the_web(url, options)
    if _ARCHIVE.match(url):
        return _locate_in_archive(_ARCHIVE.sub(r"\1://", url, count=1), options)
    # fsspec hands options of protocols that the URL does not name to the store that it does name.
    known = {protocol: options[protocol] for protocol in _protocols(url) if protocol in options}
    try:
        _register(url)
        fs, path = repeated(url, lambda: url_to_fs(url, **known), known)
    except (ImportError, ValueError, TypeError) as error:
        why = _missing_package(url) or (
            f"{explain(error, known)}; expected a path or an fsspec URL such as s3://bucket/data, and the options that its "
            "store needs in --storage-options or in the environment"
        )
        raise UsageError(f"{redact(url)}: {why}") from None
    except Exception as error:  # As in `ask`.
        kind = ShortageError if is_shortage(error) else UnavailableError if is_retryable(error) else StoreError
        raise kind(f"{redact(url)}: cannot be opened: {explain(error, known)}") from None
    before, protocol, inner, after = split_url(url)
    return Location(fs, path.rstrip("/"), f"{before}{protocol}{inner.rstrip('/')}{after}")


def locate_target(option: str, url: str, options: StorageOptions) -> Location:
    """`locate` what `option` names as a place to write to.

    Raises:
        UsageError: nothing can be written there; and as in `locate`.
        StoreError: as in `locate`.
    """
    location = locate(url, options)
    protocol = split_url(url)[1]
    if protocol not in (*WEB, *ARCHIVES) and (why := _elsewhere(url, location)):
        raise UsageError(f"{option}: {location.shown}: {why}")
    if protocol in (*WEB, *ARCHIVES):
        what = "a web server" if protocol in WEB else "an archive"
        raise UsageError(
            f"{option}: {location.shown} is read only, as {what} is; expected a directory, or a store that takes files, "
            "such as az://container/path or s3://bucket/path"
        )
    return location


def _elsewhere(url: str, location: Location) -> str | None:
    """Reason why what is written would come to lie elsewhere than a person who gives this URL expects; None where it would not."""
    if location.local:
        said, separator, path = url.partition("://")
        if separator and said in ("file", "local") and not path.startswith(("/", "~", ".")):
            return f"would be {location.path}; expected {said}:// and an absolute path, or a path alone"
        protocol, colon, _ = url.partition(":")
        known = {*_REMOTE, *available_protocols(), *_LOOKS_LIKE} - {"file", "local"}
        if colon and not separator and protocol.lower() in known and not os.path.lexists(location.path):
            return f"would be a directory of this machine, {location.path}; expected {protocol}://…, or ./{url}"
        return None
    if len(links_of(url)) > 1:
        return "is read by way of another store, and would be written to that one alone; expected a URL of one store"
    if isinstance(location.fs, MemoryFileSystem):
        return "is in this process alone, and gone when it ends; expected a directory, or a store"
    names = split_url(location.url)[2].split("/")
    if any(name in ("", ".", "..") for name in names) or any(mark in location.url for mark in "?#"):
        return "stores make other names of empty ones, of `.` and `..`, and of what comes behind ? and #; expected a plain path"
    return None


_LOOKS_LIKE = ("https", "http", "wasbs", "wasb", "azureml")

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
            import_module(f"labelbeam.transforms.stores.remote.{_REMOTE[protocol]}")
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
    _, protocol, inner, query = split_url(url)
    host, _, path = inner.partition("/")
    known = options.get(protocol.removesuffix("://"), {})
    try:
        # aiohttp takes long to load, and may be missing.
        from labelbeam.transforms.stores.web.store import HttpStore

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
    _, protocol, inner, after = split_url(url)
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
    archive = locate(after.removeprefix("::"), options)
    inside = posixpath.normpath(inner.strip("/"))
    inside = "" if inside == "." else inside
    if inside == ".." or inside.startswith("../"):
        raise UsageError(f"{redact(url)}: the path leaves the archive; expected one in it")
    # As above: only who reads archives loads what reads them.
    if name == "shards":
        from labelbeam.transforms.stores.shards.store import ShardStore

        fs = _open_once(repr((name, archive.url)), lambda: ShardStore(archive))
    else:
        from labelbeam.transforms.stores.archives.store import open_archive

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
    return [link.partition("://")[0] for link in links_of(url)]


_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
_EXTRAS |= dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure")


def _missing_package(url: str) -> str | None:
    """Advice on what to install, for the first link of the URL that cannot be opened without it; None where nothing is missing."""
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
