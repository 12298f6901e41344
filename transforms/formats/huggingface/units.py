"""Plan of Hugging Face's tables: ranges of lines, or a CSV or Parquet file as a whole; and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.class_numbers import doubts_of_ends
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.names import names_at
from labelbeam.transforms.formats.huggingface.read import LABELS, read_rows, rows_of_csv, rows_of_lines
from labelbeam.transforms.formats.jsonl.units import RANGE, lines_of
from labelbeam.transforms.formats.named_images import (
    IMAGES,
    finder_of,
    images_read,
    plan_named,
    remarks_on,
)
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult, Unit, ids_by_label
from labelbeam.transforms.formats.shards import exported_as
from labelbeam.transforms.formats.whole_files import whole_file, with_room
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.workers.quiet_gc import quiet_gc

_KEYS = 44
"""Bits of an image's key for the place in its table; the table's number stands above them."""


def plan_huggingface(tree: Tree, found: tuple[Location, Sequence[str]]) -> Plan:
    """Plan the tables that were found; see `transforms.plan.make_plan` for errors."""
    root, names = found
    listing = tree.listing_of(root).files
    files = [file for file in listing if file.path in names]
    labelled = any(file.path.lower().endswith("parquet") for file in files) and "classification" in tree.config.task
    categories = _categories(root, listing, LABELS if labelled else ())
    by_xor = exported_as(root, listing, "huggingface")

    def units(chosen: list[StoredFile]) -> list[Unit]:
        return [
            HuggingFaceUnit(
                root.url, file.path, number, start, min(file.size, start + step), file.size, categories, by_xor
            )
            for number, file in enumerate(chosen)
            for step in [RANGE if file.path.lower().endswith("jsonl") else max(1, file.size)]
            for start in range(0, file.size, step)
        ]

    plan = plan_named(tree, "huggingface", root, files, units)
    plan.in_bytes = True
    plan.files = [(root.below(file.path).url, file) for file in files]
    plan.label_ids = ids_by_label(categories.items())
    return plan


def _categories(root: Location, listing: Sequence[StoredFile], columns: Sequence[str]) -> dict[int, str]:
    """The one list of names that files at the root give for `columns`, else for objects; none where there are several, between which
    nothing decides.
    """
    found = (names_at(root, listing, columns) if columns else []) or names_at(root, listing)
    return found[0] if len(found) == 1 else {}


@dataclass(frozen=True, slots=True)
class HuggingFaceUnit:
    """The lines of a table that begin in the bytes [start, end), or a CSV or Parquet file; `bytes` is its size, `number` its own."""

    root: str
    path: str
    number: int
    start: int
    end: int
    bytes: int
    names: dict[int, str]
    by_xor: bool = False
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
        options, finder, evidence = reading.options, finder_of(reading), Evidence()
        file, first, labels = locate(self.root, options.storage).below(self.path), 0, False
        with quiet_gc(), ExitStack() as held:
            if self.path.lower().endswith("jsonl"):
                first, block = lines_of(file, self.start, self.end, self.bytes)
                rows = rows_of_lines(block, first)
            elif self.path.lower().endswith("parquet"):
                from labelbeam.transforms.formats.huggingface.embedded import rows_of_parquet  # It loads pyarrow.

                rows, labels = rows_of_parquet(file), "classification" in options.config.task
            else:
                rows = rows_of_csv(held.enter_context(whole_file(file, self.bytes)))
            task = options.config.task
            read = read_rows(
                *(with_room(rows, file.shown), self.names, finder, evidence),
                path=self.path,
                source=self.root,
                task=task,
                by_xor=self.by_xor,
                labels=labels,
            )
        evidence.add("without_outline", read.without, self.path)
        evidence.add("unnamed", read.unnamed, self.path)
        return images_read(reading, self.root, evidence, read.images, finder, (self.number << _KEYS) + first)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence, beside those of boxes."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        if unnamed := item.count("unnamed"):
            message = (
                f"{redact(source)}: {counted(unnamed, 'object has', 'objects have')} a number as category, such as in {item.example('unnamed')}, and neither "
                "README.md nor dataset_infos.json gives one list of their names"
            )
            doubts.append(Doubt(Doubted.LABELS_ARE_NUMBERS, message, unnamed, item.example("unnamed")))
        doubts += doubts_of_ends(redact(source), item, "labels", "rows")
    return doubts
