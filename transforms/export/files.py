"""Files of an export that is under way: small ones are put at once, those that readers begin with last.

A file that is written bit by bit lies on this machine's disk until it is whole, so that its upload can be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.words import printable
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import in_threads


class Files:
    """Files below `place`; `sizes` are those of all that were written, by path.

    `scratch` is a directory of this machine. `check` raises where another run has taken the place over. `note` is told the paths of files
    before any of them is put.
    """

    def __init__(
        self,
        place: Location,
        scratch: Path,
        check: Callable[[], None] = lambda: None,
        note: Callable[[Sequence[str]], None] = lambda paths: None,
    ) -> None:
        self.place = place
        self.check = check
        self.note = note
        self.sizes: dict[str, int] = {}
        self._scratch = scratch
        self._streams: list[tuple[str, Path, BinaryIO]] = []
        self._spools: list[BinaryIO] = []
        self._last: list[tuple[str, bytes]] = []

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Put small files, many at a time.

        Raises:
            LabelBeamError: two have one name; or the place is another run's by now.
            StoreError: one cannot be written.
        """
        self.check()
        for path, data in files:
            self.claim(path, len(data))
        self.note([path for path, _ in files])
        in_threads(lambda file: put(self.place.below(file[0]), file[1]), files)

    def put_last(self, path: str, data: bytes) -> None:
        """Keep a small file, to be put when all others are there."""
        self.claim(path, len(data))
        self._last.append((path, data))

    def stream(self, path: str) -> BinaryIO:
        """Open a file that is written bit by bit, and is put when all small ones are there."""
        self.claim(path, 0)
        spooled = self._scratch / f"stream-{len(self._streams)}"
        stream = spooled.open("w+b")
        self._streams.append((path, spooled, stream))
        return stream

    def spool(self) -> BinaryIO:
        """Open a file of this machine for what is copied into a stream later; it has no name, and is gone when it is closed."""
        spool = cast(BinaryIO, TemporaryFile(dir=self._scratch))  # noqa: SIM115  # closed by who copies it, or by `abandon`
        self._spools.append(spool)
        return spool

    def claim(self, path: str, size: int) -> None:
        """Note the name and size of a file.

        Raises:
            LabelBeamError: it is taken, or leads out of the destination.
        """
        if safe_relative(path) != path:
            raise LabelBeamError(
                f"{printable(path)!r} would be written, which is no path below DEST; nothing was exported"
            )
        if path in self.sizes:
            raise LabelBeamError(
                f"two images of the build would both be {printable(path)!r}, since their paths differ by their extension, by their "
                "datastore or host, or by what hides a name, alone; nothing was exported. Rename one, or export to coco or csv, which keep full names"
            )
        self.sizes[path] = size

    def abandon(self) -> None:
        """Close what is open still, whatever becomes of what it holds."""
        for stream in [*self._spools, *(stream for _, _, stream in self._streams)]:
            with suppress(
                OSError
            ):  # Its disk is full, say: what it was abandoned for is told, and all of it is removed.
                stream.close()

    def close(self) -> None:
        """Put what was kept for the end.

        Raises:
            StoreError: a file cannot be written.
        """
        self.check()
        if late := [*(path for path, _, _ in self._streams), *(path for path, _ in self._last)]:
            self.note(late)
        for path, spooled, stream in self._streams:
            stream.close()
            self.sizes[path] = spooled.stat().st_size
            place = self.place.below(path)
            ask(place, "cannot be written", partial(_put_file, place, spooled))
        for path, data in self._last:
            put(self.place.below(path), data)


def _put_file(place: Location, spooled: Path) -> None:
    if not place.local:
        place.fs.put_file(str(spooled), place.path)
        return
    Path(place.path).parent.mkdir(parents=True, exist_ok=True)
    with spooled.open("rb") as file:
        os.fsync(file.fileno())
    spooled.replace(place.path)  # The scratch directory of an export to a disk lies on that disk.
