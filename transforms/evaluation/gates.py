"""Gates: the least that a figure may be, for a schedule or a pull request that must not let a worse model pass."""

from __future__ import annotations

from collections.abc import Mapping

from labelbeam.schemas.errors import BelowGateError, UsageError

_LABELS = ("image_classification", "image_classification_multilabel")
_OBJECTS = ("image_object_detection", "image_instance_segmentation")

GATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "min_map": ("map", _OBJECTS),
    "min_map_50": ("map_50", _OBJECTS),
    "min_mar": ("mar_100", _OBJECTS),
    "min_accuracy": ("accuracy", _LABELS),
    "min_f1": ("f1_macro", _LABELS),
    "min_average_precision": ("average_precision_macro", _LABELS),
}
"""Options with `_` for `-`: the metric that each is compared with, and the tasks that have it."""


def check_gates(gates: Mapping[str, float], task: str) -> None:
    """Check that a task has the figures that are asked for.

    Raises:
        UsageError: it has not.
    """
    for name in gates:
        metric, tasks = GATES[name]
        if task not in tasks:
            others = ", ".join(_flag(other) for other, (_, has) in GATES.items() if task in has)
            raise UsageError(f"{_flag(name)}: a build of {task} has no {metric}; expected one of {others}")


def hold(gates: Mapping[str, float], metrics: Mapping[str, float | None]) -> None:
    """Compare figures with what is asked for; one that cannot be computed passes no gate.

    Raises:
        BelowGateError: a figure is too low; the message tells all that are.
    """
    failed = []
    for name, least in gates.items():
        metric = GATES[name][0]
        value = metrics[metric]
        if value is None or value < least:
            found = "nothing to compute it from" if value is None else f"{value:.6g}"
            failed.append(f"{metric}: found {found}, expected at least {least:g} ({_flag(name)})")
    if failed:
        raise BelowGateError("; ".join(failed))


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
