"""Splits of a YOLO dataset: by data.yaml or obj.data, else by lists called like splits, else by folders.

Where entries lead to images, they are the dataset, as they are for the trainers: images of no entry are skipped. Where none does, as in
a data.yaml that was written on another machine, folders decide, with a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.paths import join, parts_of
from labelbeam.transforms.formats.split_names import split_of_path, table_split
from labelbeam.transforms.formats.voc.sets import first_of_splits, some
from labelbeam.transforms.formats.yolo.description import Description, text_of
from labelbeam.transforms.formats.yolo.entries import ImageNames, find_entry, folders_above, lines_of_list
from labelbeam.transforms.images.names import is_image
from labelbeam.transforms.stores.paths import safe_relative

_HELD_OUT_FIRST = ("validation", "test", "train")


class Splits(NamedTuple):
    """The split of each image by path, and of the paths in lists that lead to no image, by split.

    `given` says that there are entries which lead to images, so that images of none are not part of the dataset. `folders` are
    the directories of entries by split, and `open` the splits whose entry leads nowhere: folders called so are theirs. `lists` are
    the text files that were read as lists.
    """

    of_image: Mapping[str, str]
    missing: Mapping[str, Sequence[str]]
    given: bool
    folders: Mapping[str, Collection[str]]
    open: Collection[str] = ()
    lists: Collection[str] = ()

    def split_of(self, path: str) -> str | None:
        """The split of a path that no entry need name: by the directories of entries, else by its folders."""
        if not self.given:
            return split_of_path(path)
        above = list(folders_above(path))
        for split in _HELD_OUT_FIRST:
            if any(folder in self.folders.get(split, ()) for folder in above):
                return split
        by_folder = split_of_path(path)
        return by_folder if by_folder in self.open else None


def read_splits(
    description: Description | None,
    images: Sequence[str],
    texts: Sequence[str],
    read: Callable[[str], bytes],
    doubts: list[Doubt],
) -> Splits:
    """Read the splits of a dataset; what a person should know of them is added to `doubts`.

    `images` are the paths of the listing of images, `texts` those of text files that may be lists, and `read` fetches one.
    """
    entries = dict(description.splits) if description is not None else {}
    where = description.path if description is not None else ""
    if not entries:
        lists = _lists_of_splits(images, texts, read)
        entries, where = {split: tuple(paths) for split, paths in lists.items()}, ""
    if not entries:
        return Splits({}, {}, False, {})
    home = where.rpartition("/")[0]
    bases = [home]
    if description is not None and description.root:
        # `path` may be relative to the file, to the directory that a trainer was started in, or be of another machine.
        below = find_entry(description.root, [home, ""], _folders_of([*images, *texts]))
        bases = [below, home] if below is not None else bases
    bases = list(dict.fromkeys([*bases, ""]))
    names = ImageNames(images)
    folders = _folders_of(images)
    known = folders | set(texts)
    members: dict[str, set[str]] = {}
    missing: dict[str, list[str]] = {}
    of_folders: dict[str, set[str]] = {}
    lost: dict[str, str] = {}
    lists_read: set[str] = set()
    for split, paths in entries.items():
        places = {path: find_entry(path, bases, known) for path in dict.fromkeys(paths)}
        lost |= {path: split for path, place in places.items() if place is None}
        found = {place for place in places.values() if place is not None}
        of_folders[split] = found & folders
        members[split] = {image for image in images if not of_folders[split].isdisjoint(folders_above(image))}
        for place in sorted(found - folders):
            lists_read.add(place)
            lines = lines_of_list(text_of(read(place), place))
            listed = _read_list(lines, [place.rpartition("/")[0], *bases], names)
            members[split].update(listed.values())
            missing.setdefault(split, []).extend(line for line in lines if line not in listed)
    given = any(members.values()) or any(missing.values())
    doubts += _lost(lost, where, given)
    of_image = _one_split_each(members, where, doubts)
    return Splits(of_image, missing, given, of_folders, frozenset(lost.values()), lists_read)


def _lists_of_splits(images: Sequence[str], texts: Sequence[str], read: Callable[[str], bytes]) -> dict[str, list[str]]:
    """Text files called like splits that hold names of images, by split: those that lie least deep."""
    stems = {image.rpartition(".")[0] for image in images}
    found: dict[str, list[str]] = {}
    named = [path for path in texts if table_split(path.rpartition("/")[2].rpartition(".")[0]) is not None]
    named = [path for path in named if path.rpartition(".")[0] not in stems]
    depth = min((path.count("/") for path in named), default=0)
    for path in sorted(path for path in named if path.count("/") == depth):
        lines = lines_of_list(text_of(read(path), path))
        if sum(map(is_image, lines)) > len(lines) / 2:
            found.setdefault(table_split(path.rpartition("/")[2].rpartition(".")[0]) or "", []).append(path)
    return found


def _read_list(lines: Iterable[str], bases: Sequence[str], names: ImageNames) -> dict[str, str]:
    """Images by the lines that mean them."""
    return {line: image for line in lines if (image := names.find(line, bases)) is not None}


def _folders_of(paths: Iterable[str]) -> set[str]:
    """All directories above some files, with "" for the root."""
    folders = {""}
    for path in paths:
        for folder in folders_above(path):
            if folder in folders:
                break
            folders.add(folder)
    return folders


def _lost(lost: Mapping[str, str], where: str, given: bool) -> list[Doubt]:
    if not lost:
        return []
    first = min(lost)
    message = f"{where or 'lists'}: {some(lost)} lead to no image and no list in the source"
    message += (
        "; folders called like their splits are taken in their place, if there are any"
        if given
        else "; splits are those of the folders' names, and of --split"
    )
    return [Doubt(Doubted.SPLIT_NOT_FOUND, message, len(lost), first, "--split")]


def _one_split_each(members: Mapping[str, set[str]], where: str, doubts: list[Doubt]) -> dict[str, str]:
    """One split an image: the one that is held out, unless nothing would be left to train on."""
    others = set().union(*(images for split, images in members.items() if split != "train"))
    order = _HELD_OUT_FIRST if members.get("train", set()) - others else ("train", "validation", "test")
    return first_of_splits(members, order, where or "lists", doubts)


def path_of_missing(written: str) -> str:
    """The path of an image that a list names and nobody finds, as one below the images' root; hostile ones stay as they are.

    >>> path_of_missing("./images/1.jpg"), path_of_missing("/home/me/1.jpg"), path_of_missing("../../1.jpg")
    ('images/1.jpg', 'home/me/1.jpg', '../../1.jpg')
    """
    safe = safe_relative(written)
    return safe if safe is not None else (written if ".." in written else join(*parts_of(written)))
