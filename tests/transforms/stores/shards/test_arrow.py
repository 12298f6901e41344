"""Arrow files of rows: streams and files, compressed or not, with dictionaries, and damaged ones."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.open_rows import open_rows
from labelbeam.transforms.stores.shards.rows import DamagedError, RowFile, checked
from tests.transforms.stores.shards_made import arrow, embedded

ROWS = {
    "image": [embedded(bytes([n]) * 50, f"{n}.jpg") for n in range(25)],
    "label": [n % 3 for n in range(25)],
    "text": ["x"] * 25,
}
DATA = arrow(ROWS, rows=10)


def opened(folder: Path, data: bytes) -> tuple[Packed, RowFile]:
    (folder / "a.arrow").write_bytes(data)
    packed = Packed(LocalFileSystem(), str(folder / "a.arrow"), "a.arrow")
    packed.look()
    return packed, open_rows(packed)


def rows_of(file: RowFile, *columns: str) -> list[list[dict[str, Any]]]:
    return [
        [row for batch in file.batches(group, columns) for row in batch.to_pylist()]
        for group in range(len(file.footer.rows))
    ]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"form": pa.ipc.new_file},
        {"compression": "lz4"},
        {"compression": "zstd"},
        {"metadata_version": pa.ipc.MetadataVersion.V4},
        {"use_legacy_format": True},
    ],
)
def test_batches_of_every_form_are_groups(how: dict[str, Any], tmp_path: Path) -> None:
    _, file = opened(tmp_path, arrow(ROWS, rows=10, **how))
    assert file.footer.rows == [10, 10, 5] and file.footer.schema.names == ["image", "label", "text"]
    groups = rows_of(file, "image.bytes", "image.path", "label")
    assert [len(group) for group in groups] == [10, 10, 5] and groups[2][4] == {"image": ROWS["image"][24], "label": 0}


def test_dictionaries_before_a_batch_are_read_with_it(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int32(), pa.string())
    _, file = opened(tmp_path, arrow(ROWS | {"text": ["a", "b", "c", "a", "b"] * 5}, rows=10, types={"text": kind}))
    assert [row["text"] for row in rows_of(file, "text")[1]][:4] == ["a", "b", "c", "a"]


def _rows_claimed(count: int) -> bytes:
    at = DATA.index(struct.pack("<q", 5), len(DATA) // 2)
    return DATA[:at] + struct.pack("<q", count) + DATA[at + 8 :]


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"ARROW1\0\0",
        DATA[8:],
        DATA[: len(DATA) // 2],
        DATA[:4] + b"\xff\xff\xff\x7f" + DATA[8:],
        DATA[:12] + bytes(100) + DATA[112:],
        _rows_claimed(2**40),
        _rows_claimed(-1),
    ],
)
def test_one_that_is_damaged_or_cut_short_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"a\.arrow is no Arrow file, or a damaged one \(.+\); fetch it again"):
        opened(tmp_path, data)


def test_offsets_that_lead_out_of_a_batch_are_damage(tmp_path: Path) -> None:
    offsets = struct.pack("<11i", *range(0, 550, 50))
    at = DATA.index(offsets)
    packed, file = opened(tmp_path, DATA[:at] + struct.pack("<11i", *range(0, 55_000, 5_000)) + DATA[at + 44 :])
    with pytest.raises(DamagedError, match="a damaged one"):
        checked(packed, lambda: rows_of(file, "image.bytes"))
