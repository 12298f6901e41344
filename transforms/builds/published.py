"""The build in force: where its pointer leads, its manifest, and its directory."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.layout import BUILDS, LATEST, build_folder
from labelbeam.schemas.manifest import Latest, Manifest
from labelbeam.schemas.records import RECORDS
from labelbeam.schemas.scores import ScoresManifest
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_file


def published(output: Location) -> Manifest:
    """The manifest of the build in force at `output`.

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
    """The manifest of the build in force, or None where there is none yet.

    Raises:
        StoreError: there is one, but it cannot be read.
    """
    return _latest_of(output, Manifest, "manifest of a build of training data")


def latest_scores(output: Location) -> ScoresManifest | None:
    """The same of the predictions in force."""
    return _latest_of(output, ScoresManifest, "manifest of predictions")


def _latest_of(output: Location, form: type[Form], what: str) -> Form | None:
    latest = _latest(output)
    return None if latest is None else _decoded(output.below(latest.manifest), form, what)


def latest_build(output: Location) -> str | None:
    """The name of the build in force, or None where there is none yet.

    Raises:
        StoreError: the pointer cannot be read.
    """
    latest = _latest(output)
    return None if latest is None else latest.build


def _latest(output: Location) -> Latest | None:
    try:
        return _decoded(output.below(LATEST), Latest, "pointer to a build")
    except MissingFileError:
        return None


def _decoded(location: Location, form: type[Form], what: str) -> Form:
    try:
        return msgspec.json.decode(read_file(location), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{location.shown}: not a {what}: {error}") from None
