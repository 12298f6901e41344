"""`labelbeam score`: ask an endpoint for predictions of many images, and publish them as a build is published."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipelines.display import Display, Stage
from pipelines.runners import in_process
from pipelines.score_options import check_explained
from pipelines.streams import LOG
from pipelines.version import VERSION
from schemas.errors import TooManyFailedError
from schemas.requests import BYTES_TYPE, JSON_TYPE
from schemas.score_config import RUN_ONLY, ScoreConfig
from schemas.scores import (
    SCORES_VERSION,
    FailedImage,
    ScoreCounts,
    ScoredSource,
    ScoreReceipt,
    ScoresManifest,
)
from transforms.endpoint import EndpointOptions, KeySource
from transforms.lock import UNFINISHED, Lock, locked
from transforms.plan_scores import ScorePlan, plan_scores
from transforms.publish import BuildIdentity, CountsError, fill, identity_of, latest_scores, publish
from transforms.resume import Target, begin, forget
from transforms.score_unit import ScoreOptions
from transforms.staged_units import stage_units
from transforms.stores.errors import StoreError, UnavailableError
from transforms.stores.files import put, read_file
from transforms.stores.locations import Location, StorageOptions, locate, locate_target
from transforms.stores.redact import redact
from transforms.write_scores import scores_name

SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run ended with: the manifest of the predictions, where they are, and a few images that were not scored."""

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
    latest_scores(output)  # Predictions and training data do not share an output.
    plan = plan_scores(config, storage)
    check_explained(config, plan.task)
    with locked(output, "build") as lock:
        identity, resumes = begin(output, identity_of(plan.fingerprint, _options(plan, config), VERSION))
        lock.tell(identity.build)
        build, unfinished = (output.below(f"{above}/{identity.build}") for above in ("builds", UNFINISHED))
        target = Target(build.url, unfinished.url, identity.made_from, resumes)
        receipts = _run(plan, config, storage, target, beam_flags, has_key, display)
        return _publish(output, plan, receipts, identity, config, lock, display)


def _options(plan: ScorePlan, config: ScoreConfig) -> dict[str, Any]:
    """The options that decide what is predicted, as they stand in the manifest: without credentials."""
    found = msgspec.to_builtins(config)
    for name in ("source", "endpoint", "images", "image_url"):
        if name in found:
            found[name] = redact(found[name])
    return dict(sorted({"task": plan.task, **{name: found[name] for name in found if name not in RUN_ONLY}}.items()))


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
    key = KeySource(config.key_env, config.key_file, has_key)
    options = ScoreOptions(
        task=plan.task,
        endpoint=EndpointOptions(config.endpoint, content_type, config.concurrency, config.timeout, key),
        explain=config.explain,
        batch=config.batch,
        batch_bytes=config.batch_bytes,
        images_root=plan.images_root,
        units=len(plan.units),
        target=target,
        report=report.url,
        storage=storage,
    )
    display.stage("start")
    from pipelines.graph import run_pipeline
    from transforms.scores import ScoreImages

    units = plan.units if in_process(beam_flags) else stage_units(plan.units, unfinished, put)
    with display.working(f"{plan.images:,} images", Stage("score", "images", plan.images)):
        run_pipeline(lambda pipeline: pipeline | ScoreImages(options, units), beam_flags)
    return msgspec.json.decode(read_file(report), type=list[ScoreReceipt])


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
    build = output.below(f"builds/{identity.build}")
    manifest = _manifest(plan, receipts, identity, config)
    samples = [sample for receipt in receipts for sample in receipt.samples][:SAMPLES]
    _gate(manifest, config, build)
    if manifest.failed:
        fill(manifest.failed, [scores_name("failed", unit.number, len(plan.units)) for unit in plan.units], build, b"")
    lock.check()
    publish(output, build, manifest)
    try:
        forget(output, identity.build)
    except (StoreError, UnavailableError) as error:
        LOG.warning("%s; the predictions are published, and labelbeam clean removes what is left over", error)
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
            f"{plan.images} images in {len(plan.units)} units were found; {counts.scored} scored and {counts.failed} not, in "
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


def _gate(manifest: ScoresManifest, config: ScoreConfig, build: Location) -> None:
    counts = manifest.counts
    share = counts.failed / counts.found
    if share > config.max_failed:
        codes = ", ".join(f"{code} {count}" for code, count in Counter(manifest.failed_by_code).most_common())
        raise TooManyFailedError(
            f"{counts.failed} of {counts.found} images were not scored ({share:.1%}), --max-failed allows "
            f"{config.max_failed:.1%}; nothing was published. Codes: {codes}. Each one stands in {build.shown}/failed/; the next "
            "run asks again for the shards that they are in, and uses the others; or raise --max-failed"
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
