"""Remove from an output what nobody needs: old builds, and what runs left that did not end.

Only what a build wrote is removed, and that is proven file by file: by the pointer of an output that names a build which is
there, or by what a run kept of the build; by the name of the build; and by the names of its files. All else is told of and
left. The current build always stays, and so does a build that is being made. What a dead run left can be resumed by a run
from the same inputs; to clean is to decide against that.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from labelbeam.schemas.errors import BusyError, LabelBeamError
from labelbeam.schemas.layout import BUILD_FILE, BUILD_NAME, BUILDS, CLAIM, FENCE, KEPT_FILE, LATEST, UNFINISHED
from labelbeam.transforms.builds.lock import locked
from labelbeam.transforms.builds.published import is_finished, latest_build
from labelbeam.transforms.builds.resume import forget, was_begun
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import TEMPORARY, is_link, list_directory, remove_empty, remove_files
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.location import Location


@dataclass(slots=True)
class Leftovers:
    """Leftovers below an output, by what is to become of them: names of builds, and paths of files."""

    current: str | None
    kept: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    temporaries: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """What no build wrote, or is not known to have written; it is left."""
    receipts: list[str] = field(default_factory=list)
    """Finished builds of which something is still kept for resuming them."""

    @property
    def any(self) -> bool:
        """Tell whether there is anything to remove."""
        return bool(self.old or self.unfinished or self.temporaries or self.receipts)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Outcome of a clean: what was removed, or would be with `dry_run`; `busy` says who is at work on the output, if anybody is."""

    found: Leftovers
    dry_run: bool
    busy: str | None = None


def clean(output: Location, keep: int, dry_run: bool = False) -> Cleaned:
    """Remove all but `keep` builds, and what dead runs left. While a build is being made, only old builds are removed.

    Raises:
        LabelBeamError: it is not clear which build is current.
        StoreError: a file cannot be listed or removed.
    """
    found = look_over(output, keep)
    if dry_run or not found.any:
        return Cleaned(found, dry_run)
    try:
        with locked(output, "clean") as lock:
            found = look_over(output, keep)
            remove_leftovers(output, found, lock.check)
            return Cleaned(found, dry_run)
    except BusyError as error:
        return Cleaned(_remove_old(output, keep), dry_run, str(error))


def _remove_old(output: Location, keep: int) -> Leftovers:
    found = look_over(output, keep)
    found.unfinished, found.temporaries, found.receipts = [], [], []
    # A build that comes into force meanwhile is called after this one.
    found.old = [build for build in found.old if build < (found.current or "")]
    remove_leftovers(output, found, lambda: None)
    return found


def look_over(output: Location, keep: int) -> Leftovers:
    """Sort out what lies below `output`, of which `keep` builds are to stay: the current one and the latest others.

    Raises:
        LabelBeamError: there are finished builds, but no pointer says which of them is current, or it names none of them.
        StoreError: the output cannot be listed, or the pointer cannot be read.
    """
    begun = _folders(output, UNFINISHED)
    names = _folders(output, BUILDS)
    # Read last: what was made current meanwhile is among the names, and known as the current one.
    found = Leftovers(latest_build(output))
    if found.current is not None and is_finished(output, found.current) is not True:
        raise LabelBeamError(
            f"{output.below(LATEST).shown}: names build {found.current}, which has no manifest; expected a build that is "
            "there. Nothing was removed. Name one that is, or build again, before cleaning"
        )
    finished: list[str] = []
    bare: list[str] = []
    for name in sorted({*names, *begun}):
        if not BUILD_NAME.fullmatch(name) or any(is_link(place) for place in _places(output, name)):
            found.foreign += [
                f"{above}/{name}" for above, there in ((BUILDS, names), (UNFINISHED, begun)) if name in there
            ]
            continue
        state = is_finished(output, name)
        if state:
            finished += [name] if name != found.current else []
            found.receipts += [name] if name in begun else []
        elif state is None or not (found.current is not None or was_begun(output, name)):
            found.foreign += [
                f"{above}/{name}" for above, there in ((BUILDS, names), (UNFINISHED, begun)) if name in there
            ]
        elif _holds_ours(output, name):
            found.unfinished.append(name)
        else:
            bare.append(name)
    if finished and found.current is None:
        raise LabelBeamError(
            f"{output.below(LATEST).shown}: does not exist, though {counted(len(finished), 'build is', 'builds are')} finished, such as "
            f"{finished[-1]}; expected the pointer to the current one. Put it back, or build again, before cleaning"
        )
    others = max(0, keep - 1)
    found.kept = [*([found.current] if found.current else []), *(finished[-others:] if others else [])]
    found.old = finished[:-others] if others else finished
    found.temporaries = _temporaries(output, sorted({*found.kept, *found.receipts}))
    found.foreign += _foreign(output, [*found.old, *found.unfinished, *bare])
    found.foreign.sort()
    return found


