"""Units that wait in the output's store until a worker reads them, and what workers leave there for each other.

On a cluster the elements that a pipeline starts from travel inside of the job's description, which services limit (Dataflow to
20 MB, gRPC to less) and hand to every worker. The paths of a million small files are a hundred. So they are put into files
beside the unfinished build, and the job holds references. The index of a COCO file is left there as well: a side input would
hand those of all files to every worker.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import read_range

INLINE = 2**20
"""Bytes of pickled units up to which a job holds them itself."""

STAGED_FILE = 16 * 2**20
"""Bytes from which on a file of staged units is full."""


@dataclass(frozen=True, slots=True)
class StagedUnit:
    """Reference to a unit: a range of bytes of a file, their SHA-256, and what they hold. `size` is the unit's, for progress."""

    url: str
    start: int
    end: int
    length: int
    sha256: str
    size: int


def stage_units(units: Sequence[Any], folder: Location, put_file: Callable[[Location, bytes], object]) -> Sequence[Any]:
    """The units themselves where they are small altogether, else references to them below `folder`.

    Args:
        put_file: puts one file; the same units always make the same files.

    Raises:
        StoreError: a file cannot be put.
    """
    if all(total <= INLINE for total in accumulate(map(len, map(_pickled, units)))):
        return units
    return list(_staged(units, folder, put_file))


def _pickled(unit: Any) -> bytes:
    return pickle.dumps(unit, protocol=5)


def _staged(
    units: Iterable[Any], folder: Location, put_file: Callable[[Location, bytes], object]
) -> Iterator[StagedUnit]:
    held = bytearray()
    number = 0
    for unit in units:
        if len(held) >= STAGED_FILE:
            put_file(folder.below(_name(number)), bytes(held))
            held.clear()
            number += 1
        packed, reference = _packed(unit, folder.below(_name(number)), len(held), unit.size)
        held += packed
        yield reference
    put_file(folder.below(_name(number)), bytes(held))


def stage_alone(value: Any, file: Location, put_file: Callable[[Location, bytes], object]) -> StagedUnit:
    """Put anything that can be pickled into a file of its own, and return the reference to it.

    Raises:
        StoreError: the file cannot be put.
    """
    packed, reference = _packed(value, file, 0, 0)
    put_file(file, packed)
    return reference


def _packed(value: Any, file: Location, start: int, size: int) -> tuple[bytes, StagedUnit]:
    data = _pickled(value)
    packed = pa.compress(data, codec="zstd", asbytes=True)
    end = start + len(packed)
    return packed, StagedUnit(file.url, start, end, len(data), hashlib.sha256(packed).hexdigest(), size)


def _name(number: int) -> str:
    return f"units-{number:05d}"


def staged_unit(staged: StagedUnit, storage: StorageOptions) -> Any:
    """The unit that a reference leads to.

    Raises:
        StoreError: it cannot be read.
        LabelBeamError: it is not what was staged; it is not unpickled then.
    """
    location = locate(staged.url, storage)
    packed = read_range(location, staged.start, staged.end)
    if hashlib.sha256(packed).hexdigest() != staged.sha256:
        raise LabelBeamError(
            f"{location.shown}: bytes {staged.start} to {staged.end} are not the unit of work that was put there; expected "
            "nobody to write below unfinished/ while a build runs; run again"
        )
    return pickle.loads(pa.decompress(packed, staged.length, codec="zstd", asbytes=True))
