"""The one way in which a store is asked for anything: again, where a failure is_retryable, and with words for one that does not.

The packages of the stores would repeat requests too, each in its own way and some after a quarter of a minute. They are kept
from it (`transforms/stores/remote`) and take the same steps from here for each of their requests, so that a listing of a hundred pages
does not begin anew with each page that fails. What they have given up on is not tried again.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from asyncio import sleep as sleep_async
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeVar

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import (
    MissingFileError,
    ShortageError,
    StoreError,
    TooLongError,
    UnavailableError,
    UnusableNameError,
    explain,
    is_missing,
)
from labelbeam.transforms.stores.failures import (
    LongerError,
    chain,
    is_retryable,
    is_shortage,
    is_unusable_name,
    remedy,
    retry_after,
)

if TYPE_CHECKING:
    from labelbeam.transforms.stores.location import Location


TRIES = 10
"""How often a request is made. Where one in four fails, ten in a row fail once in a million requests."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0
"""Seconds before the second try, doubled from try to try up to the longest: 20 to 40 seconds in all. A store that sheds load or
is being moved is back within that, and all workers together ask it for no more than it can bear."""

LONGEST_ASKED_FOR = 30.0
"""Seconds that a store's own wish to be left alone (Retry-After) is heeded for."""

PATIENCE, FEWEST_TRIES = 60.0, 3
"""Seconds after which nothing is tried again, and how often it is tried nonetheless: a store that takes connections and never
answers costs a minute with each try."""

QUIET = 30.0
"""Seconds between two lines of the log on what had to be repeated."""

WRITING = "cannot be written"
"""What is said of a file that was to be put."""

LOG = logging.getLogger("labelbeam")

_Answer = TypeVar("_Answer")


def ask(location: Location, what: str, call: Callable[[], _Answer]) -> _Answer:
    """`call()`, which asks the store of `location`, repeated where it fails in a retryable way.

    What it raises in the end becomes a `StoreError` that begins with the place and `what`. Every exception counts: those of
    botocore, of Google's and Azure's packages and of zipfile share no base. Only what has been told already stays as it is. So `call` does nothing but call the store, and
    may be made again after it has succeeded unnoticed. The original is left out, as it may hold credentials.

    Raises:
        MissingFileError: nothing is there.
        UnavailableError: it still failed in a retryable way.
        StoreError: anything else.
    """
    known = _options(location)
    try:
        return repeated(location.url, call, known)
    except LabelBeamError:
        raise  # Told already, and of its own kind: a shortage is no failure of the store that was asked meanwhile.
    except Exception as error:
        raise _told(location, what, error) from None


