"""Hugging Face as a format: its recognition, and what its evidence says."""

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


class HuggingFaceOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for Hugging Face's Parquet and Arrow files. Its boxes are those of COCO, and are read as COCO's options say."""

    huggingface_image: Annotated[
        str | None,
        Meta(
            description="huggingface: the column of images of Parquet and Arrow files; by default the only one",
            extra={"metavar": "COLUMN"},
        ),
    ] = None
    huggingface_label: Annotated[
        str | None,
        Meta(
            description="huggingface: the column of labels of Parquet and Arrow files, for classification; by default label or labels, else the "
            "only one of class labels, else the objects",
            extra={"metavar": "COLUMN"},
        ),
    ] = None


class HuggingFace:
    """Hugging Face's image folders with objects, and its Parquet and Arrow files with images in them."""

    name = "huggingface"
    title = "Hugging Face"
    source = "the root directory, the metadata file, or Parquet or Arrow files"
    tasks: Mapping[Task, str] = {
        "image_classification": "the column of labels in Parquet or Arrow; else the objects, where the table has no labels",
        "image_classification_multilabel": "the column of labels in Parquet or Arrow; else the objects, where the table has no labels",
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
                f"{tree.locations[0].shown}: holds no metadata.jsonl, metadata.csv or metadata.parquet with file_name and objects, and no Parquet or Arrow; huggingface takes "
                "one directory or file of them, or Parquet or Arrow files"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the tables, or the Parquet or Arrow files, that were found."""
        from labelbeam.transforms.formats.huggingface.saved import Saved

        if isinstance(claim.found, Saved):
            from labelbeam.transforms.formats.huggingface.embedded import plan_embedded  # It loads pyarrow.

            return plan_embedded(tree, claim.found)
        from labelbeam.transforms.formats.huggingface.units import plan_huggingface

        return plan_huggingface(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Those of sources that are not in pixels: by --coco-boxes, or by the evidence of all objects."""
        from labelbeam.transforms.formats.coco.frames import frames_of

        given = config.of(CocoOptions)
        return frames_of(evidence, given.coco_boxes, given.coco_corners)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """The frame where it is not pixels, and what contradicts itself; what has no outline, and categories without names."""
        from labelbeam.transforms.formats.coco.frames import doubts_of_boxes
        from labelbeam.transforms.formats.huggingface.units import doubts_of

        given, frames = config.of(CocoOptions), self.frames(evidence, config)
        return doubts_of_boxes(evidence, frames, given.coco_boxes, given.coco_corners) + doubts_of(evidence)
