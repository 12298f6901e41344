"""What decides about the records of a bucket: the options of a build, resolved."""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.schemas.config import ConvertConfig, background_policy
from labelbeam.schemas.label_map import LabelMap, label_map
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.images.transcode import Transcode, transcode_of
from labelbeam.transforms.images.urls import default_prefix
from labelbeam.transforms.write.splits import SOURCES_OWN, SplitOptions, split_options


@dataclass(frozen=True, slots=True)
class AssembleOptions:
    """Options that decide about records: the options of a build, resolved."""

    task: str
    image_url: str
    clip: bool = True
    keep_background: bool = True
    max_polygon_points: int | None = None
    split: SplitOptions = SOURCES_OWN
    look_at_all: bool = False
    """Look at every image; otherwise only at those whose size nobody declared."""
    sample: int | float | None = None
    labels: LabelMap | None = None
    drop_twins: bool = False
    """Of images that have the same bytes one is written."""
    keep_emptied: bool = False
    """Images all of whose objects --labels has dropped are written, as background; else they are left out."""
    transcode: Transcode | None = None
    unseen: frozenset[str] = frozenset()
    """Sources none of whose images was found: one name in two of them is ambiguous."""


def assemble_options(config: ConvertConfig, plan: Plan) -> AssembleOptions:
    """The options of a build, resolved."""
    return AssembleOptions(
        task=config.task,
        image_url=config.image_url or plan.image_prefix or default_prefix(plan.images_root),
        clip=config.out_of_bounds == "clip",
        keep_background=background_policy(config) == "keep",
        max_polygon_points=config.max_polygon_points,
        split=split_options(config),
        look_at_all=config.check_images not in (None, "none"),
        sample=config.sample,
        labels=label_map(config),
        drop_twins=config.duplicates == "drop",
        keep_emptied=config.background == "keep",
        transcode=transcode_of(config),
        unseen=plan.unseen,
    )
