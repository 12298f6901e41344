"""`labelbeam evaluate`: its table for people."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.evaluate import CLASSES_SHOWN, COMMAND, WORST_SHOWN, _figure, _table
from labelbeam.schemas.evaluation import Evaluation, WorstImage
from labelbeam.transforms.evaluation.gates import GATES


def table(**changes: Any) -> list[str]:
    fields: dict[str, Any] = {"metrics": {"map": 0.5, "map_75": None}, "by_class": {}}
    return list(_table(Evaluation(1, "image_object_detection", "b", None, 9, 2, 1, **fields | changes)))


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (1234, "1,234"), (0.5, "0.5000"), (1.0, "1.0000")])
def test_a_figure_is_a_number_or_a_dash(value: float | int | None, text: str) -> None:
    assert _figure(value) == text


def test_figures_stand_below_each_other_beneath_what_was_compared() -> None:
    lines = table()
    assert lines[0] == "image_object_detection, build b, all splits"
    assert lines[2].startswith("9 images, 2 of them without a prediction; 1 prediction of other images")
    assert lines[4:] == ["map       0.5000", "map_75         –"]


def test_labels_come_by_how_often_they_are_true_and_very_many_are_counted() -> None:
    by_class = {f"{n:03}": {"AP": 0.5, "truth": n} for n in range(CLASSES_SHOWN + 3)}
    lines = table(by_class=by_class)
    first = lines.index(next(line for line in lines if line.startswith("label")))
    assert lines[first + 1].split() == [f"{CLASSES_SHOWN + 2:03}", "0.5000", str(CLASSES_SHOWN + 2)]
    assert lines[-1] == "and 3 more labels"
    assert len({len(line) for line in lines[first:-1]}) == 1


def test_the_worst_images_and_warnings_stand_at_the_end() -> None:
    worst = [WorstImage(f"{n}.jpg", 0.5, "why", [], []) for n in range(WORST_SHOWN + 2)]
    lines = table(worst=worst, warnings=["mind the gap"])
    assert f"predicted worst, of {WORST_SHOWN + 2} in the JSON:" in lines
    assert lines[-WORST_SHOWN - 1 :] == [*(f"  {n}.jpg: why" for n in range(WORST_SHOWN)), "warning: mind the gap"]


def test_every_gate_is_an_option_that_is_absent_unless_it_is_given() -> None:
    parser = Parser(prog="labelbeam evaluate")
    COMMAND.add_arguments(parser)
    known = vars(parser.parse_args(["o", "--predictions", "p", "--min-map", "0.25"]))
    assert {name: known[name] for name in GATES if name in known} == {"min_map": 0.25}
    assert {f"--{name.replace('_', '-')}" for name in GATES} <= set(parser.options())
