"""Write the report of a build: its records, images and figures as one page."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Sequence

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.evaluation import EVALUATION_VERSION, Evaluation
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.urls import default_prefix, path_of
from labelbeam.transforms.messages.redact import is_redacted, redact
from labelbeam.transforms.report.page import Content, ShownRejection, render
from labelbeam.transforms.report.pictures import PAGE_BYTES, Picture, Wanted, no_pictures, read_pictures
from labelbeam.transforms.report.samples import sample_records, sample_rejections
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import read_file

LOG = logging.getLogger("labelbeam")

NAME = "report.html"

REJECTED_PICTURES = 12
"""Rejected records that are shown with their image."""

REJECTED_LONGEST = 320
"""The most pixels of a side of such an image."""

WORST = 24
"""Badly predicted images that are shown."""

_WITHOUT_PICTURE = frozenset({Rejected.MISSING_IMAGE, Rejected.UNSAFE_PATH, Rejected.UNSUPPORTED_URL})
"""Codes that say that there is no image to show."""


def report_of_new_build(
    output: Location, manifest: Manifest, images_root: str, prefix: str, storage: StorageOptions
) -> str:
    """Write the report of a build that is about to be published; its URL without credentials, or "" where that failed.

    Every exception counts: no picture and no page is worth the build.
    """
    try:
        return write_report(output, manifest, ImagesOfBuild(manifest, storage, images_root, True, prefix), None)
    except Exception as error:
        LOG.warning(
            "%s was not written: %s: %s; the build does not depend on it. Write it with: labelbeam report %s",
            NAME,
            type(error).__name__,
            redact(str(error), storage),
            output.shown,
        )
        return ""


class ImagesOfBuild:
    """Where the images of a build lie, and which path an image URL of it is.

    `root` is None, with a sentence on why in `why`, where nobody knows.
    """

    def __init__(
        self,
        manifest: Manifest,
        storage: StorageOptions,
        url: str | None,
        wanted: bool,
        prefix: str | None = None,
    ) -> None:
        self.root: Location | None = None
        self.why = "left out, as --no-images asks for"
        said = manifest.source.images
        configured = manifest.config.get("image_url")
        named = configured if isinstance(configured, str) else None
        self.prefix = prefix or named or (default_prefix(said) if said else "")
        if not wanted:
            return
        if url is None and is_redacted(said):
            self.why = (
                f"not read: the manifest does not keep the credentials of {said}; name the place with --images URL"
            )
        elif url is None and not said:
            self.why = "not read: the manifest does not say where the images are; name the place with --images URL"
        elif not self.prefix or is_redacted(self.prefix):
            self.why = "not read: the manifest does not say how image URLs begin"
        else:
            try:
                self.root = locate(url or said, storage)
            except LabelBeamError as error:
                if url is not None and prefix is None:
                    raise
                self.why = f"not read: {error}"

    def path(self, url: str) -> str | None:
        """The path below the root of the image that a record calls `url`; None where it lies elsewhere."""
        return path_of(self.prefix, url) if self.prefix else None

    def read(self, wanted: Sequence[Wanted], room: int) -> list[Picture]:
        """Their pictures, or placeholders."""
        return no_pictures(wanted, self.why) if self.root is None else read_pictures(self.root, wanted, room)


def write_report(output: Location, manifest: Manifest, images: ImagesOfBuild, evaluation: Evaluation | None) -> str:
    """Read what the page shows of a build, and put it in one step; its URL without credentials.

    Raises:
        StoreError: it cannot be written.
    """
    build = output.below(f"builds/{manifest.build}")
    found = sample_records(build, manifest)
    refused = sample_rejections(build, manifest)
    pictures = images.read(
        [Wanted(images.path(item.url), (item.width, item.height)) for item in found.samples], PAGE_BYTES
    )
    room = PAGE_BYTES - sum(len(picture.uri or "") for picture in pictures)
    rejections, room = _rejections(refused.samples, images, room)
    worst: list[Picture] = []
    if evaluation is not None:
        evaluation.worst = evaluation.worst[:WORST]
        wanted = [
            # An evaluation of another version may not tell the frame.
            Wanted(images.path(item.image_url), (item.width, item.height) if item.width and item.height else None)
            for item in evaluation.worst
        ]
        worst = images.read(wanted, PAGE_BYTES)
    notes = [*found.notes, *refused.notes]
    if manifest.statistics is None:
        notes.append(
            "This build was made by a version that kept no statistics: the figures of sizes and positions are missing."
        )
    if found.samples and not any(picture.uri for picture in pictures):
        notes.append(
            f"No picture is shown: {next((picture.note for picture in pictures if picture.note), 'there is none')}."
        )
    content = Content(
        name=_name(output),
        manifest=manifest,
        samples=found.samples,
        pictures=pictures,
        rejections=rejections,
        evaluation=evaluation,
        worst_pictures=worst,
        notes=notes,
    )
    place = build.below(NAME)
    put(place, render(content))
    return place.path if place.local else place.shown


def _name(output: Location) -> str:
    return posixpath.basename(output.path.rstrip("/")) or output.shown


def _rejections(samples: Sequence[Rejection], images: ImagesOfBuild, room: int) -> tuple[list[ShownRejection], int]:
    """Rejections with pictures for some: first one of each code; and the room that is left."""
    with_image = [
        number
        for number, item in enumerate(samples)
        if item.image is not None and item.code not in _WITHOUT_PICTURE and images.root is not None
    ]
    seen: dict[str, int] = {}
    turns: list[tuple[int, int]] = []
    for number in with_image:
        code = samples[number].code
        seen[code] = seen.get(code, 0) + 1
        turns.append((seen[code], number))
    chosen = [number for _, number in sorted(turns)[:REJECTED_PICTURES]]
    pictures = images.read([Wanted(samples[number].image, None, REJECTED_LONGEST) for number in chosen], room)
    by_number = dict(zip(chosen, pictures, strict=True))
    room -= sum(len(picture.uri or "") for picture in pictures)
    return [ShownRejection(item, by_number.get(number)) for number, item in enumerate(samples)], room


def evaluation_of(url: str, storage: StorageOptions, manifest: Manifest) -> Evaluation:
    """The evaluation in a file, of this task."""
    location = locate(url, storage)
    try:
        evaluation = msgspec.json.decode(read_file(location), type=Evaluation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"--evaluation: {location.shown}: {error}; expected the JSON that labelbeam evaluate writes"
        ) from None
    if evaluation.format_version != EVALUATION_VERSION:
        raise UsageError(
            f"--evaluation: {location.shown}: found format_version {evaluation.format_version}, expected {EVALUATION_VERSION}"
        )
    if evaluation.task != manifest.task:
        raise UsageError(
            f"--evaluation: {location.shown} is of the task {evaluation.task}, the build of {manifest.task}; expected an "
            "evaluation of this build"
        )
    if evaluation.build != manifest.build:
        evaluation.warnings = [
            f"this is an evaluation of build {evaluation.build}, and the page is of build {manifest.build}",
            *evaluation.warnings,
        ]
    return evaluation
