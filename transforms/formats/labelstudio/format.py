"""Label Studio as a format: its options, its recognition, and what its evidence says."""

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


class LabelStudioOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for Label Studio's exports, where several people may have annotated a task."""

    labelstudio_annotations: Annotated[
        Literal["detect", "first", "latest", "all", "predictions"],
        Meta(
            description="labelstudio: which annotations of a task are read; detect: the one that is marked as ground truth, else the "
            "latest; all: the objects of all of them; predictions: as detect, and of tasks without an annotation the latest prediction"
        ),
    ] = "detect"
    labelstudio_annotator: Annotated[
        Text | None,
        Meta(
            description="labelstudio: email or id of the annotator to read (default: all annotators)",
            extra={"metavar": "PERSON"},
        ),
    ] = None
    labelstudio_control: Annotated[
        Text | None,
        Meta(
            description="labelstudio: the name of the control that gives the labels (default: of regions any; of images the only one "
            "with choices, or the one that is called label, class and the like)",
            extra={"metavar": "NAME"},
        ),
    ] = None


class LabelStudio:
    """Label Studio: exports as JSON and JSON-MIN."""

    name = "labelstudio"
    title = "Label Studio"
    source = "the root directory, or the JSON file"
    tasks: Mapping[Task, str] = {
        "image_classification": "choices and taxonomies, else the labels of regions",
        "image_classification_multilabel": "choices and taxonomies, else the labels of regions",
        "image_object_detection": "rectangles, or the extent of other shapes",
        "image_instance_segmentation": "polygons, ellipses and brush masks",
    }
    usual_task: Task = "image_object_detection"
    options = LabelStudioOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds its exports, and such a file itself."""
        from labelbeam.transforms.formats.labelstudio.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no annotations of Label Studio; labelstudio takes one directory or file of what it "
                "exports as JSON or JSON-MIN"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found."""
        from labelbeam.transforms.formats.labelstudio.units import plan_labelstudio

        return plan_labelstudio(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Percent of the image, always."""
        from labelbeam.transforms.formats.frames import Frame
        from labelbeam.transforms.formats.named_images import refuse_far

        refuse_far(
            evidence,
            "no percent of the image, as Label Studio has them; if they are pixels, divide them by width and height, times 100",
        )
        return dict.fromkeys(evidence, Frame("percent", "percent"))

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of annotations that were chosen, and of what has no outline, no label or no annotation."""
        from labelbeam.transforms.formats.labelstudio.units import doubts_of

        return doubts_of(evidence)
