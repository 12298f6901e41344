"""JSON Lines as a format: its options, its recognition, and what its evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig, Text
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class JsonLinesOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for reading JSON Lines of training records."""

    source_image_url: Annotated[
        Text | None,
        Meta(
            description="jsonl: prefix of image_url in the source, before the image's path below --images (default: of an "
            "earlier build its own prefix, else the root of the datastore, container or host)",
            extra={"metavar": "PREFIX"},
        ),
    ] = None


class JsonLines:
    """Training records as JSON Lines: files, MLTable directories, and earlier builds."""

    name = "jsonl"
    title = "JSON Lines"
    source = "the file(s), MLTable directories, or earlier builds"
    tasks: Mapping[Task, str] = {
        "image_classification": "",
        "image_classification_multilabel": "",
        "image_object_detection": "boxes, or the extent of polygons",
        "image_instance_segmentation": "polygons",
    }
    usual_task: Task = "image_object_detection"
    options = JsonLinesOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim files of training records, and directories that hold an MLTable, a build, or such files."""
        from labelbeam.transforms.formats.jsonl.sources import find_sources

        found = find_sources(tree, asked)
        if found is None:
            return None
        return Claim(found.reason, found.certain, found.files, found.beats, found.task)

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the files that were claimed; lines end where they end, so that there is nothing to be exact about."""
        from labelbeam.transforms.formats.jsonl.plan import plan_json_lines

        return plan_json_lines(tree.config, tree.storage, claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Fractions of the image, always."""
        from labelbeam.transforms.formats.frames import FRACTIONS
        from labelbeam.transforms.formats.jsonl.remarks import refuse_pixels

        for source, item in sorted(evidence.items()):
            refuse_pixels(source, item)
        return dict.fromkeys(evidence, FRACTIONS)

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts of what the trainer would make of the source as it stands."""
        from labelbeam.transforms.formats.jsonl.remarks import doubts_of

        return [doubt for source in sorted(evidence) for doubt in doubts_of(source, evidence[source])]
