"""`labelbeam clean`: remove old builds, and what dead runs left."""

from __future__ import annotations

import sys

import msgspec

from labelbeam.pipelines.terminal.streams import write_stdout
from labelbeam.transforms.builds.clean import Leftovers, look_over, remove_builds
from labelbeam.transforms.builds.lock import BusyError, locked
from labelbeam.transforms.builds.resume import forget
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.stores.files import remove_files
from labelbeam.transforms.stores.locate import locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions


class _Answer(msgspec.Struct):
    """What `--json` prints: names of builds, and paths of temporary files; `busy` says who is at work, if anybody is."""

    status: str
    current: str | None
    kept: list[str]
    old: list[str]
    unfinished: list[str]
    temporaries: list[str]
    busy: str | None


def clean(output_url: str, storage: StorageOptions, keep: int, dry_run: bool, as_json: bool) -> int:
    """Clean the output at `output_url`, and tell what was removed; the exit status.

    While a build is being made, only builds are removed that were published and are old.

    Raises:
        LabelBeamError: it is not clear which build is in force, or a file cannot be listed or removed.
    """
    output = locate_target("OUTPUT", output_url, storage)
    busy = None
    if dry_run:
        found = look_over(output, keep)
    else:
        try:
            with locked(output, "clean"):
                found = _remove_all(output, keep)
        except BusyError as error:
            busy = str(error)
            found = _remove_old(output, keep)
    _tell(found, busy, dry_run, as_json)
    return 0


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


def _tell(found: Leftovers, busy: str | None, dry_run: bool, as_json: bool) -> None:
    if as_json:
        status = "dry run" if dry_run else "ok"
        parts = (found.kept, found.old, found.unfinished, found.temporaries)
        write_stdout(msgspec.json.encode(_Answer(status, found.current, *parts, busy)).decode())
        return
    verb = "would be removed" if dry_run else "removed"
    for name, builds in (("old build", found.old), ("unfinished build", found.unfinished)):
        for build in builds:
            print(f"{verb}: {name} {plain(build)}", file=sys.stderr)
    if found.temporaries:
        print(f"{verb}: {len(found.temporaries)} files that were never finished", file=sys.stderr)
    if busy is not None:
        print(f"{busy}. Unfinished builds and files were left alone", file=sys.stderr)
    if not (found.old or found.unfinished or found.temporaries):
        print("nothing to remove", file=sys.stderr)
    print(f"kept: {len(found.kept)} builds, in force: {plain(found.current or 'none')}", file=sys.stderr)
