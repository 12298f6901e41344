"""Predictions against the truth of a build, from files to figures."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.evaluation import EVALUATION_VERSION, Evaluation
from labelbeam.schemas.predictions import LabelsPrediction
from labelbeam.schemas.records import ClassificationRecord, DetectionRecord, MultilabelRecord, SegmentationRecord
from labelbeam.transforms.evaluation.classification import evaluate_labels
from labelbeam.transforms.evaluation.detection import evaluate_objects, result_documents, truth_document
from labelbeam.transforms.evaluation.engines import Engine
from labelbeam.transforms.evaluation.matching import Matched, match
from labelbeam.transforms.evaluation.objects import PixelObject, predicted_objects, true_objects
from labelbeam.transforms.evaluation.predictions.coco import own_names, read_names
from labelbeam.transforms.evaluation.predictions.read import Form, Predictions, read_predictions
from labelbeam.transforms.evaluation.truth import Truth
from labelbeam.transforms.evaluation.worst import worst_labels, worst_objects
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import counted, listed
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions

LOG = logging.getLogger("labelbeam")

SINGLE, MULTILABEL = "image_classification", "image_classification_multilabel"
SEGMENTATION = "image_instance_segmentation"

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Request of a comparison, and what to make of it; URLs, each of them None where it is not wanted."""

    output: str
    predictions: str
    split: str | None = None
    coco: str | None = None
    threshold: float | None = None
    result: str | None = None
    coco_results: str | None = None
    coco_truth: str | None = None
    engine: Engine | None = None


def compare(truth: Truth, wanted: Wanted, storage: StorageOptions, targets: Mapping[str, Location]) -> Evaluation:
    """Figures of the predictions that are `wanted`; `targets` are where they are written as COCO documents.

    Raises:
        LabelBeamError: predictions cannot be read, or are of another task.
    """
    urls = [record.image_url for record in truth.records]
    names = own_names(urls, truth.labels) if wanted.coco is None else read_names(locate(wanted.coco, storage))
    predictions = read_predictions(wanted.predictions, storage, truth.task, names)
    matched = match(urls, truth.prefix, predictions.said)
    if predictions.said and len(matched.unknown) == len(predictions.said):
        raise LabelBeamError(
            f"none of {counted(len(matched.unknown), 'prediction')} is of an image that is compared: found "
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
        _objects(evaluation, truth, matched, targets, wanted.engine or "pycocotools")
    return evaluation


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
            f"{counted(len(matched.unknown), 'prediction is', 'predictions are')} of no image that is compared, or of more than one, and were left out: "
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


def _objects(
    evaluation: Evaluation, truth: Truth, matched: Matched, targets: Mapping[str, Location], engine: Engine
) -> None:
    with_masks = truth.task == SEGMENTATION
    true: list[list[PixelObject]] = []
    found: list[list[PixelObject]] = []
    for record, size, areas, said in zip(truth.records, truth.sizes, truth.areas, matched.said, strict=True):
        assert isinstance(record, DetectionRecord | SegmentationRecord)
        true.append(true_objects(record, *size, areas))
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
    figures = evaluate_objects(truth.sizes, true, found, labels, with_masks, engine)
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
    alike = {_plain(label): label for label in of_build}
    if pairs := [f"{label!r} for {alike[_plain(label)]!r}" for label in foreign if _plain(label) in alike]:
        evaluation.warnings.append(
            f"of these, some differ from the build's in case or blanks alone, and are others all the same: {', '.join(pairs[:5])}"
            f"{', …' if len(pairs) > 5 else ''}; write them alike, in the build with convert --labels"
        )


def _plain(label: str) -> str:
    return " ".join(label.casefold().split())


def _some(names: Sequence[str]) -> str:
    return ", ".join(repr(redact(name[:200])) for name in names[:3]) + (", …" if len(names) > 3 else "")
