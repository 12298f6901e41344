"""Plan of Hugging Face's Parquet and Arrow files with images in them, in groups of rows, and their reading."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.columns import Columns, columns_of, names_in_footer
from labelbeam.transforms.formats.huggingface.format import HuggingFaceOptions
from labelbeam.transforms.formats.huggingface.names import names_at
from labelbeam.transforms.formats.huggingface.objects import Samples
from labelbeam.transforms.formats.huggingface.read import OF_TABLES
from labelbeam.transforms.formats.huggingface.saved import Saved
from labelbeam.transforms.formats.named_images import (
    FILE_BITS,
    IMAGES,
    ImageFinder,
    ListedImages,
    finder_of,
    image_named,
    images_read,
    reject_image,
)
from labelbeam.transforms.formats.plans import IMAGES_A_SHARD, SHARD_TARGET, Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.shards import exported_as, plan_shards, splits_of_shards
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.images.headers import decode, read_header
from labelbeam.transforms.images.names import LONGEST_PATH, is_image
from labelbeam.transforms.images.transcode import transcode_of
from labelbeam.transforms.messages.words import agreeing, counted, printable
from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.shards.open_rows import open_rows
from labelbeam.transforms.stores.shards.rows import (
    DamagedError,
    Footer,
    RowFile,
    checked,
    image_values,
    name_of,
    starts_of,
)
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.workers.budget import check_room
from labelbeam.transforms.workers.quiet_gc import quiet_gc

RANGE = 64 * 2**20
"""Bytes of rows, images and all, in a unit; a group of rows is never cut."""


ROW = 1000
"""Bytes of memory that a row with an object takes while it is read, its image aside."""


def opened(file: Location) -> tuple[Packed, RowFile]:
    """A Parquet or Arrow file, of which the footer is read.

    Raises:
        StoreError: it cannot be read, or is none.
    """

    def look() -> tuple[Packed, RowFile]:
        packed = Packed(file.fs, file.path, file.shown)
        packed.look()
        return packed, open_rows(packed)

    return ask(file, "cannot be read", look)


def rows_of_parquet(file: Location) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a metadata.parquet: where each stands, and those of its fields that say something of its image.

    Raises:
        StoreError: it cannot be read, or is damaged.
    """
    packed, rows = opened(file)
    fields = [name for name in rows.footer.schema.names if name.endswith("file_name") or name in OF_TABLES]
    for group, first in enumerate(starts_of(rows.footer)[:-1]):
        check_room(ROW * rows.footer.rows[group], f"{file.shown}, of {rows.footer.rows[group]:,} rows in a group")
        yield from ask(file, "cannot be read", partial(_rows_of_group, packed, rows, group, first, fields))


