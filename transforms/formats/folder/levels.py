"""Levels of the folders above images: which one is a split, which one a class, and which one says nothing.

A folder says nothing if it stands alone in its folder and is called `images` or the like, or as that folder is; or if it
holds everything. The levels that are left are splits and classes. All is decided for the whole tree, from the numbers of
images that each reading explains.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labelbeam.schemas.config import SPLITS
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.folds import are_folds, doubt_of_folds, refusal_of_splits
from labelbeam.transforms.formats.folder.level_doubts import doubts_of_levels
from labelbeam.transforms.formats.split_names import parse_splits, plain_split, split_name, split_names
from labelbeam.transforms.images.names import NO_NAMES
from labelbeam.transforms.messages.words import listed

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "data")
"""Folders, in any case, that hold all images without being their class."""

NEARLY_ALL = 0.9
"""The share of the images that a reading has to explain."""

FEW = 0.05
"""A share of the images that says nothing about the others."""


@dataclass(slots=True)
class _Folder:
    path: str
    name: str
    images: int = 0
    folders: dict[str, _Folder] = field(default_factory=dict)


@dataclass(slots=True)
class _Leaf:
    """A folder with images right inside: the folders above them that say something, by name and by path."""

    folder: str
    names: list[str]
    paths: list[str]
    images: int


@dataclass(slots=True)
class Levels:
    """Meanings of a tree's folders. Paths are relative to the root and `/`-separated."""

    silent: set[str] = field(default_factory=set)
    """Folders that say nothing, by path."""
    around: tuple[str, ...] = ()
    """Names of the folders around everything."""
    splits: dict[str, str] = field(default_factory=dict)
    """Splits by the folders' names, below `around`; or, with `inside_classes`, one level further down."""
    inside_classes: bool = False
    unlabelled: frozenset[str] = frozenset()
    """Folders beside those of splits that name neither split nor class."""
    folds: frozenset[str] = frozenset()
    """Names of folders that number folds, and are neither splits nor classes."""
    inside_splits: str = ""
    """The name of a folder that is the only one in each split, and is no class."""
    split_folders: dict[str, str] = field(default_factory=dict)
    """Splits by the folders' paths."""
    places: list[str] = field(default_factory=lambda: [""])
    """Folders that hold images of several classes, or of none: those in which a table is looked for."""
    doubts: list[Doubt] = field(default_factory=list)
    refusal: str = ""
    """What has to be said before folders can name classes; "" where nothing has."""
    _located: dict[str, tuple[str | None, list[str]]] = field(default_factory=dict)

    def locate(self, path: str) -> tuple[str | None, list[str]]:
        """The split of an image, and the folders that may name its class, outermost first."""
        folder = path[: path.rfind("/") + 1]
        found = self._located.get(folder)
        if found is None:
            found = self._located[folder] = self.locate_folder(folders_of(folder))
        return found

    def locate_folder(self, folders: list[str]) -> tuple[str | None, list[str]]:
        """The split of the images of a folder, and the folders that may name their class."""
        names = [name for name, path in zip(folders, _paths(folders), strict=True) if path not in self.silent]
        if tuple(names[: len(self.around)]) != self.around:
            return None, []
        names = names[len(self.around) :]
        split = None
        if self.inside_classes:
            split = self.splits.get(names[1]) if len(names) > 1 else None
            names = [*names[:1], *names[2:]] if split else names
        elif names and (names[0] in self.splits or names[0] in self.unlabelled):
            split = self.splits.get(names[0])
            names = names[1:] if split else []
        elif names and names[0] in self.folds:
            names = names[1:]
        if names and names[0] == self.inside_splits:
            names = names[1:]
        return split, names


def folders_of(path: str) -> list[str]:
    """The folders of a file's path."""
    return [part for part in path.split("/")[:-1] if part not in NO_NAMES]


def read_levels(images: Iterable[str], given: str | None = None) -> Levels:
    """Decide the levels of the folders of these images. `given` is --split-folders.

    Raises:
        UsageError: `given` names a folder that is not there, or no split.
    """
    root = _tree(images)
    levels = Levels()
    _find_silent(root, levels.silent)
    leaves = _leaves(root, levels.silent)
    total = sum(leaf.images for leaf in leaves)
    levels.around = _around(leaves, total)
    tops = _tops(leaves, len(levels.around))
    wanted = parse_split_folders(given)
    _find_splits(levels, tops, wanted, total)
    if not levels.splits and wanted is None:
        _find_splits_inside(levels, leaves, total)
        _find_folds(levels, tops)
    _find_inside_splits(levels, leaves, total)
    levels.doubts += doubts_of_levels(levels, {name: top.images for name, top in tops.items()}, wanted is not None)
    levels.places = [
        folder.path for folder in _walk(root) if not levels.locate_folder(folders_of(f"{folder.path}/"))[1]
    ]
    levels.places += [path for path in _sole(root) if path not in levels.places]
    return levels


