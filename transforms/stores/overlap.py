"""Places that lie in each other, whatever links, mounts and protocols lead to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import ARCHIVES, is_below, split_url


def lies_in(inner: Location, outer: Location, options: StorageOptions) -> bool:
    """Tell whether `inner` is `outer` or lies below it; an archive lies where its file does.

    What a web server shows is not known to be anywhere else.
    """
    inner, outer = _on_its_store(inner, options), _on_its_store(outer, options)
    if inner.local and outer.local:
        return _lies_in_folder(os.path.realpath(inner.path), os.path.realpath(outer.path))
    return _same_store(inner.fs, outer.fs) and is_below(inner.path, outer.path)


def _on_its_store(location: Location, options: StorageOptions) -> Location:
    while split_url(location.url)[1] in ARCHIVES:
        location = locate(split_url(location.url)[3].removeprefix("::"), options)
    return location


def _lies_in_folder(inner: str, outer: str) -> bool:
    if is_below(inner, outer):
        return True
    try:
        folder = os.stat(outer)
    except OSError:
        return False
    for above in (Path(inner), *Path(inner).parents):  # As mounts show it, or a disk that ignores case.
        try:
            if os.path.samestat(above.stat(), folder):
                return True
        except OSError:
            continue
    return False


_WHICH = ("account_name", "endpoint_url", "_endpoint")
"""What tells two stores of one kind apart, by the names that the packages give it."""


def _same_store(one: Any, other: Any) -> bool:
    if one == other:
        return True
    return type(one) is type(other) and all(getattr(one, name, None) == getattr(other, name, None) for name in _WHICH)
