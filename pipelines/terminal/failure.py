"""Message for an exception: one message, without a traceback.

A failure inside a step comes back through Beam in three shapes: as the exception itself with ` [while running 'Step']`
behind its text (in this process), as a RuntimeError whose text is the traceback of a worker (other processes), or as
such a text inside the runner's own report (clusters).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import NamedTuple

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.failures import SHORTAGES
from labelbeam.transforms.workers.resources import address_space

TEXT_LIMIT = 1000
"""Characters of an unexpected exception's text; a runner's report may go on for pages."""


_ROOMY = 2**31
"""Bytes of address space with which a small build, whose threads reserve 64 MB each, never ran short."""


class Failure(NamedTuple):
    """A message, without the command's name in front, and the kind of error that it is of."""

    message: str
    kind: type[LabelBeamError] = LabelBeamError

    @property
    def exit_code(self) -> int:
        """The exit status of the command."""
        return self.kind.exit_code


_STEP = re.compile(r"""(?<!\s)\s*\[while running '(?P<step>[^']*)'\]""")
# The first line that is not indented, and those behind it: a stack of the runner's own language, if one follows, is indented.
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<text>.*(?:\n\S.*)*))?$", re.MULTILINE)
_FRAME = re.compile(r'^[ \t]*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)', re.MULTILINE)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):[ \t\r]*\n(?=[ \t])")
"""What a traceback begins with, before its first frame. One that an answer of a server holds is quoted in one line."""

_DEBUG = "set LABELBEAM_DEBUG=1 to see the traceback"


_LACKING = SHORTAGES | {errno.EAGAIN}
"""What the system answers where it lacks something; the last one where no process can be made (`ulimit -u`)."""

_SYSTEM_ERRORS = ("OSError", "BlockingIOError", "RuntimeError", "ImportError")
_SHORT = re.compile(
    "|".join([*(rf"\[Errno {number}\] " for number in sorted(_LACKING)), r"can't (?:start new thread|allocate lock)"])
    + "|[^:]*: (?:failed to map segment|cannot allocate memory|cannot apply additional memory protection)"
)
"""How the system says that it is short of memory, file handles, processes or disk space. A worker sends no more than text."""


def describe(error: BaseException) -> Failure:
    """Put an exception of a run into words."""
    text = str(error)
    if isinstance(error, LabelBeamError):
        return Failure(_without_step(text), type(error))
    if _TRACEBACK.search(text):
        return _of_worker(text)
    frame = _last_frame(error)
    return _unexpected(type(error).__name__, text, frame)


def _of_worker(report: str) -> Failure:
    """The exception at the end of the traceback that a worker sent."""
    last = _TRACEBACK.split(report)[-1]
    match = _RAISED.search(last)
    if match is None:
        return _unexpected("RuntimeError", last, "")
    name, text = match["type"], match["text"] or ""
    for kind in _subclasses(LabelBeamError):
        if name == f"{kind.__module__}.{kind.__qualname__}":
            return Failure(_without_step(text), kind)
    frames = list(_FRAME.finditer(last))
    frame = f"{frames[-1]['file']}:{frames[-1]['line']}" if frames else ""
    return _unexpected(name.rpartition(".")[2], text, frame)


def _subclasses(kind: type[LabelBeamError]) -> Iterator[type[LabelBeamError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from _subclasses(sub)


def _without_step(text: str) -> str:
    return _STEP.sub("", text)


def _unexpected(kind: str, text: str, frame: str) -> Failure:
    step = _STEP.search(text)
    text = " ".join(_without_step(text).split())[:TEXT_LIMIT]
    if "MemoryError" in (kind, text):  # Beam raises a RuntimeError of what a thread has raised.
        return Failure(
            "out of memory; build with more --shards, which are smaller each, or on a machine with more of it"
        )
    if (kind in _SYSTEM_ERRORS and (_SHORT.match(text))) or kind == "ArrowMemoryError":
        return Failure(
            f"this machine ran short of something, which is no fault of the data: {text}; give it more memory, disk space (TMPDIR), "
            "processes or file handles (ulimit -n, -u), or use fewer workers with --direct_num_workers"
        )
    if (allowed := address_space()) < _ROOMY:
        return Failure(
            f"this process ran short of memory, as it seems: ulimit -v or -d allows {allowed / 1e6:,.0f} MB, of which threads alone "
            f"reserve more ({kind}: {text}); this is no fault of the data. Allow more, or lift the limit and {_DEBUG}"
        )
    if step is None and "/apache_beam/" in frame:
        return Failure(f"the runner failed: {text or kind}; check the Beam pipeline options, or {_DEBUG}")
    places = [f"in step {step['step']}"] if step else []
    places += [f"at {frame}"] if frame else []
    where = f" ({', '.join(places)})" if places else ""
    what = f"{kind}: {text}" if text else kind
    return Failure(f"{what}{where}; this was not expected: {_DEBUG}, and report it")


def _last_frame(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
