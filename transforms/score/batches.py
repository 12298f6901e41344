"""Batches of a unit: its images, read and encoded, as many together as go into a request, for several threads that take them.

On a local disk each thread reads what it takes: to hand an image from one thread to another costs as much as to read it, and one thread
that reads for all is what all would wait for. In other stores, where one waits for each image, they are read ahead, many at a time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

from labelbeam.schemas.requests import Envelope, XaiParameters, encode_item, item_size, request_size
from labelbeam.schemas.scores import Failed
from labelbeam.transforms.stores.disk import home_of
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_directly, read_many

READ_TOGETHER, READ_BYTES = 64, 64 * 2**20
"""Images, and their bytes, that are read ahead at once: they are held until they have been sent."""

_Item = TypeVar("_Item")


class Packing(NamedTuple):
    """How images are put into a request: as they are or in base64, explained or not, so many at most of so many bytes, and in what."""

    raw: bool
    explain: XaiParameters | None
    most: int
    limit: int
    envelope: Envelope


class Place(NamedTuple):
    """An image: its place in the unit, its URL, its path below the images' root if it is there, and its size if that is known."""

    place: int
    url: str
    path: str | None
    size: int | None


class _Found(NamedTuple):
    """An image below the root."""

    image: Place
    path: str


class Encoded(NamedTuple):
    """An image ready to be sent: its place in the unit, its URL, and what stands for it in a request."""

    place: int
    url: str
    data: bytes


_Failing: TypeAlias = Callable[[Place, Failed, str], None]


def batched(
    items: Iterable[_Item], size_of: Callable[[_Item], int], most: int, limit: int, total: Callable[[int, int], int]
) -> Iterator[list[_Item]]:
    """Neighbours together, as many as go: at most `most`, and no more than `limit` bytes, but always one.

    `total` is the bytes that so many bytes of items, and so many items, are together.
    """
    held: list[_Item] = []
    size = 0
    for item in items:
        own = size_of(item)
        if held and (len(held) == most or total(size + own, len(held) + 1) > limit):
            yield held
            held, size = [], 0
        held.append(item)
        size += own
    if held:
        yield held


class Batches:
    """Batches of images below `root`, in order; `fail` is told of each image that cannot be sent, with a code and words.

    Each is given to one of the threads that take from it. `close` it when none does any more.

    Raises:
        UnavailableError: the store stays out of reach.
        ShortageError: this process has not the memory.
    """

    def __init__(self, root: Location, images: Iterable[Place], packing: Packing, fail: _Failing) -> None:
        self._root = root
        self._home = home_of(root)
        self._packing = packing
        self._fail = fail
        self._lock = threading.Lock()
        there = list(self._below_root(images))
        total = partial(request_size, envelope=packing.envelope)
        self._ahead = self._read_ahead(there if self._home is None else [])
        self._read = batched(self._ahead, lambda item: len(item.data), packing.most, packing.limit, total)
        self._unread = batched(there, self._size, packing.most, packing.limit, total)

    @property
    def local(self) -> bool:
        """Whether images lie on a local disk."""
        return self._home is not None

    def close(self) -> None:
        """Give up what was read ahead."""
        self._ahead.close()

    def __iter__(self) -> Iterator[list[Encoded]]:
        """Take batches until there is none any more."""
        while (batch := self._next()) is not None:
            if batch:
                yield batch

    def _next(self) -> list[Encoded] | None:
        """The next batch, which is empty where none of its images can be sent."""
        with self._lock:
            if self._home is None:
                return next(self._read, None)
            images = next(self._unread, None)
        return None if images is None else [item for image in images for item in self._from_disk(image, self._home)]

    def _below_root(self, images: Iterable[Place]) -> Iterator[_Found]:
        for image in images:
            if image.path is None:
                words = "its URL does not begin as those of the build's images do; name where images lie with --images"
                self._fail(image, Failed.IMAGE_ELSEWHERE, words)
            else:
                yield _Found(image, image.path)

    def _size(self, found: _Found) -> int:
        """The bytes of an image in a request; of what is not there, it does not matter."""
        if self._packing.most == 1:
            return 0
        size = found.image.size
        if size is None:
            with suppress(OSError, ValueError):
                size = os.stat(self._root.below(found.path).path).st_size
        return item_size(size or 0, self._packing.explain)

    def _from_disk(self, found: _Found, home: str) -> Iterable[Encoded]:
        content = read_directly(self._root, home, found.path, found.image.size)
        return [self._encoded(found.image, content)] if content else self._read_part([found])

    def _read_ahead(self, there: Sequence[_Found]) -> Generator[Encoded, None, None]:
        parts = batched(there, lambda item: item.image.size or 0, READ_TOGETHER, READ_BYTES, lambda size, _: size)
        for part in parts:
            yield from self._read_part(part)

    def _read_part(self, part: Sequence[_Found]) -> Generator[Encoded, None, None]:
        paths, sizes = [found.path for found in part], [found.image.size for found in part]
        with closing(read_many(self._root, paths, sizes)) as contents:
            for found, content in zip(part, contents, strict=True):
                if isinstance(content, StoreError):
                    self._fail(found.image, Failed.UNREADABLE_IMAGE, str(content))
                elif not content:
                    self._fail(found.image, Failed.EMPTY_IMAGE, "the file holds no bytes")
                else:
                    yield self._encoded(found.image, content)

    def _encoded(self, image: Place, content: bytes) -> Encoded:
        data = content if self._packing.raw else encode_item(content, self._packing.explain)
        return Encoded(image.place, image.url, data)
