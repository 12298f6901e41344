"""A raw format in one module, as anybody would add one: `boxes.lines`, an object a line.

    train/1.jpg 100 80 cat 10,20,30,40

are the image, its size, a label, and left, top, right and bottom in pixels; `--lines-unit half` counts in halves of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import SPLIT_ALIASES, ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree

if TYPE_CHECKING:
    from labelbeam.schemas.neutral import SourceImage
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan
    from labelbeam.transforms.formats.reading import Reading, ReadResult

NAME = "boxes.lines"


class LinesOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a file of lines is read."""

    lines_unit: Annotated[Literal["pixel", "half"], Meta(description="lines: what coordinates count")] = "pixel"


class Lines:
    """A file of lines."""

    name = "lines"
    title = "Lines"
    source = "the root directory"
    tasks: Mapping[Task, str] = {"image_object_detection": "an object a line"}
    usual_task: Task = "image_object_detection"
    options = LinesOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a directory that holds `boxes.lines`."""
        found = [file for file in tree.visible if file.path == NAME]
        if asked and not found:
            raise UsageError(f"expected {NAME} in the directory")
        return Claim(f"found {NAME}") if found else None

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """One unit for the file."""
        from labelbeam.transforms.formats.inputs import fingerprint_of
        from labelbeam.transforms.formats.plans import Plan, bucket_count

        assert tree.root is not None
        files = tree.listing_of(tree.root).files
        fingerprint, covers = fingerprint_of((tree.root.url, file) for file in files)
        plan = Plan(self.name, "", tree.root.url, bucket_count(tree.config, 1), fingerprint, covers)
        plan.trees = [tree.root.url]
        plan.units = [LinesUnit(tree.root.url)]
        return plan

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """Pixels."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Odd coordinates are told."""
        odd = sum(item.count("odd") for item in evidence.values())
        return [Doubt(Doubted.OTHER, f"{odd} coordinates are odd", odd, option="--lines-unit")] if odd else []


@dataclass(frozen=True, slots=True)
class LinesUnit:
    """The whole file."""

    root: str
    size = 1
    index = None

    def read(self, reading: Reading) -> ReadResult:
        """Read the lines; one that is malformed is rejected."""
        from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
        from labelbeam.schemas.reasons import Rejected
        from labelbeam.transforms.columns.fragments import fragments_of
        from labelbeam.transforms.formats.frames import Evidence
        from labelbeam.transforms.formats.reading import Findings
        from labelbeam.transforms.stores.locate import locate
        from labelbeam.transforms.stores.reading import read_file

        options = reading.options
        scale = 0.5 if options.config.of(LinesOptions).lines_unit == "half" else 1.0
        evidence = Evidence()
        images: dict[str, SourceImage] = {}
        text = read_file(locate(self.root, options.storage).below(NAME)).decode()
        for number, line in enumerate(text.splitlines(), 1):
            path, width, height, label, corners = line.split(" ")
            split = SPLIT_ALIASES.get(path.partition("/")[0])
            new = SourceImage(path, NAME, f"line {number}", int(width), int(height), split, [], [])
            image = images.setdefault(path, new)
            try:
                left, top, right, bottom = (float(value) for value in corners.split(","))
            except ValueError:
                bad = Rejection(NAME, f"line {number}", path, "object", Rejected.INVALID_BBOX, "not four numbers", line)
                image.rejected.append(bad)
                continue
            evidence.add("odd", int(any(value % 2 for value in (left, top, right, bottom))), f"line {number}")
            box = (left * scale, top * scale, right * scale, bottom * scale)
            image.objects.append(SourceObject(label, f"line {number}", box))
        fragments = dict(fragments_of(images.values(), options.buckets, 0))
        records = sum(fragment.records for fragment in fragments.values())
        return reading.result(Findings(records, {self.root: evidence}), sorted(fragments.items()))


def main(arguments: list[str]) -> int:
    """Run the command with this format in the registry, as one more line there would do."""
    from labelbeam.transforms.formats.registry import FORMATS

    FORMATS["lines"] = Lines()
    from labelbeam.pipelines.cli import main as command
    from tests.tables import format_row

    if arguments == ["row"]:
        print(format_row("lines"))
        return 0
    return command(arguments)
