"""Doubts that the levels of folders leave: what lies around all classes, unusual splits, and words for splits that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.split_names import split_name
from labelbeam.transforms.messages.words import listed

if TYPE_CHECKING:
    from labelbeam.transforms.formats.folder.levels import Levels

_SHOWN = 6


def doubts_of_levels(levels: Levels, tops: Mapping[str, int], told: bool) -> Iterator[Doubt]:
    """The doubts. `tops` are images by the folders below those around everything; `told` says that a person named the splits."""
    if levels.around and not levels.splits and len(tops) > 1:
        around = "/".join(levels.around)
        message = (
            f"the folder {listed([around])} holds all classes and is none itself: they are the folders in it, such as "
            f"{listed(sorted(tops)[:1])}"
        )
        yield Doubt(Doubted.FOLDER_AROUND_CLASSES, message, sum(tops.values()), around, f"--source SOURCE/{around}")
    usual = all(name.lower() in SPLIT_ALIASES for name in levels.splits)
    if levels.splits and (levels.around or levels.inside_classes or levels.inside_splits or not usual):
        shown = ", ".join(f"{folder} is {split}" for folder, split in sorted(levels.split_folders.items())[:_SHOWN])
        message = f"splits were read from folders of an unusual name or place: {shown}"
        count, example = len(levels.split_folders), min(levels.split_folders)
        yield Doubt(Doubted.SPLIT_FOLDERS, message, count, example, "--split-folders none")
    if not told and levels.splits and "train" not in levels.splits.values():
        message = (
            f"the folders {listed(levels.splits)} are named like splits, and none is train: there is nothing to train on; if they are not meant "
            "as splits, say --split train=1, or --split-folders none where they are classes"
        )
        yield Doubt(Doubted.NO_TRAIN_SPLIT, message, sum(tops.values()), min(levels.splits), "--split train=1")
    if not told and not levels.splits:
        yield from _classes_with_splits(tops)


def _classes_with_splits(tops: Mapping[str, int]) -> Iterator[Doubt]:
    """A doubt where each class seems to have a folder for each split: `cat_train`, `cat_test`, `dog_train`, `dog_test`."""
    read = {name: found for name in tops if (found := split_name(name)) is not None and found.rest}
    splits: dict[tuple[str, ...], set[str]] = {}
    for found in read.values():
        splits.setdefault(found.rest, set()).add(found.split)
    several = [rest for rest, its in splits.items() if len(its) > 1]
    if len(several) < 2:
        return
    names = sorted(name for name, found in read.items() if found.rest in several)
    first = read[names[0]]
    message = (
        f"the folders {listed(names)} hold a word for a split beside another one, and each was read as a class of its own; if they are the "
        f"splits of {len(several)} classes, put them into folders such as {first.split}/{' '.join(first.rest)}"
    )
    yield Doubt(Doubted.SPLITS_AS_CLASSES, message, sum(tops[name] for name in names), names[0], "--split-folders none")
