"""VIA as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

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


class ViaOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for VIA's files, whose attributes are of their author's choice."""

    via_attribute: Annotated[
        Text | None,
        Meta(
            description="via: the attribute that is the label (default: the only one, or the one that is called label, class and "
            "the like)",
            extra={"metavar": "NAME"},
        ),
    ] = None
    via_label: Annotated[
        Text | None,
        Meta(
            description="via: the label of regions that have no attribute at all (default: they are rejected)",
            extra={"metavar": "LABEL"},
        ),
    ] = None


class Via:
    """VIA 2: projects and exported annotations."""

    name = "via"
    title = "VIA"
    source = "the root directory, or the JSON or CSV file"
    tasks: Mapping[Task, str] = {
        "image_classification": "attributes of files, else of regions",
        "image_classification_multilabel": "attributes of files, else of regions",
        "image_object_detection": "rectangles, or the extent of other shapes",
        "image_instance_segmentation": "polygons, circles and ellipses",
    }
    usual_task: Task = "image_object_detection"
    options = ViaOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds VIA's files, and such a file itself."""
        from labelbeam.transforms.formats.via.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no project and no annotations of VIA 2, as JSON or CSV; via takes one directory or "
                "file of them"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found."""
        from labelbeam.transforms.formats.via.units import plan_via

        return plan_via(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels, always."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of objects without an outline or a label, and of the attribute that was taken for it."""
        from labelbeam.transforms.formats.via.units import doubts_of

        return doubts_of(evidence)
