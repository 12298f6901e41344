"""`labelbeam convert` and `labelbeam inspect`: build the graph of a build, run it, publish what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from labelbeam.pipelines.runners.flags import in_process, value_of
from labelbeam.pipelines.runners.requirements import PreparedJob
from labelbeam.pipelines.terminal.display import Display
from labelbeam.pipelines.terminal.streams import LOG
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, unclassified
from labelbeam.schemas.errors import LabelBeamError, TooManyRejectedError
from labelbeam.schemas.layout import UNFINISHED
from labelbeam.schemas.manifest import Manifest, Source
from labelbeam.transforms.builds.drift import check_change
from labelbeam.transforms.builds.identity import BuildIdentity, made_alike, new_identity
from labelbeam.transforms.builds.lock import Lock, locked
from labelbeam.transforms.builds.manifest import make_manifest
from labelbeam.transforms.builds.publish import complete, publish
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.builds.resume import Target, begin, forget
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.urls import check_prefix, default_prefix
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.plan.unchanged import check_unmodified, same_inputs
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import StoreError, UnavailableError
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import read_file
from labelbeam.transforms.workers.pool import default_count, workers
from labelbeam.transforms.workers.scratch import scratch
from labelbeam.transforms.write.work import Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended with: the manifest of the build, where it is, and whether it was there already."""

    manifest: Manifest
    build: str
    unchanged: bool
    samples: list[dict[str, object]]
    report: str = ""
    """Where its report is; empty where none was written."""


def convert(config: ConvertConfig, storage: StorageOptions, beam_flags: Sequence[str], display: Display) -> Outcome:
    """Build the dataset that `config` describes and publish it.

    Raises:
        LabelBeamError: the run failed, the config is wrong, or too much was rejected; nothing was published.
    """
    output = locate_target("--output", config.output, storage)
    if config.copy_images is not None:
        locate_target("--copy-images", config.copy_images, storage)
    display.stage("plan")
    if config.if_changed and (
        outcome := _unchanged(output, config, lambda source: same_inputs(source, config, storage))
    ):
        return outcome
    plan = _planned(config, storage)

    def is_planned(source: Source) -> bool:
        return source.fingerprint == plan.fingerprint

    if config.if_changed and (outcome := _unchanged(output, config, is_planned)):
        return outcome
    with locked(output, "build") as lock:
        # Another run may have published while this one planned, or waited.
        if config.if_changed and (outcome := _unchanged(output, config, is_planned)):
            return outcome
        return _build(output, plan, lock, config, storage, beam_flags, display)


def _unchanged(output: Location, config: ConvertConfig, is_same: Callable[[Source], bool]) -> Outcome | None:
    """The build in force, if another one now would have the same bytes."""
    previous = latest_manifest(output)
    if previous is None or not made_alike(previous, config, VERSION) or not is_same(previous.source):
        return None
    return Outcome(previous, output.below(f"builds/{previous.build}").url, True, [])


def _build(
    output: Location,
    plan: Plan,
    lock: Lock,
    config: ConvertConfig,
    storage: StorageOptions,
    beam_flags: Sequence[str],
    display: Display,
) -> Outcome:
    previous = latest_manifest(output) if config.max_change is not None else None
    identity, resumes = begin(output, new_identity(plan, config, VERSION))
    lock.tell(identity.build)
    build = output.below(f"builds/{identity.build}")
    unfinished = output.below(f"{UNFINISHED}/{identity.build}")
    target = Target(build.url, unfinished.url, identity.made_from, resumes)
    run = _Run(config, storage, target, unfinished.below("report.json"), beam_flags, display)
    plan, report = run.to_the_end(plan)
    if reused := sum(receipt.reused for receipt in report.receipts):
        LOG.info("%d of %d shards were finished before, and are used as they are", reused, len(report.receipts))
    display.stage("publish")
    check_unmodified(plan, storage)
    manifest = _manifest(plan, config, identity, report)
    _gate(manifest, config, build)
    _doubt(manifest, unclassified(check_change(previous, manifest, config)))
    complete(build, manifest, config, plan.buckets)
    from labelbeam.transforms.report.write import (
        report_of_new_build,  # Its libraries load while the runner's are no longer waited for.
    )

    prefix = config.image_url or default_prefix(plan.images_root)
    page = report_of_new_build(output, manifest, plan.images_root, prefix, storage)
    lock.check()
    publish(output, build, manifest)
    try:
        forget(output, identity.build)
    except (StoreError, UnavailableError) as error:
        LOG.warning("%s; the build is published, and labelbeam clean removes what is left over", error)
    return Outcome(manifest, build.url, False, _samples(report), page)


def rehearse(
    config: ConvertConfig, storage: StorageOptions, beam_flags: Sequence[str], display: Display
) -> PreparedJob:
    """Plan a build and have Dataflow's job for it built; nothing is written or submitted.

    Raises:
        LabelBeamError: the source cannot be read, or the job cannot be built.
    """
    output = locate_target("--output", config.output, storage)
    display.stage("plan")
    plan = _planned(config, storage)
    identity = new_identity(plan, config, VERSION)
    build, unfinished = output.below(f"builds/{identity.build}"), output.below(f"{UNFINISHED}/{identity.build}")
    target = Target(build.url, unfinished.url, identity.made_from, False)
    display.stage("start")
    from labelbeam.pipelines.runs.graph import prepare_job

    return prepare_job(config, storage, plan, target, unfinished.below("report.json").url, beam_flags)


