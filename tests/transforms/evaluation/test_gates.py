from __future__ import annotations

import pytest

from labelbeam.schemas.errors import BelowGateError, UsageError
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.evaluation.classification import evaluate_labels
from labelbeam.transforms.evaluation.detection import evaluate_objects
from labelbeam.transforms.evaluation.gates import GATES, check_gates, hold

METRICS = {"map": 0.5, "map_50": 0.7, "mar_100": None}


def test_what_is_as_high_as_its_gate_passes() -> None:
    hold({"min_map": 0.5, "min_map_50": 0.1}, METRICS)
    hold({}, METRICS)


def test_all_figures_that_are_too_low_are_told_with_what_was_expected() -> None:
    with pytest.raises(BelowGateError) as caught:
        hold({"min_map": 0.6, "min_map_50": 0.7, "min_mar": 0}, METRICS)
    assert str(caught.value) == (
        "map: found 0.5, expected at least 0.6 (--min-map); "
        "mar_100: found nothing to compute it from, expected at least 0 (--min-mar)"
    )
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("task", TASKS)
def test_a_gate_fits_exactly_the_tasks_whose_figures_it_names(task: str) -> None:
    objects = task in ("image_object_detection", "image_instance_segmentation")
    metrics = (
        evaluate_objects([], [], [], [], with_masks=False).metrics if objects else evaluate_labels([], [], None).metrics
    )
    for name, (metric, _) in GATES.items():
        if metric in metrics:
            check_gates({name: 0.5}, task)
        else:
            with pytest.raises(UsageError, match=f"{metric}; expected one of --min-"):
                check_gates({name: 0.5}, task)
    assert any(metric in metrics for metric, _ in GATES.values())
