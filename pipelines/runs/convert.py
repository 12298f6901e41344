"""`labelbeam convert` and `labelbeam inspect`: build the graph of a build, run it, publish what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from labelbeam.pipelines.runners.flags import in_process, value_of
from labelbeam.pipelines.runners.requirements import PreparedJob
from labelbeam.pipelines.terminal.display import Display
from labelbeam.pipelines.terminal.streams import LOG
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import CountsError, LabelBeamError, UsageError
from labelbeam.schemas.label_map import label_map
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Manifest, Source
from labelbeam.transforms.builds.arrived import check_told, check_units
from labelbeam.transforms.builds.gates import REFUSALS, check_gates
from labelbeam.transforms.builds.identity import BuildIdentity, made_alike, new_identity
from labelbeam.transforms.builds.lock import Lock, locked
from labelbeam.transforms.builds.manifest import make_manifest
from labelbeam.transforms.builds.publish import complete, finish
from labelbeam.transforms.builds.published import check_current_kind, latest_manifest
from labelbeam.transforms.builds.resume import Target, begin, forget, target_of
from labelbeam.transforms.builds.source_labels import doubts_of_labels, source_labels
from labelbeam.transforms.formats.frames import total
from labelbeam.transforms.formats.look_ahead import readers_look
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.urls import check_prefix, default_prefix
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.plan.places import check_places
from labelbeam.transforms.plan.unchanged import check_unmodified, same_inputs
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import sync_directories
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded
from labelbeam.transforms.workers.loading import without_others
from labelbeam.transforms.workers.pool import default_count, forked, workers
from labelbeam.transforms.workers.scratch import scratch
from labelbeam.transforms.write.work import Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a run: the manifest of the build, where it is, and whether it was there already."""

    manifest: Manifest
    build: str
    unchanged: bool
    samples: list[dict[str, object]]
    report: str = ""
    """Where its report is; empty where none was written."""
    refusal: str = ""
    """Of `inspect`: why a build would be refused; empty where it would be published."""


def convert(config: ConvertConfig, storage: StorageOptions, beam_flags: Sequence[str], display: Display) -> Outcome:
    """Build the dataset that `config` describes and publish it.

    Raises:
        LabelBeamError: the run failed, the config is wrong, or too much was rejected; nothing was published.
    """
    output = locate_target("--output", config.output, storage)
    copies = locate_target("--copy-images", config.copy_images, storage) if config.copy_images is not None else None
    if copies is None and (config.transcode is not None or config.max_side is not None):
        option = "--transcode" if config.transcode is not None else "--max-side"
        raise UsageError(f"{option}: says how images are copied; name with --copy-images where to, or leave it out")
    display.stage("plan")
    if not config.if_changed:
        check_current_kind(output, "training data")
    if config.if_changed and (
        outcome := _unchanged(output, config, lambda source: same_inputs(source, config, storage))
    ):
        return outcome
    plan = _planned(config, storage)

    def is_planned(source: Source) -> bool:
        return source.fingerprint == plan.fingerprint

    if config.if_changed and (outcome := _unchanged(output, config, is_planned)):
        return outcome
    places = _places_read(plan, config, storage)
    check_places(output, copies, places, storage)
    with _processes(plan, places, beam_flags, display), locked(output, "build") as lock:
        check_current_kind(output, "training data")
        # Another run may have published while this one planned, or waited.
        if config.if_changed and (outcome := _unchanged(output, config, is_planned)):
            return outcome
        return _build(output, plan, lock, config, storage, beam_flags, display)


def _places_read(plan: Plan, config: ConvertConfig, storage: StorageOptions) -> list[tuple[str, Location]]:
    """Places that a build reads, each with the option that names it."""
    sources = [location for url in config.source for location in expand(url, storage)]
    sources += [locate(url, storage) for url in plan.trees]
    places = [("--source", source) for source in sources]
    return [*places, ("--images", locate(plan.images_root, storage))]


def _unchanged(output: Location, config: ConvertConfig, is_same: Callable[[Source], bool]) -> Outcome | None:
    """The current build, if another one now would have the same bytes."""
    previous = latest_manifest(output)
    if previous is None or not made_alike(previous, config, VERSION) or not is_same(previous.source):
        return None
    return Outcome(previous, output.below(build_folder(previous.build)).url, True, [])


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
    target = target_of(output, identity, resumes)
    build, unfinished = locate(target.build, storage), locate(target.unfinished, storage)
    run = _Run(config, storage, target, unfinished.below("report.json"), beam_flags, display)
    try:
        plan, report = run.to_the_end(plan)
        if reused := sum(receipt.reused for receipt in report.receipts):
            LOG.info("%d of %d shards were finished before, and are used as they are", reused, len(report.receipts))
        display.stage("publish")
        check_unmodified(plan, storage)
        manifest = _manifest(plan, config, identity, report)
    except CountsError:
        forget(output, identity.build)  # Nothing that was made of half of the data is used again.
        raise
    check_gates(manifest, previous, config, f"All are listed in {build.shown}/rejected/; ")
    complete(build, manifest, config, plan.buckets)
    from labelbeam.transforms.report.write import (
        report_of_new_build,  # Its libraries load while the runner's are no longer waited for.
    )

    prefix = config.image_url or plan.image_prefix or default_prefix(plan.images_root)
    page = report_of_new_build(output, manifest, plan.images_root, prefix, storage)
    if config.copy_images is not None:
        sync_directories(locate(config.copy_images, storage))
    finish(output, build, manifest, lock)
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
    target = target_of(output, identity, resumes=False)
    display.stage("start")
    from labelbeam.pipelines.runs.graph import prepare_job

    return prepare_job(
        config, storage, plan, target, locate(target.unfinished, storage).below("report.json").url, beam_flags
    )


