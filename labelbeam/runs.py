"""The commands as functions: options are keywords, the outcome is returned, and every failure is an exception."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from labelbeam.options import ConvertOptions, Gates, InspectOptions, ScoreOptions, Storage, Url, builtin, storage_of
from labelbeam.pipelines.command_line.config_file import ConfigFile, read_config
from labelbeam.pipelines.command_line.options import FIELDS, make_config, storage_options
from labelbeam.pipelines.commands.inspect import with_usual_task
from labelbeam.pipelines.commands.score import make_score_config, read_credentials
from labelbeam.pipelines.runners.clusters import check_endpoints
from labelbeam.pipelines.runners.flags import is_dry_run
from labelbeam.pipelines.runners.options import beam_arguments
from labelbeam.pipelines.runners.requirements import check_runner
from labelbeam.pipelines.runs import convert as convert_runs
from labelbeam.pipelines.runs import score as score_runs
from labelbeam.pipelines.runs.convert import Outcome
from labelbeam.pipelines.runs.score import Scored
from labelbeam.pipelines.terminal.display import Display
from labelbeam.quiet import failures_in_words, quietly
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.evaluation import Evaluation
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.builds.clean import Cleaned
from labelbeam.transforms.builds.clean import clean as clean_output
from labelbeam.transforms.evaluation.compare import Wanted
from labelbeam.transforms.evaluation.evaluate import evaluate as evaluate_predictions
from labelbeam.transforms.evaluation.gates import GATES, hold
from labelbeam.transforms.export.export import Exported, ExportOptions
from labelbeam.transforms.export.export import export as export_build
from labelbeam.transforms.messages.words import did_you_mean
from labelbeam.transforms.report.write import report_of_published
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.verify.check import Checked, check


def convert(
    config: Url | ConvertConfig | None = None,
    /,
    *,
    beam_options: Sequence[str] = (),
    **options: Unpack[ConvertOptions],
) -> Outcome:
    """Build a dataset and publish it.

    Args:
        config: a YAML file with options, or options that were made before; keywords win over it.
        beam_options: options of Beam's as on the command line, such as `--runner=FlinkRunner`; without one the build runs in
            this process.
        options: `task`, `source` and `output` are required, here or in `config`.

    Raises:
        LabelBeamError: nothing was published; see `labelbeam.errors` for what may have been the matter.
    """
    with failures_in_words({}):
        file = _file(config)
        made = make_config(_plain(options, FIELDS), file)
        storage = storage_options(made.storage_options)
    with quietly(storage):
        arguments = beam_arguments(file.beam, [], beam_options)
        check_runner(made, arguments)
        if is_dry_run(arguments):
            raise UsageError("--dry_run: is for labelbeam convert on the command line, which shows the job")
        check_endpoints(arguments)
        return convert_runs.convert(made, storage, arguments, Display(quiet=True))


def inspect(config: Url | ConvertConfig | None = None, /, **options: Unpack[InspectOptions]) -> Outcome:
    """Read, check and count as `convert` does, and write nothing.

    Without a `task`, the dataset is inspected for the one that its format is built for most often.

    Raises:
        LabelBeamError: the source cannot be read, or an option is wrong.
    """
    with failures_in_words({}):
        made, storage = inspect_config(config, options)
    with quietly(storage):
        return convert_runs.inspect(made, storage, Display(quiet=True))


def inspect_config(config: Url | ConvertConfig | None, options: InspectOptions) -> tuple[ConvertConfig, StorageOptions]:
    """The options of a run that publishes nothing, and fsspec's by protocol.

    Raises:
        LabelBeamError: an option is wrong or missing; or there is no task, and the format cannot be recognised.
    """
    given = {**_file(config).values, **_plain(options, InspectOptions.__annotations__)}
    made = make_config({"task": TASKS[0], "output": "nowhere", **given})
    storage = storage_options(made.storage_options)
    return (made if "task" in given else with_usual_task(made, storage)), storage


def verify(output: Url, *, copy_images: Url | None = None, storage_options: Storage = None) -> Checked:
    """Read the current build at `output` again; the outcome lists every way in which it is not as it was published.

    Args:
        copy_images: where the images that the build copied lie, by default where its manifest says.

    Raises:
        LabelBeamError: nothing was published there, or a file cannot be read.
    """
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        return check(locate(os.fspath(output), storage), storage, _text(copy_images))


def report(
    output: Url,
    *,
    images: Url | None = None,
    evaluation: Url | None = None,
    no_images: bool = False,
    storage_options: Storage = None,
) -> str:
    """Write the report of the current build at `output` again, a page to look at; its path or URL.

    Args:
        images: where the images lie, by default where the manifest says.
        evaluation: the file of an evaluation of the build, to be shown as well.
        no_images: show no pictures, and read nothing but the build.

    Raises:
        LabelBeamError: nothing was published there, or a file cannot be read or written.
    """
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        return report_of_published(os.fspath(output), storage, _text(images), _text(evaluation), not no_images)


def export(
    output: Url,
    dest: Url,
    *,
    to: str,
    copy_images: bool = False,
    images: Url | None = None,
    storage_options: Storage = None,
) -> Exported:
    """Write the current build at `output` in the format of another tool, and put it in the place of an earlier export at `dest`.

    Args:
        to: coco, yolo, voc or csv.
        images: with `copy_images`, where the images lie, by default where the manifest says.

    Raises:
        UsageError: the format is unknown or does not take the build's task, or `dest` holds something else.
        LabelBeamError: nothing was exported: something cannot be read or written, or the format cannot hold a name.
    """
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        return export_build(os.fspath(output), ExportOptions(to, os.fspath(dest), copy_images, _text(images)), storage)


def clean(output: Url, *, keep: int = 3, dry_run: bool = False, storage_options: Storage = None) -> Cleaned:
    """Remove all but `keep` builds, and what killed runs left; never the current build or one that is being made.

    Raises:
        LabelBeamError: it is not clear which build is current, or a file cannot be listed or removed.
    """
    if keep < 1:
        raise UsageError(f"keep: found {keep}, expected a whole number from 1 up")
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        return clean_output(locate_target("OUTPUT", os.fspath(output), storage), keep, dry_run)


def score(
    source: Url,
    /,
    *,
    endpoint: str,
    output: Url,
    allow_http: bool = False,
    storage_options: Storage = None,
    beam_options: Sequence[str] = (),
    **options: Unpack[ScoreOptions],
) -> Scored:
    """Ask a deployed endpoint for predictions of many images, and publish them.

    Args:
        source: the output of a build, or a directory or glob of images.
        allow_http: send the key unencrypted, to an http:// endpoint on another machine.
        beam_options: as for `convert`.

    The key is read from the environment variable `key_env`, or from `key_file`.

    Raises:
        LabelBeamError: nothing was published; see `labelbeam.errors` for what may have been the matter.
    """
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        given = _plain(options, ScoreOptions.__annotations__)
        places = {"source": os.fspath(source), "output": os.fspath(output)}
        config = make_score_config({**given, **places, "endpoint": endpoint})
        key, secrets = read_credentials(config, allow_http)
    with quietly({**storage, **secrets}):
        arguments = beam_arguments([], [], beam_options)
        check_runner(config, arguments)
        check_endpoints(arguments)
        return score_runs.score(config, storage, arguments, key is not None, Display(True, ("score",)))


def evaluate(
    output: Url,
    *,
    predictions: Url,
    split: str | None = None,
    coco: Url | None = None,
    threshold: float | None = None,
    result: Url | None = None,
    coco_results: Url | None = None,
    coco_truth: Url | None = None,
    engine: Literal["pycocotools", "faster-coco-eval"] | None = None,
    storage_options: Storage = None,
    **gates: Unpack[Gates],
) -> Evaluation:
    """Compare predictions with the truth of the current build at `output`.

    Args:
        predictions: what `score` or Azure's batch scoring wrote, JSON lines, or COCO results.
        result: a directory for evaluation.json, or a .json file; --output on the command line.
        engine: what computes the figures of boxes and masks, pycocotools by default.
        gates: the least that figures may be, such as `min_map=0.5`.

    Raises:
        BelowGateError: a figure is below its gate; `result` and the COCO files have been written by then.
        LabelBeamError: the build or the predictions cannot be read, or an option does not fit the build.
    """
    asked = _plain(gates, GATES)
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        wanted = Wanted(
            os.fspath(output),
            os.fspath(predictions),
            split,
            _text(coco),
            threshold,
            result=_text(result),
            coco_results=_text(coco_results),
            coco_truth=_text(coco_truth),
            engine=engine,
        )
        evaluated = evaluate_predictions(wanted, asked, storage)
        hold(asked, evaluated.evaluation.metrics)
    return evaluated.evaluation


def _file(config: Url | ConvertConfig | None) -> ConfigFile:
    if config is None:
        return ConfigFile()
    if isinstance(config, ConvertConfig):
        return ConfigFile(values=config.flat())
    return read_config(os.fspath(config), FIELDS)


def _plain(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Options without paths, mappings and sequences of other types than those that the command line knows.

    Raises:
        UsageError: there is no option of a name.
    """
    for name in options:
        if name not in known or name == "json":
            raise UsageError(
                f"found an option {name!r}, expected one of {', '.join(sorted(known))}{did_you_mean(name, known)}"
            )
    return {name: builtin(value) for name, value in options.items() if value is not None}


def _text(place: Url | None) -> str | None:
    return None if place is None else os.fspath(place)
