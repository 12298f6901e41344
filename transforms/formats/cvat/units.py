"""Plan of CVAT's files, in ranges of bytes, and what their evidence says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.columns.fragments import Fragment, fragments_of, fragments_of_boxes
from labelbeam.transforms.formats.cvat.boxes import WrittenBoxes
from labelbeam.transforms.formats.cvat.format import CvatOptions
from labelbeam.transforms.formats.cvat.read import CvatImage, read_image
from labelbeam.transforms.formats.cvat.read_boxes import CvatBoxes, read_boxes
from labelbeam.transforms.formats.cvat.xml import CvatError, UnsafeCutError, images_in
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.look_ahead import look_ahead
from labelbeam.transforms.formats.named_images import IMAGES, finder_of, plan_named, remarks_on, tally_images
from labelbeam.transforms.formats.plans import BATCH, Plan
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult, Unit
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers.quiet_gc import quiet_gc

RANGE = 4 * 2**20
"""Bytes of a unit: a file of 30,000 images has 30 MB, and is to give several processes work."""

_LOOKED_AT = 4
"""A few images of every so many ranges are looked at."""

_KEYS = 44
"""Bits of an image's key for the place in its file; the file's number stands above them."""


def plan_cvat(tree: Tree, found: tuple[Location, Sequence[str]], exact: bool) -> Plan:
    """Plan the files that were found; see `transforms.plan.make_plan` for errors."""
    root, names = found
    files = [file for file in tree.listing_of(root).files if file.path in names]

    def units(chosen: list[StoredFile]) -> list[Unit]:
        return [
            CvatUnit(
                root.url, file.path, number, start, file.size if exact else min(file.size, start + RANGE), file.size
            )
            for number, file in enumerate(chosen)
            for start in range(0, file.size, file.size if exact else RANGE)
        ]

    plan = plan_named(tree, "cvat", root, files, units)
    plan.in_bytes = True
    plan.files = [(root.below(file.path).url, file) for file in files]
    return plan


@dataclass(frozen=True, slots=True)
class CvatUnit:
    """The images of a file whose tags begin in the bytes [start, end); `bytes` is its size, `number` its own among the files."""

    root: str
    path: str
    number: int
    start: int
    end: int
    bytes: int
    index = IMAGES

    @property
    def size(self) -> int:
        """Bytes, for progress."""
        return self.end - self.start

    def read(self, reading: Reading) -> ReadResult:
        """Read its images, and keep no more than a batch of them at a time.

        Raises:
            StoreError: the file cannot be read.
            LabelBeamError: it is malformed as a whole.
        """
        options, finder = reading.options, finder_of(reading)
        given, task = options.config.of(CvatOptions), options.config.task
        file = locate(self.root, options.storage).below(self.path)
        evidence, records = Evidence(), 0

        def read() -> Iterator[CvatImage | CvatBoxes]:
            boxes = "classification" not in task
            for written in images_in(partial(read_range, file), self.start, self.end, self.bytes, boxes):
                if written is None:
                    evidence.add("tracks", 1, self.path)
                    continue
                if isinstance(written, WrittenBoxes) and (
                    together := read_boxes(written, finder, path=self.path, source=self.root)
                ):
                    yield together
                    continue
                for image in written.one_by_one():
                    yield read_image(image, finder, given, path=self.path, source=self.root, task=task)

        def parts() -> Iterator[tuple[int, Fragment]]:
            nonlocal records
            key = (self.number << _KEYS) + self.start
            looked_at = self.start % (_LOOKED_AT * RANGE) == 0
            for batch in _batches(read()):
                elsewhere: Set[str] = frozenset()
                if isinstance(batch, CvatBoxes):
                    images, elsewhere = batch.images, set(batch.boxes.labels)
                    _tally_boxes(evidence, batch, task)
                    fragments = dict(fragments_of_boxes(images, batch.boxes, options.buckets, key))
                else:
                    images = [found.image for found in batch]
                    for found in batch:
                        _tally(evidence, found, task)
                    fragments = dict(fragments_of(images, options.buckets, key))
                tally_images(reading, evidence, images, finder, looked_at, elsewhere)
                looked_at = False  # Of the first batch a few were.
                look_ahead(options, fragments.values())
                for bucket, fragment in fragments.items():
                    records += fragment.records
                    yield bucket, fragment
                key += len(images)

        try:
            with quiet_gc():
                result = reading.result(Findings(0, {self.root: evidence}), parts())
        except UnsafeCutError:
            return ReadResult(Findings(unsafe=[file.url]))
        except CvatError as error:
            raise LabelBeamError(f"{file.shown}: {error}; expected an export of CVAT for images 1.1") from None
        result.findings.records = records
        return result


def _tally(evidence: Evidence, found: CvatImage, task: str) -> None:
    locator = found.image.locator
    evidence.add("without_outline", found.boxes if "segmentation" in task else 0, locator)
    evidence.add("united", found.united, locator)
    evidence.add("twofold", int(found.twofold), locator)
    evidence.add("other_subset", int(found.other_subset), locator)


def _tally_boxes(evidence: Evidence, found: CvatBoxes, task: str) -> None:
    boxed = [image.locator for image, count in zip(found.images, found.boxes.counts, strict=True) if count]
    evidence.add("without_outline", len(found.boxes.labels) if "segmentation" in task else 0, min(boxed, default=""))
    evidence.add("other_subset", len(found.other_subset), min(found.other_subset, default=""))


def _batches(found: Iterator[CvatImage | CvatBoxes]) -> Iterator[list[CvatImage] | CvatBoxes]:
    """Images that were read one by one in batches, others as they come."""
    batch: list[CvatImage] = []
    for each in found:
        if not isinstance(each, CvatBoxes):
            batch.append(each)
        if batch and (isinstance(each, CvatBoxes) or len(batch) == BATCH):
            yield batch
            batch = []
        if isinstance(each, CvatBoxes):
            yield each
    if batch:
        yield batch


_DOUBTS = (
    (
        "twofold",
        Doubted.LABELS_IN_TWO_PLACES,
        "images have both tags and shapes, of which the tags were read as labels",
        "--cvat-labels shapes",
    ),
    (
        "united",
        Doubted.SHAPES_UNITED,
        "objects are of several shapes with one label and one group, as where CVAT exports COCO",
        "--cvat-groups apart",
    ),
    ("other_subset", Doubted.LISTED_IN_NO_SPLIT, "images are in subsets that are no splits", "--split"),
    (
        "tracks",
        Doubted.TRACKS_NOT_READ,
        "tracks of CVAT for video are not read; export the task as CVAT for images",
        "",
    ),
)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    return remarks_on(evidence, said=_DOUBTS)
