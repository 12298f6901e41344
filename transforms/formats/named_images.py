"""Images that the annotations of a labelling tool name, found among those of a listing; and the plan of such a source.

Tools write names for their own machine: relative to the annotation file, to a folder that was opened, or absolute. So a name that
leads to nothing is compared with the listing from its end. Only names of the listing are ever found.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_plus

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.neutral import RAW_LIMIT, Rejection, SourceImage
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.beside import doubts_beside, tally_beside
from labelbeam.transforms.formats.declared_sizes import doubts_of_sizes, tally_sizes
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.indexes import load_index
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.look_ahead import look_ahead
from labelbeam.transforms.formats.paths import is_absolute, join, key_of, parts_of, resolved
from labelbeam.transforms.formats.plans import Plan, asks_for_images, bucket_count
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult, Unit, ids_by_label
from labelbeam.transforms.formats.split_names import split_of_path
from labelbeam.transforms.formats.voc.image_index import Found, is_image, split_suffix
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.images.names import image_path
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import counted, printable
from labelbeam.transforms.stores.files import StoredFile, put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.paths import is_plain
from labelbeam.transforms.workers.staged_units import StagedUnit, stage_alone

FILE_BITS = 32
"""Bits of an image's key for its place in a file that is read whole; the file's number stands above them."""

IMAGES = "images"
"""The name of the index of images."""


SAID_OF_AN_IMAGE = 64
"""Bytes that annotation files say of an image at least, about: of many images in few bytes most are not named."""


class ImageFinder:
    """The images of a listing, found by the names that annotations give them; `root` is the URL of the directory that was listed."""

    def __init__(self, images: Iterable[str], root: str = "") -> None:
        """Keep them; they are indexed when a name is first found not to be one of them."""
        self.root = root
        self._sorted = tuple(sorted(images))
        self._images = frozenset(self._sorted)

    def __reduce__(self) -> tuple[type[ImageFinder], tuple[tuple[str, ...], str]]:
        """Leave the indexes out, which are several times the names."""
        return ImageFinder, (self._sorted, self.root)

    def __contains__(self, path: object) -> bool:
        """Tell whether an image is listed under this very path."""
        return path in self._images

    def __len__(self) -> int:
        """Images in the listing."""
        return len(self._sorted)

    def find(self, name: str, base: str) -> Found:
        """The image that an annotation file in the folder `base` names.

        It is the one at that path from `base` or from the root. Else it is the one whose path ends as the name does by most of its
        folders, then the one nearest to `base`, also in another case or with another extension; never one of another split.
        """
        for folder in dict.fromkeys((base, "")):
            place = resolved(folder, name)
            if place is not None and place in self._images:
                return Found(place)
        parts = parts_of(name)
        if not parts:
            return Found(None)
        last = parts[-1]
        called = self._by_stem.get(key_of(split_suffix(last)[0]), [])
        split = split_of_path(join(base, "x"))
        called = [path for path in called if None in (split, split_of_path(path)) or split_of_path(path) == split]
        suffixed = bool(split_suffix(last)[1])
        for same in (
            [path for path in called if _last(path) == last],
            [path for path in called if key_of(_last(path)) == key_of(last)],
            called,
        ):
            if same:
                above = base.split("/")
                near = [
                    (_in_common(path.split("/")[-2::-1], parts[-2::-1]), _in_common(path.split("/"), above))
                    for path in same
                ]
                best = [path for path, count in zip(same, near, strict=True) if count == max(near)]
                other = suffixed and _last(best[0]) != last
                return Found(best[0], other) if len(best) == 1 else Found(None, candidates=tuple(sorted(best)))
        for plain in (unquote(name), unquote_plus(name)):  # As servers of images write names.
            if plain != name and (found := self.find(plain, base)) != Found(None):
                return found._replace(by_other_name=found.path is not None)
        return Found(None)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        for image in self._sorted:
            stems.setdefault(key_of(split_suffix(_last(image))[0]), []).append(image)
        return stems


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Names that both begin with."""
    pairs = zip(one, other, strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if key_of(a) != key_of(b)), min(len(one), len(other)))


