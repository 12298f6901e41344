"""Plan of VIA's files, a unit each, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.via.content import ViaError, read_content
from labelbeam.transforms.formats.via.format import ViaOptions
from labelbeam.transforms.formats.via.read import find_attribute, read_via
from labelbeam.transforms.formats.via.recognise import split_of
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.location import Location


def plan_via(tree: Tree, found: tuple[Location, Sequence[str]]) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    return plan_whole(tree, "via", *found, ViaUnit)


@dataclass(frozen=True, slots=True)
class ViaUnit(WholeFile):
    """One file of annotations."""

    def read(self, reading: Reading) -> ReadResult:
        """Read its images.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        given, task = options.config.of(ViaOptions), options.config.task
        with self.content(reading, "a project or exported annotations of VIA 2", ViaError) as data:
            content = read_content(data, self.path)
        attribute = find_attribute(content, given.via_attribute, task)
        read = read_via(
            content,
            attribute,
            finder,
            path=self.path,
            source=self.root,
            task=task,
            split=split_of(self.path),
            label=given.via_label,
        )
        evidence = Evidence()
        if attribute.others and given.via_attribute is None:
            evidence.add("chosen", 1, f"{attribute.name!r} before {', '.join(map(repr, attribute.others[:5]))}")
        evidence.add("without_outline", read.boxes if "segmentation" in task else 0, self.path)
        evidence.add("unlabelled", read.unlabelled, self.path)
        return images_read(reading, self.root, evidence, read.images, finder, self.first_key)


_DOUBTS = (("unlabelled", Doubted.REGIONS_WITHOUT_LABEL, "regions have no label, and are rejected", "--via-label"),)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts = remarks_on(evidence, said=_DOUBTS)
    for source, item in sorted(evidence.items()):
        if chosen := item.count("chosen"):
            example = item.example("chosen")
            message = f"{redact(source)}: several attributes may be the label; taken is {example}"
            doubts.append(Doubt(Doubted.LABEL_COLUMN, message, chosen, example, "--via-attribute"))
    return doubts
