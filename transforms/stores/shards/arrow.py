"""Arrow files of rows, as `datasets` of Hugging Face saves them to a disk and keeps them in its cache.

Each is a stream of messages (https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc): one of the
schema, perhaps some of dictionaries, and one for each batch of rows; a file of Arrow's other form has the same messages behind its mark. A stream
has no footer, so the heads of all messages are read, and what lies between them is not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.rows import Footer, Source, read, rows_at_once

_FILE_MARK = b"ARROW1\0\0"
_CONTINUES = b"\xff\xff\xff\xff"
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
"""Kinds of messages, of `Message.fbs`."""

_LARGEST_HEAD = 16 * 2**20
"""Bytes of the head of a message: of a schema, or of where the columns of a batch lie."""

_MOST_PACKED = 1024
"""Rows for each byte of a batch, at most: columns may be compressed."""


class _Message(NamedTuple):
    """A message: its bytes [start, stop) in the file, what it is, and its number of rows."""

    start: int
    stop: int
    kind: int
    rows: int


class ArrowRows:
    """An Arrow file, of which all heads are read; its groups are its batches of rows, each of which is read as a whole."""

    def __init__(self, packed: Packed) -> None:
        """Read the heads; raises as `RowFile.batches` does."""
        self._packed = packed
        messages = list(_messages(packed))
        if not messages or messages[0].kind != _SCHEMA:
            raise ValueError("it does not begin with a schema")
        self._before = [message for message in messages if message.kind in (_SCHEMA, _DICTIONARY)]
        self._batches = [message for message in messages if message.kind == _BATCH]
        head = read(packed, messages[0].start, messages[0].stop)
        schema = pa.ipc.open_stream(head).schema
        rows = [message.rows for message in self._batches]
        self.footer = Footer(schema, rows, [message.stop - message.start for message in self._batches])

    def batches(self, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `RowFile`."""
        message, schema = self._batches[group], self.footer.schema
        parts = [each for each in self._before if each.start < message.start]
        data = b"".join(read(self._packed, each.start, each.stop) for each in [*parts, message])
        wanted = {column.partition(".")[0] for column in columns} | set(columns)
        options = pa.ipc.IpcReadOptions(included_fields=[at for at, name in enumerate(schema.names) if name in wanted])
        batch = pa.ipc.open_stream(data, options=options).read_next_batch()
        batch.validate(full=True)  # What its offsets say is not trusted.
        step = rows_at_once(message.rows, message.stop - message.start)
        for first in range(0, len(batch), step):
            yield batch.slice(first, step)


def _messages(packed: Packed) -> Iterator[_Message]:
    source = Source(packed)
    in_file = source.read(len(_FILE_MARK)) == _FILE_MARK
    at = len(_FILE_MARK) if in_file else 0
    while at < packed.size:
        source.seek(at)
        head = source.read(8)
        # Before version 0.15 a message began with its length.
        length_at = 4 if head.startswith(_CONTINUES) else 0
        if len(head) < length_at + 4:
            raise ValueError(f"a message is cut short at byte {at}")
        (length,) = struct.unpack_from("<i", head, length_at)
        if length == 0:
            return
        if not 8 <= length <= min(_LARGEST_HEAD, packed.size - at):
            raise ValueError(f"a message has a head of {length} bytes at byte {at}")
        source.seek(at + length_at + 4)
        kind, body, rows = _told(source.read(length))
        start, at = at, at + length_at + 4 + length + body
        if body < 0 or at > packed.size:
            raise ValueError(f"a message of {at - start:,} bytes begins at byte {start} of {packed.size:,}")
        if kind == _BATCH and not 0 <= rows <= (at - start) * _MOST_PACKED:
            raise ValueError(f"a batch of {at - start:,} bytes says that it has {counted(rows, 'row')}")
        yield _Message(start, at, kind, rows)


def _told(head: bytes) -> tuple[int, int, int]:
    """The kind of a message, the bytes of its body, and the rows of a batch, from its head: a table of FlatBuffers.

    Raises:
        ValueError: it is none.
    """
    try:
        table = struct.unpack_from("<I", head, 0)[0]
        kind_at, header_at, body_at = (_field(head, table, number) for number in (1, 2, 3))
        kind = head[kind_at] if kind_at else 0
        body = struct.unpack_from("<q", head, body_at)[0] if body_at else 0
        rows = 0
        if kind == _BATCH and header_at:
            header = header_at + struct.unpack_from("<I", head, header_at)[0]
            length_at = _field(head, header, 0)
            rows = struct.unpack_from("<q", head, length_at)[0] if length_at else 0
    except (struct.error, IndexError) as error:
        raise ValueError(f"the head of a message is none: {error}") from None
    return kind, body, rows


def _field(head: bytes, table: int, number: int) -> int:
    """The position of a field of a table; 0 where it is left out."""
    listed = table - struct.unpack_from("<i", head, table)[0]
    if listed < 0:
        raise struct.error("a table begins before the message")
    (size,) = struct.unpack_from("<H", head, listed)
    place = 4 + 2 * number
    (offset,) = struct.unpack_from("<H", head, listed + place) if place + 2 <= size else (0,)
    return table + offset if offset else 0
