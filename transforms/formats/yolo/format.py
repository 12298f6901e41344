"""YOLO as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig, Text
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class YoloOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for label files, and for the file that describes them.

    `yolo_oriented`: a class and four corners are an oriented box in one dataset and an outline in another, and no line tells
    which. All outlines of a dataset together do: where some have another number of corners, or all are upright rectangles, they
    are outlines.
    """

    yolo_data: Annotated[
        Text | None,
        Meta(
            description="yolo: the data.yaml, obj.data or file of class names to read, relative to the source "
            "(default: the one that is there)",
            extra={"metavar": "PATH"},
        ),
    ] = None
    yolo_boxes: Annotated[
        Literal["detect", "pixels", "relative"],
        Meta(
            description="yolo: whether coordinates are pixels or fractions of the image; detect reads fractions, and refuses a "
            "dataset most of whose boxes are none"
        ),
    ] = "detect"
    yolo_oriented: Annotated[
        Literal["detect", "reject", "box", "polygon"],
        Meta(
            description="yolo: how lines of four corners are read; box: the box around them; polygon: an outline; detect: an "
            "outline, unless those of the dataset are all of four corners and turned, which are oriented boxes and rejected"
        ),
    ] = "detect"


class Yolo:
    """YOLO: a label file an image, with its classes and splits in data.yaml, or in Darknet's files."""

    name = "yolo"
    title = "YOLO"
    source = "the root directory, or its data.yaml"
    tasks: Mapping[Task, str] = {
        "image_classification": "the objects",
        "image_classification_multilabel": "the objects",
        "image_object_detection": "",
        "image_instance_segmentation": "lines of corners",
    }
    usual_task: Task = "image_object_detection"
    options = YoloOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds label files or a data.yaml, and a data.yaml itself."""
        from labelbeam.transforms.formats.yolo.recognise import claim_of_directory, claim_of_file

        if len(tree.locations) == len(tree.files) == 1:
            claim = claim_of_file(tree.files[0])
            if asked and claim is None:
                raise UsageError(
                    f"--source: {tree.files[0].shown} is no data.yaml and no obj.data; yolo takes one of these, or the directory"
                )
            return claim._replace(reason="") if asked and claim is not None else claim
        if asked:
            if len(tree.locations) > 1:
                raise UsageError(f"--source: {len(tree.locations)} roots given; yolo takes one directory")
            return Claim("")
        return claim_of_directory(tree) if tree.root is not None else None

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the directory, or the one around data.yaml."""
        from labelbeam.transforms.formats.yolo.plan import plan_yolo_source

        place = tree.locations[0]
        root = place if claim.found is None else place.parent
        assert root is not None, "a file that was claimed lies in a directory"
        return plan_yolo_source(tree.config, tree.storage, root, tree.listing_of(root), claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Fractions of the image, unless --yolo-boxes says pixels; and whether lines of four corners are oriented boxes."""
        from labelbeam.transforms.formats.yolo.evidence import frames_of

        return frames_of(evidence, config.of(YoloOptions))

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of the reading of boxes, and of what was left out."""
        from labelbeam.transforms.formats.yolo.evidence import remarks_on

        return remarks_on(evidence, config.of(YoloOptions))
