"""Open Images as a format: its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class OpenImagesOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Open Images has no options of its own."""


class OpenImages:
    """Open Images: CSV of boxes and of image labels, and of class descriptions."""

    name = "openimages"
    title = "Open Images"
    source = "the root directory, or the CSV file"
    tasks: Mapping[Task, str] = {
        "image_classification": "image labels, else the boxes",
        "image_classification_multilabel": "image labels, else the boxes",
        "image_object_detection": "boxes",
    }
    usual_task: Task = "image_object_detection"
    options = OpenImagesOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds its tables, and such a table itself."""
        from labelbeam.transforms.formats.openimages.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no table with the columns ImageID and LabelName, and XMin to YMax or Confidence; "
                "openimages takes one directory or file of these"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the tables that were found, in ranges of bytes."""
        from labelbeam.transforms.formats.openimages.units import plan_openimages

        return plan_openimages(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Fractions of the image; where most boxes are none, the build is refused."""
        from labelbeam.transforms.formats.frames import FRACTIONS
        from labelbeam.transforms.formats.named_images import refuse_far

        refuse_far(
            evidence,
            "no fractions of the image, as Open Images has them; if they are pixels, divide them by width and height",
        )
        return dict.fromkeys(evidence, FRACTIONS)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Images that are not there, labels without a name, and what is said of confidences."""
        from labelbeam.transforms.formats.openimages.units import doubts_of

        return doubts_of(evidence)
