"""Runs inside a program: nothing is printed, and every failure is a `LabelBeamError`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from labelbeam.pipelines.terminal.failure import describe
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.redact import redact


@contextmanager
def failures_in_words(secrets: Mapping[str, Any]) -> Iterator[None]:
    """Raise every failure as a `LabelBeamError` whose message repeats none of the secrets in fsspec's options by protocol.

    An exception that no rule explains is kept as the cause of the one that is raised.
    """
    try:
        yield
    except LabelBeamError as error:
        error.args = (redact(describe(error).message, secrets),)
        raise
    except Exception as error:
        failure = describe(error)
        # A failure that a worker has explained needs no traceback of the runner.
        cause = error if failure.kind is LabelBeamError else None
        raise failure.kind(redact(failure.message, secrets)) from cause


@contextmanager
def quietly(secrets: Mapping[str, Any]) -> Iterator[None]:
    """The same for a run that loads Beam, whose first line of log would else set up logging for the whole program."""
    root = logging.getLogger()
    silent = logging.NullHandler()
    if not root.handlers:
        root.addHandler(silent)
    try:
        with failures_in_words(secrets):
            yield
    finally:
        root.removeHandler(silent)
