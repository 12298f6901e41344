"""Pascal VOC as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class VocOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for the numbers and flags of annotation files.

    `voc_origin`: 1 where coordinates count pixels from 1 and include the last one, as in the VOC development kit: the box
    is (xmin - 1, ymin - 1, xmax, ymax). 0 where they are edges counted from 0, as labelImg and others write: the box is
    (xmin, ymin, xmax, ymax).

    `voc_boxes`: the unit of coordinates. Fractions of the image have no first pixel, so that `voc_origin` does not count.

    `difficult_as_crowd`: whether a difficult object becomes a crowd. By default it does not: VOC leaves difficult
    objects out of the evaluation, yet each is one object with a box of its own, whereas a crowd's box holds an unknown
    number of them and trainers leave it out of training as well.
    """

    voc_origin: Annotated[
        Literal[0, 1],
        Meta(
            description="voc: the index of the first pixel; 1: as the original data has it (inclusive, 1-based); "
            "0: as labelImg and similar tools write it"
        ),
    ] = 1
    voc_boxes: Annotated[
        Literal["detect", "pixels", "relative"],
        Meta(
            description="voc: whether coordinates are pixels or fractions of the image; detect decides once for the dataset, "
            "by all of its boxes"
        ),
    ] = "detect"
    difficult_as_crowd: Annotated[
        bool, Meta(description="voc: write objects marked difficult with isCrowd 1, which metrics ignore")
    ] = False


class Voc:
    """Pascal VOC: an XML file an image, with lists of splits and masks beside them."""

    name = "voc"
    title = "Pascal VOC"
    source = "the root directory"
    tasks: Mapping[Task, str] = {
        "image_classification": "per-class lists, else the objects",
        "image_classification_multilabel": "",
        "image_object_detection": "",
        "image_instance_segmentation": "`SegmentationObject` masks, outlines in the annotation files",
    }
    usual_task: Task = "image_object_detection"
    options = VocOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds annotation files."""
        if asked:
            if len(tree.locations) > 1:
                raise UsageError(f"--source: {len(tree.locations)} roots given; voc takes one directory")
            return Claim("")
        root = tree.root
        if root is None:
            return None
        from labelbeam.transforms.formats.voc.annotations import XMLS_LOOKED_AT, holds_voc
        from labelbeam.transforms.messages.words import counted

        xmls = tree.visible_of("xml")
        xmls.sort(key=lambda file: "annotations/" not in file.path.lower())
        if not holds_voc(lambda file: tree.head_of(root.below(file.path), file.size), xmls[:XMLS_LOOKED_AT]):
            return None
        return Claim(f"found {counted(len(xmls), 'annotation file')}, such as {xmls[0].path}")

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the tree."""
        from labelbeam.transforms.formats.voc.plan import plan_voc_source

        return plan_voc_source(tree.config, tree.storage, tree.locations[0], tree.listing_of(tree.locations[0]))

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """The root in fractions: by --voc-boxes, or by the evidence of all boxes."""
        from labelbeam.transforms.formats.frames import FRACTIONS
        from labelbeam.transforms.formats.voc.frames import frames_of

        boxes = config.of(VocOptions).voc_boxes
        if boxes == "detect":
            return frames_of(evidence)
        return dict.fromkeys(evidence, FRACTIONS) if boxes == "relative" else {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """The frame where it was found out, and what speaks against the origin and the declared sizes."""
        from labelbeam.transforms.formats.voc.frames import remarks_on

        options = config.of(VocOptions)
        frames = self.frames(evidence, config)
        doubts = remarks_on(evidence, frames, options.voc_origin, config.check_images in ("header", "decode"))
        of_frames = {
            Doubted.RELATIVE_COORDINATES,
            Doubted.FRAMES_DISAGREE,
            Doubted.FIXED_GRID,
            Doubted.CORNERS_OR_SIZES,
        }
        return [doubt for doubt in doubts if options.voc_boxes == "detect" or doubt.code not in of_frames]
