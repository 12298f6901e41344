"""Plan of LabelMe's files, their units, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelme.format import LabelMeOptions
from labelbeam.transforms.formats.labelme.read import image_by_file, read_labelme
from labelbeam.transforms.formats.named_images import (
    IMAGES,
    Batch,
    finder_of,
    images_read,
    plan_batches,
    reject_image,
    remarks_on,
)
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.images.names import extension, hidden
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many

LARGEST_FILE = 256 * 2**20
"""Bytes of an annotation file: it may hold its image, in base64."""


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
class LabelMeUnit:
    """A batch of JSON files by path and size; the keys of their images start at `first_key`."""

    root: str
    files: Batch
    first_key: int
    index = IMAGES

    @property
    def size(self) -> int:
        """Files in the unit, for progress."""
        return len(self.files)

    def read(self, reading: Reading) -> ReadResult:
        """Read many files at a time; what is there is parsed while others are read."""
        options, finder = reading.options, finder_of(reading)
        labels, task = options.config.of(LabelMeOptions).labelme_labels, options.config.task
        evidence = Evidence()
        images: list[SourceImage] = []
        paths, sizes = [path for path, _ in self.files], [size or None for _, size in self.files]
        contents = read_many(locate(self.root, options.storage), paths, sizes, LARGEST_FILE)
        for path, data in zip(paths, contents, strict=True):
            if isinstance(data, StoreError):
                image = image_by_file(path, finder, self.root)
                reject_image(image, Rejected.UNREADABLE_FILE, str(data))
                images.append(image)
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


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        shown = redact(source)
        if left := item.count("left_alone"):
            message = (
                f"{shown}: {left:,} JSON files hold no shapes, such as {item.example('left_alone')}, and are left alone"
            )
            doubts.append(Doubt(Doubted.FILES_LEFT_ALONE, message, left, item.example("left_alone")))
        if twofold := item.count("twofold"):
            message = f"{shown}: {twofold:,} files have both flags and shapes, of which the flags were read as labels"
            doubts.append(
                Doubt(
                    Doubted.LABELS_IN_TWO_PLACES, message, twofold, item.example("twofold"), "--labelme-labels shapes"
                )
            )
    return doubts