def image_named(name: str, images: ImageFinder, path: str, source: str, locator: str, near: str = "") -> SourceImage:
    """The image that an annotation file at `path` names, without size and objects; rejected where nothing settles it.

    One that is not listed keeps the path that its name gives: relative to the annotation file, of an absolute one the last part. A URL stays
    one, unless the trainer does not read its scheme: then the image here whose path ends as its does is meant, as with an absolute path.
    `near` is the folder beside the file where its tool puts images: they are looked for there first.
    """
    folder = _folder_of(path, near)
    if folder is not None and is_plain(name) and (listed := folder + name) in images:
        return SourceImage(listed, source, locator, split=split_of_path(path) or split_of_path(listed))
    base = path.rpartition("/")[0]
    image = SourceImage(name, source, locator)
    url = "://" in name
    if url and image_path(name, "")[1] is not Rejected.UNSUPPORTED_URL:
        return _checked(image)
    # What the trainer does not read may lie here, such as what a build on a disk calls file:///data/1.jpg.
    found = images.find(name.partition("://")[2] if url else name, join(base, near))
    if found.candidates:
        message = f"{name!r} may be {len(found.candidates)} images: {', '.join(found.candidates[:5])}"
        reject_image(image, Rejected.AMBIGUOUS_IMAGE, message)
        return image
    if found.path is not None:
        at_its_place = found.path in (name, *(resolved(folder, name) for folder in (join(base, near), "")))
        # What is absolute begins as the disk of another machine does.
        image.named = "" if url or at_its_place or is_absolute(name) else name
        image.path = found.path
        image.adjusted += [Adjusted.IMAGE_BY_OTHER_NAME] * (found.by_other_name or url)
    elif url:
        return _checked(image)
    else:
        place = join(base, *parts_of(name)[-1:]) if is_absolute(name) else resolved(base, name)
        image.path = place or name
    image.split = split_of_path(path) or split_of_path(image.path)
    return _checked(image)


@lru_cache(4096)
def _folder_of(path: str, near: str) -> str | None:
    """What stands before a plain name in the path that is looked for first; None where that is no safe one."""
    first = resolved(join(path.rpartition("/")[0], near), "x")
    return None if first is None or image_path(first, "")[1] is not None else first[:-1]


def _checked(image: SourceImage) -> SourceImage:
    _, code, _ = image_path(image.path, "")
    if code is not None:
        reject_image(image, code, f"{code.doc}: {image.path!r}")
    return image


def reject_image(image: SourceImage, code: Rejected, message: str) -> None:
    """Reject a whole image; the first reason counts."""
    if not any(rejection.kind == "image" for rejection in image.rejected):
        rejection = Rejection(image.source, image.locator, image.path, "image", code, message[:RAW_LIMIT])
        image.rejected.append(rejection)


def reject_object(image: SourceImage, code: Rejected, message: str, locator: str, raw: str = "") -> None:
    """Reject one of an image's objects, which `locator` names in its file."""
    place = f"{image.locator} {locator}"
    rejection = Rejection(image.source, place, image.path, "object", code, message[:RAW_LIMIT], raw[:RAW_LIMIT])
    image.rejected.append(rejection)


@dataclass(frozen=True, slots=True)
class ListedImages:
    """The images of a listing, as the index that all units of a source are read against; `root` is the directory that was listed."""

    source: str
    names: tuple[str, ...]
    root: str = ""
    size = 0
    makes = IMAGES

    def read(self, reading: Reading) -> ReadResult:
        """Leave them for the other units."""
        options = reading.options
        evidence = Evidence()
        evidence.add("images_listed", len(self.names))
        index: bytes | StagedUnit
        if options.staging is None:
            index = pickle.dumps(ImageFinder(self.names, self.root), protocol=5)
        else:
            finder = ImageFinder(self.names, self.root)
            index = stage_alone(finder, locate(options.staging, options.storage).below("images"), put)
        return ReadResult(Findings(0, {self.source: evidence}), [], index)


