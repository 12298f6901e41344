"""A Parquet file as a directory of the images in its rows, as `datasets` of Hugging Face embeds them.

An image is called by its row: `000012.png`, `000012_cat.jpg`. Where several columns hold images, the name of the column is the
directory above. Nothing but the row is taken from a name, so that what a dataset calls its images leads nowhere.
"""

from __future__ import annotations

import os
import re
import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.stores.range_reader import RangeReader
from labelbeam.transforms.stores.shards.shard import Entry

_Found = TypeVar("_Found")

BUFFER = 2**20
"""Bytes of a column that are read at a time."""

BATCH = 4 * 2**20
"""Bytes of images that are decoded together, as the file's own figures say."""

MOST_ROWS = 1024
"""Rows that are decoded together."""

KEPT = 32 * 2**20
"""Bytes of images that are kept of a group of rows: images are asked for in their order, by many threads."""

GROUPS_KEPT = 3
"""Groups that are kept, of all files of a process together."""

IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "image_bytes", "image_data")
"""What columns of plain bytes are called that hold images."""

FAILURES = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError)
"""What reading a Parquet file that is damaged may raise."""

_ROW = re.compile(r"(\d{6,18})(?:[._].*)?", re.DOTALL)


class Footer(NamedTuple):
    """The footer of a file: its columns, and the rows and bytes of its groups of rows, unpacked, as it says."""

    schema: pa.Schema
    rows: list[int]
    bytes: list[int]


class Column(NamedTuple):
    """A column of images: its name, and the fields of its struct that hold bytes and a path; a field "" is the column itself."""

    name: str
    bytes: str | None
    path: str | None

    @property
    def fields(self) -> list[str]:
        """The columns to read."""
        return [
            f"{self.name}.{field}" if field else self.name for field in (self.bytes, self.path) if field is not None
        ]


def open_parquet(packed: Packed) -> pq.ParquetFile:
    """The file, of which the footer is read.

    Raises:
        ArchiveError: it is no Parquet file, or a damaged one.
    """

    def open_it() -> pq.ParquetFile:
        plain = pq.ParquetFile(_Source(packed))
        texts = _byte_columns(plain.metadata.schema)
        # A value that a file of a kilobyte holds once, its rows may name a million times: it stays one.
        return pq.ParquetFile(
            _Source(packed),
            metadata=plain.metadata,
            read_dictionary=texts,
            buffer_size=BUFFER,
            pre_buffer=False,
            page_checksum_verification=True,
        )

    return checked(packed, open_it)


def _byte_columns(schema: pq.ParquetSchema) -> list[str]:
    """The columns, also within others, that hold bytes or text."""
    columns = [schema.column(number) for number in range(len(schema))]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def checked(packed: Packed, call: Any) -> Any:
    """`call()`, with words for what a damaged file makes of it.

    Raises:
        ArchiveError: it is damaged.
    """
    try:
        return call()
    except ArchiveError:
        raise
    except FAILURES as error:
        if is_shortage(error):
            raise  # Which says nothing of the file.
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowException) and error.errno is not None:
            raise  # What the store says.
        raise damaged(packed, error) from None


def damaged(packed: Packed, error: Any) -> ArchiveError:
    """Words for a file that cannot be read."""
    what = " ".join(str(error).split())[:300]
    return ArchiveError(f"{packed.shown} is no Parquet file, or a damaged one ({what}); fetch it again")


class _Source(RangeReader):
    """The file for pyarrow, which asks for it in any order."""

    def __init__(self, packed: Packed) -> None:
        super().__init__(packed.read, packed.size, 64 * 1024)


def image_columns(schema: pa.Schema) -> list[Column]:
    """The columns that hold images, in their order: structs of bytes and a path, and plain bytes that are called like images."""
    found: list[Column] = []
    for name in schema.names:
        kind = schema.field(schema.names.index(name)).type
        if pa.types.is_struct(kind):
            fields = {kind.field(at).name: kind.field(at).type for at in range(kind.num_fields)}
            has_bytes, has_path = is_bytes(fields.get("bytes")), is_text(fields.get("path"))
            if has_bytes or (has_path and set(fields) <= {"bytes", "path"}):
                found.append(Column(name, "bytes" if has_bytes else None, "path" if has_path else None))
        elif is_bytes(kind) and name.lower() in IMAGES:
            found.append(Column(name, "", None))
    return found


def is_bytes(kind: pa.DataType | None) -> bool:
    """Tell whether a column holds bytes."""
    kind = _of_values(kind)
    return kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_text(kind: pa.DataType | None) -> bool:
    """Tell whether a column holds text."""
    kind = _of_values(kind)
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _of_values(kind: pa.DataType | None) -> pa.DataType | None:
    return kind.value_type if kind is not None and pa.types.is_dictionary(kind) else kind