def parse_split_folders(given: str | None) -> dict[str, str] | None:
    """Read `extra=train,holdout=test`; {} for `none`.

    >>> parse_split_folders("extra=train, holdout=val"), parse_split_folders("none"), parse_split_folders(None)
    ({'extra': 'train', 'holdout': 'validation'}, {}, None)

    Raises:
        UsageError: it is not of this form, names no split, or names a folder twice.
    """
    if given is None or given.strip().lower() == "none":
        return None if given is None else {}
    expected = f"FOLDER=SPLIT, such as extra=train, with one of {', '.join(SPLITS)}; or none"
    return parse_splits(given, "--split-folders", "folder", expected)


def _tree(images: Iterable[str]) -> _Folder:
    root = _Folder("", "")
    for folder, count in Counter(path[: path.rfind("/") + 1] for path in images).items():
        here = root
        names = folders_of(folder)
        for name, path in zip(names, _paths(names), strict=True):
            here = here.folders.setdefault(name, _Folder(path, name))
        here.images += count
    return root


def _paths(folders: list[str]) -> list[str]:
    return ["/".join(folders[:end]) for end in range(1, len(folders) + 1)]


def _walk(folder: _Folder) -> Iterable[_Folder]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += sorted(here.folders.values(), key=lambda inner: inner.path, reverse=True)


def _sole(root: _Folder) -> Iterable[str]:
    """The folders that hold all images."""
    while len(root.folders) == 1 and not root.images:
        (root,) = root.folders.values()
        yield root.path


def sole_folders(images: Iterable[str]) -> list[str]:
    """The root, "", and the folders that hold all images, one in another."""
    return ["", *_sole(_tree(images))]


def _find_silent(root: _Folder, silent: set[str]) -> None:
    for folder in _walk(root):
        if len(folder.folders) == 1:
            (inner,) = folder.folders.values()
            again = folder is not root and not folder.images and _same(folder.name, inner.name)
            if again or inner.name.lower() in IMAGE_FOLDERS:
                silent.add(inner.path)


def _same(name: str, inner: str) -> bool:
    split = plain_split(name)
    return fold(name) == fold(inner) or (split is not None and split == plain_split(inner))


