"""Tables of boxes as a format: its recognition, and what its evidence says."""

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


class BoxTableOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """It has no options of its own: boxes are read as COCO's options say, columns as those of tables of labels."""


class BoxTable:
    """Tables with a row for each box."""

    name = "boxtable"
    title = "tables of boxes"
    source = "the root directory, or the CSV file"
    tasks: Mapping[Task, str] = {
        "image_classification": "the boxes, with --format boxtable",
        "image_classification_multilabel": "the boxes, with --format boxtable",
        "image_object_detection": "",
    }
    usual_task: Task = "image_object_detection"
    options = BoxTableOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds such tables, and such a table itself."""
        from labelbeam.transforms.formats.boxtable.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no table with columns of an image, a label and a box, such as filename, class, xmin, "
                "ymin, xmax, ymax; boxtable takes one directory or file of these. --image-column and --label-columns name columns that "
                "are called otherwise"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the tables that were found."""
        from labelbeam.transforms.formats.boxtable.units import plan_box_tables

        return plan_box_tables(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Those of sources that are not in pixels: by --coco-boxes, or by the evidence of all boxes.

        Raises:
            UsageError: a source contradicts itself, or its images are elsewhere.
        """
        from labelbeam.transforms.formats.boxtable.units import refuse_elsewhere
        from labelbeam.transforms.formats.coco.frames import frames_of

        refuse_elsewhere(evidence)
        given = config.of(CocoOptions)
        return frames_of(evidence, given.coco_boxes, given.coco_corners)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """The frame where it is not pixels, and what contradicts itself; images that no table names."""
        from labelbeam.transforms.formats.boxtable.units import doubts_of
        from labelbeam.transforms.formats.coco.frames import doubts_of_boxes

        given, frames = config.of(CocoOptions), self.frames(evidence, config)
        return doubts_of_boxes(evidence, frames, given.coco_boxes, given.coco_corners) + doubts_of(evidence)