def rows_at_once(file: pq.ParquetFile, group: int) -> int:
    """Rows that are decoded together of a group."""
    about = file.metadata.row_group(group)
    rows, size = max(1, int(about.num_rows)), max(1, int(about.total_byte_size))
    return max(1, min(MOST_ROWS, BATCH * rows // size))


def image_values(batch: pa.RecordBatch, column: Column) -> tuple[pa.Array, pa.Array]:
    """Bytes and paths of the images of a batch, (n,) each; null where there is none."""
    whole = batch.column(batch.schema.names.index(column.name))
    none = pa.nulls(len(whole))
    if column.bytes == "":
        return whole, none
    # `flatten` carries nulls of the struct down.
    fields = dict(zip((whole.type.field(at).name for at in range(whole.type.num_fields)), whole.flatten(), strict=True))
    data = fields.get(column.bytes, none) if column.bytes is not None else none
    return data, fields.get(column.path, none) if column.path is not None else none


_threads: dict[int, ThreadPoolExecutor] = {}


def _in_one_thread(call: Callable[[], _Found]) -> _Found:
    """`call()`, in the one thread of this process that decodes: Arrow keeps what a thread has freed for that thread alone, so that 64 of
    them would keep half a gigabyte. A process that was forked has none of its parent's threads."""
    process = os.getpid()
    pool = _threads.get(process) or _threads.setdefault(process, ThreadPoolExecutor(1, "parquet"))
    return pool.submit(copy_context().run, call).result()


class _Group:
    """The images of one group of rows, read from the front; the last of them are kept."""

    def __init__(self, file: pq.ParquetFile, group: int, column: Column) -> None:
        self._file, self._group, self._column = file, group, column
        self._size = rows_at_once(file, group)
        self._begin()

    def _begin(self) -> None:
        columns = self._column.fields
        self._batches: Iterator[pa.RecordBatch] = self._file.iter_batches(
            self._size, row_groups=[self._group], columns=columns, use_threads=False
        )
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


class ParquetShard:
    """The images in one Parquet file. Its footer is read when one is first asked for. Safe for threads."""

    def __init__(self, fs: Any, path: str, shown: str) -> None:
        """Nothing is read yet."""
        self._packed = Packed(fs, path, shown)
        self._lock = threading.RLock()
        self._file: pq.ParquetFile | None = None
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
            self._file = open_parquet(self._packed)
            footer = footer_of(self._file)
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


def directories(schema: pa.Schema) -> dict[str, Column]:
    """The columns of images by the directory that their images lie in: none for a sole one."""
    columns = image_columns(schema)
    return {"" if len(columns) == 1 else column.name: column for column in columns}


def footer_of(file: pq.ParquetFile) -> Footer:
    """What the footer says."""
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    rows = [max(0, int(group.num_rows)) for group in groups]
    return Footer(file.schema_arrow, rows, [max(1, int(group.total_byte_size)) for group in groups])


def starts_of(footer: Footer) -> list[int]:
    """The first row of each group of rows, and the number of all rows."""
    return [0, *accumulate(footer.rows)]


def name_of(row: int, path: str | None, data: bytes | None) -> str:
    """The name of the image in a row, by the path that it gives, and what its first bytes say.

    >>> name_of(12, "a/cat.jpg", None), name_of(12, "../x", b"\\x89PNG"), name_of(3, None, b"RIFF....WEBP")
    ('000012_cat.jpg', '000012_x.png', '000003.webp')
    """
    base = re.split(r"[/\\]", path)[-1] if path else ""
    if not base.isprintable() or len(base) > _LONGEST or not base.strip(". ") or "%" in base:
        base = ""
    stem, _, end = base.rpartition(".")
    known = end.lower() in _ENDS and bool(stem)
    if not known:
        found = next((ending for mark, ending in _MARKS if re.match(mark, data or b"", re.DOTALL)), "")
        base += f".{found}" if found else ""
    return f"{row:06}{'_' if base and not base.startswith('.') else ''}{base}"


_LONGEST = 200
_ENDS = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "bmp", "tif", "tiff", "webp", "gif", "avif", "heic", "jp2"})
_MARKS = (
    (rb"\xff\xd8\xff", "jpg"),
    (rb"\x89PNG", "png"),
    (rb"BM", "bmp"),
    (rb"II[*+]\0|MM\0[*+]", "tif"),
    (rb"GIF8", "gif"),
    (rb"RIFF.{4}WEBP", "webp"),
    (rb".{4}ftypavi[fs]", "avif"),
)
