"""Recognise a YOLO dataset: by data.yaml or obj.data, and by label files that are called like images and hold class numbers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.yolo.description import MAY_DESCRIBE, describes, is_names_file, may_describe
from labelbeam.transforms.formats.yolo.pairs import in_labels
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import StoredFile, stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 5
"""Files of one kind that are opened."""

_LINE = re.compile(r"\s*\d+(?:\.0+)?(?:[\s,;]+-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?){4,}[\s,;]*")
"""Each number can be matched in one way: a long line that is none is no work."""

VISDRONE = re.compile(r"\s*(?:-?\d+,){5}\d+,-?\d+,-?\d+,?\s*")
"""Of VisDrone: left, top, width, height, score, class, truncation and occlusion, all of them whole; YOLO's are fractions."""


def claim_of_file(file: Location) -> Claim | None:
    """Claim a file that is a data.yaml or an obj.data.

    Raises:
        StoreError: it cannot be read.
        UsageError: it has no directory around it.
    """
    name = posixpath.basename(file.path)
    if not may_describe([name]) or not describes(name, _head(file, stat(file).size)):
        return None
    if file.parent is None:
        raise UsageError(f"{file.shown}: has no directory around it, expected one that holds its images")
    return Claim(f"{name} describes a YOLO dataset", found=name)


def claim_of_directory(tree: Tree) -> Claim | None:
    """Claim a directory by its label files, or by what describes them. Class folders and tables of labels go before both.

    Raises:
        StoreError: a file cannot be read.
    """
    may = {file.path: file for file in tree.visible_of(*MAY_DESCRIBE)}
    named = may_describe(may)
    described = _first(tree, [may[path] for path in named], lambda file, head: describes(file.path, head))
    texts = _label_files(tree, described is not None)
    labels = [file for file in texts if file.size][: 4 * _LOOKED_AT]
    first = _first(tree, labels, lambda file, head: holds_labels(head))
    if first is None and described is None:
        return None
    described_labels = described is not None and first is not None
    for_classes = tree.config.task.startswith("image_classification") and not described_labels
    if for_classes and are_classified([file.path for file in tree.visible]):
        return None
    if first is not None:
        beside = f", and {described}" if described is not None else ""
        return Claim(f"found {counted(len(texts), 'label file')}, such as {first}{beside}")
    # Without a label file, it is no match for annotations of another format.
    alone = not tree.visible_of("json", "xml", "csv")
    return Claim(f"found {described}", certain=alone or bool(texts))


def _first(tree: Tree, files: Sequence[StoredFile], tells: Callable[[StoredFile, str], bool]) -> str | None:
    """The first of some files whose beginning tells it, nearly always the very first one; one that cannot be read tells nothing."""
    root = tree.root
    assert root is not None, "files are those of a root"

    def look(file: StoredFile) -> bool:
        try:
            return tells(file, _head(root.below(file.path), file.size))
        except StoreError:
            return False  # Who reads the dataset says so; another dataset is none of ours.

    for batch in (files[:1], files[1:]):
        for file, told in zip(batch, in_threads(look, batch), strict=True):
            if told:
                return file.path
    return None


def _head(location: Location, size: int) -> str:
    data = read_range(location, 0, min(size, HEAD))
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")


def _label_files(tree: Tree, described: bool) -> list[StoredFile]:
    """Text files called like an image; where a dataset is described without its images, those in folders."""
    texts = [file for file in tree.visible_of("txt") if not is_names_file(file.path)]
    if not texts:
        return []
    names = {file.path.rpartition("/")[2] for file in tree.images()}
    stems = names | {name.rpartition(".")[0] for name in names}
    found = [file for file in texts if file.path.rpartition("/")[2].rpartition(".")[0] in stems]
    if not found and not names:
        found = [file for file in texts if in_labels(file.path) or (described and "/" in file.path)]
    return sorted(found, key=_depth)


def _depth(file: StoredFile) -> tuple[int, str]:
    return file.path.count("/"), file.path


def holds_labels(head: str) -> bool:
    """Tell whether most lines of a file are a class number and four numbers or more. The last line may be cut off."""
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    lines = lines[:-1] if len(lines) > 1 and len(head) >= HEAD else lines
    found = sum(_LINE.fullmatch(line) is not None and VISDRONE.fullmatch(line) is None for line in lines)
    return bool(lines) and found > len(lines) / 2