def _folders(output: Location, above: str) -> set[str]:
    place = output.below(above)
    if is_link(place):
        raise StoreError(f"{place.shown}: is a link, which is not followed; nothing was removed")
    return set(list_directory(place).folders)


def _holds_ours(output: Location, build: str) -> bool:
    """Tell whether a run's files lie in the directories of a build, or, on a disk, nothing at all: what others keep there is left."""
    found = [ours for above in (BUILDS, UNFINISHED) for _, ours in _below(output, f"{above}/{build}")]
    return any(found) or (output.local and not found)


def _places(output: Location, build: str) -> list[Location]:
    return [output.below(f"{above}/{build}") for above in (BUILDS, UNFINISHED)]


def _temporaries(output: Location, builds: list[str]) -> list[str]:
    """The paths of files, on a disk, that killed runs have not finished, and that do not go with a build."""
    if not output.local:
        return []
    found = [file.path for file in list_directory(output).files]
    found += [f"{UNFINISHED}/{file.path}" for file in list_directory(output.below(UNFINISHED)).files]
    found += [f"{BUILDS}/{build}/{path}" for build in builds for path, _ in _below(output, f"{BUILDS}/{build}")]
    claims = {path.removesuffix(".json") for path in found}

    def is_left(path: str) -> bool:
        fence = FENCE.fullmatch(path.removeprefix(f"{UNFINISHED}/"))
        return fence is not None and f"{UNFINISHED}/{fence['claim']}" not in claims

    return [path for path in found if TEMPORARY.fullmatch(posixpath.basename(path)) or is_left(path)]


def _foreign(output: Location, builds: list[str]) -> list[str]:
    """Paths in these builds, and below `builds` and `unfinished` beside builds, that no run wrote."""
    found = [
        f"{folder}/{path}"
        for build in builds
        for folder in (f"{BUILDS}/{build}", f"{UNFINISHED}/{build}")
        for path, ours in _below(output, folder)
        if not ours
    ]
    for above in (BUILDS, UNFINISHED):
        for name in [file.path for file in list_directory(output.below(above)).files]:
            is_claim = above == UNFINISHED and (CLAIM.fullmatch(name) or FENCE.fullmatch(name))
            if not is_claim and not TEMPORARY.fullmatch(name):
                found.append(f"{above}/{name}")
    return found


def _below(output: Location, folder: str) -> Iterator[tuple[str, bool]]:
    """The paths of what lies below a directory of a build and is no directory, and whether a run wrote it."""
    place = output.below(folder)
    form = BUILD_FILE if folder.startswith(f"{BUILDS}/") else KEPT_FILE

    def wrote(path: str) -> bool:
        return bool(form.fullmatch(path) or TEMPORARY.fullmatch(posixpath.basename(path)))

    if not place.local:
        held = list_directory(place)  # Where an object has the directory's own name, a store calls it a file.
        if held.files or held.folders:
            with suppress(MissingFileError):  # A build ended meanwhile, and tidied up.
                for file in list_files(place).files:
                    yield file.path, wrote(file.path)
        return
    for above, folders, names in os.walk(place.path):
        prefix = os.path.relpath(above, place.path)
        for name in sorted([*names, *(name for name in folders if os.path.islink(os.path.join(above, name)))]):
            path = name if prefix == "." else f"{prefix}/{name}"
            about = os.path.join(above, name)
            yield path, wrote(path) and os.path.isfile(about) and not os.path.islink(about)


def remove_leftovers(output: Location, found: Leftovers, check: Callable[[], None]) -> None:
    """Remove what `look_over` has found. `check` raises where the output is not this run's any more.

    Of an unfinished build, what a run could resume it by goes first. If this process stands still on the way and another run
    takes over, that one cannot resume the build, and what is removed afterwards is never the current one.

    Raises:
        StoreError: a file cannot be removed.
    """
    for build in [*found.receipts, *found.unfinished]:
        check()
        forget(output, build)
    remove_files(output, found.temporaries)
    for build in [*found.old, *found.unfinished]:
        check()
        remove_build(output, build)


def remove_build(output: Location, build: str) -> None:
    """Remove a build with all that belongs to it; the manifest first, so that no half of a build passes for one.

    Raises:
        LabelBeamError: it is current by now.
        StoreError: a file cannot be removed.
    """
    folder = f"{BUILDS}/{build}"
    files = [path for path, ours in _below(output, folder) if ours]
    if latest_build(output) == build:
        raise LabelBeamError(f"{output.below(folder).shown}: was made current meanwhile; it was left. Clean again")
    remove_files(output, [f"{folder}/{path}" for path in files if path == "manifest.json"])
    remove_files(output, [f"{folder}/{path}" for path in files])
    if output.local:
        _remove_hollow(output, folder)


def _remove_hollow(output: Location, folder: str) -> None:
    """Remove directories in which there is no file yet, as a killed run leaves them."""
    place = output.below(folder)
    if is_link(place):
        return
    folders = [os.path.relpath(above, output.path) for above, _, _ in os.walk(place.path)]
    remove_empty(output, [name.replace(os.sep, "/") for name in folders])
