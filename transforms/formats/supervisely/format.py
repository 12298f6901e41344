"""Supervisely as a format: its options, its recognition, and what its evidence says."""

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


class SuperviselyOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for Supervisely's files."""

    supervisely_corners: Annotated[
        Literal["pixels", "edges"],
        Meta(
            description="supervisely: meaning of a rectangle's second corner; pixels: the last pixel inside, as its SDK downloads "
            "projects; edges: the corner itself, as its labelling tool stores it and its SDK imports COCO"
        ),
    ] = "pixels"
    supervisely_groups: Annotated[
        Literal["unite", "apart"],
        Meta(
            description="supervisely: whether polygons of one class and one binding key are one object, as where its SDK exports COCO, or "
            "stay apart"
        ),
    ] = "unite"
    supervisely_tag: Annotated[
        str | None,
        Meta(
            description="supervisely: the tag whose values are the labels of a classification",
            extra={
                "metavar": "TITLE",
                "default": "tags without a value are labels by their names, else the objects' classes",
            },
        ),
    ] = None


class Supervisely:
    """Supervisely: a JSON file an image, below datasets."""

    name = "supervisely"
    title = "Supervisely"
    source = "the project, or one of its datasets"
    tasks: Mapping[Task, str] = {
        "image_classification": "the tags of an image, else its objects",
        "image_classification_multilabel": "the tags of an image, else its objects",
        "image_object_detection": "rectangles, or the extent of other shapes",
        "image_instance_segmentation": "polygons and bitmaps",
    }
    usual_task: Task = "image_object_detection"
    options = SuperviselyOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds Supervisely's files, and such a file itself."""
        from labelbeam.transforms.formats.supervisely.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no JSON file of objects, as Supervisely writes one for each image in a folder ann; "
                "supervisely takes one project or dataset"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found."""
        from labelbeam.transforms.formats.supervisely.units import plan_supervisely

        return plan_supervisely(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels, always."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of objects without an outline or united, labels in two places, and corners that are no pixels."""
        from labelbeam.transforms.formats.supervisely.units import doubts_of

        return doubts_of(evidence)
