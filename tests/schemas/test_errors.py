"""Failures end with the exit status that the help tells, and only those that are lists keep their lines."""

from __future__ import annotations

import inspect
import pickle

import pytest

from labelbeam.pipelines.command_line.parser import EXIT_STATUS
from labelbeam.schemas import errors
from labelbeam.schemas.errors import LabelBeamError, UsageError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LabelBeamError)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_one_of_three_and_says_so_where_it_is_not_the_usual_one(kind: type[LabelBeamError]) -> None:
    assert f"  {kind.exit_code}  " in EXIT_STATUS
    assert kind.exit_code == (2 if issubclass(kind, UsageError) else kind.exit_code)
    assert f"exit status {kind.exit_code}" in (kind.__doc__ or "") or kind.exit_code == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_survives_the_way_from_another_process(kind: type[LabelBeamError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a\nb")))
    assert (type(error), str(error), error.of_lines) == (kind, "a\nb", kind.of_lines)


def test_lists_are_what_is_refused_for_several_reasons() -> None:
    assert {kind.__name__ for kind in KINDS if kind.of_lines} == {"DoubtedError", "SuspiciousChangeError"}
