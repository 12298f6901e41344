"""Recognise VIA's files: projects by `_via_img_metadata`, exports by `regions` with `shape_attributes`, CSV by its columns."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.folder.splits import table_split
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.yolo.entries import split_of_path
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 50

_ENTRY = re.compile(rb'"(?:shape_attributes|file_attributes)"\s*:')
_FILE = re.compile(rb'"filename"\s*:.*"regions"\s*:', re.DOTALL)
_BESIDE = frozenset({"folder", "jsonl"})


def holds_via(path: str, head: bytes) -> bool:
    """Tell whether a file that begins so is VIA's, by its extension."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if extension(path) == "csv":
        return b"region_shape_attributes" in text.partition(b"\n")[0]
    if extension(path) != "json" or not text.startswith(b"{"):
        return False
    return text[1:].lstrip().startswith(b'"_via_') or bool(_ENTRY.search(text) and _FILE.search(text))


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
        UsageError: several files may describe the same images.
    """
    if len(tree.locations) == len(tree.files) == 1:
        file = tree.files[0]
        name = posixpath.basename(file.path)
        if extension(name) not in ("json", "csv") or file.parent is None:
            return None
        told = holds_via(name, read_range(file, 0, min(stat(file).size, HEAD)))
        return Claim(f"{name} is of VIA", found=(file.parent, [name]), beats=_BESIDE) if told else None
    root = tree.root
    if root is None:
        return None
    files = [file for file in tree.visible_of("json", "csv") if file.size]
    files = sorted(files, key=lambda file: (file.path.count("/"), file.path))[:_LOOKED_AT]
    heads = in_threads(lambda file: read_range(root.below(file.path), 0, min(file.size, HEAD)), files)
    found = [file.path for file, head in zip(files, heads, strict=True) if holds_via(file.path, head)]
    if not found:
        return None
    classified = tree.config.task.startswith("image_classification") and not asked
    if classified and are_classified([file.path for file in tree.visible if file.path not in found]):
        return None
    _check_one_each(root.shown, found)
    return Claim(f"found {', '.join(found[:5])} of VIA", found=(root, found))


def split_of(path: str) -> str | None:
    """The split of a file of annotations: of a folder above it, else of its own name."""
    return split_of_path(path) or table_split(posixpath.basename(path).rpartition(".")[0].removeprefix("via_"))


def _check_one_each(shown: str, found: Sequence[str]) -> None:
    """Refuse several files in one folder, unless they are of splits: a project and what was exported from it are the same objects."""
    places = [(posixpath.dirname(path), split_of(path)) for path in found]
    if len(set(places)) < len(places):
        raise UsageError(
            f"{shown}: several files of VIA that may describe the same images ({', '.join(found[:5])}); name the one to read with "
            "--source"
        )
