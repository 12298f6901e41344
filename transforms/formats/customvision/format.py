"""Custom Vision as a format: its recognition, and what its evidence says."""

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


class CustomVisionOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Custom Vision has no options of its own."""


class CustomVision:
    """Azure Custom Vision: JSON of images, as its API gives them."""

    name = "customvision"
    title = "Custom Vision"
    source = "the root directory, or the JSON file"
    tasks: Mapping[Task, str] = {
        "image_classification": "tags",
        "image_classification_multilabel": "tags",
        "image_object_detection": "regions",
    }
    usual_task: Task = "image_object_detection"
    options = CustomVisionOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds answers of its API, and such a file itself."""
        from labelbeam.transforms.formats.customvision.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no JSON of images with tags or regions, as Custom Vision's API gives them; "
                "customvision takes one directory or file of it"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found."""
        from labelbeam.transforms.formats.customvision.units import plan_customvision

        return plan_customvision(tree, *claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Fractions of the image, always."""
        from labelbeam.transforms.formats.customvision.units import frames_of

        return frames_of(evidence)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Images that nothing names, and those that nobody has tagged."""
        from labelbeam.transforms.formats.customvision.units import doubts_of

        return doubts_of(evidence)
