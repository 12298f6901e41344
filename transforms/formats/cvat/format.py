"""CVAT as a format: its options, its recognition, and what its evidence says."""

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


class CvatOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for CVAT's files."""

    cvat_labels: Annotated[
        Literal["detect", "tags", "shapes"],
        Meta(
            description="cvat: the source of classification labels; detect: the tags of an image that has any, else its shapes"
        ),
    ] = "detect"
    cvat_groups: Annotated[
        Literal["unite", "apart"],
        Meta(
            description="cvat: whether shapes of one label and one group are one object, as where CVAT exports COCO, or stay apart"
        ),
    ] = "unite"


class Cvat:
    """CVAT for images: an XML file a task or project."""

    name = "cvat"
    title = "CVAT"
    source = "the root directory, or the XML file"
    tasks: Mapping[Task, str] = {
        "image_classification": "the tags of an image, else its shapes",
        "image_classification_multilabel": "the tags of an image, else its shapes",
        "image_object_detection": "boxes, or the extent of other shapes",
        "image_instance_segmentation": "polygons, ellipses and masks",
    }
    usual_task: Task = "image_object_detection"
    options = CvatOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds CVAT's files, and such a file itself."""
        from labelbeam.transforms.formats.cvat.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no XML file of CVAT for images 1.1; cvat takes one directory or file of them. Tracks "
                "of CVAT for video are not read: export the task as CVAT for images"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found, in ranges of bytes; with `exact`, each as a whole."""
        from labelbeam.transforms.formats.cvat.units import plan_cvat

        return plan_cvat(tree, claim.found, exact)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels, always."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of objects without an outline, labels in two places, shapes that were united, and what was left alone."""
        from labelbeam.transforms.formats.cvat.units import doubts_of

        return doubts_of(evidence)
