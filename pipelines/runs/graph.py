"""The graph of a build, and running it. Read → group → assemble and write → collect; nothing else knows Beam's runners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.portability.api import beam_runner_api_pb2 as protos

from labelbeam.pipelines.runners.flags import has_several_workers, in_process
from labelbeam.pipelines.runners.requirements import PreparedJob
from labelbeam.pipelines.runners.run import new_pipeline, run_pipeline
from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.formats.known import listing_units
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.transcode import transcode_of
from labelbeam.transforms.plan.copies import plan_copies
from labelbeam.transforms.read.transform import FINDINGS, FRAGMENTS, ReadFragments
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers.pool import Begun, current_workers
from labelbeam.transforms.workers.staged_units import stage_units
from labelbeam.transforms.write.options import assemble_options
from labelbeam.transforms.write.transform import WriteShards
from labelbeam.transforms.write.work import ShardOptions


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
    if processes := current_workers():
        # Only references go through the runner, which would compress and copy the units themselves again and again.
        options = ReadOptions(config, storage, plan.buckets)
        units = [unit if isinstance(unit, Begun) else processes.begin_unit(unit, read_unit, options) for unit in units]
    spread = has_several_workers(beam_flags)
    run_pipeline(
        lambda begin: build_graph(begin, config, storage, plan, target, report, units, local, spread), beam_flags
    )


def prepare_job(
    config: ConvertConfig, storage: StorageOptions, plan: Plan, target: Target, report: str, beam_flags: Sequence[str]
) -> PreparedJob:
    """Have the runner build the job and not submit it, as Dataflow does for --dry_run; nothing is put into a store.

    Raises:
        LabelBeamError: the job cannot be built.
    """
    pipeline = new_pipeline(beam_flags)
    units = stage_units(_units(config, storage, plan, target), locate(target.unfinished, storage), lambda *_: None)
    build_graph(pipeline, config, storage, plan, target, report, units)
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


def _leaves(transforms: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        inner = transforms[name].subtransforms
        if inner:
            yield from _leaves(transforms, inner)
        else:
            yield name


def _units(config: ConvertConfig, storage: StorageOptions, plan: Plan, target: Target | None) -> Sequence[Any]:
    """All units of a plan that need no index, and those of what is known of its images."""
    copies = plan_copies(config, storage) if target else []
    return [*(unit for unit in plan.units if unit.index is None), *listing_units(plan.listed), *copies]


def build_graph(
    pipeline: beam.Pipeline,
    config: ConvertConfig,
    storage: StorageOptions,
    plan: Plan,
    target: Target | None,
    report: str,
    units: Sequence[Any],
    local: bool = False,
    spread: bool = True,
) -> None:
    """Read → group → assemble and write → collect: the whole build, for any runner.

    `local` means in this process, `spread` by several workers.
    """
    staging = target.unfinished if target and not local else None
    reader = ReadFragments(plan, ReadOptions(config, storage, plan.buckets, staging), units, spread)
    shard_options = ShardOptions(
        assemble=assemble_options(config, plan),
        check_images=config.check_images,
        images_root=plan.images_root,
        images_listed=plan.listed is not None,
        format=FORMATS[plan.format],
        config=config,
        buckets=plan.buckets,
        target=target,
        report=report,
        px=config.dimensions == "px",
        copy_images=config.copy_images,
        transcode=transcode_of(config),
        storage=storage,
        unit_sum=reader.unit_sum,
    )
    read = pipeline | "Read" >> reader
    read[FRAGMENTS] | "Write" >> WriteShards(shard_options, read[FINDINGS])
