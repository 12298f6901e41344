"""Datumaro as a format: its options, its recognition, and what its evidence says."""

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


class DatumaroOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for Datumaro's files."""

    datumaro_groups: Annotated[
        Literal["unite", "apart"],
        Meta(
            description="datumaro: whether annotations of one label and one group are one object, as where Datumaro exports COCO, or "
            "stay apart"
        ),
    ] = "unite"


class Datumaro:
    """Datumaro: a JSON file a subset."""

    name = "datumaro"
    title = "Datumaro"
    source = "the root directory, or the JSON file"
    tasks: Mapping[Task, str] = {
        "image_classification": "the labels of an item, else its objects",
        "image_classification_multilabel": "the labels of an item, else its objects",
        "image_object_detection": "boxes, or the extent of other shapes",
        "image_instance_segmentation": "polygons, ellipses and masks",
    }
    usual_task: Task = "image_object_detection"
    options = DatumaroOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds its files, and such a file itself."""
        from labelbeam.transforms.formats.datumaro.recognise import claim_of

        claim = claim_of(tree, asked)
        if asked and claim is None:
            raise UsageError(
                f"{tree.locations[0].shown}: holds no JSON file with categories and items, as Datumaro writes one for each subset; "
                "datumaro takes one directory or file of them"
            )
        return claim

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were found."""
        from labelbeam.transforms.formats.datumaro.units import plan_datumaro

        return plan_datumaro(tree, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels, always."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of objects without an outline, labels in two places, and annotations that were united."""
        from labelbeam.transforms.formats.datumaro.units import doubts_of

        return doubts_of(evidence)