def inspect(config: ConvertConfig, storage: StorageOptions, display: Display) -> Outcome:
    """Read, check and count like `convert`, and write nothing.

    Raises:
        LabelBeamError: the source cannot be read.
    """
    display.stage("plan")
    plan = _planned(config, storage)
    with _processes(plan, _places_read(plan, config, storage), [], display), scratch() as folder:
        report_file = locate(str(folder / "report.json"), {})
        plan, report = _Run(config, storage, None, report_file, [], display).to_the_end(plan)
    manifest = _manifest(plan, config, new_identity(plan, config, VERSION), report)
    previous = None
    if config.max_change is not None:
        previous = latest_manifest(locate(config.output, storage))
    try:
        check_gates(manifest, previous, config, "")
    except REFUSALS as error:
        return Outcome(manifest, "", False, _samples(report), refusal=str(error))
    return Outcome(manifest, "", False, _samples(report))


def _planned(config: ConvertConfig, storage: StorageOptions) -> Plan:
    """Plan, and say early what the trainer will not read."""
    if config.image_url is not None:
        check_prefix(config.image_url)
    plan = make_plan(config, storage)
    prefix = config.image_url or (default_prefix(plan.images_root) if plan.image_prefix is None else plan.image_prefix)
    warning = check_prefix(prefix) if prefix else None
    if warning:
        plan.doubts.append(Doubt(Doubted.IMAGE_URL_NOT_READ, warning, option="--image-url"))
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
        check_units(report)
        # Where it raises, no shard was written.
        check_told(report, FORMATS[plan.format].frames(report.findings.evidence, self.config), self.config)
        return plan, report

    def once(self, plan: Plan) -> Report:
        """Run a plan, and read the report that it leaves."""
        self.display.stage("start")
        with workers(_worker_count(plan, self.beam_flags)) as processes:
            if processes is not None:
                looks = readers_look(plan, self.config, processes.share)
                options = ReadOptions(self.config, self.storage, plan.buckets, looks=looks)
                indexed = {
                    index.makes: iter(
                        processes.begin_indexed(
                            index, [unit for unit in plan.units if unit.index == index.makes], read_unit, options
                        )
                    )
                    for index in plan.indexes
                }
                begun: list[Any] = [
                    processes.begin_unit(unit, read_unit, options) if unit.index is None else next(indexed[unit.index])
                    for unit in plan.units
                ]
                plan = replace(plan, units=begun)
            # Loading Beam takes more than a second, in which the processes load what they need and begin.
            with without_others(in_process(self.beam_flags)):
                from labelbeam.pipelines.runs.graph import run_graph

            if processes is not None and self.target is not None:
                processes.meanwhile(_prepare_report)
            with self.display.running(plan):
                run_graph(self.config, self.storage, plan, self.target, self.report.url, self.beam_flags)
        return msgspec.json.decode(read_bounded(self.report, DOCUMENT), type=Report)


def _prepare_report() -> None:
    from labelbeam.transforms.report import page, write  # noqa: F401

    page.prepare()


def _processes(
    plan: Plan, places: Sequence[tuple[str, Location]], beam_flags: Sequence[str], display: Display
) -> AbstractContextManager[None]:
    """Have the processes for a run made while that is cheap, as far as it may be: before threads draw, and keep a lock."""
    count = _worker_count(plan, beam_flags)
    if count > 1:
        display.close()  # The next stage opens it again.
    return forked(count if all(place.local for _, place in places) else 0)


SMALL = 8 * 2**20
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
    labels = label_map(config)
    sources = source_labels(plan, findings, labels)
    named = doubts_of_labels(labels, [source.name for source in sources])
    doubts = [*plan.doubts, *findings.doubts, *remarks, *named]
    manifest = make_manifest(plan, config, identity, report.receipts, findings.records, findings.sent, doubts, sources)
    manifest.evidence = total(findings.evidence.values())
    if manifest.counts.images.found == 0:
        raise LabelBeamError(f"{', '.join(config.source)}: no image was found, expected at least one")
    return manifest


def _samples(report: Report) -> list[dict[str, object]]:
    return [sample for receipt in report.receipts for sample in receipt.samples][:10]
