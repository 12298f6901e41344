"""The image sets of Pascal VOC: `ImageSets/Main/train.txt` for splits, `ImageSets/Main/cat_train.txt` for labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.split_names import table_split
from labelbeam.transforms.formats.voc.image_index import split_suffix
from labelbeam.transforms.formats.voc.lists import Names, flags_of, lines_of, uncommented

_HELD_OUT_FIRST = ("validation", "test", "train")
"""Which list wins where an image is in several: what is held out stays so, and what a training validates with first."""
_TRAINVAL = "trainval"


class Labels(NamedTuple):
    """The classes that the per-class lists mark 1 and 0 for an image; 0 means that only difficult objects show it."""

    present: tuple[str, ...]
    difficult: tuple[str, ...]


class ImageSets(NamedTuple):
    """Lists of one dataset root, by the path of the annotation file.

    An annotation file that is in a list but in none of a split has the split None; one that is in no list is absent.
    """

    splits: dict[str, str | None]
    labels: dict[str, Labels]


LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv")
_SETS = ("imagesets", "imageset", "image_sets")
_BESIDE = "beside"
_KINDS = ("main", "", _BESIDE, "segmentation", "layout", "action")
"""Folders of lists, the likeliest first. Lists that are made for another task have splits, which are better than none."""


class ListFiles(NamedTuple):
    """Lists by the directory of the dataset that they are of, and those of which it is not known whether they count, likewise."""

    chosen: dict[str, list[str]]
    unknown: dict[str, list[str]]


@lru_cache(4096)
def _depth_of_sets(folders: str) -> int | None:
    """The depth of a directory that holds lists, among those of a path; None where there is none."""
    return next((at for at, folder in enumerate(folders.split("/")) if folder.lower() in _SETS), None)


def lists_of_task(files: Iterable[str], task: str) -> ListFiles:
    """Find the lists that apply to a task.

    Instance segmentation has its lists in `ImageSets/Segmentation`; without these, and for the other tasks, they are
    those in `ImageSets/Main`, without these those in `ImageSets` itself, and without these those of another task. Without
    `ImageSets`, files called like a split, such as `train.txt` or `val_list.txt`, are lists. A folder by another name in
    `ImageSets` counts where it is the only one.
    """
    found: dict[str, dict[str, list[str]]] = {}
    unknown: dict[str, list[str]] = {}
    for path in files:
        above_name, _, name = path.rpartition("/")
        is_list = name.lower().endswith(LIST_SUFFIXES)
        sets = _depth_of_sets(above_name)
        if sets is None and not is_list:
            continue
        folders = path.split("/")[:-1]
        if sets is not None and (is_list or ("." not in name and _list_of_split(name))):
            above, kind = sets, "/".join(folders[sets + 1 :]).lower()
        elif sets is not None and _list_of_split(name.partition(".")[0]):
            unknown.setdefault("/".join(folders[:sets]), []).append(path)  # Such as `train.json`.
            continue
        elif is_list and sets is None and _list_of_split(_stem(path)):
            above, kind = len(folders), _BESIDE
        else:
            continue
        found.setdefault("/".join(folders[:above]), {}).setdefault(kind, []).append(path)
    kinds = ("segmentation", *_KINDS) if task == "image_instance_segmentation" else _KINDS
    chosen = {}
    for root, of in found.items():
        likeliest = next((kind for kind in kinds if kind in of), next(iter(of)) if len(of) == 1 else None)
        if likeliest is not None:
            chosen[root] = sorted(of[likeliest])
        else:
            unknown[root] = sorted([*unknown.get(root, []), *(path for paths in of.values() for path in paths)])
    return ListFiles(chosen, unknown)


def _list_of_split(stem: str) -> str | None:
    """The split that a list is of by its name, or `trainval`."""
    if part := _OF_PART.fullmatch(stem):  # `train_cls` of ImageNet, `trainaug` of many who segment.
        return SPLIT_ALIASES[part[1].lower()]
    return _TRAINVAL if _OF_BOTH.fullmatch(stem) else table_split(stem)


_OF_PART = re.compile(r"(?i)(train|val|test)[_-]?(?:aug|cls|loc|det|seg)")


_OF_BOTH = re.compile(r"(?i)(?:.*[^a-z])?train[_-]?val(?:[^a-z].*)?")


def read_image_sets(
    paths: Sequence[str],
    read: Callable[[str], bytes],
    task: str,
    xmls: Mapping[str, str],
    doubts: list[Doubt],
) -> ImageSets | None:
    """Read the lists of one folder; None where they name no annotation file at all.

    `xmls` are the annotation files by id: their path below `Annotations`, without `.xml`. `doubts` receives what a
    person should know of the lists: contradictions, ids without an annotation file, and flags of no class. Lists of a class
    are not read for tasks that they say nothing about, since there are three a class.
    """
    members: dict[str, set[str]] = {}  # Annotation files by split, or by the name of a list that is of no split.
    flags: dict[str, dict[str, int]] = {}
    known = Names.of(xmls)
    listed: set[str] = set()
    unknown: set[str] = set()
    of_no_class: dict[str, int] = {}
    for_labels = "classification" in task or all(_class_and_list(path)[0] for path in paths)
    contents: dict[str, tuple[list[str], dict[str, int] | None]] = {}
    for path in paths:
        label, _ = _class_and_list(path)
        if not label or for_labels or label in SPLIT_ALIASES:
            lines = lines_of(read(path))
            contents[path] = lines, flags_of(lines)
    alone = _of_a_class_alone({path: marked for path, (_, marked) in contents.items() if marked})
    for path, (lines, marked) in contents.items():
        label, name = (normalized(_stem(path)),) * 2 if path in alone else _class_and_list(path)
        split = _list_of_split(_stem(path))
        if not label or marked is None:
            # `train_val.txt` is what the class "train" has for val, or else somebody's trainval.
            name = split or _stem(path).lower()
            if minus := sum(flag < 0 for flag in (marked or {}).values()):
                of_no_class[path] = minus
        ids = lines if not label or marked is None else list(marked)
        resolved = known.resolve(ids, numbers_behind=not label or marked is not None or split is not None)
        listed |= resolved.keys()
        unknown |= {one for one in ids if one not in resolved and uncommented(one)}
        members.setdefault(SPLIT_ALIASES.get(name, name), set()).update(resolved.values())
        for identity, flag in (marked or {}).items() if label else ():
            if (xml := resolved.get(identity)) is not None:
                of_image = flags.setdefault(xml, {})
                of_image[label] = max(flag, of_image.get(label, flag))

    where = paths[0].rpartition("/")[0]
    for_sets = any(folder.lower() in _SETS for folder in where.split("/"))
    unknown -= listed
    ignored = not listed or (not for_sets and len(listed) < len(unknown))
    if unknown:
        message = f"{where or paths[0]}: no annotation file for {some(unknown)} in the lists"
        message += ", so the lists are ignored" if ignored else ""
        doubts.append(Doubt(Doubted.LISTED_WITHOUT_ANNOTATION, message, len(unknown), min(unknown)))
    if ignored:
        return None
    if of_no_class:
        doubts.append(_flags_of_no_class(of_no_class))
    return ImageSets(_splits(members, where, doubts), {xml: _labels(marks) for xml, marks in flags.items()})


def _of_a_class_alone(flags: Mapping[str, Mapping[str, int]]) -> set[str]:
    """Lists with flags that are called like a class and no split, such as `cat.txt`: where some flag says that it is not there."""
    alone = {path for path in flags if _list_of_split(_stem(path)) is None and not _class_and_list(path)[0]}
    return alone if any(flag < 1 for path in alone for flag in flags[path].values()) else set()


def _flags_of_no_class(minus: Mapping[str, int]) -> Doubt:
    example = min(minus)
    message = (
        f"{example}: {minus[example]:,} lines end in -1, as where a list says which images show a class, and the list names no class: "
        "all of its images are taken for images of its split; a list of the class car is called car_train.txt"
    )
    return Doubt(Doubted.FLAGS_NOT_READ, message, sum(minus.values()), example)


def some(names: Collection[str]) -> str:
    """Count names, and show the first of them.

    >>> some({"b", "a", "d", "c"})
    '4 (a, b, c, …)'
    """
    shown = ", ".join(sorted(names)[:3])
    return f"{len(names):,} ({shown}{', …' if len(names) > 3 else ''})"


def first_of_splits(
    members: Mapping[str, set[str]], order: Sequence[str], where: str, doubts: list[Doubt]
) -> dict[str, str]:
    """The split of each member: the first in `order` whose list holds it. Members of two lists are doubted."""
    splits: dict[str, str] = {}
    clashes: dict[str, set[str]] = {}
    for split in order:
        for member in members.get(split, ()):
            first = splits.setdefault(member, split)
            if first != split:
                clashes.setdefault(f"{first} as well as {split}: they count as {first}", set()).add(member)
    for clash, both in sorted(clashes.items()):
        message = f"{where}: {some(both)} in the lists of {clash}"
        doubts.append(Doubt(Doubted.LISTED_IN_TWO_SPLITS, message, len(both), min(both)))
    return splits


def _splits(members: Mapping[str, set[str]], where: str, doubts: list[Doubt]) -> dict[str, str | None]:
    splits: dict[str, str | None] = {**first_of_splits(members, _HELD_OUT_FIRST, where, doubts)}

    # trainval is the union of two: where only one of them has a list, the rest is the other.
    listed = ("train" in members, "validation" in members)
    rest = {(True, False): "validation", (False, True): "train"}.get(listed)
    others = set().union(*(xmls for name, xmls in members.items() if name not in _HELD_OUT_FIRST)) - splits.keys()
    for xml in others:
        splits[xml] = rest if xml in members.get(_TRAINVAL, ()) else None
    if unsplit := [xml for xml in others if splits[xml] is None and xml not in members.get(_TRAINVAL, ())]:
        message = f"{where}: {some(unsplit)} in lists that are of no split"
        doubts.append(Doubt(Doubted.LISTED_IN_NO_SPLIT, message, len(unsplit), min(unsplit), "--split"))
    return splits


def _labels(marks: Mapping[str, int]) -> Labels:
    present, difficult = (tuple(sorted(label for label, flag in marks.items() if flag == wanted)) for wanted in (1, 0))
    return Labels(present, difficult)


def _class_and_list(path: str) -> tuple[str, str]:
    """Class and list that a name such as `traffic_light_train.txt` speaks of; the class is "" where it names none."""
    label, _, name = _stem(path).rpartition("_")
    return (normalized(label), name.lower()) if name.lower() in {*SPLIT_ALIASES, _TRAINVAL} else ("", "")


def _stem(path: str) -> str:
    return split_suffix(path, LIST_SUFFIXES)[0].rpartition("/")[2]
