"""One run at a time that changes an output, on every store, also on those that know no locks.

Each run puts a claim, a file of its own, below `unfinished/`, and then lists the claims there. It continues if its own is the only
one: of two runs, at least the second to put its claim sees the other's. No claim is written by two runs, so the only guarantee
needed of a store is that a listing shows what was put before. The claim of a dead process is removed by the run that finds it:
on the same machine the system knows; elsewhere, a claim is dead when it has not changed for a while.

A claim that was removed does not come back: a run renews its own only over the one that is there, which the store itself compares.
So a run that was suspended, at whatever step, and was taken for dead, finds no claim of its own when it resumes.

What is published is whole even without a lock: this keeps two runs from doing the same work, and a clean from removing what a
build is writing. An older build does not come last either (see `transforms/builds/pointer.py`).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

import msgspec

from labelbeam.schemas.errors import BusyError, LabelBeamError, LostLockError
from labelbeam.schemas.layout import BUILDS, CLAIM, UNFINISHED
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import is_link, kind, list_directory, put, put_over, remove_files
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded

LOOKS = 2
"""How often a run has to find itself alone: on some disks a listing can miss a file that is being written anew."""

LARGEST_CLAIM = 64 * 2**10
"""Bytes of a claim; a run's own has a few hundred."""

