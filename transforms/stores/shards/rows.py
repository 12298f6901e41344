"""Files of rows that hold images, whatever they are written in: columns of images, names of rows, and words for what is damaged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa

from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.stores.range_reader import RangeReader

_Found = TypeVar("_Found")

ARROW = ".arrow"

BATCH = 4 * 2**20
"""Bytes of images that are decoded together, as the file's own figures say."""

MOST_ROWS = 1024
"""Rows that are decoded together."""

IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "image_bytes", "image_data")
"""What columns of plain bytes are called that hold images."""

FAILURES = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError)
"""What reading a file that is damaged may raise."""


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


class RowFile(Protocol):
    """An open file of rows in groups. For one thread at a time."""

    @property
    def footer(self) -> Footer:
        """Its columns and groups."""

    def batches(self, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns of the rows of a group, in order, some megabytes at a time; fields of structs are named as `column.field`.

        Raises:
            Exception: of `FAILURES`, where the file is damaged.
        """


class DamagedError(ArchiveError):
    """A file of rows, or a group of them, cannot be decoded."""


class _RefusedError(Exception):
    """A failure of the store of a file while it was decoded, which is no damage."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def checked(packed: Packed, call: Callable[[], _Found]) -> _Found:
    """`call()`, with words for what a damaged file makes of it; what the store says while it is read passes through.

    Raises:
        DamagedError: it is damaged.
    """
    try:
        return call()
    except _RefusedError as refused:
        raise refused.error from None
    except (ArchiveError, FileNotFoundError):
        raise
    except FAILURES as error:
        if is_shortage(error):
            raise  # Which says nothing of the file.
        what = " ".join(str(error).split())[:300]
        raise DamagedError(
            f"{packed.shown} is no {packed_in(packed.path)} file, or a damaged one ({what}); fetch it again"
        ) from None


def packed_in(path: str) -> str:
    """The name of the format that a file of rows is called by."""
    return "Arrow" if path.lower().endswith(ARROW) else "Parquet"


def read(packed: Packed, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file that is decoded, so that `checked` tells what its store says from damage."""
    try:
        return packed.read(start, end)
    except Exception as error:
        raise _RefusedError(error) from None


class Source(RangeReader):
    """The file for pyarrow, which asks for it in any order."""

    def __init__(self, packed: Packed) -> None:
        """Nothing is read yet."""
        super().__init__(lambda start, end: read(packed, start, end), packed.size, 64 * 1024)


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


def rows_at_once(rows: int, size: int) -> int:
    """Rows that are decoded together of a group of so many rows and bytes."""
    return max(1, min(MOST_ROWS, BATCH * max(1, rows) // max(1, size)))


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


def directories(schema: pa.Schema) -> dict[str, Column]:
    """The columns of images by the directory that their images lie in: none for a sole one."""
    columns = image_columns(schema)
    return {"" if len(columns) == 1 else column.name: column for column in columns}


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
