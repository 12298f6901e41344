"""Units of a Pascal VOC tree: batches of annotation files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.reading import Findings, Reading, ReadOptions, ReadResult, encode_fragments
from labelbeam.transforms.formats.voc.format import VocOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex
from labelbeam.transforms.formats.voc.masks import MaskError
from labelbeam.transforms.formats.voc.read import VocImage, read_voc, rejected_voc
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_many


@dataclass(frozen=True, slots=True)
class VocUnit:
    """A batch of annotation files of a VOC tree; the keys of their images start at `first_key`.

    `images` finds the images of items whose own name did not settle it, None where there is none. `sizes` are what the listing
    says of the annotation files and masks, in bytes, 0 where it may not know.
    """

    root: str
    items: tuple[VocItem, ...]
    first_key: int
    images: ImageIndex | None
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        """Annotation files in the unit, for progress."""
        return len(self.items)

    @property
    def index(self) -> None:
        """None: an annotation file stands by itself."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Read the annotation files and their masks."""
        options = reading.options
        read = self._images(options)
        fragments = dict(fragments_of([item.image for item in read], options.buckets, self.first_key))
        evidence = Evidence()
        evidence.add("zero_based", sum(item.zero_based for item in read))
        records = sum(fragment.records for fragment in fragments.values())
        found = {self.root: evidence} if evidence.tallies else {}
        return ReadResult(Findings(records, found), encode_fragments(sorted(fragments.items())))

    def _images(self, options: ReadOptions) -> list[VocImage]:
        """Read many files at a time; what is there is parsed while others are read."""
        root = locate(self.root, options.storage)
        config = options.config
        voc_options = config.of(VocOptions)
        wanted = [item for item in self.items if item.skipped is None]
        paths = [path for item in wanted for path in (item.xml, item.mask) if path is not None]
        contents = read_many(root, paths, [self.sizes.get(path) or None for path in paths])
        images: list[VocImage] = []
        for item in self.items:
            if item.skipped is not None:
                path = item.image or item.xml
                images.append(VocImage(SourceImage(path, self.root, item.xml, left_out=item.skipped), 0))
                continue
            xml = next(contents)
            mask: Any = next(contents) if item.mask is not None else None
            if isinstance(xml, StoreError):
                bad = rejected_voc(item, Rejected.UNREADABLE_FILE, str(xml), source=self.root, images=self.images)
                images.append(VocImage(bad, 0))
                continue
            if isinstance(mask, StoreError):
                mask = MaskError(Rejected.UNREADABLE_MASK, str(mask))
            images.append(
                read_voc(item, xml, mask, voc_options, task=config.task, source=self.root, images=self.images)
            )
        return images
