"""Plan of Open Images' tables, in ranges of bytes, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, finder_of, images_read, plan_named, remarks_on
from labelbeam.transforms.formats.openimages.read import read_descriptions, read_rows
from labelbeam.transforms.formats.openimages.recognise import Table, Tables, split_of
from labelbeam.transforms.formats.openimages.rows import rows_in
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult, Unit
from labelbeam.transforms.formats.whole_files import with_room
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_bounded, read_range
from labelbeam.transforms.workers.quiet_gc import quiet_gc

RANGE = 16 * 2**20
"""Bytes of a unit."""

LARGEST_DESCRIPTIONS = 16 * 2**20
"""Bytes of a file of class descriptions: that of all 20,000 classes has half a megabyte."""

_KEYS = 44
"""Bits of an image's key for the place in its table; the table's number stands above them."""


def plan_openimages(tree: Tree, found: Tables) -> Plan:
    """Plan the tables that were found; see `transforms.plan.make_plan` for errors."""
    root = found.root
    tables = {table.path: table for table in found.tables}
    if "classification" not in tree.config.task and not all(table.of_boxes for table in found.tables):
        raise UsageError(
            f"{root.shown}: {', '.join(list(tables)[:5])} holds labels of images and no boxes, which --task image_classification or "
            "image_classification_multilabel reads"
        )
    names: dict[str, str] = {}
    for path in found.descriptions:
        names |= read_descriptions(read_bounded(root.below(path), LARGEST_DESCRIPTIONS))

    def units(files: list[StoredFile]) -> list[Unit]:
        return [
            OpenImagesUnit(root.url, tables[file.path], number, start, min(file.size, start + RANGE), file.size, names)
            for number, file in enumerate(files)
            for start in range(0, file.size, RANGE)
        ]

    plan = plan_named(
        tree, "openimages", root, [file for file in tree.listing_of(root).files if file.path in tables], units
    )
    plan.in_bytes = True
    plan.files = [(root.below(file.path).url, file) for file in tree.listing_of(root).files if file.path in tables]
    return plan


@dataclass(frozen=True, slots=True)
class OpenImagesUnit:
    """The images of a table whose first row begins in the bytes [start, end); `bytes` is its size, `number` its own."""

    root: str
    table: Table
    number: int
    start: int
    end: int
    bytes: int
    names: dict[str, str]
    index = IMAGES

    @property
    def size(self) -> int:
        """Bytes, for progress."""
        return self.end - self.start

    def read(self, reading: Reading) -> ReadResult:
        """Read its rows.

        Raises:
            StoreError: the table cannot be read.
        """
        options, finder = reading.options, finder_of(reading)
        table = self.table
        part = partial(read_range, locate(self.root, options.storage).below(table.path))
        column = table.columns.index("imageid")
        with quiet_gc():
            read = read_rows(
                with_room(rows_in(part, self.start, self.end, table.first, self.bytes, column), table.path),
                table.columns,
                self.names,
                finder,
                path=table.path,
                source=self.root,
                task=options.config.task,
                split=split_of(table.path),
            )
        evidence = Evidence()
        evidence.add("images", len(read.images))
        for name in ("missing", "coded", "unsure", "contradicted", "boxes", "far"):
            evidence.add(name, getattr(read, name), table.path)
        first, ids = (self.number << _KEYS) + self.start, ((code, self.names[code]) for code in read.codes)
        return images_read(reading, self.root, evidence, read.images, finder, first, ids)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        shown = redact(source)
        for name, code, words in (
            ("missing", Doubted.IMAGES_NOT_FOUND, f"of {item.count('images'):,} images are not there, and are skipped"),
            (
                "coded",
                Doubted.LABELS_ARE_CODES,
                "labels are codes that no class-descriptions CSV beside the table names",
            ),
            (
                "unsure",
                Doubted.CONFIDENCES_BELOW_ONE,
                "labels have a confidence between 0 and 1, and are read like all others",
            ),
            (
                "contradicted",
                Doubted.LABELS_CONFLICT,
                "labels are verified to be there and not to be there, and are read as there",
            ),
        ):
            if count := item.count(name):
                doubts.append(Doubt(code, f"{shown}: {count:,} {words}", count, item.example(name)))
    return doubts
