"""Places that lie in each other, whatever links, mounts and protocols lead to them."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from pathlib import Path
from typing import Any

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import is_below, links_of


def lies_in(inner: Location, outer: Location, options: StorageOptions) -> bool:
    """Tell whether `inner` is `outer` or lies below it; an archive, and what is read by way of a cache, lie where their files do.

    Where in doubt it does: `.`, `..` and `//` in keys are taken as some stores and gateways take them. What a web server shows is
    not known to be anywhere else.
    """
    inner, outer = _on_its_store(inner, options), _on_its_store(outer, options)
    if inner.local and outer.local:
        return _lies_in_folder(os.path.realpath(inner.path), os.path.realpath(outer.path))
    if not _same_store(inner.fs, outer.fs):
        return False
    return is_below(inner.path, outer.path) or is_below(_without_dots(inner.path), _without_dots(outer.path))


def _on_its_store(location: Location, options: StorageOptions) -> Location:
    """The place of the files that the last link of a chain leads to."""
    while len(links := links_of(location.url)) > 1:
        location = locate("::".join(links[1:]), options)
    return location


def _without_dots(path: str) -> str:
    return posixpath.normpath(f"/{path}").strip("/")


def _lies_in_folder(inner: str, outer: str) -> bool:
    if is_below(inner, outer):
        return True
    # As mounts show it, or a disk that ignores case: what is there is asked for, and the names of what is not yet are compared.
    known, missing = Path(outer), list[str]()
    while (folder := _stat(known)) is None and known != known.parent:
        known, missing = known.parent, [known.name, *missing]
    if folder is None:
        return False
    for above in (Path(inner), *Path(inner).parents):
        found = _stat(above)
        if found is not None and os.path.samestat(found, folder):
            names = Path(inner).relative_to(above).parts[: len(missing)]
            if list(map(_folded, names)) == list(map(_folded, missing)):
                return True
    return False


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _folded(name: str) -> str:
    """A name as disks compare it that ignore case and how letters are composed."""
    return unicodedata.normalize("NFC", name.casefold())


def _same_store(one: Any, other: Any) -> bool:
    return bool(one == other) or (type(one) is type(other) and _which(one) == _which(other))


def _which(fs: Any) -> tuple[str, ...]:
    """The options that tell two stores of one kind apart, by the names that the packages give it, in one spelling."""
    account = getattr(fs, "account_name", None)
    if not account and (found := _ACCOUNT.search(getattr(fs, "connection_string", None) or "")):
        account = found[1]
    of_client = getattr(fs, "client_kwargs", None) or {}
    endpoint = getattr(fs, "endpoint_url", None) or of_client.get("endpoint_url") or getattr(fs, "_endpoint", None)
    if not endpoint and "s3" in _protocols(fs):
        endpoint = next(filter(None, map(os.environ.get, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))), "")
    return str(account or "").lower(), str(endpoint or "").rstrip("/").lower()


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


_ACCOUNT = re.compile(r"(?:^|;)\s*AccountName=([^;]+)", re.IGNORECASE)
