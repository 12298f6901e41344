"""Units of a YOLO tree: batches of images with their label files."""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.look_ahead import look_ahead
from labelbeam.transforms.formats.reading import Findings, Reading, ReadOptions, ReadResult
from labelbeam.transforms.formats.yolo.description import Names
from labelbeam.transforms.formats.yolo.evidence import add_evidence
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.lines import LARGEST_LABELS
from labelbeam.transforms.formats.yolo.read import Labels, YoloImage, image_of, read_yolo, rejected_image
from labelbeam.transforms.formats.yolo.tree import YoloItem
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many


@dataclass(frozen=True, slots=True)
class YoloUnit:
    """A batch of images of a YOLO tree; the keys of their images start at `first_key`.

    `names` are the tables that its items refer to. `sizes` are what the listing says of the label files, in bytes, 0 where it
    may not know.
    """

    root: str
    items: tuple[YoloItem, ...]
    first_key: int
    names: tuple[Names | None, ...]
    keypoints: int
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        """Images in the unit, for progress."""
        return len(self.items)

    @property
    def index(self) -> None:
        """None: a label file stands by itself."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Read the label files."""
        options = reading.options
        read = self._images(options)
        fragments = dict(fragments_of([item.image for item in read], options.buckets, self.first_key))
        look_ahead(options, fragments.values())
        evidence = Evidence()
        add_evidence(evidence, read, "segmentation" in options.config.task)
        records = sum(fragment.records for fragment in fragments.values())
        found = {self.root: evidence} if evidence.tallies else {}
        return reading.result(Findings(records, found), sorted(fragments.items()))

    def _images(self, options: ReadOptions) -> list[YoloImage]:
        """Read many files at a time; what is there is parsed while others are read."""
        config = options.config
        yolo_options = config.of(YoloOptions)
        paths = [item.labels for item in self.items if item.labels is not None and item.skipped is None]
        sizes = [self.sizes.get(path) or None for path in paths]
        contents = read_many(locate(self.root, options.storage), paths, sizes, LARGEST_LABELS)
        tables = [Labels(names) for names in self.names]
        images: list[YoloImage] = []
        for item in self.items:
            data = next(contents) if item.labels is not None and item.skipped is None else None
            if isinstance(data, StoreError):
                image = image_of(item, self.root)
                image.rejected = image.rejected or [rejected_image(image, Rejected.UNREADABLE_FILE, str(data))]
                images.append(YoloImage(image))
                continue
            labels, task = tables[item.names], config.task
            images.append(
                read_yolo(item, data, labels, yolo_options, task=task, source=self.root, keypoints=self.keypoints)
            )
        return images
