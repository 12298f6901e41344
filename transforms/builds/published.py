"""The current build: where its pointer leads, its manifest, and its directory."""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import msgspec

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.layout import BUILDS, LATEST, build_folder, manifest_path
from labelbeam.schemas.manifest import Latest, Manifest
from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnavailableError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import DOCUMENT, NOTE, read_bounded


def published(output: Location) -> Manifest:
    """The manifest of the current build at `output`.

    Raises:
        StoreError: nothing was published there, or it cannot be read.
        LabelBeamError: the manifest names another place than a build below `output`, or a task that is unknown.
    """
    manifest = latest_manifest(output)
    if manifest is None:
        raise nothing_published(output)
    folder = build_folder(manifest.build)
    if safe_relative(folder) != folder or not within(output, folder):
        raise LabelBeamError(
            f"{output.shown}: the manifest names a build {manifest.build!r}, expected one below {BUILDS}/"
        )
    if manifest.task not in RECORDS:
        raise LabelBeamError(f"{output.shown}: found a build of task {manifest.task!r}, expected {', '.join(RECORDS)}")
    return manifest


def place_of(output: Location, manifest: Manifest) -> Location:
    """The directory of a build."""
    return output.below(build_folder(manifest.build))


def nothing_published(output: Location) -> MissingFileError:
    """The error for an output without a pointer."""
    return MissingFileError(
        f"{output.shown}: found no {LATEST}, expected the pointer that labelbeam convert puts last. Check the path of OUTPUT, or "
        f"publish a build there: labelbeam convert --output {output.shown} …"
    )


Form = TypeVar("Form", bound=msgspec.Struct)


def latest_manifest(output: Location) -> Manifest | None:
    """The manifest of the current build, or None where there is none yet.

    Raises:
        StoreError: there is one, but it cannot be read.
    """
    while (latest := _latest(output)) is not None:
        try:
            return manifest_at(output.below(latest.manifest))
        except MissingFileError:
            if _latest(output) == latest:
                raise  # Else the build was replaced and removed right after the pointer was read.
    return None


def manifest_at(place: Location) -> Manifest:
    """The manifest of a build of training data.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    try:
        manifest = _decoded(place, Manifest, "manifest of a build of training data")
    except StoreError:
        check_no_predictions(place)
        raise
    # Who can write to the output can write a manifest: files of others are called by what it names.
    parts = manifest.splits.values()
    entries = [*manifest.parquet, *manifest.rejected, *(entry for part in parts for entry in part.files)]
    entries += manifest.copied.files if manifest.copied is not None else []
    odd = [name for name in manifest.splits if not _SPLIT.fullmatch(name)]
    odd += [entry.path for entry in entries if safe_relative(entry.path) != entry.path]
    if odd:
        raise StoreError(
            f"{place.shown}: not a manifest of a build of training data: found {odd[0][:300]!r} as a split or file"
        )
    return manifest


def check_no_predictions(place: Location) -> None:
    """Make sure that a file, which is no manifest of training data, is none of predictions either.

    Raises:
        StoreError: it is one.
    """
    try:
        found = _decoded(place, _Kind, "manifest")
    except StoreError:
        return
    if found.kind == "predictions":
        raise StoreError(
            f"{place.shown}: describes predictions of labelbeam score, expected a build of training data: name the output of "
            "labelbeam convert"
        )


def latest_build(output: Location) -> str | None:
    """The name of the current build, or None where there is none yet.

    Raises:
        StoreError: the pointer cannot be read.
    """
    latest = _latest(output)
    return None if latest is None else latest.build


def _latest(output: Location) -> Latest | None:
    pointer = output.below(LATEST)
    try:
        latest = _decoded(pointer, Latest, "pointer to a build")
    except MissingFileError:
        return None
    # Who can write to the output can write a pointer: it leads nowhere else.
    if safe_relative(latest.build) != latest.build or "/" in latest.build or latest != pointer_to(latest.build):
        raise StoreError(
            f"{pointer.shown}: not a pointer to a build: found {latest.build!r} and {latest.manifest!r}, expected the name "
            f"of a build, and {BUILDS}/NAME/manifest.json"
        )
    return latest


def pointer_to(build: str) -> Latest:
    """Pointer as it stands in `latest.json` when a build is current."""
    return Latest(build, manifest_path(build))


def check_current_kind(output: Location, kind_of_build: Literal["training data", "predictions"]) -> None:
    """Make sure that what is current at an output, if anything is, is of the kind that is about to be published there.

    A pointer to a build that is gone is no reason to refuse another one.

    Raises:
        LabelBeamError: it is of the other kind.
        StoreError: it cannot be read, or is none.
    """
    try:
        latest = _latest(output)
        if latest is None:
            return
        found = _decoded(output.below(latest.manifest), _Kind, "manifest")
    except MissingFileError:
        return
    there = "predictions" if found.kind == "predictions" else "training data"
    if there != kind_of_build:
        raise LabelBeamError(
            f"--output: {output.shown}: {there} are published there, expected {kind_of_build} or nothing; each needs an output "
            "of its own"
        )


_SPLIT = re.compile("[a-z]+")
"""The names that splits get."""


class _Kind(msgspec.Struct):
    format_version: int
    kind: str = ""


class _Named(msgspec.Struct):
    """Fields that manifests of all versions and kinds hold."""

    format_version: int
    build: str
    labelbeam_version: str


def is_finished(output: Location, build: str) -> bool | None:
    """Tell whether a build has its manifest, None where what is there is no manifest of this build.

    Raises:
        StoreError: it cannot be read.
    """
    place = output.below(manifest_path(build))
    if kind(place) is None:
        return False
    try:
        return True if _decoded(place, _Named, "manifest").build == build else None
    except UnavailableError:
        raise
    except StoreError:
        return None


def _decoded(location: Location, form: type[Form], what: str) -> Form:
    try:
        return msgspec.json.decode(read_bounded(location, NOTE if form is Latest else DOCUMENT), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{location.shown}: not a {what}: {error}") from None
