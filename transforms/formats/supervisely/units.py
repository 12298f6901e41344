"""Plan of Supervisely's files, their units, and what their evidence says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.file_batches import FileBatch, plan_batches
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult
from labelbeam.transforms.formats.supervisely.format import SuperviselyOptions
from labelbeam.transforms.formats.supervisely.read import image_by_file, read_supervisely
from labelbeam.transforms.formats.supervisely.recognise import annotation_files
from labelbeam.transforms.images.names import hidden
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded

META = "meta.json"
LARGEST_META = 16 * 2**20


def plan_supervisely(tree: Tree, found: tuple[Location, str | None]) -> Plan:
    """Plan all annotation files below a root, or only one, in batches; see `transforms.plan.make_plan` for errors."""
    root, only = found
    visible = [file for file in tree.listing_of(root).files if not hidden(file.path)]
    files = [file for file in annotation_files(visible) if only in (None, file.path)]
    return plan_batches(
        tree, "supervisely", root, files, partial(SuperviselyUnit, root.url, shapes=_shapes(root, visible))
    )


def _shapes(root: Location, listing: Iterable[StoredFile]) -> dict[str, str]:
    """The shape of each class by its title, as the project's meta.json gives it.

    Raises:
        StoreError: it cannot be read.
    """
    for file in listing:
        if file.path == META and file.size <= LARGEST_META:
            try:
                classes = decode_json(read_bounded(root.below(file.path), LARGEST_META))["classes"]
                return {item["title"]: item["shape"] for item in classes if isinstance(item["shape"], str)}
            except (JsonError, KeyError, TypeError):
                return {}  # Only files of 2018 need it.
    return {}


@dataclass(frozen=True, slots=True)
class SuperviselyUnit(FileBatch):
    """A batch of annotation files. `shapes` are those of classes, by title."""

    shapes: dict[str, str]

    def read(self, reading: Reading) -> ReadResult:
        """Read many files at a time; what is there is parsed while others are read."""
        options, finder = reading.options, finder_of(reading)
        given, task = options.config.of(SuperviselyOptions), options.config.task
        evidence = Evidence()
        images: list[SourceImage] = []
        ids: set[tuple[Any, Any]] = set()
        for path, data in self.contents(reading, finder, image_by_file):
            if isinstance(data, SourceImage):
                images.append(data)
                continue
            read = read_supervisely(data, path, finder, options=given, task=task, source=self.root, shapes=self.shapes)
            if read is None:
                evidence.add("left_alone", 1, path)
                continue
            images.append(read.image)
            ids.update(pair for pair in read.ids if all(isinstance(item, int | str) for item in pair))
            evidence.add("without_outline", read.boxes if "segmentation" in task else 0, path)
            for name in ("united", "edged", "valued", "twofold"):
                evidence.add(name, int(getattr(read, name)), path)
        # Of all batches the first is looked at: they are of one tool.
        first = self.first_key == 0
        return images_read(reading, self.root, evidence, images, finder, self.first_key, ids, looked_at=first)


_DOUBTS = (
    ("left_alone", Doubted.FILES_LEFT_ALONE, "JSON files hold no objects, and are left alone", ""),
    (
        "edged",
        Doubted.CORNERS_NO_PIXELS,
        "rectangles have a corner that no pixel is, with fractions or at the width or height of the image; corners were read as the first "
        "and last pixel inside",
        "--supervisely-corners edges",
    ),
    (
        "united",
        Doubted.SHAPES_UNITED,
        "objects are of several with one class and one binding key, as where Supervisely exports COCO",
        "--supervisely-groups apart",
    ),
    ("valued", Doubted.TAGS_WITH_VALUES, "tags have a value, and are no labels", "--supervisely-tag"),
    (
        "twofold",
        Doubted.LABELS_IN_TWO_PLACES,
        "images have both tags and objects, of which the tags were read as labels",
        "",
    ),
)


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    return remarks_on(evidence, said=_DOUBTS)
