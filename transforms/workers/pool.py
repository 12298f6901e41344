"""Processes that do the work of the in-process runner, so that a laptop's cores are all used.

Beam's own way to use several processes on one machine starts slowly and copies every element four times. Here the runner stays
in this process, single-threaded and deterministic, and hands each unit of work, a pure function and its arguments, to a
process that has not even loaded Beam. Bulky results stay in files between them, so that only references pass through the
runner. Where there are no such processes (on a cluster, or for a small dataset) the function is called in place, and its
results are passed on themselves. What comes out is the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import count as count_up
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.terminal import escaped
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.loading import is_ours_alone, ours_alone
from labelbeam.transforms.workers.resources import ENDING, worker_count
from labelbeam.transforms.workers.scratch import scratch
from labelbeam.transforms.workers.thread_room import keep_room_for_threads

LOG = logging.getLogger("labelbeam")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Begun:
    """Reference to a unit of work that a process was given before the runner came to it; `size` and `index` are the unit's."""

    key: str
    size: int
    index: str | None = None


class Workers:
    """A pool of processes, and a directory in which they find what all of them need.

    `copied`: they are copies of this one, and so have loaded what it has; see `forked` for when that may be. Else they start anew.
    """

    def __init__(self, count: int, folder: Path, copied: bool = False) -> None:
        self.count = count
        self.begun: dict[str, Future[Any]] = {}
        self.folder = folder
        self._numbers = count_up()
        self._sharing = threading.Lock()
        self._asked = threading.Event()
        self._closed = False
        context = multiprocessing.get_context("fork" if copied else "spawn")
        self.executor = ProcessPoolExecutor(
            count, mp_context=context, initializer=_begin, initargs=(str(folder), os.getpid(), copied)
        )
        # A task for each starts them all: they load their modules while this process loads Beam. They begin with SIGINT
        # held back, so that Ctrl-C does not find them half started: it reaches every process of the terminal, and the
        # first one ends the others. Copies begin with this one's handlers, which are not theirs.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *(ENDING if copied else ())})
        others = set(multiprocessing.active_children())
        try:
            for _ in range(count):
                self.executor.submit(_load)
        except BaseException:
            # Those that were made before no more could be have nobody who would end them, and Python waits for them at its end.
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
                process.join()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have `function` called by one of the processes."""
        future = self.executor.submit(function, *arguments)
        self._asked.set()
        return future

    def result(self, future: Future[Result]) -> Result:
        """The result of a future of these processes, for a thread that waits for it.

        Raises:
            BrokenProcessPool: a process died.
            LabelBeamError: the thread that hands work to them did, as it does where no other one can be made.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                return future.result(LOOK_EVERY)
            if future.done():
                return future.result()
            # Python has nobody fail what is under way when its own thread for that has ended by an error.
            manager = getattr(self.executor, "_executor_manager_thread", None)
            if manager is not None and not manager.is_alive() and not future.done():
                raise LabelBeamError(
                    f"the thread that hands work to {self.count} worker processes has ended, probably because no other thread could be "
                    "made (ulimit -u, -v); give this run more processes or memory, or do without with --direct_num_workers=1"
                )

    def begin(self, key: str, function: Callable[..., Result], *arguments: Any) -> None:
        """Have something called that will be asked for under `key` later: while Beam is still loading."""
        self.begun[key] = self.executor.submit(function, *arguments)

    def begin_unit(self, unit: Any, function: Callable[..., Result], *arguments: Any) -> Begun:
        """Have `function` called with the arguments and a unit, which so need not go through the runner itself."""
        begun = self._reference(unit)
        self.begin(begun.key, function, *arguments, unit)
        return begun

    def begin_indexed(
        self, index: Any, units: Sequence[Any], function: Callable[..., Any], *arguments: Any
    ) -> list[Begun]:
        """Have `function` called with the arguments and the index unit, and then with each of the units that are read against what it made,
        without waiting for the runner to pass that on.
        """
        begun = [self._reference(unit) for unit in units]
        made: Future[Any] = Future()
        self.begun[index.makes] = made

        def go_on(done: Future[Any]) -> None:
            # Whoever waits for the index finds the units begun.
            try:
                result = done.result()
                if isinstance(result.index, bytes):
                    path = self.share(index.makes, result.index)
                    for reference, unit in zip(begun, units, strict=True):
                        self.begin(reference.key, function, *arguments, unit, path)
                made.set_result(result)
            except BaseException as error:  # Whatever it is, somebody waits for it.
                made.set_exception(error)

        self.executor.submit(function, *arguments, index).add_done_callback(go_on)
        return begun

    def meanwhile(self, function: Callable[[], object]) -> None:
        """Have `function` called in a thread of this process once the runner asks for more than what was begun: when processes write, this
        one waits for them. Before that, they would wait for the runner, which the thread would hold up.

        It prepares what is done again where it is needed, so that nobody misses it where it fails.
        """

        def call() -> None:
            self._asked.wait()
            if not self._closed:
                with contextlib.suppress(Exception):
                    function()

        with contextlib.suppress(RuntimeError):  # No thread can be made.
            threading.Thread(target=call, daemon=True).start()

    def _reference(self, unit: Any) -> Begun:
        return Begun(f"unit {next(self._numbers)}", unit.size, unit.index)

    def share(self, name: str, data: bytes) -> str:
        """Put bytes where every process reads them once, and return the path; `name` tells them from others.

        Raises:
            LabelBeamError: the file cannot be written.
        """
        path = self.folder / hashlib.sha256(name.encode()).hexdigest()
        # Several threads of a runner may ask for the same: what is there under its name is whole.
        with self._sharing:
            if not path.exists():
                beside = path.with_suffix(".part")
                try:
                    beside.write_bytes(data)
                    beside.replace(path)
                except OSError as error:
                    raise parcels.unwritable(path, error) from None
        return str(path)

    def close(self, at_once: bool = False) -> None:
        """End the processes; `at_once` also those that are at work."""
        self._closed = True
        self._asked.set()
        if at_once:
            for process in multiprocessing.active_children():
                process.terminate()
        self.executor.shutdown(wait=True, cancel_futures=True)


