"""Plan of Label Studio's exports, a unit each, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.claims import split_of_file
from labelbeam.transforms.formats.declared_sizes import LOOKED_AT
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.read import read_studio
from labelbeam.transforms.formats.labelstudio.tasks import StudioError, read_tasks
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.location import Location


def plan_labelstudio(tree: Tree, found: tuple[Location, Sequence[str]]) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    return plan_whole(tree, "labelstudio", *found, LabelStudioUnit)


@dataclass(frozen=True, slots=True)
class LabelStudioUnit(WholeFile):
    """One export."""

    def read(self, reading: Reading) -> ReadResult:
        """Read its tasks.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        given, task = options.config.of(LabelStudioOptions), options.config.task
        split = split_of_file(self.path)
        with self.content(reading, "an export of Label Studio as JSON", StudioError) as data:
            tasks = read_tasks(data)
            read = read_studio(tasks, given, finder, path=self.path, source=self.root, task=task, split=split)
        evidence = Evidence()
        for name, count in sorted(read.counts.items()):
            evidence.add(name, count, self.path)
        if read.others:
            evidence.add("chosen", 1, f"{read.others[0]!r} before {', '.join(map(repr, read.others[1:6]))}")
        # A target storage has a file for each task.
        looked_at = self.number < LOOKED_AT
        return images_read(reading, self.root, evidence, read.images, finder, self.first_key, looked_at=looked_at)


_DOUBTS = (
    (
        "several",
        Doubted.SEVERAL_ANNOTATIONS,
        "tasks have several annotations, of which the latest was read",
        "--labelstudio-annotations latest",
    ),
    (
        "unannotated",
        Doubted.IMAGES_NOT_ANNOTATED,
        "tasks have no annotation, or only cancelled ones, and are skipped: they are no background",
        "",
    ),
    (
        "predicted",
        Doubted.PREDICTED_LABELS,
        "of the tasks without an annotation have predictions, which are not read",
        "--labelstudio-annotations predictions",
    ),
    ("models", Doubted.PREDICTED_LABELS, "tasks were read as a model predicts them", ""),
    (
        "unlabelled",
        Doubted.REGIONS_WITHOUT_LABEL,
        "regions have no label, and are rejected",
        "",
    ),
    (
        "twofold",
        Doubted.LABELS_IN_TWO_PLACES,
        "tasks have both choices and labelled regions, of which the choices were read as labels",
        "--labelstudio-control",
    ),
)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts = remarks_on(evidence, said=_DOUBTS)
    for source, item in sorted(evidence.items()):
        if chosen := item.count("chosen"):
            example = item.example("chosen")
            message = f"{redact(source)}: several controls may give the labels; taken is {example}"
            doubts.append(Doubt(Doubted.LABEL_COLUMN, message, chosen, example, "--labelstudio-control"))
    return doubts
