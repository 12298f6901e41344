"""Make a build current: the one step that readers see, and that a run which stood still must never take.

A process can stand still between any two of its steps, for hours, while another run takes it for dead, and publishes. So the
last step is one that fails then, by what the store itself compares in that moment. An object store puts the pointer only over
the one that was looked at. On a disk the pointer is renamed from a file beside the claim, which whoever takes over removes.
"""

from __future__ import annotations

import logging

import msgspec

from labelbeam.schemas.errors import LabelBeamError, LostLockError
from labelbeam.schemas.layout import BUILD_NAME, LATEST
from labelbeam.transforms.builds.lock import Lock
from labelbeam.transforms.builds.published import latest_build, pointer_to
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import put_if, put_through, sync_directory, version
from labelbeam.transforms.stores.location import Location

LOG = logging.getLogger("labelbeam")

TRIES = 10
"""How often the pointer may change under a run that nobody has taken for dead: by hand, that is."""


def make_current(lock: Lock, build: str) -> None:
    """Put the pointer to a build that is complete.

    Raises:
        LostLockError: another run has taken over, or has published a build that comes after this one.
        StoreError: the pointer cannot be written.
    """
    place = lock.output.below(LATEST)
    data = msgspec.json.encode(pointer_to(build)) + b"\n"
    if lock.output.local:
        _put_on_disk(lock, place, data, build)
        return
    for _ in range(TRIES):
        seen = version(place)
        _check(lock, build)
        # It may have been put by a try that failed on its way back.
        if put_if(place, data, seen) or latest_build(lock.output) == build:
            return
    raise StoreError(
        f"{place.shown}: cannot be written: it changed {TRIES} times meanwhile; does something else write to it?"
    )


def _put_on_disk(lock: Lock, place: Location, data: bytes, build: str) -> None:
    try:
        put_through(place, data, lock.fence, lambda: _check(lock, build))
    except MissingFileError:
        raise lock.lost() from None
    try:
        sync_directory(lock.output)
    except LabelBeamError as error:
        LOG.warning("%s; the build is current, though the disk may not keep that over a power failure", error)


def _check(lock: Lock, build: str) -> None:
    lock.check()
    current = latest_build(lock.output)
    if current is not None and BUILD_NAME.fullmatch(current) and BUILD_NAME.fullmatch(build) and current > build:
        raise LostLockError(
            f"{lock.output.shown}: build {current}, which was begun after this one, {build}, is the current build by now; nothing was "
            "published by this run"
        )
