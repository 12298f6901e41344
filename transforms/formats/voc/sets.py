"""The image sets of Pascal VOC: `ImageSets/Main/train.txt` for splits, `ImageSets/Main/cat_train.txt` for labels."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.voc.folders import join, split_of_folder
from labelbeam.transforms.formats.voc.image_index import (
    IMAGE_SUFFIXES,
    home_of_image,
    home_of_xml,
    key_of,
    split_suffix,
    stem_of_xml,
)

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


def lists_of_task(files: Iterable[str], task: str) -> dict[str, list[str]]:
    """Find the lists that apply to a task: their paths by the directory of the dataset that they are of.

    Instance segmentation has its lists in `ImageSets/Segmentation`; without these, and for the other tasks, they are
    those in `ImageSets/Main`, without these those in `ImageSets` itself, and without these those for segmentation, whose splits
    are better than none. Without `ImageSets`, files called like a split, such as `train.txt`, are lists.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for path in files:
        if not path.lower().endswith(LIST_SUFFIXES):
            continue
        folders = path.split("/")[:-1]
        lower = [folder.lower() for folder in folders[-2:]]
        sets = next((at for at, folder in enumerate(lower) if folder in _SETS), None)
        if sets is not None:
            above, kind = len(folders) - len(lower) + sets, "".join(lower[sets + 1 :])
        elif _stem(path).lower() in {*SPLIT_ALIASES, _TRAINVAL}:
            above, kind = len(folders), "beside"
        else:
            continue
        found.setdefault("/".join(folders[:above]), {}).setdefault(kind, []).append(path)
    kinds: tuple[str, ...] = ("main", "", "beside", "segmentation")
    if task == "image_instance_segmentation":
        kinds = ("segmentation", *kinds)
    chosen = {root: next((of[kind] for kind in kinds if kind in of), []) for root, of in found.items()}
    return {root: sorted(paths) for root, paths in chosen.items() if paths}


_SETS = ("imagesets", "imageset", "image_sets")


def read_image_sets(
    paths: Sequence[str],
    read: Callable[[str], bytes],
    task: str,
    xmls: Mapping[str, str],
    doubts: list[Doubt],
) -> ImageSets | None:
    """Read the lists of one folder; None where they name no annotation file at all.

    `xmls` are the annotation files by id: their path below `Annotations`, without `.xml`. `doubts` receives what a
    person should know of the lists: contradictions, and ids without an annotation file. Lists of a class are not
    read for tasks that they say nothing about, since there are three a class.
    """
    members: dict[str, set[str]] = {}  # Ids by split, or by the name of a list that is of no split.
    flags: dict[str, dict[str, int]] = {}
    for_labels = "classification" in task or all(_class_and_list(path)[0] for path in paths)
    for path in paths:
        label, name = _class_and_list(path)
        if label and not for_labels and label not in SPLIT_ALIASES:
            continue
        lines = _lines(read(path))
        marked = _flags(lines) if label else None
        if marked is None:
            # `train_val.txt` is what the class "train" has for val, or else somebody's trainval.
            name = _stem(path).replace("_", "").lower()
        members.setdefault(SPLIT_ALIASES.get(name, name), set()).update(lines if marked is None else marked)
        for identity, flag in (marked or {}).items():
            of_image = flags.setdefault(identity, {})
            of_image[label] = max(flag, of_image.get(label, flag))

    where = paths[0].rpartition("/")[0]
    for_sets = any(folder.lower() in _SETS for folder in where.split("/"))
    ids = set().union(*members.values())
    resolved = _resolve(ids, xmls)
    ids = {one for one in ids if one in resolved or _uncommented(one)}
    ignored = not resolved or (not for_sets and len(resolved) < len(ids) / 2)
    if unknown := ids - resolved.keys():
        message = f"{where or paths[0]}: no annotation file for {some(unknown)} in the lists"
        message += ", so the lists are ignored" if ignored else ""
        doubts.append(Doubt(Doubted.LISTED_WITHOUT_ANNOTATION, message, len(unknown), min(unknown)))
    if ignored:
        return None
    of_list = {name: {resolved[one] for one in listed if one in resolved} for name, listed in members.items()}
    labels = {resolved[one]: _labels(marks) for one, marks in flags.items() if one in resolved}
    return ImageSets(_splits(of_list, where, doubts), labels)


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


