"""Evaluate predictions: read the build and the predictions, compare them, and write the figures where they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.evaluation import Evaluation
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.published import published
from labelbeam.transforms.evaluation.compare import MULTILABEL, SINGLE, Wanted, compare
from labelbeam.transforms.evaluation.engines import check_installed
from labelbeam.transforms.evaluation.gates import check_gates
from labelbeam.transforms.evaluation.predictions.read import prediction_files
from labelbeam.transforms.evaluation.truth import read_truth
from labelbeam.transforms.messages.redact import is_redacted
from labelbeam.transforms.plan.places import check_in_no_output
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.overlap import lies_in
from labelbeam.transforms.workers.quiet_gc import quiet_gc


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures, and the files that were written, without credentials, by the option that asked for them."""

    evaluation: Evaluation
    written: dict[str, str]


def evaluate(wanted: Wanted, gates: Mapping[str, float], storage: StorageOptions) -> Evaluated:
    """Compare predictions with the truth, and write what is wanted.

    `gates` are the least that figures may be, by option: whether the task has these figures is checked before anything is
    read. The caller compares them by `hold`, once it has shown the figures.

    Raises:
        UsageError: an option does not fit the build.
        LabelBeamError: the build or the predictions cannot be read, or none of the predictions is of the build.
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
    _check_targets(targets, wanted.predictions, storage)
    manifest = published(output)
    check_gates(gates, manifest.task)
    _check_options(wanted, manifest.task)
    _check_not_read(targets, wanted, manifest, storage)
    truth = read_truth(output, manifest, wanted.split)
    if not truth.records:
        raise LabelBeamError(f"{output.shown}: found no image in what is to be compared, expected one or more")
    with quiet_gc():
        evaluation = compare(truth, wanted, storage, targets)
    if "--output" in targets:
        put(targets["--output"], msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n")
    return Evaluated(evaluation, {option: target.shown for option, target in targets.items()})


def _target(option: str, url: str, name: str, storage: StorageOptions) -> Location:
    """A file as it is named, or `name` in a directory: what does not end in .json is one."""
    target = locate_target(option, url, storage)
    return target if target.path.endswith(".json") else target.below(name)


def _check_targets(targets: Mapping[str, Location], predictions: str, storage: StorageOptions) -> None:
    """Make sure that no file is put over a build, over the predictions, or over another one."""
    read = locate(predictions, storage)
    for option, target in targets.items():
        check_in_no_output(option, target, storage)
        others = [other for name, other in targets.items() if name != option]
        if any(lies_in(target, place, storage) and lies_in(place, target, storage) for place in (read, *others)):
            raise UsageError(f"{option}: {target.shown} is named by another option as well; expected a file of its own")


def _check_not_read(
    targets: Mapping[str, Location], wanted: Wanted, manifest: Manifest, storage: StorageOptions
) -> None:
    """Make sure that no file is put over one that is read, also where a directory or a glob names it, nor over what the build was
    made from.
    """
    if not targets:
        return
    made_from: list[Location] = []
    for url in manifest.source.files:
        with suppress(LabelBeamError):  # What cannot be opened here is not written to either.
            made_from += [] if is_redacted(url) else [locate(url, storage)]
    read = prediction_files(wanted.predictions, storage)
    read += [locate(wanted.coco, storage)] if wanted.coco is not None else []
    for option, target in targets.items():
        if any(lies_in(target, place, storage) and lies_in(place, target, storage) for place in read):
            raise UsageError(f"{option}: {target.shown} is read by this evaluation; expected a file of its own")
        if any(lies_in(target, place, storage) and lies_in(place, target, storage) for place in made_from):
            raise UsageError(f"{option}: {target.shown} is what the build was made from; expected a file of its own")


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
    if wanted.engine is not None:
        if task in (SINGLE, MULTILABEL):
            raise UsageError(f"--engine: the build is for {task}; an engine computes the figures of boxes and masks")
        check_installed(wanted.engine)
