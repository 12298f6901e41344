"""Options of scoring are bounded, and those that change no prediction are none of its identity."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.score_config import RUN_ONLY, ScoreConfig

GIVEN = {"source": "s", "output": "o", "endpoint": "e"}


def test_what_changes_no_prediction_is_an_option() -> None:
    assert set(ScoreConfig.__struct_fields__) > RUN_ONLY
    assert not RUN_ONLY & {"source", "endpoint", "task", "split", "protocol", "explain", "deployment", "header"}


def test_an_option_that_is_not_given_is_not_written() -> None:
    assert msgspec.to_builtins(msgspec.convert(GIVEN, ScoreConfig)) == GIVEN


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 0},
        {"concurrency": 1.5},
        {"timeout": 0},
        {"timeout": 3601},
        {"max_failed": -0.1},
        {"protocol": "grpc"},
        {"task": "x"},
    ],
)
def test_a_value_out_of_its_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GIVEN | change, ScoreConfig)
