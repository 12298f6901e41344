"""`labelbeam evaluate`: compare a model's predictions with the truth of a published build."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import json

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output, fraction
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import say, set_up_logging, write_stdout
from labelbeam.schemas.evaluation import Evaluation
from labelbeam.transforms.evaluation.gates import GATES, hold
from labelbeam.transforms.messages.words import counted

CLASSES_SHOWN = 40
"""Labels in the table for people, those of the most images or objects; the others stand in the JSON."""

WORST_SHOWN = 5


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    group = parser.add_argument_group("input")
    group.add_argument(
        "--predictions",
        required=True,
        metavar="URL",
        help="output of labelbeam score or of Azure's batch scoring, JSON lines, or COCO results; a directory, a "
        "file or a glob",
    )
    group.add_argument("--split", metavar="NAME", help="the split to compare (default: all)")
    group.add_argument("--coco", metavar="FILE", help="the COCO dataset that defines the ids of COCO results")
    group.add_argument(
        "--threshold",
        type=fraction,
        metavar="X",
        help="least probability of a predicted label, for multi-label (default: 0.5)",
    )
    group.add_argument(
        "--engine",
        choices=("pycocotools", "faster-coco-eval"),
        help="what computes the metrics of boxes and masks; faster-coco-eval is faster, and needs "
        "pip install 'labelbeam[faster]' (default: pycocotools)",
    )
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output", dest="result", metavar="URL", help="a directory for evaluation.json, or a .json file"
    )
    group.add_argument("--coco-results", metavar="URL", help="the predictions as COCO results, for pycocotools")
    group.add_argument("--coco-truth", metavar="URL", help="the truth as a COCO dataset with the same ids")
    group = parser.add_argument_group("gates, below which the exit status is 3")
    for name, (metric, _) in GATES.items():
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=fraction,
            default=argparse.SUPPRESS,
            metavar="X",
            help=f"minimum of {metric}",
        )
    add_options(parser, ["storage_options", "json"])


def _run(known: argparse.Namespace) -> int:
    as_json = "json" in vars(known)
    set_up_logging(as_json, known.storage)
    from labelbeam.transforms.evaluation.compare import Wanted
    from labelbeam.transforms.evaluation.evaluate import evaluate

    options = ("predictions", "split", "coco", "threshold", "result", "coco_results", "coco_truth", "engine")
    wanted = Wanted(known.output, *(getattr(known, name) for name in options))
    gates = {name: value for name, value in vars(known).items() if name in GATES}
    evaluated = evaluate(wanted, gates, known.storage)
    if as_json:
        write_stdout(json.encode(evaluated.evaluation).decode())
    else:
        for line in _table(evaluated.evaluation):
            say(line)
        for option, place in evaluated.written.items():
            say(f"written by {option}: {place}")
    hold(gates, evaluated.evaluation.metrics)
    return 0


def _table(evaluation: Evaluation) -> Iterator[str]:
    """Lines for people of what was found."""
    split = f"split {evaluation.split}" if evaluation.split else "all splits"
    yield f"{evaluation.task}, build {evaluation.build}, {split}"
    yield f"predictions: {evaluation.predictions}"
    yield (
        f"{counted(evaluation.images, 'image')}, {evaluation.unpredicted} of them without a prediction; {counted(evaluation.unknown, 'prediction')} of "
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
        yield f"and {counted(len(labels) - len(shown), 'more label')}"


def _figure(value: float | int | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


COMMAND = Command(
    "evaluate",
    "compare predictions with the truth of a published build",
    "OUTPUT --predictions URL [options]",
    _add_arguments,
    _run,
)
