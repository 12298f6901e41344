"""Plan of Custom Vision's files, a unit each, and the frame of their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.customvision.read import CustomVisionError, read_images, read_tags
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Frame
from labelbeam.transforms.formats.named_images import finder_of, images_read, refuse_far, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded

LARGEST_TAGS = 2**20
"""Bytes of a list of tags, of which a project has at most 500."""


def plan_customvision(tree: Tree, root: Location, names: Sequence[str], tags: Sequence[str]) -> Plan:
    """Plan the files that were found, with the lists of tags beside them; see `transforms.plan.make_plan` for errors."""
    known: dict[str, str] = {}
    for path in tags:
        known |= read_tags(read_bounded(root.below(path), LARGEST_TAGS))
    return plan_whole(tree, "customvision", root, names, partial(CustomVisionUnit, tags=known))


@dataclass(frozen=True, slots=True)
class CustomVisionUnit(WholeFile):
    """One file of images; `tags` are names of tags by id."""

    tags: dict[str, str]

    def read(self, reading: Reading) -> ReadResult:
        """Read its images.

        Raises:
            StoreError: it cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        finder, task = finder_of(reading), reading.options.config.task
        with self.content(reading, "images as Custom Vision's API gives them", CustomVisionError) as data:
            read = read_images(data, self.tags, finder, path=self.path, source=self.root, task=task)
        evidence = Evidence()
        evidence.add("boxes", read.boxes, self.path)
        evidence.add("far", read.far, self.path)
        evidence.add("untagged", read.untagged, self.path)
        return images_read(reading, self.root, evidence, read.images, finder, self.first_key, read.ids)


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


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Images that nothing names, and those that nobody has tagged."""
    words = "images say nothing of tags or regions, and are skipped: nobody has tagged them, and they are no background"
    return remarks_on(evidence, said=[("untagged", Doubted.IMAGES_NOT_ANNOTATED, words, "")])
