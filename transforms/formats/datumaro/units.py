"""Plan of Datumaro's files, a unit each, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.claims import split_of_file
from labelbeam.transforms.formats.datumaro.format import DatumaroOptions
from labelbeam.transforms.formats.datumaro.read import DatumaroError, read_items
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import (
    FILE_BITS,
    IMAGES,
    finder_of,
    images_read,
    plan_whole,
    remarks_on,
    whole_file,
)
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult, Unit
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location


def plan_datumaro(tree: Tree, found: tuple[Location, Sequence[str]]) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    root, names = found

    def unit(file: StoredFile, number: int) -> Unit:
        return DatumaroUnit(root.url, file.path, file.size, number)

    return plan_whole(tree, "datumaro", root, names, unit)


@dataclass(frozen=True, slots=True)
class DatumaroUnit:
    """One file of items by its path; `number` is its own among them."""

    root: str
    path: str
    size: int
    number: int
    index = IMAGES

    def read(self, reading: Reading) -> ReadResult:
        """Read its items.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        task, split = options.config.task, split_of_file(self.path)
        apart = options.config.of(DatumaroOptions).datumaro_groups == "apart"
        file = locate(self.root, options.storage).below(self.path)
        try:
            with whole_file(file, self.size) as data:
                read = read_items(data, finder, path=self.path, source=self.root, task=task, split=split, apart=apart)
        except DatumaroError as error:
            raise LabelBeamError(f"{file.shown}: {error}; expected a subset as Datumaro writes it") from None
        evidence = Evidence()
        evidence.add("without_outline", read.boxes if "segmentation" in task else 0, self.path)
        evidence.add("united", read.united, self.path)
        evidence.add("twofold", read.twofold, self.path)
        first = self.number << FILE_BITS
        return images_read(reading, self.root, evidence, read.images, finder, first, enumerate(read.labels))


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        for name, code, words, option in (
            (
                "twofold",
                Doubted.LABELS_IN_TWO_PLACES,
                "items have both labels and objects, of which the labels were read",
                "",
            ),
            (
                "united",
                Doubted.SHAPES_UNITED,
                "objects are of several annotations with one label and one group, as where Datumaro exports COCO",
                "--datumaro-groups apart",
            ),
        ):
            if count := item.count(name):
                example = item.example(name)
                message = f"{redact(source)}: {count:,} {words}, such as in {example}"
                doubts.append(Doubt(code, message, count, example, option))
    return doubts
