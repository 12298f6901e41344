"""Opening of a file of rows by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.open_rows import open_rows
from tests.transforms.stores.shards_made import arrow, embedded, parquet

ROWS = {"image": [embedded(b"x")], "label": [1]}


@pytest.mark.parametrize(("name", "data"), [("a.PARQUET", parquet(ROWS)), ("a.Arrow", arrow(ROWS))])
def test_the_end_of_a_name_tells_what_a_file_is(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    packed = Packed(LocalFileSystem(), str(tmp_path / name), "elsewhere::x")
    packed.look()
    assert open_rows(packed).footer.rows == [1]
