"""Units of a Pascal VOC tree: batches of annotation files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.look_ahead import look_ahead
from labelbeam.transforms.formats.paths import join, key_of
from labelbeam.transforms.formats.reading import Findings, Reading, ReadOptions, ReadResult
from labelbeam.transforms.formats.voc.evidence import add_beside, add_evidence
from labelbeam.transforms.formats.voc.format import VocOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex, split_suffix
from labelbeam.transforms.formats.voc.markup import LARGEST_XML
from labelbeam.transforms.formats.voc.masks import LARGEST_MASK_FILE, MaskError
from labelbeam.transforms.formats.voc.read import VocImage, read_voc, rejected_voc
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.images.facts import ImageError, ImageFacts, settle_size
from labelbeam.transforms.images.headers import read_header
from labelbeam.transforms.images.look import FIRST_BLOCK
from labelbeam.transforms.stores.errors import StoreError, TooLongError
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.range_reader import RangeReader
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads


@dataclass(frozen=True, slots=True)
class VocUnit:
    """A batch of annotation files of a VOC tree; the keys of their images start at `first_key`.

    `images` finds the images of items whose own name did not settle it, None where there is none. `sizes` are what the listing
    says of the annotation files and masks, in bytes, 0 where it may not know. `images_root` is where the images lie.
    `exported` says that an export of ours wrote them, which counts from 1 and writes decimals.
    """

    root: str
    items: tuple[VocItem, ...]
    first_key: int
    images: ImageIndex | None
    sizes: dict[str, int]
    images_root: str
    exported: bool = False

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
        look_ahead(options, fragments.values())
        evidence = Evidence()
        there = [item for item in read if not item.image.left_out]
        evidence.add("files", len(there))
        evidence.add("files_exported", len(there) if self.exported else 0)
        add_beside(evidence, there)
        self._look_for_named(options, there, evidence)
        if "classification" not in options.config.task:
            add_evidence(evidence, there, self._sizes(options, [item.image for item in there]))
            self._look_at_some(options, [item.image for item in read], evidence)
        records = sum(fragment.records for fragment in fragments.values())
        found = {self.root: evidence} if evidence.tallies else {}
        return reading.result(Findings(records, found), sorted(fragments.items()))

    def _images(self, options: ReadOptions) -> list[VocImage]:
        """Read many files at a time; what is there is parsed while others are read."""
        root = locate(self.root, options.storage)
        config = options.config
        voc_options = config.of(VocOptions)
        wanted = [item for item in self.items if item.skipped is None]
        paths = [path for item in wanted for path in (item.xml, item.mask) if path is not None]
        most = [limit for item in wanted for limit in (LARGEST_XML, LARGEST_MASK_FILE)[: 1 + (item.mask is not None)]]
        contents = read_many(root, paths, [self.sizes.get(path) or None for path in paths], most)
        images: list[VocImage] = []
        for item in self.items:
            if item.skipped is not None:
                path = item.image or item.xml
                images.append(VocImage(SourceImage(path, self.root, item.xml, left_out=item.skipped)))
                continue
            xml = next(contents)
            mask: Any = next(contents) if item.mask is not None else None
            if isinstance(xml, StoreError):
                code = Rejected.INVALID_XML if isinstance(xml, TooLongError) else Rejected.UNREADABLE_FILE
                bad = rejected_voc(item, code, str(xml), source=self.root, images=self.images)
                images.append(VocImage(bad))
                continue
            if isinstance(mask, StoreError):
                mask = MaskError(Rejected.UNREADABLE_MASK, str(mask))
            images.append(
                read_voc(
                    item,
                    xml,
                    mask,
                    voc_options,
                    task=config.task,
                    source=self.root,
                    images=self.images,
                    believed=config.check_images == "none",
                )
            )
        return images

    def _sizes(self, options: ReadOptions, images: Sequence[SourceImage]) -> dict[str, tuple[int, int]]:
        """The sizes of some images that declare none, by path, so that their boxes tell what they mean as well."""
        if options.config.check_images == "none":
            return {}
        root = locate(self.images_root, options.storage)
        unsized = [image for image in images if image.objects and not (image.width and image.height)][:SIZED]
        found = in_threads(partial(_facts, root), unsized)
        frames = {
            image.path: settle_size(None, facts)
            for image, facts in zip(unsized, found, strict=True)
            if facts is not None
        }
        return {path: (frame.width, frame.height) for path, frame in frames.items()}

    def _look_for_named(self, options: ReadOptions, read: Sequence[VocImage], evidence: Evidence) -> None:
        """Tally files whose `<filename>` is another image than the one that they are called like, as far as it is there.

        And files that share an image, since no image is called like them.
        """
        if self.images is not None:
            paths = Counter(item.image.path for item in read)
            for image in (item.image for item in read):
                claimed = image.path in self.images.claimed
                stands = all(rejection.kind == "object" for rejection in image.rejected)
                if stands and (claimed or paths[image.path] > 1):
                    evidence.add("image_shared", 1, image.locator)
        named = [(item.image, _beside(item.image.path, item.named)) for item in read if item.named]
        if not named:
            return
        listed = {item.image for item in self.items if item.image is not None}
        listed |= self.images.paths if self.images is not None else frozenset()
        stems = {key_of(split_suffix(path)[0]) for path in listed}
        known = [key_of(split_suffix(path)[0]) in stems for _, path in named]
        there = [image.locator for (image, _), found in zip(named, known, strict=True) if found]
        others = [each for each, found in zip(named, known, strict=True) if not found]
        if options.config.check_images != "none":
            root = locate(self.images_root, options.storage)
            looked = in_threads(lambda each: _exists(root, each[1]), others[:LOOKED_AT])
            there += [image.locator for (image, _), found in zip(others, looked, strict=False) if found]
        evidence.add("named_otherwise", len(there), min(there, default=""))

    def _look_at_some(self, options: ReadOptions, images: Sequence[SourceImage], evidence: Evidence) -> None:
        """Compare the declared sizes of a few images with those of their files, where the build looks at none of them."""
        if options.config.check_images is not None:
            return
        listed = {item.image for item in self.items} | (self.images.paths if self.images is not None else frozenset())
        sized = [
            image for image in images if image.width and image.height and image.path in listed and not image.rejected
        ]
        root = locate(self.images_root, options.storage)
        for image, facts in zip(sized, in_threads(partial(_facts, root), sized[:LOOKED_AT]), strict=False):
            if facts is None:
                continue
            evidence.add("looked_at", 1)
            try:
                settle_size((image.width or 0, image.height or 0), facts)
            except ImageError:
                evidence.add("size_differs", 1, image.locator)


LOOKED_AT = 4
"""Images of a unit that are compared with their declared size by default: enough to see that a tool has swapped sides."""


SIZED = 20
"""Images of a unit whose size is read for the evidence where the annotation files do not give it."""


def _beside(path: str, name: str) -> str:
    """The path of an image of another name in the same folder, with the same suffix where the name has none."""
    stem, suffix = split_suffix(path)
    name = name if split_suffix(name)[1] else name + suffix
    return join(stem.rpartition("/")[0], name)


def _exists(root: Location, path: str) -> bool:
    try:
        return within(root, path) and stat(root.below(path)).size >= 0
    except (StoreError, OSError):
        return False


def _facts(root: Location, image: SourceImage) -> ImageFacts | None:
    """Facts of an image's header; None where it cannot be read, which is for other steps to say."""
    location = root.below(image.path)
    if not within(root, image.path):
        return None
    try:
        reader = RangeReader(partial(read_range, location), stat(location).size, FIRST_BLOCK)
        return read_header(reader, image.path)
    except (StoreError, ImageError, OSError):
        return None
