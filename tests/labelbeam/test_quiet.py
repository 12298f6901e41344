"""Inside a program every failure is a LabelBeamError without a secret, and no log of Beam's sets up the program's own."""

from __future__ import annotations

import logging

import pytest

from labelbeam.quiet import failures_in_words, quietly
from labelbeam.schemas.errors import LabelBeamError, UsageError

SECRETS = {"s3": {"secret": "hunter2secret"}}


def test_a_failure_keeps_its_kind_and_loses_what_is_secret() -> None:
    with pytest.raises(UsageError, match=r"^found \*\*\*$"), failures_in_words(SECRETS):
        raise UsageError("found hunter2secret")


def test_whatever_else_fails_is_one_too_with_its_cause() -> None:
    with pytest.raises(LabelBeamError) as caught, failures_in_words(SECRETS):
        raise ZeroDivisionError("by hunter2secret")
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_interruption_passes_and_what_is_well_is_left_alone() -> None:
    with pytest.raises(KeyboardInterrupt), failures_in_words({}):
        raise KeyboardInterrupt
    with failures_in_words({}):
        done = True
    assert done


def test_a_program_without_a_log_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    with quietly({}):
        (silent,) = root.handlers
        assert isinstance(silent, logging.NullHandler)
    assert root.handlers == []
    with pytest.raises(LabelBeamError), quietly({}):
        raise LabelBeamError("x")
    assert root.handlers == []


def test_a_program_s_own_log_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    root, own = logging.getLogger(), logging.NullHandler()
    monkeypatch.setattr(root, "handlers", [own])
    with quietly({}):
        assert root.handlers == [own]
    assert root.handlers == [own]
