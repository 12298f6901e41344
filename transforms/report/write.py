"""Write the report of a build: its records, images and figures as one page."""

from __future__ import annotations

import logging
import posixpath
import shlex
from collections.abc import Sequence

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.evaluation import EVALUATION_VERSION, Evaluation
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.builds.image_places import ImagePlace, find_images
from labelbeam.transforms.builds.next_steps import next_steps
from labelbeam.transforms.builds.published import place_of, published
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.report.evaluations import evaluation_figures
from labelbeam.transforms.report.page import Content, ShownRejection, render
from labelbeam.transforms.report.pictures import PAGE_BYTES, Picture, Wanted, no_pictures, read_pictures
from labelbeam.transforms.report.samples import sample_records, sample_rejections
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded

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
        return write_report(output, manifest, find_images(manifest, storage, images_root, prefix), None)
    except Exception as error:
        LOG.warning(
            "%s was not written: %s: %s; the build does not depend on it. Write it with: labelbeam report %s",
            NAME,
            type(error).__name__,
            redact(str(error), storage),
            output.shown,
        )
        return ""


def report_of_published(
    output_url: str, storage: StorageOptions, images_url: str | None, evaluation_url: str | None, with_images: bool
) -> str:
    """Write the report of the current build at `output_url`; its URL without credentials.

    Args:
        images_url: where the images lie, by default where the manifest says.
        evaluation_url: an evaluation of the build, to be shown as well.
        with_images: show pictures; else nothing but the build is read.

    Raises:
        UsageError: nothing can be written there, or the evaluation is none, or of another task.
        StoreError: nothing was published there, or a file cannot be read or written.
    """
    output = locate_target("OUTPUT", output_url, storage)
    manifest = published(output)
    evaluation = evaluation_of(evaluation_url, storage, manifest) if evaluation_url is not None else None
    images = find_images(manifest, storage, images_url)
    if not with_images:
        images = ImagePlace(None, images.prefix, "left out, as --no-images asks for")
    return write_report(output, manifest, images, evaluation)


def write_report(output: Location, manifest: Manifest, images: ImagePlace, evaluation: Evaluation | None) -> str:
    """Read what the page shows of a build, and put it in one step; its URL without credentials.

    Raises:
        StoreError: it cannot be written.
    """
    build = place_of(output, manifest)
    found = sample_records(build, manifest)
    refused = sample_rejections(build, manifest)
    pictures = _read(
        images, [Wanted(images.path(item.url), (item.width, item.height)) for item in found.samples], PAGE_BYTES
    )
    room = PAGE_BYTES - sum(len(picture.uri or "") for picture in pictures)
    rejections, room = _rejections(refused.samples, images, room)
    worst: list[Picture] = []
    if evaluation is not None:
        wanted = [
            # An evaluation of another version may not tell the frame.
            Wanted(images.path(item.image_url), (item.width, item.height) if item.width and item.height else None)
            for item in evaluation.worst
        ]
        worst = _read(images, wanted, PAGE_BYTES)
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
        commands=[shlex.join(words) for words in next_steps(manifest, _typed(output), _typed(build))],
    )
    place = build.below(NAME)
    put(place, render(content))
    return _typed(place)


def _typed(place: Location) -> str:
    """A directory as a person types it, without credentials."""
    return place.path if place.local else place.shown


def _read(images: ImagePlace, wanted: Sequence[Wanted], room: int) -> list[Picture]:
    """Pictures of images, or placeholders."""
    return no_pictures(wanted, images.why) if images.root is None else read_pictures(images.root, wanted, room)


def _name(output: Location) -> str:
    return posixpath.basename(output.path.rstrip("/")) or output.shown


def _rejections(samples: Sequence[Rejection], images: ImagePlace, room: int) -> tuple[list[ShownRejection], int]:
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
    pictures = _read(images, [Wanted(samples[number].image, None, REJECTED_LONGEST) for number in chosen], room)
    by_number = dict(zip(chosen, pictures, strict=True))
    room -= sum(len(picture.uri or "") for picture in pictures)
    return [ShownRejection(item, by_number.get(number)) for number, item in enumerate(samples)], room


def evaluation_of(url: str, storage: StorageOptions, manifest: Manifest) -> Evaluation:
    """The evaluation in a file, of this task."""
    location = locate(url, storage)
    try:
        evaluation = msgspec.json.decode(read_bounded(location, DOCUMENT), type=Evaluation)
    except MissingFileError:
        raise MissingFileError(
            f"--evaluation: {location.shown}: it does not exist; expected the JSON of labelbeam evaluate --output FILE"
        ) from None
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
    evaluation.worst = evaluation.worst[:WORST]
    try:
        evaluation_figures(evaluation, no_pictures([Wanted(None, None)] * len(evaluation.worst), ""), {})
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(
            f"--evaluation: {location.shown}: holds figures or objects that cannot be shown ({type(error).__name__}: {error}); "
            "expected the JSON that labelbeam evaluate writes"
        ) from None
    if evaluation.build != manifest.build:
        evaluation.warnings = [
            f"this is an evaluation of build {evaluation.build}, and the page is of build {manifest.build}",
            *evaluation.warnings,
        ]
    return evaluation
