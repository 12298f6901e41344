"""`labelbeam evaluate`: how right a model's predictions are, against the truth of a published build."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines.streams import LOG, write_stdout
from pipelines.words import plain
from schemas.errors import LabelBeamError, UsageError
from schemas.evaluation import EVALUATION_VERSION, Evaluation
from schemas.predictions import LabelsPrediction
from schemas.records import ClassificationRecord, DetectionRecord, MultilabelRecord, SegmentationRecord
from transforms.evaluation.classification import evaluate_labels
from transforms.evaluation.coco_predictions import own_names, read_names
from transforms.evaluation.detection import evaluate_objects, result_documents, truth_document
from transforms.evaluation.gates import check_gates, hold
from transforms.evaluation.matching import Matched, match
from transforms.evaluation.objects import PixelObject, predicted_objects, true_objects
from transforms.evaluation.predictions import Form, Predictions, read_predictions
from transforms.evaluation.truth import Truth, published, read_truth
from transforms.evaluation.worst import worst_labels, worst_objects
from transforms.quiet_gc import quiet_gc
from transforms.sources.label_cells import listed
from transforms.stores.files import put
from transforms.stores.locations import Location, StorageOptions, locate, locate_target
from transforms.stores.redact import redact

SINGLE, MULTILABEL = "image_classification", "image_classification_multilabel"
SEGMENTATION = "image_instance_segmentation"

DEFAULT_THRESHOLD = 0.5

CLASSES_SHOWN = 40
"""Labels in the table for people, those of the most images or objects; the others stand in the JSON."""

WORST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compare, and what to make of it; URLs, each of them None where it is not wanted."""

    output: str
    predictions: str
    split: str | None = None
    coco: str | None = None
    threshold: float | None = None
    result: str | None = None
    coco_results: str | None = None
    coco_truth: str | None = None


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
        evaluation = _compare(truth, wanted, storage, targets)
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


def _compare(truth: Truth, wanted: Wanted, storage: StorageOptions, targets: Mapping[str, Location]) -> Evaluation:
    urls = [record.image_url for record in truth.records]
    names = own_names(urls, truth.labels) if wanted.coco is None else read_names(locate(wanted.coco, storage))
    predictions = read_predictions(wanted.predictions, storage, truth.task, names)
    matched = match(urls, truth.prefix, predictions.said)
    if predictions.said and len(matched.unknown) == len(predictions.said):
        raise LabelBeamError(
            f"none of the {len(matched.unknown)} predictions is of an image that is compared: found "
            f"{matched.unknown[0]!r:.300}, expected names such as {urls[0]!r:.300}; see --split and --coco"
        )
    LOG.info("compare %d images with %d predictions", len(urls), len(predictions.said))
    evaluation = _start(truth, predictions, matched)
    if predictions.form is Form.COCO and wanted.coco is None:
        evaluation.warnings.append(
            "ids were read as labelbeam evaluate numbers images and labels itself; if the results are of another COCO dataset, "
            "name it with --coco"
        )
    if predictions.form is not Form.COCO and wanted.coco is not None:
        evaluation.warnings.append(f"--coco has no effect: the predictions are {predictions.form}, which name images")
    if truth.task in (SINGLE, MULTILABEL):
        _labels(evaluation, truth, matched, wanted.threshold)
    else:
        _objects(evaluation, truth, matched, targets)
    return evaluation


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


def _start(truth: Truth, predictions: Predictions, matched: Matched) -> Evaluation:
    unpredicted = [number for number, said in enumerate(matched.said) if said is None]
    evaluation = Evaluation(
        EVALUATION_VERSION,
        truth.task,
        truth.build,
        truth.split,
        len(truth.records),
        len(unpredicted),
        len(matched.unknown),
        metrics={},
        by_class={},
        predictions=f"{predictions.form}, matched {matched.how}",
    )
    if matched.unknown:
        evaluation.warnings.append(
            f"{len(matched.unknown)} predictions are of no image that is compared, or of more than one, and were left out: "
            f"{_some(matched.unknown)}"
        )
    images, missing = Counter(truth.splits), Counter(truth.splits[number] for number in unpredicted)
    for split, count in images.items():
        if count == missing[split] and len(images) > 1:
            evaluation.warnings.append(
                f"no image of {split} has a prediction, and each counts as one in which nothing was found; compare one split "
                "with --split NAME"
            )
    return evaluation


def _labels(evaluation: Evaluation, truth: Truth, matched: Matched, threshold: float | None) -> None:
    if truth.task == MULTILABEL:
        threshold = evaluation.threshold = DEFAULT_THRESHOLD if threshold is None else threshold
    names: list[list[str]] = []
    for record in truth.records:
        assert isinstance(record, ClassificationRecord | MultilabelRecord)
        names.append([record.label] if isinstance(record, ClassificationRecord) else record.label)
    said = [item.value if item is not None else None for item in matched.said]
    predictions = [value if isinstance(value, LabelsPrediction) else None for value in said]
    figures = evaluate_labels(names, predictions, threshold)
    evaluation.metrics, evaluation.by_class, evaluation.confusion = figures.metrics, figures.by_class, figures.confusion
    known = {label for prediction in predictions if prediction is not None for label in prediction.labels}
    _warn_of_labels(evaluation, {label for each in names for label in each}, known, truth.labels, "count as wrong")
    evaluation.warnings += figures.warnings
    evaluation.worst = worst_labels(truth.records, truth.sizes, names, predictions, figures.answers, threshold)


def _objects(evaluation: Evaluation, truth: Truth, matched: Matched, targets: Mapping[str, Location]) -> None:
    with_masks = truth.task == SEGMENTATION
    true: list[list[PixelObject]] = []
    found: list[list[PixelObject]] = []
    for record, size, said in zip(truth.records, truth.sizes, matched.said, strict=True):
        assert isinstance(record, DetectionRecord | SegmentationRecord)
        true.append(true_objects(record, *size))
        if said is None or isinstance(said.value, LabelsPrediction):
            found.append([])
        else:
            found.append(predicted_objects(said.value, said.place, *size, with_masks))
    known = {item.label for items in found for item in items}
    labels = [*truth.labels, *sorted(known.difference(truth.labels))]
    if "--coco-truth" in targets:
        urls = [record.image_url for record in truth.records]
        put(targets["--coco-truth"], msgspec.json.encode(truth_document(urls, truth.sizes, true, labels)))
    if "--coco-results" in targets:
        put(targets["--coco-results"], msgspec.json.encode(result_documents(found, labels)))
    figures = evaluate_objects(truth.sizes, true, found, labels, with_masks)
    evaluation.metrics, evaluation.by_class = figures.metrics, figures.by_class
    in_truth = {item.label for items in true for item in items if not item.crowd}
    _warn_of_labels(evaluation, in_truth, known, truth.labels, "change no figure but their own")
    evaluation.worst = worst_objects(truth.records, truth.sizes, matched.said, true, found, figures.outcomes)


def _warn_of_labels(
    evaluation: Evaluation, in_truth: set[str], predicted: set[str], of_build: Sequence[str], effect: str
) -> None:
    never, foreign = sorted(in_truth - predicted), sorted(predicted.difference(of_build))
    if never:
        evaluation.warnings.append(
            f"no prediction names these labels, and all that have them count as missed: {listed(never)}"
        )
    if foreign:
        evaluation.warnings.append(f"predicted labels that the build does not have {effect}: {listed(foreign)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(repr(redact(name[:200])) for name in names[:3]) + (", …" if len(names) > 3 else "")


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