async def ask_async(location: Location, what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The same in the event loop of a store, where many requests wait together at less cost than in threads."""
    current = _Call(location.url, _options(location))
    token = _calls.set(current)
    try:
        return await _until_done(_Effort(current), call, whole=True)
    except LabelBeamError:
        raise
    except Exception as error:
        raise _told(location, what, error) from None
    finally:
        _calls.reset(token)


def _options(location: Location) -> Mapping[str, Any] | None:
    return getattr(location.fs, "storage_options", None)


def _told(location: Location, what: str, error: Exception) -> LabelBeamError:
    said = f"{location.shown}: {what}: {explain(error, _options(location))}"
    if is_shortage(error):
        return ShortageError(
            f"{said}; this machine ran short of something, which is no fault of the data: nothing was published. Give it more "
            "memory, disk space or file handles (ulimit -n), or use fewer workers with --direct_num_workers"
        )
    if any(isinstance(cause, LongerError) for cause in chain(error)):
        return TooLongError(said)
    if what == WRITING and is_unusable_name(error):
        return UnusableNameError(said)
    if not location.local:
        said += remedy(error)
    kind = MissingFileError if is_missing(error) else UnavailableError if is_retryable(error) else StoreError
    return kind(said)


async def _until_done(effort: _Effort, call: Callable[[], Awaitable[_Answer]], whole: bool) -> _Answer:
    """`whole` tells a call from one request inside it: what a request was given up for is not tried again with the call."""
    while True:
        try:
            return await call()
        except Exception as error:
            given_up = effort.call.given_up
            if whole and given_up is not None:
                _copy_notes(given_up, error)
                raise
            wait = effort.wait(error)
            if wait is None:
                if is_retryable(error):
                    effort.call.given_up = error
                raise
        await sleep_async(wait)


@dataclass(slots=True)
class _Call:
    """Call that `repeated` runs at the moment, and what was given up below it."""

    url: str
    options: Mapping[str, Any] | None
    given_up: BaseException | None = None


_calls: ContextVar[_Call] = ContextVar("calls")
"""It follows a call into the thread in which fsspec's event loop runs."""


@dataclass(slots=True)
class _Effort:
    """The tries of one request."""

    call: _Call
    tries: int = 0
    since: float = field(default_factory=lambda: monotonic())

    def wait(self, error: BaseException) -> float | None:
        """The seconds to wait after `error` before the next try; None where there shall be none."""
        self.tries += 1
        if isinstance(error, LabelBeamError) or not is_retryable(error):
            return None
        passed = monotonic() - self.since
        if self.tries >= TRIES or (passed >= PATIENCE and self.tries >= FEWEST_TRIES):
            error.add_note(f"tried {self.tries} times in {passed:.0f} seconds")
            return None
        _reporter.tell(self.call, error)
        return _backoff(self.tries, error)


def _backoff(tries: int, error: BaseException) -> float:
    """The seconds to wait after so many tries, the last of which failed with `error`."""
    # Half of it by chance, so that workers which failed together do not come back together.
    backoff: float = min(FIRST_WAIT * 2.0 ** min(tries - 1, 16), LONGEST_WAIT) * random.uniform(0.5, 1.0)
    return max(backoff, min(retry_after(error) or 0.0, LONGEST_ASKED_FOR))


def pause(shown: str, tries: int, error: BaseException, options: Mapping[str, Any] | None = None) -> None:
    """Tell that what failed with `error` is tried again, and wait as long as after so many tries of `repeated`."""
    _reporter.tell(_Call(shown, options), error)
    sleep(_backoff(tries, error))


def repeated(url: str, call: Callable[[], _Answer], options: Mapping[str, Any] | None = None) -> _Answer:
    """`call()`, made again after retryable failures; `url` names the place in the log, where it shows no secret, nor one of `options`.

    Raises:
        Exception: what it raised last; with a note of how often it was tried, if it was tried again.
    """
    current = _Call(url, options)
    effort = _Effort(current)
    token = _calls.set(current)
    handled = sys.exception()
    try:
        while True:
            try:
                return call()
            except Exception as error:
                _part(error, handled)
                if current.given_up is not None:
                    _copy_notes(current.given_up, error)
                    raise
                wait = effort.wait(error)
                if wait is None:
                    raise
            sleep(wait)
    finally:
        _calls.reset(token)


async def repeated_async(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The same for one request of a package, which `repeated` has called in whatever way.

    Raises:
        Exception: what it raised last.
    """
    current = _calls.get(None) or _Call("a store", None)
    return await _until_done(_Effort(current), call, whole=False)


def _part(error: BaseException, handled: BaseException | None) -> None:
    """Take what was being handled when a call was made, such as in a tidying up, out of what its failure was raised from: it says nothing of it."""
    found: BaseException | None = error if handled is not None else None
    while found is not None and found.__context__ is not handled:
        found = found.__context__
    if found is not None:
        found.__context__ = None


def _copy_notes(source: BaseException, target: BaseException) -> None:
    if source is not target:
        for note in getattr(source, "__notes__", ()):
            target.add_note(note)


class _Reporter:
    """Tells what had to be repeated: the first time at once, then in one line for all that came since the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._next = float("-inf")

    def tell(self, call: _Call, error: BaseException) -> None:
        with self._lock:
            self._count += 1
            now = monotonic()
            if now < self._next:
                return
            others, self._count, self._next = self._count - 1, 0, now + QUIET
        like = f", like {others} requests since the last such line" if others else ""
        LOG.warning("%s: %s; asking again%s", redact(call.url), explain(error, call.options), like)


_reporter = _Reporter()
