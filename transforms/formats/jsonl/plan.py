"""Plan JSON Lines: the split of each file, what its image URLs start with, and where the images lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.jsonl.format import JsonLinesOptions
from labelbeam.transforms.formats.jsonl.sources import SourceFile, first_records
from labelbeam.transforms.formats.jsonl.splits import splits_of
from labelbeam.transforms.formats.jsonl.units import RANGE, JsonLinesUnit
from labelbeam.transforms.formats.plans import HEAD, Plan, bucket_count
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.images.urls import check_prefix, path_below, root_of_url
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import StoreError, UnavailableError
from labelbeam.transforms.stores.files import StoredFile, kind, stat
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

RECORD = 1024
"""Bytes of a record with some boxes, about."""

_LOOKED_FOR = 5
"""Images of the first records that are looked for below --images."""


class KnownFile(NamedTuple):
    """A file of records as far as it is known: `urls` are the image URLs of its first records, `sized` says that all have sizes."""

    source: SourceFile
    stored: StoredFile
    split: str | None
    urls: list[str]
    sized: bool


class Naming(NamedTuple):
    """Naming of images: by the path behind the prefix of their file, or by their URLs where `prefixes` are None.

    `images` is the directory that paths are relative to; None where there is none.
    """

    prefixes: list[str | None]
    images: Location | None


def plan_json_lines(config: ConvertConfig, options: StorageOptions, sources: Sequence[SourceFile]) -> Plan:
    """Plan files of records; see `transforms.plan.make_plan` for errors."""
    guessed = splits_of([source.name for source in sources])
    splits = [source.split or split for source, split in zip(sources, guessed, strict=True)]
    files = in_threads(lambda each: _look_into(*each), list(zip(sources, splits, strict=True)))
    doubts = _no_train_split(config, files)
    naming = _naming(config, options, files, doubts)
    root = naming.images or _directory_of_paths(files, naming)
    if root is None:
        raise UsageError(
            f"{sources[0].location.shown}: has no directory around it; name that of the images with --images"
        )
    read = [(file.source.location.url, file.stored) for file in files]
    fingerprint, covers = fingerprint_of(read)
    size = sum(file.stored.size for file in files)
    buckets = bucket_count(config, size, size // RECORD)
    plan = Plan("jsonl", "", root.url, buckets, fingerprint, covers, in_bytes=True, readers_look=False)
    plan.files, plan.doubts = read, doubts
    plan.image_prefix = _image_prefix(config, naming)
    distinct = dict.fromkeys(prefix for prefix in naming.prefixes if prefix is not None)
    if len(distinct) > 1:
        # One path behind two prefixes may be two pictures.
        first = next(iter(distinct))
        pairs = zip(files, naming.prefixes, strict=True)
        plan.unseen = frozenset(file.source.location.url for file, prefix in pairs if prefix not in (None, first))
    if naming.images is not None and _depends_on_images(config, files):
        listing = list_dataset(root, config, options)
        plan.listed = listed_files(file for file in listing.files if extension(file.path))
        plan.trees = [root.url]
        plan.fingerprint, plan.covers = fingerprint_of([*read, *((root.url, file) for file in listing.files)])
        plan.doubts += [Doubt(Doubted.LISTING, warning) for warning in listing.warnings]
    for number, (file, prefix) in enumerate(zip(files, naming.prefixes, strict=True)):
        size, known = file.stored.size, prefix is not None and naming.images is not None
        # The records of an earlier build are of sizes that were settled then.
        looked_at = root.url if known and config.check_images is None and file.source.prefix is None else ""
        plan.units += [
            JsonLinesUnit(
                *(file.source.location.url, number, start, min(size, start + RANGE), size, file.split, prefix),
                "" if start else looked_at,
            )
            for start in range(0, size, RANGE)
        ]
    return plan


def _directory_of_paths(files: Sequence[KnownFile], naming: Naming) -> Location | None:
    """The directory around the files, which image_url is relative to where it is a path.

    Raises:
        UsageError: there are several.
    """
    named = [file.source.location for file, prefix in zip(files, naming.prefixes, strict=True) if prefix == ""]
    parents = {parent.url: parent for file in named if (parent := file.parent) is not None}
    if len(parents) > 1:
        raise UsageError(
            f"{named[0].shown}: image_url is a path, relative to which of {len(parents)} directories nobody can tell; name it with "
            "--images"
        )
    return next(iter(parents.values()), files[0].source.location.parent)


def _look_into(source: SourceFile, split: str | None) -> KnownFile:
    stored = stat(source.location)
    if source.bytes is not None and stored.size != source.bytes:
        raise LabelBeamError(
            f"{source.location.shown}: has {stored.size} bytes, expected {source.bytes} as its manifest says; labelbeam verify "
            "tells more of the build"
        )
    head = read_range(source.location, 0, min(stored.size, HEAD))
    records = first_records(head)
    urls = [url for record in records if isinstance(url := record.get("image_url"), str)]
    return KnownFile(source, stored, split, urls, all(_is_sized(record) for record in records))


def _is_sized(record: dict[str, Any]) -> bool:
    details = record.get("image_details")
    inner = details if isinstance(details, dict) else {}
    return all(inner.get(side) or record.get(f"image_{side}") or record.get(side) for side in ("width", "height"))


def _no_train_split(config: ConvertConfig, files: Sequence[KnownFile]) -> list[Doubt]:
    if config.split is not None or {file.split for file in files} & {None, "train"}:
        return []
    shown = files[0].source.location.shown
    message = (
        f"{shown}: its name, or that of its folder, is taken as its split, {files[0].split}, and no source gives a train "
        "split; if the word is of the subject, say --split train=1, or shares of several"
    )
    return [Doubt(Doubted.NO_TRAIN_SPLIT, message, len(files), shown, "--split train=1")]


def _naming(config: ConvertConfig, options: StorageOptions, files: Sequence[KnownFile], doubts: list[Doubt]) -> Naming:
    """Decide by what images are named.

    A path is needed where image URLs are to be written anew, and where images are looked at; else each record keeps its URL.
    """
    images = _images(config, options, files)
    given = config.of(JsonLinesOptions).source_image_url
    relative = images is not None or config.image_url is not None or given is not None
    prefixes = [_prefix(file, given, images if config.images is not None else None, doubts) for file in files]
    if not relative:
        for prefix in dict.fromkeys(filter(None, prefixes)):
            doubts += _not_read(prefix)
        if any(prefixes) and (config.check_images not in (None, "none") or config.copy_images is not None):
            option = "--copy-images" if config.copy_images is not None else "--check-images"
            raise UsageError(
                f"{option}: {files[0].source.location.shown} names its images by URLs, which are not fetched; name the directory "
                "of the images with --images"
            )
        return Naming([prefix if prefix == "" else None for prefix in prefixes], None)
    known = dict.fromkeys(prefix for prefix in prefixes if prefix is not None)
    if config.image_url is None and len(known) > 1:
        shown = " and ".join(repr(redact(prefix)) for prefix in list(known)[:2])
        raise UsageError(
            f"--images: the image URLs of the sources start with {shown}, so that no one directory holds them; say what they "
            "start with in common with --source-image-url, or how they are to start with --image-url"
        )
    usual = next(iter(known), "")
    return Naming([usual if prefix is None else prefix for prefix in prefixes], images)


def _not_read(prefix: str) -> list[Doubt]:
    """A doubt where the trainer does not read URLs that start so; those that it never does are rejected one by one, and those of v1 are
    counted where all records are read.
    """
    if prefix.startswith("AmlDatastore://"):
        return []
    try:
        warning = check_prefix(prefix)
    except UsageError:
        return []
    return [Doubt(Doubted.IMAGE_URL_NOT_READ, warning, example=redact(prefix), option="--image-url")] if warning else []


def _images(config: ConvertConfig, options: StorageOptions, files: Sequence[KnownFile]) -> Location | None:
    """The directory of the images: --images, or where all earlier builds had them, if it is still there."""
    if config.images is not None:
        return locate(config.images, options)
    places = {file.source.images for file in files}
    place = places.pop() if len(places) == 1 else None
    if place is None:
        return None
    try:
        there = locate(place, options)
        return there if kind(there) == "directory" else None
    except (UsageError, StoreError, UnavailableError):
        return None


def _prefix(file: KnownFile, given: str | None, images: Location | None, doubts: list[Doubt]) -> str | None:
    """The prefix of the image URLs of a file: "" where they are paths, None where it has no record to tell by."""
    if given is not None:
        return given
    if file.source.prefix is not None:
        return file.source.prefix
    if not file.urls:
        return None
    url = next((url for url in file.urls if "://" in url), None)
    if url is None:
        return ""
    root = root_of_url(url)
    if root is None or images is None:
        return root
    paths = [path for url in file.urls if (path := path_below(root, url)) is not None]
    return _prefix_by_images(file, root, paths, images, doubts)


def _prefix_by_images(file: KnownFile, root: str, paths: Sequence[str], images: Location, doubts: list[Doubt]) -> str:
    """The shortest prefix behind which the paths of the first records lead to files below --images."""
    folders = [path.split("/")[:-1] for path in paths]
    shared = 0
    while all(len(names) > shared for names in folders) and len({names[shared] for names in folders}) == 1:
        shared += 1
    for depth in range(shared + 1):
        shorter = ["/".join(path.split("/")[depth:]) for path in paths[:_LOOKED_FOR]]
        if any(in_threads(lambda path: _is_there(images, path), shorter)):
            return f"{root}{''.join(f'{name}/' for name in folders[0][:depth])}"
    message = (
        f"{file.source.location.shown}: of its first images, such as {redact(file.urls[0])}, none was found below "
        f"{images.shown}; say with --source-image-url what comes before the path below --images"
    )
    doubts.append(Doubt(Doubted.IMAGES_NOT_FOUND, message, len(paths), redact(file.urls[0]), "--source-image-url"))
    return root


def _is_there(images: Location, path: str) -> bool:
    safe = safe_relative(path)
    try:
        return safe is not None and kind(images.below(safe)) == "file"
    except StoreError:
        return False  # A place that cannot be looked at is not where the images are.


def _image_prefix(config: ConvertConfig, naming: Naming) -> str | None:
    if config.image_url is not None:
        return None
    known = {prefix for prefix in naming.prefixes if prefix}
    if known:
        return known.pop()
    return "" if None in naming.prefixes else None


def _depends_on_images(config: ConvertConfig, files: Sequence[KnownFile]) -> bool:
    """Tell whether the build depends on the image files and not on the records alone, so that they are inputs too."""
    if config.copy_images is not None or config.check_images not in (None, "none"):
        return True
    return config.check_images is None and not all(file.sized for file in files)
