"""Opening of a file of rows, by what it is called."""

from __future__ import annotations

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.arrow import ArrowRows
from labelbeam.transforms.stores.shards.parquet import ParquetRows
from labelbeam.transforms.stores.shards.rows import RowFile, checked, packed_in


def open_rows(packed: Packed) -> RowFile:
    """The file, of which the footer is read, or the heads of its batches.

    Raises:
        DamagedError: it is no Parquet or Arrow file, or a damaged one.
    """
    made: type[ArrowRows | ParquetRows] = ArrowRows if packed_in(packed.path) == "Arrow" else ParquetRows
    return checked(packed, lambda: made(packed))
