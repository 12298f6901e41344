"""Decide, on the driver, which images are scored, where they lie, and how the work is cut into units.

Images are those of a published build, or all below a directory or a glob. What a dataset calls its images is never opened as it
stands: only what lies below the place that a person, or the build's own options, have named.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.score_config import ScoreConfig
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.builds.contents import published_files
from labelbeam.transforms.builds.image_places import configured_prefix, image_directories
from labelbeam.transforms.builds.published import latest_manifest, place_of
from labelbeam.transforms.formats.inputs import fingerprint_of
from labelbeam.transforms.formats.plans import MOST_SHARDS
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension, hidden
from labelbeam.transforms.images.urls import check_prefix, default_prefix, image_url, path_of
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.files import StoredFile, kind, list_directory
from labelbeam.transforms.stores.globs import above_glob, expand
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions

UNIT = 256
"""Images in a unit, which is a shard: what a killed run has to do again, in a process that asks for one after the other."""


class ImageToScore(NamedTuple):
    """An image: its URL in predictions; its path below the images' root, None if it is not below it; its size, if known."""

    url: str
    path: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class ScoreUnit:
    """A batch of images, and the number of its shard."""

    number: int
    images: tuple[ImageToScore, ...]

    @property
    def size(self) -> int:
        """Images in the unit, for progress."""
        return len(self.images)


@dataclass(slots=True)
class ScorePlan:
    """Plan of scoring. `covers` says what the fingerprint covers; `build` names the build that the images are of."""

    task: Task
    images_root: str
    units: list[ScoreUnit]
    fingerprint: str
    covers: dict[str, Any]
    build: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def images(self) -> int:
        """Images in all units."""
        return sum(unit.size for unit in self.units)


def plan_scores(config: ScoreConfig, storage: StorageOptions) -> ScorePlan:
    """Plan the scoring of the current build at SOURCE, or else of the images below it.

    Raises:
        UsageError: an option is missing, or does not fit what lies there.
        StoreError: a place cannot be listed or read.
        LabelBeamError: there is no image.
    """
    source = locate(config.source, storage)
    manifest = latest_manifest(source) if kind(source) == "directory" else None
    plan = _plan_build(source, manifest, config, storage) if manifest else _plan_images(config, storage)
    if not plan.units:
        raise LabelBeamError(f"{source.shown}: no image was found, expected at least one")
    return plan


def cut_into_units(images: list[ImageToScore]) -> list[ScoreUnit]:
    """Units of `UNIT` images each, or of more where there would be more shards than their names can tell apart."""
    size = max(UNIT, math.ceil(len(images) / MOST_SHARDS))
    starts = range(0, len(images), size)
    return [ScoreUnit(number, tuple(images[start : start + size])) for number, start in enumerate(starts)]


# Images that lie somewhere. --------------------------------------------------------------------------------------------


def _plan_images(config: ScoreConfig, storage: StorageOptions) -> ScorePlan:
    for name in ("split", "images"):
        if getattr(config, name):
            raise UsageError(
                f"--{name}: is for the images of a build, but {redact(config.source)} is none: it holds no latest.json"
            )
    if config.task is None:
        raise UsageError(
            f"missing: --task, since {redact(config.source)} is no build: it holds no latest.json; see labelbeam score --help"
        )
    base, files, warnings = _listed(config.source, storage)
    prefix = config.image_url or default_prefix(base.url)
    if config.image_url is not None:
        check_prefix(prefix)
    fingerprint, covers = fingerprint_of((base.url, file) for file in files)
    images = [ImageToScore(image_url(prefix, file.path), file.path, file.size or None) for file in files]
    return ScorePlan(config.task, base.url, cut_into_units(images), fingerprint, covers, warnings=warnings)