def _rows_of_group(
    packed: Packed, rows: RowFile, group: int, first: int, fields: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        # Row by row: what all rows share in the file, such as a long text, each of these has for itself.
        return [
            {name: batch.column(name)[at].as_py() for name in fields}
            for batch in rows.batches(group, fields)
            for at in range(len(batch))
        ]

    return [(f"row {row}", values) for row, values in enumerate(checked(packed, read), first)]


def plan_embedded(tree: Tree, saved: Saved) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    shards, config = saved.shards, tree.config
    root = shards.root
    files = dict(
        zip(shards.paths, in_threads(lambda path: opened(root.below(path))[1].footer, shards.paths), strict=True)
    )

    def size(_: Sequence[StoredFile]) -> int:
        return sum(sum(footer.rows) for footer in files.values()) * (SHARD_TARGET // IMAGES_A_SHARD)

    plan, found = plan_shards(tree, "huggingface", shards, size)
    options = config.of(HuggingFaceOptions)
    columns = {
        path: columns_of(footer.schema, config.task, options, root.below(path).shown) for path, footer in files.items()
    }
    splits = splits_of_shards([file.path for file in found])
    _check_subsets(root, [file.path for file in found], splits)
    listing = tree.listing_of(root).files
    names = _names(root, listing, files, columns)
    by_xor = exported_as(root, listing, "huggingface")
    for number, (file, split) in enumerate(zip(found, splits, strict=True)):
        for first, last in _ranges(files[file.path].bytes):
            size_of = sum(files[file.path].bytes[first:last])
            plan.units.append(EmbeddedUnit(root.url, file.path, number, first, last, size_of, split, names, by_xor))
    pictures = sorted(printable(file.path) for file in listing if is_image(file.path))
    plan.indexes = [ListedImages(root.url, tuple(pictures))]
    if saved.left:
        message = f"{root.shown}: {counted(len(saved.left), 'file')} of rows, such as {saved.left[0]}, {agreeing(len(saved.left), 'is', 'are')} none of those that state.json names, or of the cache of datasets"
        plan.doubts.append(Doubt(Doubted.FILES_LEFT_ALONE, message, len(saved.left), saved.left[0]))
    others = sorted({other for each in columns.values() for other in each.others})
    if others:
        message = f"{root.shown}: further columns hold images, such as masks, and are not read: {', '.join(others)}"
        plan.doubts.append(Doubt(Doubted.IMAGES_LEFT_ALONE, message, len(others), others[0], "--huggingface-image"))
    return plan


def _ranges(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Groups of rows [first, last) that are worth a unit.

    >>> list(_ranges([RANGE, 1, RANGE - 1, 1]))
    [(0, 1), (1, 3), (3, 4)]
    """
    first = held = 0
    for group, size in enumerate(sizes):
        held += size
        if held >= RANGE or group == len(sizes) - 1:
            yield first, group + 1
            first, held = group + 1, 0


def _check_subsets(root: Location, paths: Iterable[str], splits: Iterable[str | None]) -> None:
    """Refuse files of one name and one split in several folders: subsets (configs) of a dataset, mostly with the same images.

    Raises:
        UsageError: there are such.
    """
    seen: dict[tuple[str, str | None], str] = {}
    for path, split in zip(paths, splits, strict=True):
        first = seen.setdefault((posixpath.basename(path), split), path)
        if first != path:
            raise UsageError(
                f"{root.shown}: {first} and {path} seem to be of two subsets (configs) of a dataset, which may hold the same images; name "
                "the folder of one with --source"
            )


def _names(
    root: Location, listing: Iterable[StoredFile], files: Mapping[str, Footer], columns: Mapping[str, Columns]
) -> dict[int, str]:
    """The one list of names that the footers give, else that files at the root do; none where there are several."""
    found: list[dict[int, str]] = []
    for path, footer in files.items():
        found += [each for each in names_in_footer(footer.schema, columns[path].named) if each not in found]
    if not found:
        found = names_at(root, listing, {each.named for each in columns.values()})
    return found[0] if len(found) == 1 else {}


@dataclass(frozen=True, slots=True)
class EmbeddedUnit:
    """The groups of rows [first, last) of a file; `bytes` are theirs, `number` is its own among the files."""

    root: str
    path: str
    number: int
    first: int
    last: int
    bytes: int
    split: str | None
    names: dict[int, str]
    by_xor: bool
    index = IMAGES

    @property
    def size(self) -> int:
        """Bytes, for progress."""
        return self.bytes

    def read(self, reading: Reading) -> ReadResult:
        """Read its rows, and look at their images where the build asks for it.

        Raises:
            StoreError: the file cannot be read.
        """
        config, evidence, finder = reading.options.config, Evidence(), finder_of(reading)
        file = locate(self.root, reading.options.storage).below(self.path)
        packed, opened_file = opened(file)
        columns = columns_of(opened_file.footer.schema, config.task, config.of(HuggingFaceOptions), file.shown)
        starts = starts_of(opened_file.footer)

        def read_all() -> Rows:
            rows = Rows(self, columns, config, finder)
            for group in range(self.first, self.last):
                try:
                    checked(packed, partial(_read_group, opened_file, group, starts, rows))
                except DamagedError as error:
                    if starts[group + 1] - starts[group] > packed.size:
                        raise  # Nor is its number of rows to be believed.
                    rows.reject(starts[group], starts[group + 1], str(error))
            return rows

        with quiet_gc():
            rows = ask(file, "cannot be read", read_all)
            samples = rows.samples
            samples.tell(evidence)
        evidence.add("without_outline", samples.without, self.path)
        evidence.add("unnamed", samples.unnamed, self.path)
        key = (self.number << FILE_BITS) + starts[self.first]
        return images_read(reading, self.root, evidence, samples.images, finder, key, looked=rows.looked)


def _read_group(file: RowFile, group: int, starts: Sequence[int], rows: Rows) -> None:
    """Add the rows of a group, which begin at `starts[group]`."""
    row = starts[group]
    for batch in file.batches(group, rows.columns.fields):
        rows.add(row, batch)
        row += len(batch)
    if row != starts[group + 1]:
        raise ValueError(
            f"a group has {counted(row - starts[group], 'row')}, and says {starts[group + 1] - starts[group]}"
        )


class Rows:
    """Rows of a unit, as they become images."""

    def __init__(self, unit: EmbeddedUnit, columns: Columns, config: ConvertConfig, finder: ImageFinder) -> None:
        self._unit, self.columns, self._config, self._finder = unit, columns, config, finder
        self._next = 0
        self._others = transcode_of(config) is not None
        self.samples = Samples(unit.names, config.task, unit.by_xor)
        self.looked: dict[str, ImageFacts | ImageError | None] = {}

    def add(self, first: int, batch: pa.RecordBatch) -> None:
        """Read the rows of a batch, whose first is row `first` of the file."""
        self._next = first + len(batch)
        contents, paths = image_values(batch, self.columns.image)
        values = {
            name: batch.column(batch.schema.names.index(name))
            for name in (
                *self.columns.objects,
                *self.columns.size,
                *([self.columns.label] if self.columns.label else []),
            )
        }
        for at in range(len(batch)):
            image = self._image(first + at, contents[at].as_py(), (paths[at].as_py() or "")[: 4 * LONGEST_PATH] or None)
            # Row by row: what all rows share in the file, such as a long text, each of these has for itself.
            row = {name: column[at].as_py() for name, column in values.items()}
            if image.rejected:
                self.samples.images.append(image)
            else:
                self._say(image, row)

    def reject(self, first: int, last: int, why: str) -> None:
        """Reject the rows [first, last) of the file, but for those of its first ones that were read, since a group is damaged."""
        for row in range(max(first, self._next), last):
            path = posixpath.join(self._unit.path, self.columns.folder, f"{row:06}")
            image = SourceImage(path, self._unit.root, f"{self._unit.path} row {row}", split=self._unit.split)
            reject_image(image, Rejected.UNREADABLE_FILE, why)
            self.samples.images.append(image)

    def _image(self, row: int, data: bytes | None, path: str | None) -> SourceImage:
        unit = self._unit
        locator = f"{unit.path} row {row}"
        if data is None and path:
            return image_named(path, self._finder, unit.path, unit.root, locator)
        name = posixpath.join(unit.path, self.columns.folder, name_of(row, path, data))
        image = SourceImage(name, unit.root, locator, split=unit.split)
        if data is None:
            reject_image(image, Rejected.MISSING_IMAGE, "the row has no image: neither bytes nor a path")
        else:
            self._look(name, data)
        return image

    def _look(self, path: str, data: bytes) -> None:
        """Look at an image here: whoever writes would have to read the row once more."""
        mode = self._config.check_images
        if self._config.sample is not None or mode == "none":
            return
        if mode not in ("header", "decode") and self.columns.size:
            return
        try:
            read = decode if mode == "decode" else read_header
            self.looked[path] = read(io.BytesIO(data), path, self._others)
        except ImageError as error:
            self.looked[path] = error

    def _say(self, image: SourceImage, row: Mapping[str, Any]) -> None:
        width, height = row.get("width"), row.get("height")
        label, objects = self.columns.label, self.columns.objects
        if label is None:
            self.samples.add(
                image, row[objects[0]] if len(objects) == 1 else {name: row[name] for name in objects}, width, height
            )
            return
        self.samples.label_by(image, label, row[label], width, height)
