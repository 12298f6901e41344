"""Plan of Custom Vision's files, a unit each, and the frame of their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.customvision.read import CustomVisionError, read_images, read_tags
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Frame
from labelbeam.transforms.formats.named_images import (
    FILE_BITS,
    IMAGES,
    finder_of,
    images_read,
    plan_whole,
    refuse_far,
    whole_file,
)
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult, Unit
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded

LARGEST_TAGS = 2**20
"""Bytes of a list of tags, of which a project has at most 500."""


def plan_customvision(tree: Tree, root: Location, names: Sequence[str], tags: Sequence[str]) -> Plan:
    """Plan the files that were found, with the lists of tags beside them; see `transforms.plan.make_plan` for errors."""
    known: dict[str, str] = {}
    for path in tags:
        known |= read_tags(read_bounded(root.below(path), LARGEST_TAGS))

    def unit(file: StoredFile, number: int) -> Unit:
        return CustomVisionUnit(root.url, file.path, file.size, number, known)

    return plan_whole(tree, "customvision", root, names, unit)


@dataclass(frozen=True, slots=True)
class CustomVisionUnit:
    """One file of images by its path; `number` is its own among them, `tags` are names of tags by id."""

    root: str
    path: str
    size: int
    number: int
    tags: dict[str, str]
    index = IMAGES

    def read(self, reading: Reading) -> ReadResult:
        """Read its images.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        file = locate(self.root, options.storage).below(self.path)
        task = options.config.task
        try:
            with whole_file(file, self.size) as data:
                read = read_images(data, self.tags, finder, path=self.path, source=self.root, task=task)
        except CustomVisionError as error:
            raise LabelBeamError(f"{file.shown}: {error}; expected images as Custom Vision's API gives them") from None
        evidence = Evidence()
        evidence.add("boxes", read.boxes, self.path)
        evidence.add("far", read.far, self.path)
        return images_read(reading, self.root, evidence, read.images, finder, self.number << FILE_BITS, read.ids)


def frames_of(evidence: Mapping[str, Evidence]) -> dict[str, Frame]:
    """Fractions for all sources.

    Raises:
        UsageError: most of a source's numbers are none.
    """
    refuse_far(
        evidence,
        "no fractions of the image, as Custom Vision's API has them; if they are pixels, divide them by width and height",
    )
    return dict.fromkeys(evidence, FRACTIONS)
