"""The graph of a build, and running it. Read → group → assemble and write → collect; nothing else knows Beam's runners."""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineState

from schemas.config import ConvertConfig, background_policy, parse_split
from schemas.errors import LabelBeamError
from transforms import progress
from transforms.assemble import AssembleOptions
from transforms.image_urls import default_prefix
from transforms.locations import StorageOptions
from transforms.plan_copies import plan_copies
from transforms.read import FINDINGS, FRAGMENTS, ReadFragments
from transforms.resume import Target
from transforms.shards import WriteShards
from transforms.units import Plan
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
    progress.reset()
    options = PipelineOptions(list(beam_flags))
    local = options.get_all_options().get("runner") in (None, "DirectRunner", "direct")
    pipeline = beam.Pipeline(runner=FnApiRunner() if local else None, options=options)
    build_graph(pipeline, config, storage, plan, target, report)
    result = pipeline.run()
    if result.wait_until_finish() != PipelineState.DONE:
        raise LabelBeamError(f"the pipeline ended as {result.state}, expected DONE; see the runner's own log")


def build_graph(
    pipeline: beam.Pipeline,
    config: ConvertConfig,
    storage: StorageOptions,
    plan: Plan,
    target: Target | None,
    report: str,
) -> None:
    """Read → group → assemble and write → collect: the whole build, for any runner."""
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
    read = pipeline | "Read" >> ReadFragments(
        plan, ReadOptions(config, storage, plan.buckets), plan_copies(config, storage) if target else ()
    )
    read[FRAGMENTS] | "Write" >> WriteShards(shard_options, read[FINDINGS])
