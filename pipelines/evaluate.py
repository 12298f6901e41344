"""`labelbeam evaluate`: how right a model's predictions are, against the truth of a published build."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from labelbeam.pipelines.terminal.streams import write_stdout
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.evaluation import Evaluation
from labelbeam.transforms.builds.published import published
from labelbeam.transforms.evaluation.compare import MULTILABEL, SINGLE, Wanted, compare
from labelbeam.transforms.evaluation.gates import check_gates, hold
from labelbeam.transforms.evaluation.truth import read_truth
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.workers.quiet_gc import quiet_gc

CLASSES_SHOWN = 40
"""Labels in the table for people, those of the most images or objects; the others stand in the JSON."""

WORST_SHOWN = 5


def evaluate(wanted: Wanted, gates: Mapping[str, float], storage: StorageOptions, as_json: bool) -> int:
    """Compare, write and show what was found; the exit status.

    `gates` are the least that figures may be, by option.

    Raises:
        UsageError: an option does not fit the build.
        LabelBeamError: the build or the predictions cannot be read, or none of the predictions is of the build.
        BelowGateError: a figure is too low; everything has been written and shown by then.
    """
    output = locate(wanted.output, storage)
    targets = {
        option: _target(option, url, name, storage)
        for option, url, name in (
            ("--output", wanted.result, "evaluation.json"),
            ("--coco-results", wanted.coco_results, "coco-results.json"),
            ("--coco-truth", wanted.coco_truth, "coco-truth.json"),
        )
        if url is not None
    }
    manifest = published(output)
    check_gates(gates, manifest.task)
    _check_options(wanted, manifest.task)
    truth = read_truth(output, manifest, wanted.split)
    if not truth.records:
        raise LabelBeamError(f"{output.shown}: found no image in what is to be compared, expected one or more")
    with quiet_gc():
        evaluation = compare(truth, wanted, storage, targets)
    if "--output" in targets:
        put(targets["--output"], msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n")
    if as_json:
        write_stdout(msgspec.json.encode(evaluation).decode())
    else:
        for line in _table(evaluation):
            print(plain(line), file=sys.stderr)
        for option, target in targets.items():
            print(f"written by {option}: {target.shown}", file=sys.stderr)
    hold(gates, evaluation.metrics)
    return 0


def _target(option: str, url: str, name: str, storage: StorageOptions) -> Location:
    """A file as it is named, or `name` in a directory: what does not end in .json is one."""
    target = locate_target(option, url, storage)
    return target if target.path.endswith(".json") else target.below(name)


def _check_options(wanted: Wanted, task: str) -> None:
    if wanted.threshold is not None and task != MULTILABEL:
        raise UsageError(
            f"--threshold: the build is for {task}; expected {MULTILABEL}, where a label counts from it on"
        )
    for option, url in (
        ("--coco", wanted.coco),
        ("--coco-results", wanted.coco_results),
        ("--coco-truth", wanted.coco_truth),
    ):
        if url is not None and task in (SINGLE, MULTILABEL):
            raise UsageError(f"{option}: the build is for {task}; COCO's files hold boxes and masks")


def _table(evaluation: Evaluation) -> Iterator[str]:
    """What was found, in lines for people."""
    split = f"split {evaluation.split}" if evaluation.split else "all splits"
    yield f"{evaluation.task}, build {evaluation.build}, {split}"
    yield f"predictions: {evaluation.predictions}"
    yield (
        f"{evaluation.images} images, {evaluation.unpredicted} of them without a prediction; {evaluation.unknown} predictions of "
        "other images"
    )
    yield ""
    width = max(map(len, evaluation.metrics))
    yield from (f"{name:<{width}}  {_figure(value):>8}" for name, value in evaluation.metrics.items())
    yield from _classes(evaluation.by_class)
    if evaluation.worst:
        yield ""
        yield f"predicted worst, of {len(evaluation.worst)} in the JSON:"
        yield from (f"  {image.image_url}: {image.why}" for image in evaluation.worst[:WORST_SHOWN])
    yield from (f"warning: {warning}" for warning in evaluation.warnings)


def _classes(by_class: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not by_class:
        return
    labels = sorted(by_class, key=lambda label: (-by_class[label]["truth"], label))
    shown = labels[:CLASSES_SHOWN]
    columns = list(by_class[labels[0]])
    width = max(len("label"), *(min(len(label), 30) for label in shown))
    yield ""
    yield "  ".join([f"{'label':<{width}}", *(f"{name:>{max(8, len(name))}}" for name in columns)])
    for label in shown:
        cells = (f"{_figure(by_class[label][name]):>{max(8, len(name))}}" for name in columns)
        yield "  ".join([f"{label[:30]:<{width}}", *cells])
    if len(labels) > len(shown):
        yield f"and {len(labels) - len(shown)} more labels"


def _figure(value: float | int | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
