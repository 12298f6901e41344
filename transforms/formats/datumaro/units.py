"""Plan of Datumaro's files, a unit each, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.claims import split_of_file
from labelbeam.transforms.formats.datumaro.format import DatumaroOptions
from labelbeam.transforms.formats.datumaro.read import DatumaroError, read_items
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole
from labelbeam.transforms.stores.location import Location


def plan_datumaro(tree: Tree, found: tuple[Location, Sequence[str]]) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    return plan_whole(tree, "datumaro", *found, DatumaroUnit)


@dataclass(frozen=True, slots=True)
class DatumaroUnit(WholeFile):
    """One file of items."""

    def read(self, reading: Reading) -> ReadResult:
        """Read its items.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        task, split = options.config.task, split_of_file(self.path)
        apart = options.config.of(DatumaroOptions).datumaro_groups == "apart"
        with self.content(reading, "a subset as Datumaro writes it", DatumaroError) as data:
            read = read_items(data, finder, path=self.path, source=self.root, task=task, split=split, apart=apart)
        evidence = Evidence()
        evidence.add("without_outline", read.boxes if "segmentation" in task else 0, self.path)
        evidence.add("united", read.united, self.path)
        evidence.add("twofold", read.twofold, self.path)
        return images_read(reading, self.root, evidence, read.images, finder, self.first_key, enumerate(read.labels))


_DOUBTS = (
    ("twofold", Doubted.LABELS_IN_TWO_PLACES, "items have both labels and objects, of which the labels were read", ""),
    (
        "united",
        Doubted.SHAPES_UNITED,
        "objects are of several annotations with one label and one group, as where Datumaro exports COCO",
        "--datumaro-groups apart",
    ),
)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    return remarks_on(evidence, said=_DOUBTS)
