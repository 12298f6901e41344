"""The split of each image of a bucket: drawn by its path or by its group, or as the source says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labelbeam.schemas.config import ConvertConfig, parse_split
from labelbeam.schemas.manifest import Oddity
from labelbeam.schemas.split_group import SplitGroup, parse_split_group
from labelbeam.transforms.columns.hashes import draw_split
from labelbeam.transforms.columns.images import NO_NOTE, Images
from labelbeam.transforms.write.augmented import origin_of
from labelbeam.transforms.write.stratify import Strata

UNGROUPED = "ungrouped"
"""The oddity of images that --split-group finds no group for."""


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """Shares that splits are drawn by, in their order, and what belongs together; without shares the source's splits count."""

    shares: dict[str, float] | None = None
    group: SplitGroup | None = None
    stratify: bool = False


SOURCES_OWN = SplitOptions()


def split_options(config: ConvertConfig) -> SplitOptions:
    """The options of a build."""
    group = None if config.split_group is None else parse_split_group(config.split_group)
    return SplitOptions(parse_split(config.split), group, config.stratify)


class Unit(NamedTuple):
    """What comes into one split as a whole: a group of images, or else an image with its copies."""

    name: str
    grouped: bool = False


def unit_of(path: str, value: str, group: SplitGroup | None) -> Unit:
    """The unit of an image; `value` is what the column holds for it that --split-group names."""
    found = None if group is None else group.group(path, value)
    return Unit(origin_of(path)) if found is None else Unit(f"group {found}", True)


@dataclass(slots=True)
class Drawn:
    """Rows of images by split, and those that have no group, where groups were asked for."""

    members: dict[str, list[int]] = field(default_factory=dict)
    oddities: dict[str, Oddity] = field(default_factory=dict)


def draw_splits(images: Images, rows: Sequence[int], options: SplitOptions, strata: Strata | None = None) -> Drawn:
    """Divide the images at `rows` by split. An image without a group is one by itself; `strata` are splits that are drawn already."""
    drawn = Drawn()
    if rows and options == SOURCES_OWN and len(own := set(images.splits)) == 1:
        drawn.members[own.pop() or "train"] = list(rows)
        return drawn
    ungrouped: list[str] = []
    for row in rows:
        path = images.paths[row]
        if options.shares is None:
            split = images.splits[row] or "train"
        else:
            unit = unit_of(path, images.notes.get(row, NO_NOTE).group, options.group)
            if options.group is not None and not unit.grouped:
                ungrouped.append(path)
            number = None if strata is None else strata.split(path)
            split = draw_split(unit.name, options.shares) if number is None else [*options.shares][number]
        drawn.members.setdefault(split, []).append(row)
    if options.group is not None:
        drawn.oddities[UNGROUPED] = Oddity(len(ungrouped), len(rows), min(ungrouped, default=""))
    return drawn
