"""Annotation files that are parsed whole, a unit each: their plan, their content, and the memory for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.named_images import FILE_BITS, IMAGES, plan_named
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, Unit
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import PROBED
from labelbeam.transforms.stores.reading import read_file
from labelbeam.transforms.workers.budget import check_room, reading

_PARSED = 10
"""Bytes of memory for each byte of a file that is parsed whole: small objects of JSON take so many."""

_RECORD = 1000
"""Bytes of memory that an image with an object takes while it is read."""

_TOGETHER = 32 * 1024

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file of annotations by its path below `root`, as a unit of its own; `size` in bytes, `number` its own among the files.

    A format's unit is a subclass with `read`.
    """

    root: str
    path: str
    size: int
    number: int
    index = IMAGES

    @property
    def first_key(self) -> int:
        """The key of its first image; those of the others follow."""
        return self.number << FILE_BITS

    @contextmanager
    def content(self, reading: Reading, expected: str, failure: type[ValueError]) -> Iterator[bytes]:
        """Its content, for a block that raises a `failure` where it is not what was `expected`.

        Raises:
            StoreError: it cannot be read.
            ShortageError: this process has not the memory.
            LabelBeamError: the block has raised a failure.
        """
        file = locate(self.root, reading.options.storage).below(self.path)
        try:
            with whole_file(file, self.size) as data:
                yield data
        except failure as error:
            raise LabelBeamError(f"{file.shown}: {error}; expected {expected}") from None


def plan_whole(
    tree: Tree, name: str, root: Location, names: Iterable[str], unit: Callable[[str, str, int, int], Unit]
) -> Plan:
    """Plan files below `root` that are read whole, as `plan_named` does: `unit` makes one of the URL of `root`, a file's path and size, and
    its number among them.
    """
    chosen = frozenset(names)
    files = [file for file in tree.listing_of(root).files if file.path in chosen]

    def units(found: list[StoredFile]) -> list[Unit]:
        return [unit(root.url, file.path, file.size, number) for number, file in enumerate(found)]

    plan = plan_named(tree, name, root, files, units)
    plan.in_bytes = True
    return plan


@contextmanager
def whole_file(file: Location, size: int) -> Iterator[bytes]:
    """The content of an annotation file that is parsed whole, with the memory for that; `size` as it was listed, 0 where that is not known.

    Raises:
        StoreError: it cannot be read.
        ShortageError: this process has not the memory.
    """
    with reading().take(_PARSED * (size or PROBED), file.shown):
        data = read_file(file, size or None)
        # Each may be an image, an object or a rejection, however few bytes it has.
        records = data.count(b"{") + data.count(b"\n") // 2
        check_room(_RECORD * records, f"{file.shown}, of up to {records:,} records")
        yield data


def with_room(records: Iterable[Record], what: str) -> Iterator[Record]:
    """The same records, as long as there is memory for further ones.

    Raises:
        ShortageError: there is not.
    """
    for number, record in enumerate(records, 1):
        if number % _TOGETHER == 0:
            check_room(_RECORD * _TOGETHER, f"{what}, of which {number:,} records were read")
        yield record
