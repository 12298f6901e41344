"""COCO as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan
    from labelbeam.transforms.stores.location import Location


class CocoOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for reading COCO files."""

    coco_boxes: Annotated[
        Literal["detect", "pixels", "relative", "percent"],
        Meta(
            description="coco, huggingface: whether coordinates are pixels, fractions of the image, or percent of it; detect decides once "
            "a file, by all of its boxes and outlines"
        ),
    ] = "detect"
    coco_corners: Annotated[
        bool, Meta(description="coco, huggingface: a bbox is two corners, [x1, y1, x2, y2], not [x, y, width, height]")
    ] = False


class Coco:
    """COCO: one JSON file or several, with the images beside them."""

    name = "coco"
    title = "COCO"
    source = "the JSON file(s)"
    tasks: Mapping[Task, str] = {
        "image_classification": "the categories of an image",
        "image_classification_multilabel": "",
        "image_object_detection": "",
        "image_instance_segmentation": "polygons, and masks as run lengths",
    }
    usual_task: Task = "image_object_detection"
    options = CocoOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim files, and directories that hold a COCO file."""
        from labelbeam.transforms.formats.coco.files import coco_files

        if len(tree.files) == len(tree.locations):
            return Claim("" if asked else "the source is a file, and no table", certain=False, found=tree.files)
        files: list[Location] = list(tree.files)
        reason = ""
        for folder in tree.locations:
            if folder in tree.files:
                continue
            below, reason = coco_files(folder, tree.visible_of("json", below=folder))
            if asked and not below:
                count = len(tree.listing_of(folder).files)
                raise UsageError(f"{folder.shown}: found no COCO file among {count} files; name it itself")
            files += below
        return Claim(reason, found=files) if files else None

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were claimed."""
        from labelbeam.transforms.formats.coco.plan import plan_coco

        listed = [(folder, tree.listing_of(folder)) for folder in tree.locations if folder not in tree.files]
        return plan_coco(tree.config, tree.storage, claim.found, exact, listed)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """The files in another frame than pixels: by --coco-boxes, or each by its own evidence."""
        from labelbeam.transforms.formats.coco.frames import frames_of

        given = config.of(CocoOptions)
        return frames_of(evidence, given.coco_boxes, given.coco_corners)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Each file's frame where it is not pixels, and what contradicts itself."""
        from labelbeam.transforms.formats.coco.frames import doubts_of_boxes

        given = config.of(CocoOptions)
        return doubts_of_boxes(evidence, self.frames(evidence, config), given.coco_boxes, given.coco_corners)
