"""Plan of LabelMe's files, their units, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.file_batches import FileBatch, plan_batches
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelme.format import LabelMeOptions
from labelbeam.transforms.formats.labelme.read import image_by_file, read_labelme
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.images.names import extension, hidden


def plan_labelme(tree: Tree, only: str | None) -> Plan:
    """Plan all JSON files of a directory, or `only` one, in batches; see `transforms.plan.make_plan` for errors."""
    place = tree.locations[0]
    root = place if only is None else place.parent
    assert root is not None, "a file that was claimed lies in a directory"
    files = [
        file
        for file in tree.listing_of(root).files
        if extension(file.path) == "json" and not hidden(file.path) and only in (None, file.path)
    ]
    return plan_batches(tree, "labelme", root, files, partial(LabelMeUnit, root.url))


@dataclass(frozen=True, slots=True)
class LabelMeUnit(FileBatch):
    """A batch of JSON files."""

    def read(self, reading: Reading) -> ReadResult:
        """Read many files at a time; what is there is parsed while others are read."""
        options, finder = reading.options, finder_of(reading)
        labels, task = options.config.of(LabelMeOptions).labelme_labels, options.config.task
        evidence = Evidence()
        images: list[SourceImage] = []
        for path, data in self.contents(reading, finder, image_by_file):
            if isinstance(data, SourceImage):
                images.append(data)
                continue
            read = read_labelme(data, path, finder, labels=labels, task=task, source=self.root)
            if read is None:
                evidence.add("left_alone", 1, path)
                continue
            images.append(read.image)
            evidence.add("twofold", int(read.twofold), path)
            evidence.add("without_outline", read.boxes if "segmentation" in task else 0, path)
        # Of all batches the first is looked at: they are of one tool.
        return images_read(reading, self.root, evidence, images, finder, self.first_key, looked_at=self.first_key == 0)


_DOUBTS = (
    ("left_alone", Doubted.FILES_LEFT_ALONE, "JSON files hold no shapes, and are left alone", ""),
    (
        "twofold",
        Doubted.LABELS_IN_TWO_PLACES,
        "files have both flags and shapes, of which the flags were read as labels",
        "--labelme-labels shapes",
    ),
)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    return remarks_on(evidence, said=_DOUBTS)
