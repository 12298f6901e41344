"""YOLO as a source: its images, and which label file, split and class names each has.

Planning works on names, on data.yaml or what stands for it, and on lists; label files are read later, in parallel, by `yolo.units`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.paths import key_of, parts_of
from labelbeam.transforms.formats.voc.sets import some
from labelbeam.transforms.formats.yolo.description import (
    Description,
    Names,
    describes,
    differing,
    is_names_file,
    may_describe,
    parse_description,
    parse_names,
)
from labelbeam.transforms.formats.yolo.entries import find_entry
from labelbeam.transforms.formats.yolo.names_files import doubts_of_names, doubts_of_notes
from labelbeam.transforms.formats.yolo.pairs import Conventions, LabelFiles, in_labels
from labelbeam.transforms.formats.yolo.splits import Splits, path_of_missing, read_splits
from labelbeam.transforms.images.names import extension, hidden, is_image
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.threads import in_threads


class YoloItem(msgspec.Struct, frozen=True):
    """One image, and its label file to read.

    `image` is relative to the images' root, `labels` to the dataset's; None where there is none: the image is background.
    `candidates` are several label files between which nothing decides. `names` is a place in the plan's tables of names. An item
    with `skipped` need not be read at all: it counts as an image that was found and skipped.
    """

    image: str
    labels: str | None = None
    split: str | None = None
    names: int = 0
    by_other_name: bool = False
    candidates: tuple[str, ...] = ()
    skipped: Skipped | None = None


class YoloPlan(NamedTuple):
    """Images to read, in the order of their paths, and the tables of class names that they refer to; None for numbers alone."""

    items: list[YoloItem]
    names: list[Names | None]
    keypoints: int
    doubts: list[Doubt]


def plan_yolo(
    files: Sequence[str],
    read: Callable[[str], bytes],
    image_files: Sequence[str] | None = None,
    data: str | None = None,
    head: Callable[[str], bytes] | None = None,
) -> YoloPlan:
    """Find the images, and what belongs to each, in the listing of a dataset.

    `files` are all paths below the dataset's root, `/`-separated; `read` fetches the files that describe it, and what it raises is
    passed on; `head` fetches the beginning of one, by default all of it. `image_files` are the paths below the images' root where the images lie elsewhere. `data` is the file that describes
    the dataset, where it was named.

    Raises:
        UsageError: several files describe it otherwise, or `data` does not.
        LabelBeamError: a file that describes it is malformed.
    """
    doubts: list[Doubt] = []
    files = sorted(path for path in files if not hidden(path))
    images = sorted(path for path in (files if image_files is None else image_files) if is_image(path))
    images = [path for path in images if not hidden(path)]
    texts = [path for path in files if extension(path) == "txt" and not is_names_file(path)]
    description, names = _describe(files, read, head or read, data, doubts)
    splits = read_splits(description, images, texts, read, doubts)

    labels = LabelFiles(texts)
    items = {}
    for image in images:
        pair = labels.of_image(image)
        split = splits.of_image.get(image) or splits.split_of(image)
        items[image] = YoloItem(image, pair.labels, split, 0, pair.by_other_name, pair.candidates)
    conventions = Conventions(images, image_files is not None)
    orphans = [path for path in _orphans(items.values(), labels) if path not in splits.lists]
    items |= _unlisted(orphans, splits, conventions, items)
    in_dataset = _in_dataset(items.values(), splits)
    found = [
        msgspec.structs.replace(item, names=names.of(item.labels) if item.labels is not None else 0)
        if item.image in in_dataset
        else msgspec.structs.replace(item, skipped=Skipped.OUTSIDE_SPLITS)
        for _, item in sorted(items.items())
    ]
    doubts += _what_is_missing(found, names)
    return YoloPlan(found, names.tables, description.keypoints if description else 0, doubts)


class _Tables(NamedTuple):
    """Tables of class names, and which of them holds for the label files of each directory; "" for all others."""

    tables: list[Names | None]
    of_folder: dict[str, int]

    def of(self, labels: str) -> int:
        folder = labels.rpartition("/")[0]
        while folder and folder not in self.of_folder:
            folder = folder.rpartition("/")[0]
        return self.of_folder.get(folder, self.of_folder.get("", 0))


def _describe(
    files: Sequence[str],
    read: Callable[[str], bytes],
    head: Callable[[str], bytes],
    data: str | None,
    doubts: list[Doubt],
) -> tuple[Description | None, _Tables]:
    """The description of the dataset: the file that was named, else data.yaml or obj.data, else files of class names."""
    if data is not None and data not in files:
        raise UsageError(f"--yolo-data: found no file {data!r} in the source")
    if data is not None and not may_describe([data]):
        return None, _Tables([parse_names(read(data), data)], {"": 0})
    description = _sole(files, read, head) if data is None else parse_description(read(data), data)
    if description is not None and description.names is None and description.names_file:
        folder = description.path.rpartition("/")[0]
        place = find_entry(description.names_file, [folder, ""], set(files))
        if place is None:
            raise LabelBeamError(
                f"{description.path}: names leads to {description.names_file!r:.120}, which is not in the source; expected a file of "
                "class names, one a line"
            )
        description = msgspec.structs.replace(description, names=parse_names(read(place), place))
    paths = [path for path in files if is_names_file(path)]
    tables = {} if data is not None and description is not None and description.names else _parse_all(paths, read)
    doubts += [doubt for path, names in sorted(tables.items()) for doubt in doubts_of_names(path, names)]
    if description is None or description.names is None:
        doubts += doubts_of_notes(files, tables, read)
        return description, _nearest(tables)
    if data is None:
        _compare(description, tables, doubts)
    return description, _Tables([description.names], {"": 0})


def _parse_all(paths: Sequence[str], read: Callable[[str], bytes]) -> dict[str, Names]:
    return {path: parse_names(data, path) for path, data in zip(paths, in_threads(read, paths), strict=True)}


def _sole(files: Sequence[str], read: Callable[[str], bytes], head: Callable[[str], bytes]) -> Description | None:
    """The data.yaml or obj.data that lies least deep.

    Raises:
        UsageError: several lie there and differ.
    """
    named = may_describe(files)
    told = [
        path
        for path, data in zip(named, in_threads(head, named), strict=True)
        if describes(path, data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace"))
    ]
    depth = min((path.count("/") for path in told), default=0)
    found = [parse_description(read(path), path) for path in told if path.count("/") == depth]
    contents = [(item.names, item.splits, item.root, item.names_file) for item in found]
    folders = {item.path.rpartition("/")[0] for item in found}
    if len(folders) > 1 or any(content != contents[0] for content in contents):
        shown = " and ".join(sorted(item.path for item in found)[:2])
        raise UsageError(
            f"{shown} describe the dataset, and say different things; name one with --yolo-data, or the directory of one "
            "dataset with --source"
        )
    return found[0] if found else None


def _compare(description: Description, names_files: Mapping[str, Names], doubts: list[Doubt]) -> None:
    names = description.names
    assert names is not None, "a description is compared by its names"
    if description.count is not None and description.count != len(names.by_number):
        message = f"{description.path}: nc is {description.count:,}, and names has {len(names.by_number):,}; the names are taken"
        doubts.append(Doubt(Doubted.CLASS_NAMES_DIFFER, message, 1, description.path, "--yolo-data"))
    for path, others in sorted(names_files.items()):
        numbers = list(differing(names, others))
        if numbers:
            first = numbers[0]
            message = (
                f"{path} has other names than {description.path} for {counted(len(numbers), 'class', 'classes')}, such as "
                f"{others.by_number.get(first)!r:.60} and {names.by_number.get(first)!r:.60} for {first}; those of {description.path} are taken"
            )
            doubts.append(Doubt(Doubted.CLASS_NAMES_DIFFER, message, len(numbers), path, "--yolo-data"))


def _nearest(names_files: Mapping[str, Names]) -> _Tables:
    """Names by directory, as labelImg keeps them: those of the next file above; a sole table holds wherever it lies.

    Raises:
        UsageError: two files of one directory differ.
    """
    tables: list[Names | None] = [None]
    of_folder: dict[str, int] = {"": 0}
    first: dict[str, str] = {}
    for path, names in sorted(names_files.items()):
        folder = path.rpartition("/")[0]
        if names not in tables:
            tables.append(names)
        place = tables.index(names)
        if folder in first and of_folder[folder] != place:
            raise UsageError(f"{first[folder]} and {path} name classes otherwise; name one with --yolo-data")
        first.setdefault(folder, path)
        of_folder[folder] = place
    if len(tables) == 2:
        return _Tables([tables[1]], {"": 0})
    return _Tables(tables, of_folder)


def _orphans(items: Iterable[YoloItem], labels: LabelFiles) -> list[str]:
    """Label files that no image claims: what lies in a folder of labels, or beside files that images have claimed."""
    claimed = {item.labels for item in items if item.labels is not None}
    claimed |= {path for item in items for path in item.candidates}
    folders = {path.rpartition("/")[0] for path in claimed}
    rest = [
        path for path in labels.paths - claimed if in_labels(path) or not _OTHER_TEXTS.match(path.rpartition("/")[2])
    ]
    if not claimed:
        folders = {path.rpartition("/")[0] for path in rest if in_labels(path)} or {
            path.rpartition("/")[0] for path in rest if "/" in path
        }
    return sorted(path for path in rest if path.rpartition("/")[0] in folders or in_labels(path))


_OTHER_TEXTS = re.compile(
    r"readme|license|licence|notes?\.|requirements|(?:train|trainval|val|valid|validation|test)[\w-]*\.", re.IGNORECASE
)
"""Text files that lie beside label files and are none."""


def _unlisted(
    orphans: Sequence[str], splits: Splits, conventions: Conventions, items: Mapping[str, YoloItem]
) -> dict[str, YoloItem]:
    """Images that only a label file or a list knows of."""
    wanted = {written: split for split, paths in splits.missing.items() for written in paths}
    ends = _ends_of(wanted)
    found: dict[str, YoloItem] = {}
    for path in orphans:
        listed = next(
            (ends[end] for end in _ends(path) if end in ends), None
        )  # Other folders may have images of that name.
        image = conventions.image_of(path, listed.rpartition(".")[2] if listed is not None else "")
        split = wanted.pop(listed, None) if listed is not None else None
        if image not in items:
            found[image] = YoloItem(image, path, split or splits.split_of(image) or splits.split_of(path))
    for written, split in wanted.items():
        image = path_of_missing(written)
        if image not in items and image not in found:
            found[image] = YoloItem(image, None, split)
    return found


def _ends_of(paths: Iterable[str]) -> dict[tuple[str, ...], str | None]:
    """Paths by each of their ends, without extension; None for an end that several have."""
    ends: dict[tuple[str, ...], str | None] = {}
    for path in paths:
        for end in _ends(path):
            ends[end] = None if end in ends else path
    return ends


def _ends(path: str) -> Iterator[tuple[str, ...]]:
    """The ends of a path without extension, the longest first."""
    *folders, name = parts_of(path) or [""]
    parts = (*folders, key_of(name.rpartition(".")[0]))
    return (parts[start:] for start in range(len(parts)))


def _in_dataset(items: Iterable[YoloItem], splits: Splits) -> set[str]:
    """The images that belong to the dataset: those of entries, else those of folders that hold labelled images, splits or images."""
    if splits.given:
        return {item.image for item in items if item.split is not None}
    labelled = {item.image.rpartition("/")[0] for item in items if item.labels is not None or item.candidates}
    return {
        item.image
        for item in items
        if item.image.rpartition("/")[0] in labelled or item.split is not None or _in_images(item.image)
    }


def _in_images(path: str) -> bool:
    return any(folder.lower() in ("images", "jpegimages") for folder in path.split("/")[:-1])


def _what_is_missing(items: Sequence[YoloItem], names: _Tables) -> list[Doubt]:
    doubts: list[Doubt] = []
    outside = [item.image for item in items if item.skipped is not None]
    if outside:
        message = f"skipped, since no split of the dataset holds them: {some(outside)} images"
        doubts.append(Doubt(Doubted.OUTSIDE_LISTS, message, len(outside), min(outside)))
    read = [item for item in items if item.skipped is None]
    without = [item.image for item in read if item.labels is None and not item.candidates]
    if len(without) > len(read) / 2:
        message = f"{some(without)} of {len(read):,} images have no label file, and are background"
        doubts.append(Doubt(Doubted.IMAGES_WITHOUT_LABELS, message, len(without), min(without)))
    images_of: dict[str, list[str]] = {}
    for item in read:
        if item.labels is not None:
            images_of.setdefault(item.labels, []).append(item.image)
    shared = {labels: images for labels, images in images_of.items() if len(images) > 1}
    if shared:
        first, images = next(iter(sorted(shared.items())))
        message = (
            f"{len(shared):,} label files are those of several images each, which differ by their extension or folder, such as {first} of "
            f"{' and '.join(images[:3])}; each of these images has all of its objects; remove the images that are not labelled"
        )
        doubts.append(Doubt(Doubted.LABELS_OF_SEVERAL_IMAGES, message, len(shared), first))
    numbered = [item.labels for item in read if item.labels is not None and names.tables[item.names] is None]
    if numbered:
        message = f"label files whose classes no file names, so that their labels are numbers: {some(numbered)}"
        doubts.append(Doubt(Doubted.LABELS_ARE_NUMBERS, message, len(numbered), min(numbered), "--yolo-data"))
    return doubts