_current: Workers | None = None


def current_workers() -> Workers | None:
    """The processes of this run, if it has any."""
    return _current


_forked: list[tuple[contextlib.ExitStack, Workers]] = []
"""The processes of `forked` that nobody has taken yet."""


@contextlib.contextmanager
def forked(count: int) -> Iterator[None]:
    """Have the processes made now that `workers` gives out first inside the block: as copies of this one, which has loaded what they need.

    That saves each of them nearly half a second of loading. It is done where a copy is sure to work: on Linux, in a process that runs
    a command and nothing else, before it has a thread that could hold a lock at that moment, and for files of local disks alone, as an
    open archive or a connection cannot be shared. Elsewhere this does nothing, and processes start anew when they are asked for.
    """
    alone = sys.platform == "linux" and ours_alone() and threading.active_count() == 1
    with contextlib.ExitStack() as stack:
        if alone and (pool := stack.enter_context(_pool(count, copied=True))) is not None:
            _forked.append((stack, pool))
        try:
            yield
        finally:
            _forked.clear()


@contextlib.contextmanager
def workers(count: int) -> Iterator[Workers | None]:
    """Have `count` processes for the run inside the block; none where `count` is below 2.

    Raises:
        LabelBeamError: a process died, as it does when memory runs out.
    """
    if _forked:
        stack, pool = _forked.pop()
        with stack.pop_all():
            yield pool
    else:
        with _pool(count) as new:
            yield new


@contextlib.contextmanager
def _pool(count: int, copied: bool = False) -> Iterator[Workers | None]:
    global _current
    with contextlib.ExitStack() as stack:
        try:
            pool = None if count < 2 else Workers(count, stack.enter_context(scratch()), copied)
        except (OSError, ImportError) as error:
            # Where the system has no semaphores for processes (some sandboxes), one process does all.
            LOG.info("no worker processes here (%s): this one does all the work", error)
            pool = None
        if pool is None:
            yield None
            return
        _current = pool
        try:
            yield pool
        except BaseException as error:
            pool.close(at_once=True)
            if isinstance(error, BrokenProcessPool):
                raise LabelBeamError(
                    f"one of {count} worker processes died, probably because memory ran out, or CPU time (ulimit -t); try fewer with "
                    "--direct_num_workers=1, or smaller shards with --shards"
                ) from None
            raise
        else:
            pool.close()
        finally:
            _current = None


def _begin(folder: str, driver: int, copied: bool) -> None:
    if copied:
        _forget_driver()
    keep_room_for_threads()
    _die_with(driver)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr = escaped(sys.stderr)
    _keep_freed_memory()
    is_ours_alone()
    keep_small_memory()
    parcels.spill_into(Path(folder, f"parcels-{os.getpid()}"))


def _forget_driver() -> None:
    """Have a copy of the driver do what a process that starts anew does: end at once when it is told to, log nothing."""
    # The driver's locks are held for as long as a copy lives. That is not to be until the copy next looks for the driver.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in ENDING:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    for logger in (logging.getLogger(), LOG):
        logger.handlers = [logging.NullHandler()]
    gc.freeze()  # What the driver holds is not looked through again, which would copy all of it.


_PR_SET_PDEATHSIG = 1


LOOK_EVERY = 1.0
"""Seconds after which a worker has seen that its driver is gone, where the system does not tell it."""


def _die_with(driver: int) -> None:
    """End this process when the one that started it has ended in whatever way, such as by SIGKILL; nothing else would."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(LOOK_EVERY)
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _keep_freed_memory() -> None:
    """Have glibc reuse the memory of large arrays instead of giving it back and faulting it in again, page by page.

    A unit's arrays come and go in the same sizes, and nearly a third of the time went into that. Arrow takes its memory from there as well:
    what its own pool keeps, nothing else uses.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        pa.set_memory_pool(pa.system_memory_pool())


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_SMALL, _KEPT = 400, 2**24
_kept: list[bytes] = []


def keep_small_memory() -> None:
    """Have Python keep 16 MB for small objects, about what a unit makes and frees: it gives back each MB that holds none, and that would
    be faulted in again, page by page, for the next unit. So a few objects stay in each.
    """
    _kept.extend([bytes(_SMALL) for _ in range(_KEPT // _SMALL)][::500])


def _load() -> None:
    import labelbeam.transforms.write.work  # noqa: F401


def default_count() -> int:
    """A process for each core that this one may use, as far as the memory of its container goes."""
    return worker_count()
