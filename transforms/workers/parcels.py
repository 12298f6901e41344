"""Parcels that a unit of work hands on: its bytes, or in a worker process a reference to a file that holds them.

The runner's process passes every parcel on. Between worker processes of one machine, references leave it little to copy and to
hold; on a cluster the bytes themselves travel, compressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from labelbeam.schemas.errors import LabelBeamError

_INLINE, _SPILLED = b"i", b"s"

_EACH = 1 << 40


def parcel_sum(items: Iterable[bytes]) -> int:
    """A number by which parcels are compared where they are sent and where they arrive, in any order: how many, and a sum of
    their checksums.
    """
    return sum(_EACH + crc32(parcel) for parcel in items)


_spill: FileIO | None = None


def spill_into(path: Path) -> None:
    """Have this process leave what it hands on in a file of its own from now on."""
    global _spill
    _spill = FileIO(path, "wb")


def wrap(data: bytes) -> bytes:
    """The parcel for `data`.

    Raises:
        LabelBeamError: the file cannot be written.
    """
    if _spill is None:
        compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
        return _INLINE + len(data).to_bytes(8, "little") + compressed
    start = _spill.tell()
    view = memoryview(data)
    try:
        while view:
            view = view[_spill.write(view) :]
    except OSError as error:
        raise unwritable(_spill.name, error) from None
    return _SPILLED + f"{start} {len(data)} {_spill.name}".encode()


def unwritable(path: object, error: OSError) -> LabelBeamError:
    """Error for a temporary file of worker processes that cannot be written."""
    return LabelBeamError(
        f"{path}: cannot be written: {error.strerror}; worker processes need about as much temporary space as the "
        "annotations are large: set TMPDIR to a larger disk, or use --direct_num_workers=1"
    )


def unwrap(parcel: bytes) -> bytes:
    """The data of a parcel, in any process of the run.

    Raises:
        LabelBeamError: its file is gone or has changed.
    """
    if parcel[:1] == _INLINE:
        data: bytes = pa.decompress(parcel[9:], int.from_bytes(parcel[1:9], "little"), codec="zstd", asbytes=True)
        return data
    start, length, path = parcel[1:].decode().split(" ", 2)
    try:
        with Path(path).open("rb") as file:
            file.seek(int(start))
            spilled = file.read(int(length))
    except OSError as error:
        raise LabelBeamError(
            f"{path}: cannot be read back: {error.strerror}; was the temporary directory cleaned?"
        ) from None
    if len(spilled) != int(length):
        raise LabelBeamError(f"{path}: expected {length} bytes from {start} on, found {len(spilled)}")
    return spilled