def inspect(config: ConvertConfig, storage: StorageOptions, display: Display) -> Outcome:
    """Read, check and count like `convert`, and write nothing.

    Raises:
        LabelBeamError: the source cannot be read.
    """
    display.stage("plan")
    plan = _planned(config, storage)
    with scratch() as folder:
        report_file = locate(str(folder / "report.json"), {})
        plan, report = _Run(config, storage, None, report_file, [], display).to_the_end(plan)
    manifest = _manifest(plan, config, new_identity(plan, config, VERSION), report)
    return Outcome(manifest, "", False, _samples(report))


def _planned(config: ConvertConfig, storage: StorageOptions) -> Plan:
    """Plan, and say early what the trainer will not read."""
    if config.image_url is not None:
        check_prefix(config.image_url)
    plan = make_plan(config, storage)
    warning = check_prefix(config.image_url or default_prefix(plan.images_root))
    plan.doubts += unclassified([warning] if warning else [])
    return plan


@dataclass(frozen=True, slots=True)
class _Run:
    """Running the graph: shards go to `target` (None: nowhere), and what came of it to `report`."""

    config: ConvertConfig
    storage: StorageOptions
    target: Target | None
    report: Location
    beam_flags: Sequence[str]
    display: Display

    def to_the_end(self, plan: Plan) -> tuple[Plan, Report]:
        """Run a plan; where a file turns out to be cut wrongly, make an exact one and run that."""
        report = self.once(plan)
        if report.findings.unsafe:
            LOG.info("%s cannot be cut on sight and is scanned in full", ", ".join(report.findings.unsafe))
            doubts = plan.doubts
            plan = make_plan(self.config, self.storage, exact=True)
            plan.doubts = doubts
            report = self.once(plan)
        if report.findings.unsafe:
            raise LabelBeamError(
                f"{report.findings.unsafe[0]}: the file's brackets match, but not as a COCO file's do: an array of it holds "
                "something other than objects, or it changed while it was read; check it with: python -m json.tool"
            )
        FORMATS[plan.format].frames(report.findings.evidence, self.config)  # Where it raises, no shard was written.
        return plan, report

    def once(self, plan: Plan) -> Report:
        """Run a plan, and read the report that it leaves."""
        self.display.stage("start")
        with workers(_worker_count(plan, self.beam_flags)) as processes:
            if processes is not None:
                for unit in plan.indexes:
                    options = ReadOptions(self.config, self.storage, plan.buckets)
                    processes.begin(unit.makes, read_unit, options, unit)
            # Loading Beam takes more than a second, in which the processes load what they need and begin.
            from labelbeam.pipelines.runs.graph import run_graph

            with self.display.running(plan):
                run_graph(self.config, self.storage, plan, self.target, self.report.url, self.beam_flags)
        return msgspec.json.decode(read_file(self.report), type=Report)


SMALL = 32 * 2**20
"""Bytes below which starting processes costs more than they save."""

FEW = 5000
"""The same for files and images."""


def _worker_count(plan: Plan, beam_flags: Sequence[str]) -> int:
    """Processes for the in-process runner: one a core, or --direct_num_workers; none for other runners and small data."""
    chosen = value_of(beam_flags, "direct_num_workers")
    if not in_process(beam_flags) or value_of(beam_flags, "direct_running_mode") not in (None, "in_memory"):
        return 0
    if chosen and chosen.isdecimal():
        return int(chosen) or default_count()
    return default_count() if plan.work > (SMALL if plan.in_bytes else FEW) else 0


def _manifest(plan: Plan, config: ConvertConfig, identity: BuildIdentity, report: Report) -> Manifest:
    findings = report.findings
    remarks = FORMATS[plan.format].remarks(findings.evidence, config)
    doubts = [*plan.doubts, *findings.doubts, *remarks]
    manifest = make_manifest(plan, config, identity, report.receipts, findings.records, doubts)
    if manifest.counts.images.found == 0:
        raise LabelBeamError(f"{', '.join(config.source)}: no image was found, expected at least one")
    return manifest


def _doubt(manifest: Manifest, doubts: list[Doubt]) -> None:
    manifest.doubts += doubts
    manifest.warnings += [doubt.message for doubt in doubts]


def _gate(manifest: Manifest, config: ConvertConfig, build: Location) -> None:
    images = manifest.counts.images
    share = images.rejected / images.found
    if share > config.max_rejected:
        reasons = ", ".join(f"{code} {count}" for code, count in _by_count(manifest.rejected_by_reason))
        raise TooManyRejectedError(
            f"{images.rejected} of {images.found} images were rejected ({share:.1%}), --max-rejected allows "
            f"{config.max_rejected:.1%}; nothing was published. Reasons: {reasons}. Each one stands in "
            f"{build.shown}/rejected/; mend the source, or raise --max-rejected"
        )


def _by_count(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def _samples(report: Report) -> list[dict[str, object]]:
    return [sample for receipt in report.receipts for sample in receipt.samples][:10]
