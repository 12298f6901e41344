"""Small annotation files, one an image, in batches: their plan, and their content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder, plan_named, reject_image
from labelbeam.transforms.formats.plans import BATCH, Plan
from labelbeam.transforms.formats.reading import Reading, Unit
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many

LARGEST_FILE = 256 * 2**20
"""Bytes of an annotation file: it may hold its image or bitmaps, in base64."""

Batch: TypeAlias = tuple[tuple[str, int], ...]
"""Small files by path and size."""


@dataclass(frozen=True, slots=True)
class FileBatch:
    """Annotation files below `root`, by path and size; the keys of their images start at `first_key`.

    A format's unit is a subclass with `read`.
    """

    root: str
    files: Batch
    first_key: int
    index = IMAGES

    @property
    def size(self) -> int:
        """Files in the unit, for progress."""
        return len(self.files)

    def contents(
        self, reading: Reading, finder: ImageFinder, image_of: Callable[[str, ImageFinder, str], SourceImage]
    ) -> Iterator[tuple[str, bytes | SourceImage]]:
        """The content of each file, by its path; other files are read while it is parsed.

        In place of one that cannot be read comes its image, rejected: `image_of` finds it by the path of the file, and `root`.
        """
        paths, sizes = [path for path, _ in self.files], [size or None for _, size in self.files]
        contents = read_many(locate(self.root, reading.options.storage), paths, sizes, LARGEST_FILE)
        for path, data in zip(paths, contents, strict=True):
            if isinstance(data, StoreError):
                image = image_of(path, finder, self.root)
                reject_image(image, Rejected.UNREADABLE_FILE, str(data))
                yield path, image
            else:
                yield path, data


def plan_batches(
    tree: Tree, name: str, root: Location, files: Sequence[StoredFile], unit: Callable[[Batch, int], Unit]
) -> Plan:
    """Plan small files below `root`, each of an image, in batches, as `plan_named` does: `unit` makes one of a batch, and the key of its
    first image.
    """

    def units(found: list[StoredFile]) -> list[Unit]:
        named = [(file.path, file.size) for file in found]
        starts = range(0, len(named), BATCH)
        return [unit(tuple(named[start : start + BATCH]), start) for start in starts]

    return plan_named(tree, name, root, files, units)
