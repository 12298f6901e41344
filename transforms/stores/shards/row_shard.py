"""A file of rows as a directory of the images in them, as `datasets` of Hugging Face embeds them.

An image is called by its row: `000012.png`, `000012_cat.jpg`. Where several columns hold images, the name of the column is the
directory above. Nothing but the row is taken from a name, so that what a dataset calls its images leads nowhere.
"""

from __future__ import annotations

import os
import re
import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

import pyarrow as pa

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.open_rows import open_rows
from labelbeam.transforms.stores.shards.rows import Column, RowFile, checked, directories, image_values, starts_of
from labelbeam.transforms.stores.shards.shard import Entry

_Found = TypeVar("_Found")

KEPT = 32 * 2**20
"""Bytes of images that are kept of a group of rows: images are asked for in their order, by many threads."""

GROUPS_KEPT = 3
"""Groups that are kept, of all files of a process together."""

_ROW = re.compile(r"(\d{6,18})(?:[._].*)?", re.DOTALL)

_threads: dict[int, ThreadPoolExecutor] = {}


def _in_one_thread(call: Callable[[], _Found]) -> _Found:
    """`call()`, in the one thread of this process that decodes: Arrow keeps what a thread has freed for that thread alone, so that 64 of
    them would keep half a gigabyte. A process that was forked has none of its parent's threads."""
    process = os.getpid()
    pool = _threads.get(process) or _threads.setdefault(process, ThreadPoolExecutor(1, "rows"))
    return pool.submit(copy_context().run, call).result()


class _Group:
    """The images of one group of rows, read from the front; the last of them are kept."""

    def __init__(self, file: RowFile, group: int, column: Column) -> None:
        self._file, self._group, self._column = file, group, column
        self._begin()

    def _begin(self) -> None:
        self._batches = self._file.batches(self._group, self._column.fields)
        self._kept: deque[tuple[int, pa.Array]] = deque()
        self._held = self._next = 0

    def image(self, row: int) -> bytes | None:
        """The bytes of an image by its row in the group; None where it has none."""
        if row < (self._kept[0][0] if self._kept else self._next):
            self._begin()
        while row >= self._next:
            batch = next(self._batches, None)
            if batch is None:
                raise FileNotFoundError(f"row {row}")
            data = image_values(batch, self._column)[0]
            self._kept.append((self._next, data))
            self._next += len(data)
            self._held += data.nbytes
            while len(self._kept) > 1 and self._held > KEPT:
                self._held -= self._kept.popleft()[1].nbytes
        for first, data in reversed(self._kept):
            if row >= first:
                found: bytes | None = data[row - first].as_py()
                return found
        raise FileNotFoundError(f"row {row}")


class RowShard:
    """The images in one file of rows. Its footer is read when one is first asked for. Safe for threads."""

    def __init__(self, fs: Any, path: str, shown: str) -> None:
        """Nothing is read yet."""
        self._packed = Packed(fs, path, shown)
        self._lock = threading.RLock()
        self._file: RowFile | None = None
        self._columns: dict[str, Column] = {}
        self._starts: list[int] = []
        self._doubted = False

    def doubt(self) -> None:
        """See before the next use whether it is still the same."""
        self._doubted = True

    def entry(self, path: str) -> Entry:
        """Size and token of an image."""
        return Entry(len(self._image(path)), self._packed.token)

    def read(self, path: str, start: int | None, end: int | None) -> bytes:
        """An image, or its bytes [start, end)."""
        data = self._image(path)
        return data if start is None and end is None else data[start:end]

    def _image(self, path: str) -> bytes:
        folder, _, name = path.rpartition("/")
        number = _ROW.fullmatch(name)
        with self._lock:
            self._open()
            column = self._columns.get(folder)
            if number is None or column is None or not 0 <= int(number[1]) < self._starts[-1]:
                raise FileNotFoundError(path)
            row = int(number[1])
            group = bisect_right(self._starts, row) - 1
            found = _in_one_thread(
                lambda: checked(self._packed, lambda: self._of_group(group, column).image(row - self._starts[group]))
            )
        if not isinstance(found, bytes):
            raise FileNotFoundError(path)
        return found

    def _open(self) -> None:
        if self._file is not None and not self._doubted:
            return
        changed = self._packed.look()
        if changed or self._file is None:
            self._file = open_rows(self._packed)
            footer = self._file.footer
            self._columns, self._starts = directories(footer.schema), starts_of(footer)
        self._doubted = False

    def _of_group(self, group: int, column: Column) -> _Group:
        key = (self._file, column.name, group)
        found = _groups.get(key)
        if found is None:
            assert self._file is not None
            found = _Group(self._file, group, column)
        _groups.keep(key, found)
        return found


class _Groups:
    """The groups that were read last, of all files. Safe for threads; a group is for those who hold its file's lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[Any, str, int], _Group] = OrderedDict()

    def get(self, key: tuple[Any, str, int]) -> _Group | None:
        with self._lock:
            return self._groups.get(key)

    def keep(self, key: tuple[Any, str, int], group: _Group) -> None:
        with self._lock:
            self._groups[key] = group
            self._groups.move_to_end(key)
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)


_groups = _Groups()
