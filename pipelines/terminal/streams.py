"""Streams of a command: stdout holds what a command was asked for and nothing else, everything else goes to stderr.

Beam and the libraries below it log to the root logger and warn while they are imported; none of that is of use to who runs a
build, and so it is shown only on request, by LABELBEAM_DEBUG=1.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.messages.redact import redact, with_environment
from labelbeam.transforms.messages.words import plain

LOG = logging.getLogger("labelbeam")


def debugging() -> bool:
    """Tell whether LABELBEAM_DEBUG asks for tracebacks and for the logs of Beam."""
    return os.environ.get("LABELBEAM_DEBUG", "").lower() not in ("", "0", "false", "no")


class _Formatter(logging.Formatter):
    """Hides credentials, also in what libraries log, and in tracebacks; escapes what a terminal would obey."""

    def __init__(self, storage: Mapping[str, Any]) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._storage = storage

    def format(self, record: logging.LogRecord) -> str:
        """The line without credentials."""
        return plain(redact(super().format(record), with_environment(self._storage)), "\n\t")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the base class's name
        """One line: an end of a line in a name would let it pass for another message."""
        record.message = plain(record.message)
        return super().formatMessage(record)


class _Handler(logging.StreamHandler[Any]):
    """Writes to stderr; goes silent once nobody reads it, because the build matters more."""

    def __init__(self, storage: Mapping[str, Any]) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(_Formatter(storage))

    @property
    def stream(self) -> Any:
        """Current stderr: a live display puts itself in its place, so that lines appear above it."""
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the base class's name
        """Stop writing to a closed pipe; anything else is reported as usual."""
        if isinstance(sys.exception(), BrokenPipeError):
            silence(sys.stderr)
        else:
            super().handleError(record)


def set_up_logging(quiet: bool, storage: Mapping[str, Any] | None = None) -> None:
    """Send log lines of LabelBeam to stderr, only warnings when `quiet`. Call it before Beam is imported.

    No line repeats a secret of the options `storage`, or of the environment.

    A root logger without a handler would make Beam's first line install one, and with it show all that follows.
    """
    handler = _Handler(storage or {})
    root = logging.getLogger()
    if debugging():
        _attach(root, handler, logging.INFO)
    else:
        if not root.handlers:
            root.addHandler(logging.NullHandler())
        _attach(LOG, handler, logging.WARNING if quiet else logging.INFO)
    logging.captureWarnings(True)


def _attach(logger: logging.Logger, handler: _Handler, level: int) -> None:
    logger.handlers = [*(other for other in logger.handlers if not isinstance(other, _Handler)), handler]
    logger.setLevel(level)


def write_stdout(text: str) -> None:
    """Write what was asked for, with a line's end, as UTF-8 whatever the locale. A reader that went away is fine.

    Raises:
        LabelBeamError: stdout is closed, or its disk is full.
    """
    if sys.stdout is None:
        raise LabelBeamError("stdout is closed, expected a terminal, a pipe or a file for the output")
    # In JSON an escape is the same character.
    text = plain_json(text)
    try:
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(f"{text}\n".encode())
        else:  # A notebook's, or a test's.
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise LabelBeamError(f"stdout: cannot be written: {error.strerror}") from None


def say(line: str) -> None:
    """Show a line to a person, on stderr. An end of a line in it is part of a name, which cannot forge another one."""
    print(plain(line), file=sys.stderr)


class Lenient:
    """A stream for what people read, which goes silent where nothing can be written to it: what came of a run matters more.

    Its reader went away, say, or the disk that a log is written to is full.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or go silent."""
        try:
            self._stream.write(text)
        except OSError:
            silence(self._stream)
        return len(text)

    def flush(self) -> None:
        """Flush, or go silent."""
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)


def plain_json(text: str) -> str:
    """JSON, or text of our own, without characters that a terminal would obey."""
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def silence(stream: Any) -> None:
    """Send what a stream still holds, and all that follows, nowhere; Python would complain at exit about the rest."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, stream.fileno())
    os.close(sink)


def require_stdout() -> None:
    """Make sure, before a run, that its answer has a place to go.

    Raises:
        UsageError: stdout is closed.
    """
    if sys.stdout is None:
        raise UsageError("--json: stdout is closed, expected a terminal, a pipe or a file")
