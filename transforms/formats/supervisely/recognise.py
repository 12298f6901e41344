"""Recognise Supervisely's files: JSON objects with `objects` of a `classTitle`, or beside `size` and `tags`; and know which files are such."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import partial

from labelbeam.transforms.formats.claims import told_below
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.files import StoredFile, stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.threads import in_threads

ANNOTATIONS, IMAGES = "ann", "img"
"""The folders of a dataset."""

_LOOKED_AT = 20
_OF_PROJECTS = frozenset({"meta.json", "key_id_map.json", "obj_class_to_machine_color.json"})

_OBJECTS = re.compile(rb'"objects"\s*:\s*\[')
_SIZE = re.compile(rb'"size"\s*:\s*\{')
_TAGS = re.compile(rb'"tags"\s*:\s*\[')
_CLASS = re.compile(rb'"classTitle"\s*:')
_OTHER = re.compile(rb'"(?:framesCount|frames|figures)"\s*:')


def holds_objects(head: bytes) -> bool:
    """Tell whether a file that begins so is of an image of Supervisely. Those of its videos and point clouds are not."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"{") or not _OBJECTS.search(text) or _OTHER.search(text):
        return False
    return _CLASS.search(text) is not None or bool(_SIZE.search(text) and _TAGS.search(text))


def annotation_files(files: Iterable[StoredFile]) -> list[StoredFile]:
    """The annotation files of a listing: those in folders called `ann`, else all JSON files that are not the project's own."""
    found = [
        file for file in files if extension(file.path) == "json" and posixpath.basename(file.path) not in _OF_PROJECTS
    ]
    return [file for file in found if posixpath.basename(posixpath.dirname(file.path)) == ANNOTATIONS] or found


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
    """
    if len(tree.locations) == len(tree.files) == 1:
        return _claim_of_file(tree, tree.files[0])
    root = tree.root
    if root is None:
        return None
    files = [file for file in annotation_files(tree.visible_of("json")) if file.size]
    files.sort(key=lambda file: (file.path.count("/"), file.path))
    looked = files[:_LOOKED_AT]
    told = in_threads(partial(told_below, lambda file, size: holds_objects(tree.head_of(file, size)), root), looked)
    first = next((file.path for file, of_it in zip(looked, told, strict=True) if of_it), None)
    if asked:
        return Claim("", found=(root, None)) if files else None
    if first is None or _goes_first(tree):
        return None
    return Claim(f"found {len(files)} JSON files, such as {first}, of Supervisely", found=(root, None))


def _claim_of_file(tree: Tree, file: Location) -> Claim | None:
    """The claim of a file, whose dataset is the root: its images lie beside its folder."""
    name, root = posixpath.basename(file.path), file.parent
    if extension(name) != "json" or root is None or not holds_objects(tree.head_of(file, stat(file).size)):
        return None
    path = name
    if posixpath.basename(root.path) == ANNOTATIONS and root.parent is not None:
        root, path = root.parent, f"{ANNOTATIONS}/{name}"
    return Claim(f"{name} is of Supervisely", found=(root, path))


def _goes_first(tree: Tree) -> bool:
    """Tell whether images are classed by folders or a table: those of datasets are not, although they lie in folders."""
    if not tree.config.task.startswith("image_classification"):
        return False
    paths = [file.path for file in tree.visible]
    datasets = {posixpath.dirname(posixpath.dirname(path)) for path in paths if f"/{ANNOTATIONS}/" in f"/{path}"}
    return are_classified([path for path in paths if not _is_of(path, datasets)])


def _is_of(path: str, datasets: set[str]) -> bool:
    """Tell whether a file lies in the folder of images of one of the datasets."""
    folder, name = posixpath.split(posixpath.dirname(path))
    return name == IMAGES and folder in datasets
