"""Parquet files of rows, as `datasets` of Hugging Face and pandas write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.rows import Footer, Source, rows_at_once

BUFFER = 2**20
"""Bytes of a column that are read at a time."""


class ParquetRows:
    """A Parquet file, of which the footer is read; its groups are its groups of rows."""

    def __init__(self, packed: Packed) -> None:
        """Read the footer; raises as `RowFile.batches` does."""
        plain = pq.ParquetFile(Source(packed))
        texts = _byte_columns(plain.metadata.schema)
        # A value that a file of a kilobyte holds once, its rows may name a million times: it stays one.
        self._file = pq.ParquetFile(
            Source(packed),
            metadata=plain.metadata,
            read_dictionary=texts,
            buffer_size=BUFFER,
            pre_buffer=False,
            page_checksum_verification=True,
        )
        groups = [plain.metadata.row_group(group) for group in range(plain.metadata.num_row_groups)]
        rows = [max(0, int(group.num_rows)) for group in groups]
        self.footer = Footer(self._file.schema_arrow, rows, [max(1, int(group.total_byte_size)) for group in groups])

    def batches(self, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `RowFile`."""
        step = rows_at_once(self.footer.rows[group], self.footer.bytes[group])
        yield from self._file.iter_batches(step, row_groups=[group], columns=list(columns), use_threads=False)


def _byte_columns(schema: pq.ParquetSchema) -> list[str]:
    """The columns, also within others, that hold bytes or text."""
    columns = [schema.column(number) for number in range(len(schema))]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
