"""Locations: URLs of object stores, local disks and archives, and the names below them.

Nothing is read outside the root that it was asked for below, whatever a dataset's names or links say.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any, NamedTuple

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.paths import ARCHIVES, WEB, is_below, join_url, split_url

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
        """Tell whether it lies on this machine's disk."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def on_the_web(self) -> bool:
        """Tell whether a web server has it, which may show directories by index pages or not at all."""
        return self.url.startswith(WEB)

    @property
    def in_object_store(self) -> bool:
        """Tell whether its path is a key of an object store, in which `a//b` and `a/b` are two."""
        return not (self.local or self.url.startswith((*WEB, *ARCHIVES)))

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
        before, protocol, inner, after = split_url(self.url)
        up, slash, _ = inner.rpartition("/")
        if not inner or not (slash or protocol in ARCHIVES or isinstance(self.fs, MemoryFileSystem)):
            return None
        return Location(self.fs, posixpath.dirname(self.path).rstrip("/"), f"{before}{protocol}{up}{after}")

    def below(self, relative: str) -> Location:
        """The location of `relative`, a path that `safe_relative` has passed, below this directory."""
        if (
            relative.startswith("/") and self.in_object_store
        ):  # A key such as `d//1.jpg`, which no name of a file leads to.
            return Location(self.fs, f"{self.path}/{relative}", join_url(self.url, relative))
        path = posixpath.join(self.path, relative) if self.path else relative
        return Location(self.fs, path, f"file://{path}" if self.local else join_url(self.url, relative))

    def holds(self, other: Location) -> bool:
        """Tell whether `other` is this place or lies below it, by its path."""
        return bool(self.fs == other.fs) and is_below(other.path, self.path)


def within(root: Location, relative: str) -> bool:
    """Tell whether `relative` stays below `root` once local links are resolved."""
    return not root.local or is_below(os.path.realpath(root.below(relative).path), os.path.realpath(root.path))
