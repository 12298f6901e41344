"""`labelbeam report`: write the page of a build for people, `report.html`; and what `convert` does of it."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Sequence

import msgspec

from pipelines.streams import LOG
from schemas.errors import LabelBeamError, UsageError
from schemas.evaluation import EVALUATION_VERSION, Evaluation
from schemas.manifest import Manifest
from schemas.neutral import Rejection
from schemas.reasons import Rejected
from transforms.image_urls import default_prefix, path_of
from transforms.publish import latest_manifest
from transforms.report.page import Content, ShownRejection, render
from transforms.report.pictures import PAGE_BYTES, Picture, Wanted, no_pictures, read_pictures
from transforms.report.samples import sample_records, sample_rejections
from transforms.stores.errors import MissingFileError
from transforms.stores.files import put, read_file
from transforms.stores.locations import Location, StorageOptions, locate, locate_target, safe_relative, within
from transforms.stores.redact import is_redacted, redact

NAME = "report.html"

REJECTED_PICTURES = 12
"""Rejected records that are shown with their image."""

REJECTED_LONGEST = 320
"""The most pixels of a side of such an image."""

WORST = 24
"""Badly predicted images that are shown."""

_WITHOUT_PICTURE = frozenset({Rejected.MISSING_IMAGE, Rejected.UNSAFE_PATH, Rejected.UNSUPPORTED_URL})
"""Codes that say that there is no image to show."""


def report(
    output_url: str,
    storage: StorageOptions,
    images_url: str | None,
    evaluation_url: str | None,
    with_images: bool,
) -> int:
    """Write the report of the build in force at `output_url`, and say where it is; the exit status, 0.

    Args:
        images_url: where the images lie, by default where the manifest says.
        evaluation_url: an evaluation of the build, to be shown as well.
        with_images: show pictures; else nothing but the build is read.

    Raises:
        UsageError: nothing can be written there, or the evaluation is none, or of another task.
        StoreError: nothing was published there, or a file cannot be read or written.
    """
    output = locate_target("OUTPUT", output_url, storage)
    manifest = latest_manifest(output)
    if manifest is None:
        raise MissingFileError(
            f"{output.shown}: no latest.json, expected a published build. Check the path of OUTPUT, or publish a build there: "
            f"labelbeam convert --output {output.shown} …"
        )
    folder = f"builds/{manifest.build}"
    if safe_relative(folder) != folder or not within(output, folder):
        raise LabelBeamError(
            f"{output.shown}: the manifest names a build {manifest.build!r}, expected one below builds/"
        )
    evaluation = _evaluation(evaluation_url, storage, manifest) if evaluation_url is not None else None
    images = _Images(manifest, storage, images_url, with_images)
    place = write_report(output, manifest, images, evaluation)
    print(f"wrote {place}", file=sys.stderr)
    return 0


def report_of_new_build(
    output: Location, manifest: Manifest, images_root: str, prefix: str, storage: StorageOptions
) -> str:
    """Write the report of a build that is about to be published; its URL without credentials, or "" where that failed.

    Every exception counts: no picture and no page is worth the build.
    """
    try:
        return write_report(output, manifest, _Images(manifest, storage, images_root, True, prefix), None)
    except Exception as error:
        LOG.warning(
            "%s was not written: %s: %s; the build does not depend on it. Write it with: labelbeam report %s",
            NAME,
            type(error).__name__,
            redact(str(error), storage),
            output.shown,
        )
        return ""


class _Images:
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


def write_report(output: Location, manifest: Manifest, images: _Images, evaluation: Evaluation | None) -> str:
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


def _rejections(samples: Sequence[Rejection], images: _Images, room: int) -> tuple[list[ShownRejection], int]:
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


def _evaluation(url: str, storage: StorageOptions, manifest: Manifest) -> Evaluation:
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