def _lines(data: bytes) -> list[str]:
    """The lines that are not blank. An id in another charset than UTF-8 will be found to have no annotation file."""
    text = data.decode(_charset_of(data[:1024]), errors="replace")
    lines = [stripped for line in text.replace("\r", "\n").split("\n") if (stripped := line.strip())]
    # A table's line of headings.
    return lines[1:] if lines and set(_SEPARATORS.split(lines[0].lower())) <= _HEADINGS else lines


def _charset_of(head: bytes) -> str:
    """UTF-8, or UTF-16 as PowerShell's `>` writes it, with a mark or without: names then have a zero in every second byte."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" not in head:
        return "utf-8-sig"
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


_SEPARATORS = re.compile(r"[\s,;]+")
_HEADINGS = frozenset(
    ("filename", "file_name", "file", "image", "images", "img", "image_id", "id", "name", "path", "xml", "annotation")
)


def _flags(lines: Sequence[str]) -> dict[str, int] | None:
    """Flags by id; None where a line has none, so that these are just ids."""
    flags: dict[str, int] = {}
    for line in lines:
        line = _uncommented(line)
        parts = line.replace(",", " ").replace(";", " ").rsplit(None, 1)
        if len(parts) == 2 and _FLAG.fullmatch(parts[1]):
            identity = line[: len(parts[0])]
            flags[identity] = max(int(float(parts[1])), flags.get(identity, -1))
        elif line:
            return None
    return flags


_FLAG = re.compile(r"[+-]?[01](?:\.0{0,9})?")
"""1, 0 or -1; MATLAB also writes 1.0000."""

_COMMENT = re.compile(r"(?:^|\s)(?:#|//|%|;)")


def _uncommented(line: str) -> str:
    """A line without what stands behind a mark of comments."""
    return _COMMENT.split(line, maxsplit=1)[0].strip()


def _resolve(lines: Iterable[str], xmls: Mapping[str, str]) -> dict[str, str]:
    """Annotation files by the lines of lists: an id, a path, or several names of one image in a line."""
    names = _Names({}, {})
    for xml in xmls.values():
        names.add(xml)
    resolved = {}
    for line in lines:
        found = xmls.get(line) or names.find(line) or _of_several(line, names)
        if found is None and (name := _uncommented(line)) != line and name:
            found = xmls.get(name) or names.find(name) or _of_several(name, names)
        if found is not None:
            resolved[line] = found
    return resolved


class _Names(NamedTuple):
    """Annotation files by the ends of their paths, and by these without letter case and in one Unicode form; None for several."""

    exact: dict[str, str | None]
    alike: dict[str, str | None]

    def add(self, xml: str) -> None:
        for ending in _endings(join(home_of_xml(xml).name, stem_of_xml(xml))):
            for known, name in ((self.exact, ending), (self.alike, key_of(ending))):
                known[name] = None if known.get(name, xml) != xml else xml

    def find(self, listed: str) -> str | None:
        """The annotation file of a name, with or without suffix, image folder, and directories above the dataset."""
        path = listed.strip("\"',; \t").replace("\\", "/")
        path = split_suffix(path, {*IMAGE_SUFFIXES, ".xml"})[0]
        for ending in _endings(join(home_of_image(path), path.rpartition("/")[2])):
            if found := self.exact.get(ending) or self.alike.get(key_of(ending)):
                split, other = split_of_folder(path), split_of_folder(found)
                return found if split is None or other is None or split == other else None
        return None


_NAME_ENDS = re.compile(
    rf"(?:{'|'.join(map(re.escape, (*sorted(IMAGE_SUFFIXES), '.xml')))})(?=[\s,;\"']|$)", re.IGNORECASE
)


def _of_several(line: str, known: _Names) -> str | None:
    """The annotation file that all names of a line lead to: image and annotation, in any order."""
    found = {known.find(name) for name in _names_in(line) or _SEPARATORS.split(line)}
    return found.pop() if len(found) == 1 else None


def _names_in(line: str) -> list[str]:
    """Names with a suffix, blanks in them included, between commas and semicolons. Linear in the line, whatever it holds."""
    names: list[str] = []
    start = 0
    for end in _NAME_ENDS.finditer(line):
        separator = max(line.rfind(mark, start, end.start()) for mark in ",;")
        start = max(start, separator + 1)
        if start < end.start():
            names.append(line[start : end.end()].strip("\"' \t"))
            start = end.end()
    return names


def _endings(path: str) -> Iterable[str]:
    """A path, and it without the first, the first two, … of its directories."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]
