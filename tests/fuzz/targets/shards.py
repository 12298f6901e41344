"""Shards: WebDataset's TAR files, compressed or not, and Parquet and Arrow files with images in them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from targets.target import SOURCES, Target, writable
from targets.tools import LISTED, accounted

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.columns import columns_of, names_in_footer
from labelbeam.transforms.formats.huggingface.embedded import EmbeddedUnit, Rows
from labelbeam.transforms.formats.huggingface.format import HuggingFaceOptions
from labelbeam.transforms.formats.webdataset.class_names import FILES, names_in
from labelbeam.transforms.formats.webdataset.read import Shard, content_of, read_shard
from labelbeam.transforms.formats.webdataset.samples import samples_of
from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed
from labelbeam.transforms.stores.archives.gzipped import MAGIC, GzipPacked
from labelbeam.transforms.stores.archives.tar import TarReader
from labelbeam.transforms.stores.failures import ShortReadError
from labelbeam.transforms.stores.shards.open_rows import open_rows
from labelbeam.transforms.stores.shards.rows import checked, name_of, starts_of

_OBJECTS = {"bbox": [[1, 2, 3, 4]], "category": ["cat"], "segmentation": [[[1, 1, 5, 1, 5, 6]]]}
_FILES = {
    "a/1.jpg": b"\xff\xd8\xff",
    "a/1.json": json.dumps({"width": 9, "height": 9, "label": 1, "objects": _OBJECTS}).encode(),
    "2.left.PNG": b"x",
    "2.right.png": b"x",
    "2.cls": b"1",
    "3.txt": b"cat\ndog",
    "3.webp": b"x",
    "../4.jpg": b"x",
    "a/1.cls": b"0",
}


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in _FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()[:-4096]


TARS = (_tar(), gzip.compress(_tar(), mtime=0), b'["cat", "dog"]', b'{"0": "cat"}', b"cat\ndog\n")
TAR_TOKENS = (
    *(b"1.jpg", b".json", b".cls", b".txt", b".left.", b".JPG", b"../", b"/", b"\0" * 512, b"ustar  \0", b"__meta__", b"0000000", b"\x1f\x8b\x08"),
    *(b'"label"', b'"labels"', b'"objects"', b'"boxes"', b'"caption"', b"[", b"]", b"null", b"1", b"-1", b"9" * 400, b"1e999", b"NaN", b'"\\ud800"'),
)  # fmt: skip


def _table(columns: dict[str, Any], features: dict[str, Any] | None = None) -> pa.Table:
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return table


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()


def _arrow(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table, 2)
    return buffer.getvalue()


_IMAGES = pa.array(
    [{"bytes": b"\xff\xd8\xff", "path": "a.jpg"}, None, {"bytes": None, "path": "../2.png"}],
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
)
_CLASS = {"names": ["cat", "dog"], "_type": "ClassLabel"}
_TABLES = (
    _table({"image": _IMAGES, "label": [0, 1, -1]}, {"label": _CLASS}),
    _table({"image": _IMAGES, "width": [9, 9, 9], "height": [9, 9, 9], "objects": [_OBJECTS, None, _OBJECTS]}),
    _table({"image": [b"x", b"", None], "labels": [["a"], [], ["b", "c"]], "bbox": [[[1, 2, 3, 4]], [], None]}),
)
PARQUET = tuple(map(_parquet, _TABLES))
ARROW = (*map(_arrow, _TABLES), _arrow(_TABLES[1], compression="lz4"))
PARQUET_TOKENS = (
    *(b"PAR1", b"image", b"bytes", b"path", b"label", b"huggingface", b"ClassLabel", b"\x15\x00", b"\x19\x1c", b"\x00\x00\x00\x00"),
    *(b"\xff\xff\xff\xff\x0f", b"ARROW:schema", b"\x7f", b"\x80\x80\x80\x80\x08"),
)  # fmt: skip

ARROW_TOKENS = (
    *(b"\xff\xff\xff\xff", b"image", b"bytes", b"path", b"label", b"ARROW1\0\0", bytes(4), bytes(8), b"\xff" * 8, b"\xff\xff\xff\x7f"),
    *(b"\x03\x00", b"\x02\x00", b"\x10\x00\x00\x00", b"\x01" + bytes(7)),
)  # fmt: skip


class _Bytes(Packed):
    """An archive in memory."""

    def __init__(self, data: bytes, name: str = "x") -> None:
        self._data, self.path = data, name
        self.shown, self.local, self.size, self.token = "x", False, len(data), "t"

    def look(self) -> bool:
        return True

    def read(self, start: int, end: int) -> bytes:
        if not 0 <= start <= end <= self.size:
            raise ShortReadError("beyond the end")
        return self._data[start:end]


def read_tar(data: bytes) -> None:
    """Every sample of a shard is an image, whose labels and objects are read or rejected, or the shard is refused; names are by number."""
    number = zlib.crc32(data)
    task = sorted(TASKS)[number % 4]
    for name in FILES:
        assert all(isinstance(key, int) and isinstance(value, str) for key, value in names_in(name, data).items())
    packed: Packed = _Bytes(data)
    try:
        if data.startswith(MAGIC):
            packed = GzipPacked(packed)
            packed.look()
            whole = packed.read(0, packed.size)
            assert packed.read(len(whole) // 2, len(whole)) == whole[len(whole) // 2 :]
        contents, found = TarReader().scan(packed, content_of)
    except (ArchiveError, ShortReadError) as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    for chosen in (None, "left.png"):
        read = read_shard(
            Shard("memory://x", "a.tar", None, contents, found), {0: "cat"}, task, chosen, bool(number & 8)
        )
        images = read.samples.images
        assert len(images) <= len(samples_of(contents.files)) + sum(map(len, contents.left_out.values()))
        read.samples.tell(Evidence())
        accounted(images)


def read_parquet(data: bytes) -> None:
    """Every row is an image, or the file is refused; names of images lead nowhere."""
    _read_rows(data, "a.parquet")


def read_arrow(data: bytes) -> None:
    """The same for Arrow's streams."""
    _read_rows(data, "a.arrow")


def _read_rows(data: bytes, name: str) -> None:
    number = zlib.crc32(data)
    task: Any = sorted(TASKS)[number % 4]
    packed = _Bytes(data, name)
    assert "/" not in name_of(number, data[:200].decode("utf-8", "replace"), data)
    try:
        file = open_rows(packed)
        footer = file.footer
        columns = columns_of(footer.schema, task, HuggingFaceOptions(), "x")
        names_in_footer(footer.schema, columns.named)
        starts = starts_of(footer)
        unit = EmbeddedUnit("memory://x", "a.parquet", 0, 0, len(footer.rows), 1, None, {0: "cat"}, False)
        rows = Rows(unit, columns, ConvertConfig(task=task, source=["s"], output="o"), LISTED)

        def read_all() -> None:
            for group in range(len(footer.rows)):
                row = starts[group]
                for batch in file.batches(group, columns.fields):
                    rows.add(row, batch)
                    row += len(batch)

        checked(packed, read_all)
    except UsageError as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    except (ArchiveError, ShortReadError, LabelBeamError) as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    rows.samples.tell(Evidence())
    accounted(rows.samples.images)


TARGETS = {
    "webdataset": Target(read_tar, TARS, TAR_TOKENS, SOURCES),
    "parquet": Target(read_parquet, PARQUET, PARQUET_TOKENS, SOURCES),
    "arrow": Target(read_arrow, ARROW, ARROW_TOKENS, SOURCES),
}
