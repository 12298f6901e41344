"""Recognise a YOLO dataset: by data.yaml or obj.data, and by label files that are called like images and hold class numbers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.yolo.description import describes, is_names_file, may_describe
from labelbeam.transforms.formats.yolo.pairs import in_labels
from labelbeam.transforms.images.names import extension, is_image
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
    files = {file.path: file for file in tree.visible}
    images = [path for path in files if is_image(path)]
    named = may_describe(files)
    described = _first(tree, [files[path] for path in named], lambda file, head: describes(file.path, head))
    texts = _label_files(files, images, described is not None)
    labels = [path for path in texts if files[path].size][: 4 * _LOOKED_AT]
    first = _first(tree, [files[path] for path in labels], lambda file, head: holds_labels(head))
    if first is None and described is None:
        return None
    described_labels = described is not None and first is not None
    if tree.config.task.startswith("image_classification") and not described_labels and are_classified(list(files)):
        return None
    if first is not None:
        beside = f", and {described}" if described is not None else ""
        return Claim(f"found {counted(len(texts), 'label file')}, such as {first}{beside}")
    # Without a label file, it is no match for annotations of another format.
    alone = not any(extension(path) in ("json", "xml", "csv") for path in files)
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


def _label_files(files: Mapping[str, StoredFile], images: Sequence[str], described: bool) -> list[str]:
    """Text files called like an image; where a dataset is described without its images, those in folders."""
    texts = [path for path in files if extension(path) == "txt" and not is_names_file(path)]
    if not texts:
        return []
    stems = {posixpath.basename(path).rpartition(".")[0] for path in images} | {
        posixpath.basename(path) for path in images
    }
    found = [path for path in texts if posixpath.basename(path).rpartition(".")[0] in stems]
    if not found and not images:
        found = [path for path in texts if in_labels(path) or (described and "/" in path)]
    return sorted(found, key=_depth)


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def holds_labels(head: str) -> bool:
    """Tell whether most lines of a file are a class number and four numbers or more. The last line may be cut off."""
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    lines = lines[:-1] if len(lines) > 1 and len(head) >= HEAD else lines
    found = sum(_LINE.fullmatch(line) is not None and VISDRONE.fullmatch(line) is None for line in lines)
    return bool(lines) and found > len(lines) / 2
