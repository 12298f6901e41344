"""Hugging Face as a format: its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.coco.format import CocoOptions
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class HuggingFaceOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Its boxes are those of COCO, and are read as COCO's options say; it has none of its own."""


class HuggingFace:
    """Hugging Face's image folders with objects."""

    name = "huggingface"
    title = "Hugging Face"
    source = "the root directory, or the metadata file"
    tasks: Mapping[Task, str] = {
        "image_classification": "the objects, where the table has no labels",
        "image_classification_multilabel": "the objects, where the table has no labels",
        "image_object_detection": "the objects",
        "image_instance_segmentation": "the objects' polygons and run lengths",
    }
    usual_task: Task = "image_object_detection"
    options = HuggingFaceOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds tables with objects, and such a table itself."""
        from labelbeam.transforms.formats.huggingface.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no metadata.jsonl or metadata.csv with file_name and objects; huggingface takes one "
                "directory or file of them. Datasets in Parquet are not read"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the tables that were found."""
        from labelbeam.transforms.formats.huggingface.units import plan_huggingface

        return plan_huggingface(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Those of sources that are not in pixels: by --coco-boxes, or by the evidence of all objects."""
        from labelbeam.transforms.formats.coco.frames import frame_of
        from labelbeam.transforms.formats.frames import PIXELS

        given = config.of(CocoOptions)
        found = {
            source: frame_of(source, item, given.coco_boxes, given.coco_corners) for source, item in evidence.items()
        }
        return {source: frame for source, frame in found.items() if frame != PIXELS}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """The frame where it is not pixels, and what contradicts itself; what has no outline, and categories without names."""
        from labelbeam.transforms.formats.coco.frames import doubts_of as doubts_of_boxes
        from labelbeam.transforms.formats.frames import PIXELS
        from labelbeam.transforms.formats.huggingface.units import doubts_of

        given, frames = config.of(CocoOptions), self.frames(evidence, config)
        doubts = [
            doubt
            for source, item in sorted(evidence.items())
            for doubt in doubts_of_boxes(source, item, frames.get(source, PIXELS), given.coco_boxes, given.coco_corners)
        ]
        return doubts + doubts_of(evidence)