def _listed(url: str, storage: StorageOptions) -> tuple[Location, list[StoredFile], list[str]]:
    """The directory that names are relative to, the images below it that `url` names, sorted, and warnings."""
    location = locate(url, storage)
    places = expand(url, storage)
    if len(places) == 1 and places[0].path == location.path:
        if kind(location) == "directory":
            listing = list_files(location)
            return location, _images_among(listing.files), listing.warnings
        base = location.parent or location
    else:
        base = above_glob(location)
    files: list[StoredFile] = []
    warnings: list[str] = []
    beside: dict[str, dict[str, StoredFile]] = {}
    for place in places:
        folder = place.parent
        assert folder is not None  # It lies below `base`.
        if folder.path not in beside:
            beside[folder.path] = {file.path: file for file in list_directory(folder).files}
        above = _relative(base, folder)
        name = place.path.rpartition("/")[2]
        if name in beside[folder.path]:
            files.append(_moved(beside[folder.path][name], above))
        else:
            listing = list_files(place)
            files += [_moved(file, f"{above}{name}/") for file in listing.files]
            warnings += listing.warnings
    return base, _images_among(sorted(set(files))), warnings


def _relative(base: Location, folder: Location) -> str:
    relative = folder.path[len(base.path) :].strip("/")
    return f"{relative}/" if relative else ""


def _moved(file: StoredFile, above: str) -> StoredFile:
    return StoredFile(f"{above}{file.path}", file.size, file.token)


def _images_among(files: list[StoredFile]) -> list[StoredFile]:
    return [file for file in files if extension(file.path) in IMAGE_FORMATS and not hidden(file.path)]


# Images of a build. ----------------------------------------------------------------------------------------------------


class _Named(msgspec.Struct):
    image_url: str


_RECORDS = msgspec.json.Decoder(_Named)


def _plan_build(source: Location, manifest: Manifest, config: ScoreConfig, storage: StorageOptions) -> ScorePlan:
    if config.task not in (None, manifest.task):
        raise UsageError(f"--task: found {config.task}, but the current build at {source.shown} is of {manifest.task}")
    unknown = [split for split in config.split if split not in manifest.splits]
    if unknown:
        raise UsageError(f"--split: found {unknown[0]!r}, expected one of {', '.join(manifest.splits)}")
    splits = config.split or list(manifest.splits)
    files = [entry for split in manifest.splits if split in splits for entry in manifest.splits[split].files]
    contents = published_files(place_of(source, manifest), files)
    urls = [record.image_url for content in contents for record in _RECORDS.decode_lines(content)]
    root, prefixes = _images_of(urls, manifest, config, storage)
    images = [ImageToScore(url, _path(url, prefixes), None) for url in urls]
    if images and all(image.path is None for image in images):
        raise UsageError(
            f"{redact(urls[0])}: begins with none of {', '.join(map(redact, prefixes))}, and neither does any other image's URL; "
            "say with --image-url what stands before the paths of the images below --images"
        )
    made_of = [manifest.build, sorted(splits), [entry.sha256 for entry in files], root.shown]
    fingerprint = hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()
    covers = {"files": len(images), "by": "the build's name and the hashes of its files"}
    task = msgspec.convert(manifest.task, Task)
    return ScorePlan(task, root.url, cut_into_units(images), fingerprint, covers, manifest.build)


def _images_of(
    urls: list[str], manifest: Manifest, config: ScoreConfig, storage: StorageOptions
) -> tuple[Location, list[str]]:
    """Places of a build's images, and prefixes of their paths in its records."""
    given = config.image_url or configured_prefix(manifest)
    known = image_directories(manifest, config.images)
    if not known:
        raise UsageError(
            f"{redact(urls[0]) if urls else 'the build'}: the build does not say where its images lie; name the directory with "
            "--images, and what their URLs begin with, if that is something else, with --image-url"
        )
    root = locate(known[0], storage)
    return root, [given] if given is not None else [default_prefix(locate(place, storage).url) for place in known]


def _path(url: str, prefixes: list[str]) -> str | None:
    return next((path for prefix in prefixes if (path := path_of(prefix, url)) is not None), None)
