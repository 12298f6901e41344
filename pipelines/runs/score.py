"""`labelbeam score`: ask an endpoint for predictions of many images, and publish them as a build is published."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from labelbeam.pipelines.runners.flags import has_several_workers, in_process
from labelbeam.pipelines.terminal.display import Display, Stage
from labelbeam.pipelines.terminal.streams import LOG
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.errors import CountsError, TooManyFailedError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.requests import BYTES_TYPE, JSON_TYPE
from labelbeam.schemas.score_config import RUN_ONLY, ScoreConfig
from labelbeam.schemas.scores import (
    SCORES_VERSION,
    FailedImage,
    ScoreCounts,
    ScoredSource,
    ScoreReceipt,
    ScoresManifest,
)
from labelbeam.transforms.builds.identity import BuildIdentity, identity_of
from labelbeam.transforms.builds.lock import Lock, locked
from labelbeam.transforms.builds.publish import finish
from labelbeam.transforms.builds.published import check_current_kind
from labelbeam.transforms.builds.resume import Target, begin, target_of
from labelbeam.transforms.builds.shards import fill
from labelbeam.transforms.messages.redact import redact, stable
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.plan.places import check_places
from labelbeam.transforms.score.credentials import headers_of, is_deployment, key_source, scope_of
from labelbeam.transforms.score.endpoint import EndpointOptions
from labelbeam.transforms.score.plan import ScorePlan, plan_scores
from labelbeam.transforms.score.shards import scores_name
from labelbeam.transforms.score.work import ScoreOptions
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded
from labelbeam.transforms.workers.loading import without_others
from labelbeam.transforms.workers.staged_units import stage_units

SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """Outcome of a run: the manifest of the predictions, where they are, and a few images that were not scored."""

    manifest: ScoresManifest
    url: str
    samples: list[FailedImage]


def score(
    config: ScoreConfig, storage: StorageOptions, beam_flags: Sequence[str], has_key: bool, display: Display
) -> Scored:
    """Score the images that `config` describes, and publish the predictions.

    Raises:
        LabelBeamError: the run failed, an option is wrong, or too many images were not scored; nothing was published.
    """
    output = locate_target("--output", config.output, storage)
    display.stage("plan")
    check_current_kind(output, "predictions")
    plan = plan_scores(config, storage)
    check_explained(config, plan.task)
    read = [("SOURCE", locate(config.source, storage)), ("--images", locate(plan.images_root, storage))]
    check_places(output, None, read, storage)
    with locked(output, "build") as lock:
        check_current_kind(output, "predictions")
        identity, resumes = begin(output, identity_of(plan.fingerprint, _decisive(plan, config), VERSION))
        lock.tell(identity.build)
        target = target_of(output, identity, resumes)
        receipts = _run(plan, config, storage, target, beam_flags, has_key, display)
        return _publish(output, plan, receipts, identity, config, lock, display)


def _options(plan: ScorePlan, config: ScoreConfig) -> dict[str, Any]:
    """The options that decide what is predicted, as they stand in the manifest: without credentials."""
    found = msgspec.to_builtins(config)
    for name in ("source", "endpoint", "images", "image_url"):
        if name in found:
            found[name] = redact(found[name])
    if config.header:
        found["header"] = {name: value if is_deployment(name) else "***" for name, value in config.header.items()}
    return dict(sorted({"task": plan.task, **{name: found[name] for name in found if name not in RUN_ONLY}}.items()))


def _decisive(plan: ScorePlan, config: ScoreConfig) -> dict[str, Any]:
    """The same to be hashed: another query of the endpoint may be another model."""
    asked = {"asked": stable(config.endpoint), **({"headers": config.header} if config.header else {})}
    return {**_options(plan, config), **asked}


def _run(
    plan: ScorePlan,
    config: ScoreConfig,
    storage: StorageOptions,
    target: Target,
    beam_flags: Sequence[str],
    has_key: bool,
    display: Display,
) -> list[ScoreReceipt]:
    """Have all units scored, and read their receipts."""
    unfinished = locate(target.unfinished, storage)
    report = unfinished.below("report.json")
    content_type = BYTES_TYPE if config.protocol == "bytes" else JSON_TYPE
    key = key_source(config, has_key)
    options = ScoreOptions(
        task=plan.task,
        endpoint=EndpointOptions(
            config.endpoint, content_type, config.concurrency, config.timeout, key, headers_of(config), scope_of(config)
        ),
        protocol=config.protocol,
        explain=config.explain,
        batch=config.batch,
        batch_bytes=config.batch_bytes,
        images_root=plan.images_root,
        may_fail=config.max_failed >= 1,
        units=len(plan.units),
        target=target,
        report=report.url,
        storage=storage,
    )
    display.stage("start")
    with without_others(in_process(beam_flags)):
        from labelbeam.pipelines.runners.run import run_pipeline
        from labelbeam.transforms.score.transform import ScoreImages

    units = plan.units if in_process(beam_flags) else stage_units(plan.units, unfinished, put)
    with display.working(counted(plan.images, "image"), Stage("score", "images", plan.images)):
        spread = has_several_workers(beam_flags)
        run_pipeline(lambda pipeline: pipeline | ScoreImages(options, units, spread), beam_flags)
    return msgspec.json.decode(read_bounded(report, DOCUMENT), type=list[ScoreReceipt])


def _publish(
    output: Location,
    plan: ScorePlan,
    receipts: list[ScoreReceipt],
    identity: BuildIdentity,
    config: ScoreConfig,
    lock: Lock,
    display: Display,
) -> Scored:
    display.stage("publish")
    if reused := sum(receipt.reused for receipt in receipts):
        LOG.info("%d of %d shards were finished before, and are used as they are", reused, len(receipts))
    build = output.below(build_folder(identity.build))
    manifest = _manifest(plan, receipts, identity, config)
    samples = [sample for receipt in receipts for sample in receipt.samples][:SAMPLES]
    _gate(manifest, config, build, samples)
    if manifest.failed:
        fill(manifest.failed, [scores_name("failed", unit.number, len(plan.units)) for unit in plan.units], build, b"")
    finish(output, build, manifest, lock)
    return Scored(manifest, build.url, samples)


def _manifest(
    plan: ScorePlan, receipts: list[ScoreReceipt], identity: BuildIdentity, config: ScoreConfig
) -> ScoresManifest:
    """Add up the receipts: each unit must have one, and all of its images must be in it."""
    counts, codes = ScoreCounts(), Counter[str]()
    for receipt in receipts:
        counts.add(receipt.counts)
        codes.update(receipt.failed_by_code)
    numbers = [receipt.bucket for receipt in receipts]
    if numbers != [unit.number for unit in plan.units] or counts.found != plan.images or not counts.balanced:
        raise CountsError(
            f"{counted(plan.images, 'image')} in {counted(len(plan.units), 'unit was', 'units were')} found; {counts.scored} scored and {counts.failed} not, in "
            f"{len(receipts)} receipts, do not add up: the runner lost or repeated some; nothing was published. Run again, on the "
            "in-process runner if it happens twice, and report it"
        )
    return ScoresManifest(
        format_version=SCORES_VERSION,
        kind="predictions",
        build=identity.build,
        labelbeam_version=identity.version,
        task=plan.task,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=_options(plan, config),
        source=ScoredSource(plan.fingerprint, plan.covers, redact(config.source), redact(plan.images_root), plan.build),
        counts=counts,
        failed_by_code=dict(sorted(codes.items())),
        predictions=[receipt.predictions for receipt in receipts],
        parquet=[receipt.parquet for receipt in receipts],
        failed=[receipt.failed for receipt in receipts if receipt.failed is not None],
        warnings=plan.warnings,
    )


def _gate(manifest: ScoresManifest, config: ScoreConfig, build: Location, samples: Sequence[FailedImage]) -> None:
    counts = manifest.counts
    share = counts.failed / counts.found
    if share > config.max_failed:
        codes = ", ".join(f"{code} {count}" for code, count in Counter(manifest.failed_by_code).most_common())
        raise TooManyFailedError(
            f"{counts.failed} of {counts.found} images were not scored ({share:.1%}), --max-failed allows "
            f"{config.max_failed:.1%}; nothing was published. Codes: {codes}; {samples[0].image_url}: {samples[0].message}. All are listed in "
            f"{build.shown}/failed/; the next run scores only these images again; or raise --max-failed"
        )


def as_json(scored: Scored, display: Display) -> dict[str, Any]:
    """The summary for scripts."""
    manifest = msgspec.to_builtins(scored.manifest)
    keys = ("task", "source", "counts", "failed_by_code", "warnings")
    return {
        "status": "published",
        "build": manifest["build"],
        "url": scored.url,
        **{key: manifest[key] for key in keys},
        "failed_samples": msgspec.to_builtins(scored.samples),
        "seconds": round(time.monotonic() - display.started, 3),
    }


def summary(scored: Scored, seconds: float) -> Iterator[str]:
    """The lines for people."""
    manifest = scored.manifest
    counts = manifest.counts
    yield f"task: {manifest.task}"
    yield f"images: {counts.found:,} found, {counts.scored:,} scored, {counts.failed:,} failed"
    for code, count in Counter(manifest.failed_by_code).most_common():
        yield f"  {count:,} {code}"
        for sample in [sample for sample in scored.samples if sample.code == code][:2]:
            yield f"    {sample.image_url}: {sample.message}"
    for warning in manifest.warnings:
        yield f"warning: {warning}"
    yield f"published in {seconds:.1f} s:"
    yield f"  {redact(scored.url)}"


def check_explained(config: ScoreConfig, task: str) -> None:
    """Make sure that models of the task can explain themselves, where that is asked for.

    Raises:
        UsageError: they cannot.
    """
    if config.explain is not None and not task.startswith("image_classification"):
        raise UsageError(f"--explain: models of {task} do not explain themselves; expected a task of classification")
