"""Room for threads: one that is started while memory ends is started, or refused in words, and is not waited for without an end.

`Thread.start` waits until the new thread says that it has begun. Where the last of the address space (`ulimit -v`, `-d`) went into
its stack, it ends by a MemoryError before it can say so, and who started it waits for ever
(https://github.com/python/cpython/issues/140746). Threads of all libraries are started so, therefore it is mended at that one place,
in processes that are LabelBeam's alone.
"""

from __future__ import annotations

import contextlib
import mmap
import resource
import threading

from labelbeam.transforms.workers.resources import UNLIMITED, address_space

BEGINNING = 4 * 2**20
"""Bytes that a thread needs beside its stack until it has begun."""

PATIENCE = 60
"""Seconds for a thread to begin, each of which this process has run in: one that was stopped meanwhile has waited for one of them."""

_REFUSED = "can't start new thread"
"""What Python says itself where the system makes none."""

_USUAL_STACK = 8 * 2**20


class _Begun(threading.Event):
    """The beginning of a thread, which is waited for with an end."""

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        if any(super(_Begun, self).wait(1.0) for _ in range(PATIENCE)):
            return True
        raise RuntimeError(f"{_REFUSED}: it had no memory to begin with")


_start = threading.Thread.start


def _start_with_room(self: threading.Thread) -> None:
    stack = threading.stack_size() or resource.getrlimit(resource.RLIMIT_STACK)[0]
    if not 0 < stack < UNLIMITED:
        stack = _USUAL_STACK
    try:
        mmap.mmap(-1, stack + BEGINNING, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        raise RuntimeError(_REFUSED) from None
    if not self._started.is_set():  # type: ignore[attr-defined]
        self._started = _Begun()  # type: ignore[attr-defined]
    _start(self)


_M_ARENA_MAX = -8


def keep_room_for_threads() -> None:
    """Have threads of this process started so from now on, and share memory where their address space is limited.

    glibc reserves 64 MB for what a thread allocates, which counts though nothing is there: a few dozen of them are all of what a limit allows.
    """
    threading.Thread.start = _start_with_room  # type: ignore[method-assign]
    if address_space() < UNLIMITED:
        import ctypes  # It takes longer to load than all else here.

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
