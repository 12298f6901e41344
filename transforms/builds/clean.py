"""Remove from an output what nobody needs: old builds, and what runs left that did not end.

The build in force always stays, and so does a build that is being made. What a dead run left can be continued by a run from
the same inputs; to clean is to decide against that.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field

from labelbeam.schemas.errors import BusyError, LabelBeamError
from labelbeam.schemas.layout import BUILDS, LATEST, UNFINISHED, build_folder, manifest_path, unfinished_folder
from labelbeam.transforms.builds.lock import locked
from labelbeam.transforms.builds.published import latest_build
from labelbeam.transforms.builds.resume import forget
from labelbeam.transforms.stores.files import TEMPORARY, kind, list_directory, remove_files
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.location import Location


@dataclass(slots=True)
class Leftovers:
    """What lies below an output, by what is to become of it: names of builds, and paths of temporary files."""

    current: str | None
    kept: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    temporaries: list[str] = field(default_factory=list)
    published_lately: bool = False
    """Whether the run that published the build in force was killed before it had tidied up."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, or would be with `dry_run`; `busy` says who is at work on the output, if anybody is."""

    found: Leftovers
    dry_run: bool
    busy: str | None = None


def clean(output: Location, keep: int, dry_run: bool = False) -> Cleaned:
    """Remove all but `keep` builds, and what dead runs left. While a build is being made, only old builds are removed.

    Raises:
        LabelBeamError: it is not clear which build is in force.
        StoreError: a file cannot be listed or removed.
    """
    if dry_run:
        return Cleaned(look_over(output, keep), dry_run)
    try:
        with locked(output, "clean"):
            return Cleaned(_remove_all(output, keep), dry_run)
    except BusyError as error:
        return Cleaned(_remove_old(output, keep), dry_run, str(error))


def _remove_all(output: Location, keep: int) -> Leftovers:
    found = look_over(output, keep)
    remove_builds(output, [*found.old, *found.unfinished])
    remove_files(output, found.temporaries)
    if found.current is not None and found.published_lately:
        forget(output, found.current)
    return found


def _remove_old(output: Location, keep: int) -> Leftovers:
    found = look_over(output, keep)
    found.unfinished, found.temporaries = [], []
    remove_builds(output, found.old)
    return found


def look_over(output: Location, keep: int) -> Leftovers:
    """Sort out what lies below `output`, of which `keep` builds are to stay: the one in force and the latest others.

    A build was published when it has a manifest and nothing was kept for going on with it.

    Raises:
        LabelBeamError: there are published builds, but no pointer says which of them is in force.
        StoreError: the output cannot be listed, or the pointer cannot be read.
    """
    current = latest_build(output)
    begun = set(list_directory(output.below(UNFINISHED)).folders)
    found = Leftovers(current)
    published: list[str] = []
    for build in list_directory(output.below(BUILDS)).folders:
        if build == current:
            continue
        if build not in begun and kind(output.below(manifest_path(build))) == "file":
            published.append(build)
        else:
            found.unfinished.append(build)
    if published and current is None:
        raise LabelBeamError(
            f"{output.below(LATEST).shown}: does not exist, though {len(published)} builds are finished, such as "
            f"{published[-1]}; expected the pointer to the one in force. Put it back, or build again, before cleaning"
        )
    found.unfinished += sorted(begun - {*found.unfinished, current})
    found.published_lately = current in begun
    others = max(0, keep - 1)
    found.kept = [*([current] if current else []), *(published[-others:] if others else [])]
    found.old = published[:-others] if others else published
    if output.local and kind(output) == "directory":
        names = [file.path for file in list_files(output).files]
        found.temporaries = [name for name in names if TEMPORARY.fullmatch(name.rpartition("/")[2])]
    return found


def remove_builds(output: Location, builds: Iterable[str]) -> None:
    """Remove builds with all that belongs to them; the manifest first, so that no half of a build passes for one.

    Raises:
        StoreError: a file cannot be removed.
    """
    for build in builds:
        for folder in (build_folder(build), unfinished_folder(build)):
            place = output.below(folder)
            if kind(place) is None:
                continue
            paths = [f"{folder}/{file.path}" for file in list_files(place).files]
            remove_files(output, [path for path in paths if path == manifest_path(build)])
            remove_files(output, paths)
            if place.local:
                # A killed run also leaves directories in which there is no file yet.
                shutil.rmtree(place.path, ignore_errors=True)
