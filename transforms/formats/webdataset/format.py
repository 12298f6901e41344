"""WebDataset as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.coco.format import CocoOptions
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class WebDatasetOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for WebDataset's shards."""

    webdataset_image: Annotated[
        str | None,
        Meta(
            description="webdataset: extension of the image in a sample, such as left.jpg; by default the only "
            "one, or the one without a second dot",
            extra={"metavar": "SUFFIX"},
        ),
    ] = None


class WebDataset:
    """WebDataset's TAR files."""

    name = "webdataset"
    title = "WebDataset"
    source = "the root directory, or TAR files"
    tasks: Mapping[Task, str] = {
        "image_classification": "`label` in the JSON, else `.cls`, else `.txt`",
        "image_classification_multilabel": "`labels` in the JSON, else `.cls`, else lines of `.txt`",
        "image_object_detection": "the objects in the JSON",
        "image_instance_segmentation": "the objects' polygons and run lengths",
    }
    usual_task: Task = "image_classification"
    options = WebDatasetOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim TAR files that hold images and labels of the same keys."""
        from labelbeam.transforms.formats.webdataset.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: no TAR file (.tar, .tar.gz, .tgz) is there; webdataset takes a directory of them, or "
                "several by a pattern such as train-{000000..000003}.tar"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the shards that were found."""
        from labelbeam.transforms.formats.webdataset.units import plan_webdataset

        return plan_webdataset(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Those of sources that are not in pixels: by --coco-boxes, or by the evidence of all objects."""
        from labelbeam.transforms.formats.coco.frames import frames_of

        given = config.of(CocoOptions)
        return frames_of(evidence, given.coco_boxes, given.coco_corners)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """The frame where it is not pixels, and what contradicts itself; what is left out of the shards, and numbers without names."""
        from labelbeam.transforms.formats.coco.frames import doubts_of_boxes
        from labelbeam.transforms.formats.webdataset.units import doubts_of

        given, frames = config.of(CocoOptions), self.frames(evidence, config)
        return doubts_of_boxes(evidence, frames, given.coco_boxes, given.coco_corners) + doubts_of(evidence)
