"""Failures of a command. The message is all that a person gets: what was read, where, found, expected, to do."""

from __future__ import annotations


class LabelBeamError(Exception):
    """A failure with a message for people; never shown with a traceback.

    `of_lines` says that the message is a list, whose ends of lines are meant; in any other, they are part of a name and escaped.
    """

    exit_code = 1
    of_lines = False


class UsageError(LabelBeamError):
    """The command line or the config is wrong (exit status 2)."""

    exit_code = 2


class BusyError(LabelBeamError):
    """Another run is at work on the output."""


class LostLockError(LabelBeamError):
    """Another run has taken this one for dead."""


class CountsError(LabelBeamError):
    """Counts that do not add up: nothing is published."""


class TooManyRejectedError(LabelBeamError):
    """More was rejected than --max-rejected allows (exit status 3)."""

    exit_code = 3


class NothingLeftError(LabelBeamError):
    """No record is left that could be published (exit status 3)."""

    exit_code = 3


class DuplicatesError(LabelBeamError):
    """Images have the same bytes, and --duplicates is fail (exit status 3)."""

    exit_code = 3


class DoubtedError(LabelBeamError):
    """A doubt is open that was not accepted, and --strict was given (exit status 3)."""

    exit_code = 3
    of_lines = True


class SuspiciousChangeError(LabelBeamError):
    """The build differs from the one before by more than --max-change allows (exit status 3)."""

    exit_code = 3
    of_lines = True


class TooManyFailedError(LabelBeamError):
    """More images were not scored than --max-failed allows (exit status 3)."""

    exit_code = 3


class BelowGateError(LabelBeamError):
    """A figure of `evaluate` is below what a --min option asks for (exit status 3)."""

    exit_code = 3
