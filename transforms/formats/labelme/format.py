"""LabelMe as a format: its options, its recognition, and what its evidence says."""

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


class LabelMeOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for LabelMe's files."""

    labelme_labels: Annotated[
        Literal["detect", "flags", "shapes"],
        Meta(
            description="labelme: the source of classification labels; detect: the flags of a file that has any, else its shapes"
        ),
    ] = "detect"


class LabelMe:
    """LabelMe: a JSON file an image."""

    name = "labelme"
    title = "LabelMe"
    source = "the root directory"
    tasks: Mapping[Task, str] = {
        "image_classification": "the flags of an image, else its shapes",
        "image_classification_multilabel": "the flags of an image, else its shapes",
        "image_object_detection": "rectangles, or the extent of other shapes",
        "image_instance_segmentation": "polygons, circles and masks",
    }
    usual_task: Task = "image_object_detection"
    options = LabelMeOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds LabelMe's files, and such a file itself."""
        from labelbeam.transforms.formats.labelme.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no JSON file with shapes, as LabelMe writes one for each image; labelme takes "
                "one directory of them"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the directory."""
        from labelbeam.transforms.formats.labelme.units import plan_labelme

        return plan_labelme(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels, always."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of files that were left alone, objects without an outline, and labels in two places."""
        from labelbeam.transforms.formats.labelme.units import doubts_of

        return doubts_of(evidence)
