"""The graph of a build, and running it. Read → group → assemble and write → collect; nothing else knows Beam's runners."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2 as protos
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.runners.runner import PipelineState

from pipelines.beam_options import BEAM_OPTIONS
from pipelines.job_failures import job_failure, where_logs_are
from pipelines.runners import PreparedJob, in_process, runner_of
from pipelines.streams import LOG
from schemas.config import ConvertConfig, background_policy, parse_split
from schemas.errors import LabelBeamError, UsageError
from transforms import progress
from transforms.assemble import AssembleOptions
from transforms.image_urls import default_prefix
from transforms.plan_copies import plan_copies
from transforms.read import FINDINGS, FRAGMENTS, ReadFragments
from transforms.resume import Target
from transforms.shards import WriteShards
from transforms.staged_units import stage_units
from transforms.stores.files import put
from transforms.stores.locations import StorageOptions, locate
from transforms.stores.redact import redact
from transforms.units import Plan, listing_units
from transforms.work import ReadOptions, ShardOptions


def run_graph(
    config: ConvertConfig,
    storage: StorageOptions,
    plan: Plan,
    target: Target | None,
    report: str,
    beam_flags: Sequence[str],
) -> None:
    """Run a plan: shards are written to `target` (None: nowhere), and a report of them to the URL `report`.

    Raises:
        LabelBeamError: the runner ended in another state than done.
    """
    local = in_process(beam_flags)
    units = _units(config, storage, plan, target)
    if target and not local:
        units = stage_units(units, locate(target.unfinished, storage), put)
    run_pipeline(lambda begin: build_graph(begin, config, storage, plan, target, report, units, local), beam_flags)


def run_pipeline(build: Callable[[beam.Pipeline], object], beam_flags: Sequence[str]) -> None:
    """Run the pipeline that `build` makes, until it is done.

    Raises:
        UsageError: the installed Beam does not have one of the options.
        LabelBeamError: the runner ended in another state than done.
    """
    progress.reset()
    local = in_process(beam_flags)
    if local:
        # What the runner sends to processes of its own goes through a buffer that a second thread flushes once a second, and
        # that loses what is written meanwhile. Without a time it is flushed by the one thread that writes.
        worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
    pipeline = beam.Pipeline(runner=FnApiRunner() if local else None, options=_options(beam_flags))
    build(pipeline)
    try:
        job = pipeline.run()
        state = job.wait_until_finish()
    except (RuntimeError, grpc.RpcError) as error:
        if local:
            raise
        raise job_failure(error, beam_flags) from error
    if state != PipelineState.DONE:
        raise LabelBeamError(f"the pipeline ended as {state}, expected DONE; {where_logs_are(beam_flags)}")
    try:
        progress.take_over(job)
    except Exception as error:  # Each runner fails in its own way, and all that is lost is a line of the log.
        LOG.info("%s does not tell its counters: %s", runner_of(beam_flags), redact(str(error)))


def prepare_job(
    config: ConvertConfig, storage: StorageOptions, plan: Plan, target: Target, report: str, beam_flags: Sequence[str]
) -> PreparedJob:
    """Have the runner build the job and not submit it, as Dataflow does for --dry_run; nothing is put into a store.

    Raises:
        LabelBeamError: the job cannot be built.
    """
    pipeline = beam.Pipeline(options=_options(beam_flags))
    units = stage_units(_units(config, storage, plan, target), locate(target.unfinished, storage), lambda *_: None)
    build_graph(pipeline, config, storage, plan, target, report, units, local=False)
    graph = pipeline.run().job.proto_pipeline
    transforms = graph.components.transforms
    staged: list[str] = []
    images: list[str] = []
    for environment in graph.components.environments.values():
        images.append(protos.DockerPayload.FromString(environment.payload).container_image)
        staged += [
            protos.ArtifactStagingToRolePayload.FromString(artifact.role_payload).staged_name
            for artifact in environment.dependencies
        ]
    steps = [transforms[name].unique_name for name in _leaves(transforms, graph.root_transform_ids)]
    return PreparedJob(steps, graph.ByteSize(), ", ".join(sorted(set(images))), staged)


def _options(beam_flags: Sequence[str]) -> PipelineOptions:
    """Beam's own form of its options; an older Beam than that of `BEAM_OPTIONS` would ignore those that it does not have."""
    # Of the main module workers need nothing, and what it holds, such as keys of stores, is not to be staged for them.
    options = PipelineOptions(list(beam_flags), save_main_session=False)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            given = options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        why = said.getvalue().rpartition("error: ")[2].strip()
        raise UsageError(
            f"found apache-beam {beam.__version__}, which does not take its options: {redact(why)}"
        ) from None
    unknown = sorted(given.keys() & BEAM_OPTIONS.keys() - PipelineOptions([]).get_all_options().keys())
    if unknown:
        raise UsageError(
            f"--{unknown[0]}: found apache-beam {beam.__version__}, which does not have this option; leave it out, or install "
            "a newer apache-beam"
        )
    return options


def _leaves(transforms: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        inner = transforms[name].subtransforms
        if inner:
            yield from _leaves(transforms, inner)
        else:
            yield name


def _units(config: ConvertConfig, storage: StorageOptions, plan: Plan, target: Target | None) -> Sequence[Any]:
    """All units of a plan but the ranges of COCO files, which are read in a way of their own."""
    copies = plan_copies(config, storage) if target else []
    return [*([] if plan.format == "coco" else plan.units), *listing_units(plan.listed), *copies]


def build_graph(
    pipeline: beam.Pipeline,
    config: ConvertConfig,
    storage: StorageOptions,
    plan: Plan,
    target: Target | None,
    report: str,
    units: Sequence[Any],
    local: bool,
) -> None:
    """Read → group → assemble and write → collect: the whole build, for any runner; `local` means in this process."""
    shard_options = ShardOptions(
        assemble=AssembleOptions(
            task=config.task,
            image_url=config.image_url or default_prefix(plan.images_root),
            clip=config.out_of_bounds == "clip",
            keep_background=background_policy(config) == "keep",
            max_polygon_points=config.max_polygon_points,
            split=parse_split(config.split),
            look_at_all=config.check_images not in (None, "none"),
        ),
        check_images=config.check_images,
        images_root=plan.images_root,
        images_listed=plan.listed is not None,
        coco_boxes=config.coco_boxes,
        buckets=plan.buckets,
        target=target,
        report=report,
        px=config.dimensions == "px",
        copy_images=config.copy_images,
        storage=storage,
    )
    staging = target.unfinished if target and not local else None
    read = pipeline | "Read" >> ReadFragments(plan, ReadOptions(config, storage, plan.buckets, staging), units)
    read[FRAGMENTS] | "Write" >> WriteShards(shard_options, read[FINDINGS])