def fold(name: str) -> str:
    """A name without regard to case, Unicode form, and blanks around it."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _leaves(root: _Folder, silent: set[str]) -> list[_Leaf]:
    leaves: list[_Leaf] = []
    for folder in _walk(root):
        if folder.images:
            folders = folders_of(f"{folder.path}/")
            kept = [(name, path) for name, path in zip(folders, _paths(folders), strict=True) if path not in silent]
            leaves.append(_Leaf(folder.path, [name for name, _ in kept], [path for _, path in kept], folder.images))
    return leaves


@dataclass(slots=True)
class _Top:
    """A folder of one level: its images, and the folders inside, each with its images."""

    path: str
    images: int = 0
    inside: Counter[str] = field(default_factory=Counter)


def _tops(leaves: Iterable[_Leaf], depth: int) -> dict[str, _Top]:
    tops: dict[str, _Top] = {}
    for leaf in leaves:
        if len(leaf.names) > depth:
            top = tops.setdefault(leaf.names[depth], _Top(leaf.paths[depth]))
            top.images += leaf.images
            if len(leaf.names) > depth + 1:
                top.inside[leaf.names[depth + 1]] += leaf.images
    return tops


def _around(leaves: list[_Leaf], total: int) -> tuple[str, ...]:
    """The folders that hold nearly everything, one in another, down to where several lie side by side."""
    around: list[str] = []
    while True:
        tops = _tops(leaves, len(around))
        if len(tops) != 1:
            return tuple(around) if tops else ()
        ((name, top),) = tops.items()
        inside = top.inside.total()
        if plain_split(name) or top.images < NEARLY_ALL * total:
            return tuple(around)
        if inside < NEARLY_ALL * total:
            return ()  # It never comes to several folders: the outermost one is the class.
        around.append(name)


def _find_splits(levels: Levels, tops: Mapping[str, _Top], wanted: dict[str, str] | None, total: int) -> None:
    splits = {} if wanted == {} else split_names(tops)
    if wanted:
        missing = [name for name in wanted if name not in tops]
        if missing:
            raise UsageError(
                f"--split-folders: found no folder {listed(missing)} of images, expected some of {listed(tops)}"
            )
        splits |= wanted
    others = {name: top for name, top in tops.items() if name not in splits}
    doubts: list[Doubt] = []
    if splits and others:
        splits = _beside(levels, splits, tops, others, doubts, total)
    levels.splits = splits
    levels.split_folders = {tops[name].path: split for name, split in splits.items()}
    levels.doubts += [] if wanted else doubts


def _beside(
    levels: Levels,
    splits: dict[str, str],
    tops: Mapping[str, _Top],
    others: Mapping[str, _Top],
    doubts: list[Doubt],
    total: int,
) -> dict[str, str]:
    """The splits where other folders lie beside them; none where all are classes."""
    splits, others = dict(splits), dict(others)
    classes = {fold(inner) for name in splits for inner in tops[name].inside}
    parallel = [name for name, top in others.items() if classes & {fold(inner) for inner in top.inside}]
    for name in list(parallel):
        if (read := split_name(name)) is not None:  # `val_new` beside `train`, with the same classes inside.
            splits[name] = read.split
            parallel.remove(name)
            del others[name]
    if not others:
        return splits
    shown = ",".join(f"{name}={split}" for name, split in splits.items())
    images = sum(top.images for top in others.values())
    example = next(iter(others))
    named_inside = [name for name in others if fold(name) in classes]
    if 2 * len(named_inside) >= len(others):
        message = (
            f"the folders {listed(splits)} hold the same classes as lie beside them, {listed(named_inside)}: the former are "
            "read as splits, and the images of the latter are in none; with --split-folders none all are classes"
        )
        doubts.append(Doubt(Doubted.SPLITS_BESIDE_CLASSES, message, images, example, f"--split-folders {shown}"))
        return splits
    deep = sum(top.images for top in others.values() if top.inside)
    several = len({split for name, split in splits.items() if tops[name].inside}) > 1
    # One split of several classes tells as much, where nothing beside it holds any.
    in_classes = [tops[name].images for name in splits if len(tops[name].inside) > 1]
    several = several or (not deep and bool(in_classes) and (len(splits) > 1 or sum(in_classes) > images))
    if parallel or (several and deep > FEW * total):
        asked = parallel or [name for name, top in others.items() if top.inside]
        missing = next((split for split in SPLITS if split not in splits.values()), "test")
        proposed = missing if missing == "train" or _HELD_OUT.match(asked[0]) else "train"
        copies = [name for name in asked if len(split_names(tops[name].inside).keys() & splits.keys()) > 1]
        if copies:
            levels.refusal = (
                f"the folder {listed(copies)} holds folders called like the splits {listed(splits)} beside it, as a copy of the dataset "
                f"does; move it elsewhere, or name it as --source SOURCE/{copies[0]} if it is the dataset"
            )
            return {}
        levels.refusal = (
            f"the folders {listed(splits)} are named like splits and hold folders of classes, as {listed(asked)} beside them do; "
            f"say which split that is, as in --split-folders {asked[0]}={proposed}, move it elsewhere, or take all as classes with "
            "--split-folders none"
        )
        return {}
    if several:
        message = f"the folders {listed(others)} beside the splits {listed(splits)} hold images in no class folder: they have no label"
        levels.unlabelled = frozenset(others)
        doubts.append(Doubt(Doubted.FOLDER_WITHOUT_CLASSES, message, images, example, f"--split-folders {shown}"))
        return splits
    message = (
        f"the folders {listed(splits)} are named like splits, but {listed(others)} beside them hold images too, so all are "
        "classes; --split-folders says which are splits"
    )
    doubts.append(Doubt(Doubted.SPLITS_AS_CLASSES, message, len(splits), next(iter(splits)), "--split-folders none"))
    return {}


_HELD_OUT = re.compile(r"(?i)eval|hold|val|test|dev")


def _find_splits_inside(levels: Levels, leaves: list[_Leaf], total: int) -> None:
    """Splits inside the classes: `cat/train/1.jpg`."""
    depth = len(levels.around) + 1
    deep = [leaf for leaf in leaves if len(leaf.names) > depth and plain_split(leaf.names[depth])]
    explained = sum(leaf.images for leaf in deep)
    if not deep or explained < NEARLY_ALL * total:
        return
    levels.inside_classes = True
    for leaf in deep:
        name = leaf.names[depth]
        levels.splits[name] = levels.split_folders[leaf.paths[depth]] = plain_split(name) or ""


def _find_folds(levels: Levels, tops: Mapping[str, _Top]) -> None:
    if are_folds(tops) and levels.inside_classes:
        levels.refusal = refusal_of_splits(tops, levels.around)
    elif are_folds(tops):
        levels.folds, images = frozenset(tops), {name: top.images for name, top in tops.items()}
        levels.doubts.append(doubt_of_folds(images, any(top.inside for top in tops.values())))


def _find_inside_splits(levels: Levels, leaves: list[_Leaf], total: int) -> None:
    """A folder that is the only one in each split, as one around all classes is."""
    if not levels.splits or levels.inside_classes:
        return
    inner: Counter[str] = Counter()
    deeper: dict[str, Counter[str]] = {}
    for leaf in leaves:
        split, names = levels.locate_folder(folders_of(f"{leaf.folder}/"))
        if split and names:
            inner[names[0]] += leaf.images
            if len(names) > 1:
                deeper.setdefault(names[0], Counter())[names[1]] += leaf.images
    if len(inner) == 1:
        ((name, images),) = inner.items()
        below = deeper.get(name, Counter())
        if len(below) > 1 and below.total() >= NEARLY_ALL * images:
            levels.inside_splits = name