Work: TypeAlias = Literal["build", "clean", "export"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how often a run shows that it lives, after how long without that it counts as dead, and how often one looks.

    The second is long, because a store may keep a living run waiting for more than a minute.
    """

    beat: float = 15.0
    dead_after: float = 90.0
    look: float = 0.5


class Claim(msgspec.Struct):
    """Content of a claim: who works on an output, and at what.

    `held`: it found itself alone. `gives_way`: it is a build that waits for a clean to end, which need not wait for it. `beat`
    grows for as long as the process lives.
    """

    work: Work
    since: str
    host: str
    process: str | None
    build: str | None = None
    held: bool = False
    gives_way: bool = False
    beat: int = 0


@dataclass(slots=True)
class Lock:
    """The claim of this run, kept alive by a thread."""

    output: Location
    name: str
    claim: Claim
    pace: Pace
    _lost: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _put: bool = False
    _late: float = 0.0

    @property
    def location(self) -> Location:
        """The file of the claim."""
        return self.output.below(f"{UNFINISHED}/{self.name}")

    @property
    def fence(self) -> Location:
        """The file by way of which, on a disk, this run makes a build current; it goes with the claim."""
        return self.output.below(_beside(self.name, "pointer"))

    def tell(self, build: str) -> None:
        """Say which build it is that this run works on."""
        self.claim.build = build
        self.write()

    def check(self) -> None:
        """Make sure that the output is still this run's.

        Raises:
            LostLockError: it is not.
        """
        if self._is_lost():
            raise self.lost()

    def explain(self, error: Exception) -> None:
        """Look whether a failure comes of this: whoever takes over removes files of a run that it takes for dead.

        What a gate has refused was so before.

        Raises:
            LostLockError: the output is not this run's any more.
        """
        if isinstance(error, LostLockError) or (isinstance(error, LabelBeamError) and error.exit_code != 1):
            return
        lost = False
        with suppress(LabelBeamError):  # Whatever keeps it from looking is told of by the failure itself.
            lost = self._is_lost()
        if lost:
            raise self.lost() from error

    def _is_lost(self) -> bool:
        return self._lost.is_set() or kind(self.location) is None

    def lost(self) -> LostLockError:
        """Error for when it is not."""
        if self._late:
            return LostLockError(
                f"{self.output.shown}: the store took {self._late:.0f} seconds for this run's sign of life, after "
                f"{self.pace.dead_after:g} of which another one may have taken over; nothing was published by this one. Run again"
            )
        return LostLockError(
            f"{self.output.shown}: this run gave no sign of life for {self.pace.dead_after:g} seconds or more, and another "
            "one has taken over; nothing was published by this one"
        )

    def write(self) -> None:
        """Put the claim as it stands: at first where none is, and then over the one that is there.

        Raises:
            LostLockError: another run has removed it.
        """
        with self._writing:
            data = msgspec.json.encode(self.claim)
            if not self._put:
                put(self.location, data)
                self._put = True
            elif not put_over(self.location, data, self.output.below(_beside(self.name, "next"))):
                self._lost.set()
                raise self.lost()

    def keep_alive(self) -> None:
        """Show signs of life until the end."""
        while not self._ended.wait(self.pace.beat):
            try:
                began = time.monotonic()
                self.claim.beat += 1
                self.write()
                if (took := time.monotonic() - began) >= self.pace.dead_after:
                    self._late = took
                    self._lost.set()  # Where a store knows no conditions, it has perhaps put a claim again that another run had removed.
                    self._remove()
                    return
            except LostLockError:
                return
            except LabelBeamError:
                continue  # The next beat may come through: also where file handles or disk space ran out for a moment.

    def end(self) -> None:
        """Stop the signs of life."""
        self._ended.set()

    def _remove(self) -> None:
        _remove_claim(self.output, self.name)


@contextmanager
def locked(output: Location, work: Work, pace: Pace = Pace()) -> Iterator[Lock]:
    """Have an output to oneself, or the destination of an export. A build waits for a clean to end, and gives way to another build.

    Raises:
        BusyError: another run is at work.
        LostLockError: this one stood still meanwhile, and another run has taken it for dead; also where it then failed for
            want of what that one has removed.
        StoreError: the output cannot be written to.
    """
    now = datetime.now(UTC)
    claim = Claim(work, now.isoformat(timespec="seconds"), socket.gethostname(), _process(os.getpid()))
    lock = Lock(output, f"lock-{now:%Y%m%dT%H%M%S%fZ}-{uuid4().hex[:8]}.json", claim, pace)
    for place in (output.below(BUILDS), output.below(UNFINISHED)):
        if is_link(place):
            raise StoreError(
                f"{place.shown}: is a link, and what is written there would come to lie elsewhere; expected a directory. Name "
                "the place that it leads to as the output"
            )
    beats = threading.Thread(target=lock.keep_alive, name="labelbeam-lock", daemon=True)
    try:
        lock.write()
        beats.start()
        _wait_until_alone(lock)
        claim.held = True
        lock.write()
        try:
            yield lock
        except Exception as error:  # Of any kind: runners wrap what a step has raised, each in its own way.
            lock.explain(error)
            raise
    finally:
        lock.end()
        if beats.ident is not None:
            beats.join()
        with suppress(LabelBeamError):  # Whoever comes next finds this process dead. What was published is.
            _remove_claim(output, lock.name)


def _remove_claim(output: Location, name: str) -> None:
    """Remove the claim of a run for good, and what it is about to make current: it looks for its claim before it puts that."""
    claim = f"{UNFINISHED}/{name}"
    remove_files(output, [claim])
    if output.local:
        # The claim once more: it may have been put anew before that could be kept from it.
        remove_files(output, [_beside(name, "pointer"), _beside(name, "next"), claim])


def _beside(name: str, what: str) -> str:
    """Path of a file by way of which a run puts something on a disk."""
    return f"{UNFINISHED}/{name.removesuffix('.json')}.{what}"


def _wait_until_alone(lock: Lock) -> None:
    signs = _Signs(lock.pace)
    alone = 0
    while alone < LOOKS:
        others = read_claims(lock.output)
        others.pop(lock.name, None)
        signs.look(others)
        for name in [name for name, claim in others.items() if signs.is_dead(name, claim)]:
            _remove_claim(lock.output, name)
            del others[name]
        before = {name: claim for name, claim in others.items() if claim.held or name < lock.name}
        cleans = [claim for claim in before.values() if claim.work == "clean" and lock.claim.work == "build"]
        for name, claim in before.items():
            if claim not in cleans and not _is_ignored(claim, lock.claim) and signs.is_alive(name, claim):
                raise _busy(lock.output, claim)
        if lock.claim.gives_way is not bool(cleans):
            lock.claim.gives_way = bool(cleans)
            lock.write()  # Whoever has read what stood there before has put a claim, which the looks from here on show.
            alone = 0
            continue
        alone = 0 if any(not _is_ignored(claim, lock.claim) for claim in others.values()) else alone + 1
        if others and alone < LOOKS:
            time.sleep(lock.pace.look)


def _is_ignored(claim: Claim, own: Claim) -> bool:
    """Tell whether a clean need not wait for a run, which waits for it. If both did, neither would ever end."""
    return own.work == "clean" and claim.gives_way


_DOING = {
    "build": "another build is being made",
    "clean": "it is being cleaned",
    "export": "another export to it is under way",
}


def _busy(output: Location, claim: Claim) -> BusyError:
    doing = _DOING[claim.work]
    called = f" ({claim.build})" if claim.build else ""
    return BusyError(
        f"{output.shown}: {doing}{called}, since {claim.since} on {claim.host}; this run has changed nothing. Wait until that "
        "one has ended, and run again if that is still needed"
    )


class _Signs:
    """Signs of life of other runs: each claim as it was seen last, and since when it is so."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._last: dict[str, tuple[Claim, float]] = {}
        self._moved: set[str] = set()
        self._looked = False

    def look(self, claims: dict[str, Claim]) -> None:
        """Take note of all claims that there are now."""
        now = time.monotonic()
        for name, claim in claims.items():
            if name not in self._last or self._last[name][0] != claim:
                self._last[name] = claim, now
                if self._looked:
                    self._moved.add(name)  # It was put, or put anew, before our eyes.
        self._looked = True

    def is_dead(self, name: str, claim: Claim) -> bool:
        """Tell whether its process is dead, or, where that cannot be told from here, has been silent for too long."""
        alive = _is_alive(claim)
        return not alive if alive is not None else time.monotonic() - self._last[name][1] > self._pace.dead_after

    def is_alive(self, name: str, claim: Claim) -> bool:
        """Tell whether it is known to live: by the system, or by a claim that changed."""
        return name in self._moved or _is_alive(claim) is True


def read_claims(output: Location) -> dict[str, Claim]:
    """The claims on an output, by the names of their files."""
    folder = output.below(UNFINISHED)
    claims: dict[str, Claim] = {}
    for name in [file.path for file in list_directory(folder).files]:
        if not CLAIM.fullmatch(name):
            continue
        try:
            claims[name] = msgspec.json.decode(read_bounded(folder.below(name), LARGEST_CLAIM), type=Claim)
        except MissingFileError:
            continue  # Its run has ended in this moment.
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StoreError(
                f"{folder.below(name).shown}: not a claim of a run: {error}; remove it if no build is being made"
            ) from None
    return claims


# Which process it is. ----------------------------------------------------------------------------------------------


_PROC = Path("/proc")


def _process(pid: int) -> str | None:
    """A process of this machine: boot, PID namespace, PID and start time; None where it is dead or the system does not tell."""
    return _process_by_proc(pid) if (_PROC / "self").exists() else _process_by_ps(pid)


def _process_by_proc(pid: int) -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (_PROC / "self/ns/pid").stat().st_ino
        # The name of the command stands in parentheses, and may hold anything.
        status = (_PROC / f"{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if status[0] in "ZX" else f"{boot} {namespace} {pid} {status[19]}"


def _process_by_ps(pid: int) -> str | None:
    """On macOS, which has neither /proc nor namespaces; its kernel calls the time from boot to boot a session."""
    try:
        boot = _said_by("sysctl", "-n", "kern.bootsessionuuid").strip()
        state, *started = _said_by("ps", "-o", "state=", "-o", "lstart=", "-p", str(pid)).split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return None if state.startswith("Z") else f"{boot} - {pid} {' '.join(started)}"


def _said_by(*command: str) -> str:
    """Output of a command, in no language and no time zone.

    Raises:
        OSError, SubprocessError: there is no such command, or it failed.
    """
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=10).stdout


def _is_alive(claim: Claim) -> bool | None:
    """Tell whether the process of a claim lives; None where that cannot be told from here."""
    own = _process(os.getpid())
    parts = _PROCESS.fullmatch(claim.process or "")
    if own is None or parts is None or not own.startswith(f"{parts['machine']} "):
        return None
    return _process(int(parts["pid"])) == claim.process


_PROCESS = re.compile(
    r"(?P<machine>[0-9A-Fa-f-]{1,64} (?:[0-9]{1,20}|-)) (?P<pid>[0-9]{1,10}) (?:[0-9]{1,20}|\w{3} \w{3} [0-9]{1,2} [0-9:]{8} [0-9]{4})"
)
"""What `_process` says; a claim is a file that anybody may have put who can write to the output."""
