"""Units of a Pascal VOC tree: batches of annotation files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex
from labelbeam.transforms.formats.voc.masks import LARGEST_MASK_FILE, MaskError
from labelbeam.transforms.formats.voc.read import VocImage, read_voc, rejected_voc
from labelbeam.transforms.formats.voc.tree import VocItem, VocOptions
from labelbeam.transforms.formats.voc.xml import LARGEST_XML
from labelbeam.transforms.stores.errors import StoreError, TooLongError
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


def read_voc_unit(unit: VocUnit, options: ReadOptions) -> list[VocImage]:
    """Read a batch of annotation files, and their masks, many at a time; what is there is parsed while others are read."""
    root = locate(unit.root, options.storage)
    config = options.config
    voc_options = VocOptions(config.voc_origin, config.difficult_as_crowd)
    wanted = [item for item in unit.items if item.skipped is None]
    paths = [path for item in wanted for path in (item.xml, item.mask) if path is not None]
    most = [limit for item in wanted for limit in (LARGEST_XML, LARGEST_MASK_FILE)[: 1 + (item.mask is not None)]]
    contents = read_many(root, paths, [unit.sizes.get(path) or None for path in paths], most)
    images: list[VocImage] = []
    for item in unit.items:
        if item.skipped is not None:
            path = item.image or item.xml
            images.append(VocImage(SourceImage(path, unit.root, item.xml, left_out=item.skipped), 0))
            continue
        xml = next(contents)
        mask: Any = next(contents) if item.mask is not None else None
        if isinstance(xml, StoreError):
            code = Rejected.INVALID_XML if isinstance(xml, TooLongError) else Rejected.UNREADABLE_FILE
            bad = rejected_voc(item, code, str(xml), source=unit.root, images=unit.images)
            images.append(VocImage(bad, 0))
            continue
        if isinstance(mask, StoreError):
            mask = MaskError(Rejected.UNREADABLE_MASK, str(mask))
        images.append(read_voc(item, xml, mask, voc_options, task=config.task, source=unit.root, images=unit.images))
    return images