def finder_of(reading: Reading) -> ImageFinder:
    """The images that a unit is read against."""
    assert reading.index is not None, "the index comes first"
    finder: ImageFinder = load_index(reading.index, reading.options.storage)
    return finder


def plan_named(
    tree: Tree, name: str, root: Location, files: Sequence[StoredFile], units: Callable[[list[StoredFile]], list[Unit]]
) -> Plan:
    """Plan annotation files below `root`, which are read against the images there, or below --images.

    Raises:
        StoreError: a directory cannot be listed.
        LabelBeamError: there is no annotation file.
    """
    config, listing = tree.config, tree.listing_of(root)
    if not files:
        raise LabelBeamError(f"{root.shown}: no annotation file of {name} among {counted(len(listing.files), 'file')}")
    images, image_files, left_out = root, listing.files, list(listing.warnings)
    if config.images is not None:
        images = locate(config.images, tree.storage)
        image_listing = list_dataset(images, config, tree.storage)
        image_files = image_listing.files
        left_out += image_listing.warnings
    sources = [(root.url, file) for file in listing.files]
    if image_files is not listing.files:
        sources += [(images.url, file) for file in image_files]
    fingerprint, covers = fingerprint_of(sources)
    pictures = [file for file in image_files if is_image(file.path)]
    size = sum(file.size for file in files)
    buckets = bucket_count(config, size, min(len(pictures), size // SAID_OF_AN_IMAGE))
    plan = Plan(name, "", images.url, buckets, fingerprint, covers)
    plan.trees = sorted({root.url, images.url})
    plan.doubts = [Doubt(Doubted.NOT_LISTED, warning) for warning in dict.fromkeys(left_out)]
    if asks_for_images(config):
        plan.listed = listed_files(pictures)
    plan.indexes = [ListedImages(root.url, tuple(sorted(printable(file.path) for file in pictures)), images.url)]
    plan.units = units(sorted((file._replace(path=printable(file.path)) for file in files), key=lambda file: file.path))
    return plan


def tally_images(
    reading: Reading,
    evidence: Evidence,
    images: Sequence[SourceImage],
    finder: ImageFinder,
    looked_at: bool = True,
    elsewhere: Iterable[str] = (),
    looked_for: bool = True,
) -> None:
    """Count the images that were found in the listing, to be compared with all that are there; and what they tell of themselves.

    `elsewhere` are labels of objects that the images do not hold themselves. Images that were `looked_for`, and are not in the listing, are
    counted as well, unless the build looks at them.
    The declared sizes of a few are compared with those of their files where they are `looked_at`, unless --check-images is given.
    """
    there = [image for image in images if image.path in finder]
    evidence.add("images_named", len({image.path for image in there}))
    if looked_for and reading.options.config.check_images is None and len(there) < len(images):
        lost = [image for image in images if image.path not in finder and _is_written_unseen(image)]
        name = "images_lost" if reading.options.config.image_url is None else "images_lost_elsewhere"
        evidence.add(name, len(lost), min((image.path for image in lost), default=""))
    if looked_at and reading.options.config.check_images is None and finder.root:
        tally_sizes(evidence, there, locate(finder.root, reading.options.storage))
    tally_beside(evidence, images, elsewhere)


def _is_written_unseen(image: SourceImage) -> bool:
    """Tell whether nobody will look for an image's file: its size is declared, and it is no URL."""
    if not (image.width and image.height) or image.left_out is not None or "://" in image.path:
        return False
    return not any(rejection.kind == "image" for rejection in image.rejected)


def images_read(
    reading: Reading,
    source: str,
    evidence: Evidence,
    images: Sequence[SourceImage],
    finder: ImageFinder,
    first_key: int,
    ids: Iterable[tuple[Any, Any]] = (),
    looked: Mapping[str, ImageFacts | ImageError | None] | None = None,
    looked_at: bool = True,
) -> ReadResult:
    """Hand on images that were read, with what they tell; their keys start at `first_key`. `ids` are pairs of a label's id in the source and
    its name, `looked` is what was seen of their files; for `looked_at` see `tally_images`.
    """
    tally_images(reading, evidence, images, finder, looked_at, looked_for=looked is None)
    fragments = dict(fragments_of(images, reading.options.buckets, first_key))
    if looked is None:
        look_ahead(reading.options, fragments.values())
    else:
        for fragment in fragments.values():
            fragment.looked = {path: looked[path] for path in fragment.images.paths if path in looked}
    records = sum(fragment.records for fragment in fragments.values())
    findings = Findings(records, {source: evidence}, label_ids=ids_by_label(ids))
    return reading.result(findings, sorted(fragments.items()))


Said: TypeAlias = Sequence[tuple[str, Doubted, str, str]]
"""Of tallies: their names, the doubts, what is counted in words, and the options that settle it."""


def remarks_on(evidence: Mapping[str, Evidence], advice: str = "", said: Said = ()) -> list[Doubt]:
    """Doubts of any such source: images that nothing names or of another size, objects that are turned, or without an outline; and those
    of the tallies of its format, which are `said`.
    """
    doubts: list[Doubt] = []
    for source, item in sorted(evidence.items()):
        shown = redact(source)
        if (left := item.count("images_listed") - item.count("images_named")) > 0:
            message = (
                f"{shown}: {counted(left, 'image is', 'images are')} named by no annotation file, and are not read"
            )
            doubts.append(Doubt(Doubted.IMAGES_WITHOUT_ANNOTATION, message, left))
        doubts += _doubts_of_lost(shown, item)
        if without := item.count("without_outline"):
            message = (
                f"{shown}: {counted(without, 'object is', 'objects are')} boxes without an outline, and are rejected; for object detection they are "
                f"read{advice}"
            )
            doubts.append(Doubt(Doubted.WITHOUT_OUTLINE, message, without, item.example("without_outline")))
        doubts += [*doubts_of_sizes(shown, item), *doubts_beside(shown, item)]
        for name, code, words, option in said:
            if count := item.count(name):
                example = item.example(name)
                doubts.append(Doubt(code, f"{shown}: {count:,} {words}, such as in {example}", count, example, option))
    return doubts


def _doubts_of_lost(shown: str, item: Evidence) -> list[Doubt]:
    """A doubt where images are in no listing: nobody looks for them, and the trainer may find nothing at their URLs."""
    lost, elsewhere, found = item.count("images_lost"), item.count("images_lost_elsewhere"), item.count("images_named")
    count, example = lost + elsewhere, item.example("images_lost") or item.example("images_lost_elsewhere")
    if not count or not (found or lost):
        return []  # None is here, and --image-url says where they are.
    if not found:
        message = (
            f"{shown}: {counted(count, 'image is named and was', 'images are named and were')} not found, such as {example!r}; see whether they are there, or name their directory "
            "with --images, or where the trainer finds them with --image-url"
        )
        return [Doubt(Doubted.IMAGES_NOT_FOUND, message, count, example, "--images")]
    message = (
        f"{shown}: {counted(count, 'image is', 'images are')} not where the others are, such as {example!r}, and written unseen; "
        "--check-images exists rejects such images"
    )
    return [Doubt(Doubted.IMAGES_NOT_FOUND, message, count, example, "--check-images exists")]


def refuse_far(evidence: Mapping[str, Evidence], what: str) -> None:
    """Refuse a source of whose shares of the image most are none.

    Raises:
        UsageError: a source is so; `what` says what its numbers should be, and what to do.
    """
    for source, item in sorted(evidence.items()):
        boxes, far = item.count("boxes"), item.count("far")
        if 2 * far > boxes:
            raise UsageError(
                f"{redact(source)}: {far:,} of {boxes:,} regions, such as in {item.example('far')}, are {what}"
            )
