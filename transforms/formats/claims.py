"""Claims of files that labelling tools write: a file that is the source, or those of a directory, known by what they hold."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TypeVar

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.split_names import split_of_path, table_split, table_splits
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import StoredFile, stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.threads import in_threads

_BATCH = 200
"""Files that are opened at a time, until there is none of the format among them."""

_Told = TypeVar("_Told")


def files_told(
    tree: Tree, extensions: Collection[str], tell: Callable[[Location, int], _Told | None], first: int = 50
) -> tuple[Location, dict[str, _Told], bool] | None:
    """The answers of `tell` by path of a file, without those of which it says nothing; None where there are no others.

    The files are the one that is the source, or those of the directory that is, the least deep first: per-image files may lie there by
    the thousand, and no more are opened once a whole batch, of `first` the first one, holds none. Also the root, and whether the source is the file itself.

    Raises:
        StoreError: a file cannot be read.
    """
    if len(tree.locations) == len(tree.files) == 1:
        file = tree.files[0]
        name = posixpath.basename(file.path)
        if extension(name) not in extensions or file.parent is None:
            return None
        told = tell(file, stat(file).size)
        return None if told is None else (file.parent, {name: told}, True)
    root = tree.root
    if root is None:
        return None
    files = [file for file in tree.visible_of(*extensions) if file.size]
    files = sorted(files, key=lambda file: (file.path.count("/"), file.path))
    found: dict[str, _Told] = {}
    at, step = 0, first
    while batch := files[at : at + step]:
        told_of = in_threads(partial(told_below, tell, root), batch)
        more = {file.path: told for file, told in zip(batch, told_of, strict=True) if told is not None}
        if not more:
            break
        found |= more
        at, step = at + step, _BATCH
    return (root, found, False) if found else None


def told_below(tell: Callable[[Location, int], _Told | None], root: Location, file: StoredFile) -> _Told | None:
    """The answer of `tell` for a file below `root`; None where it cannot be read."""
    try:
        return tell(root.below(file.path), file.size)
    except StoreError:
        return None  # It tells nothing; who reads it rejects it.


def goes_first(tree: Tree, asked: bool, names: Collection[str]) -> bool:
    """Tell whether class folders or a table of labels beside these files go before them: for classification, where nobody has asked."""
    if asked or tree.root is None or not tree.config.task.startswith("image_classification"):
        return False
    return are_classified([file.path for file in tree.visible if file.path not in names])


def split_of_file(path: str, prefix: str = "") -> str | None:
    """The split of a file of annotations: of a folder above it, else of its own name, which its tool begins with `prefix`."""
    return split_of_path(path) or table_split(posixpath.basename(path).rpartition(".")[0].removeprefix(prefix))


def splits_of_files(paths: Iterable[str]) -> dict[str, str | None]:
    """The splits of tables by path: of each by itself, else beside the others of its folder, as `p-export-train` beside `p-export-val`.

    >>> splits_of_files(["a/train.csv", "p-export-train.csv", "p-export-val.csv", "b/crash_test.csv"])
    {'a/train.csv': 'train', 'p-export-train.csv': 'train', 'p-export-val.csv': 'validation', 'b/crash_test.csv': None}
    """
    splits = {path: split_of_file(path) for path in paths}
    stems: dict[str, dict[str, str]] = {}
    for path in splits:
        folder, name = posixpath.split(path)
        stems.setdefault(folder, {})[path] = name.rpartition(".")[0]
    for its in stems.values():
        together = table_splits(its.values())
        for path, stem in its.items():
            splits[path] = splits[path] or together.get(stem)
    return splits


def check_one_each(shown: str, title: str, found: Iterable[tuple[str, object]]) -> None:
    """Refuse several files in one folder, by path and what tells them apart: they may describe the same objects.

    Raises:
        UsageError: there are such.
    """
    files = list(found)
    if len({(posixpath.dirname(path), which) for path, which in files}) < len(files):
        raise UsageError(
            f"{shown}: several files of {title} that may describe the same images ({', '.join(path for path, _ in files[:5])}); name "
            "the one to read with --source"
        )
