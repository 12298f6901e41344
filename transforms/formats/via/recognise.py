"""Recognise VIA's files: projects by `_via_img_metadata`, exports by `regions` with `shape_attributes`, CSV by its columns."""

from __future__ import annotations

import re

from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first, split_of_file
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.images.names import extension

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
    told = files_told(tree, ("json", "csv"), lambda file, size: holds_via(file.path, tree.head_of(file, size)) or None)
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, found, alone = told
    # A project and what was exported from it are the same objects.
    check_one_each(root.shown, "VIA", ((path, split_of(path)) for path in found))
    shown = f"found {', '.join(list(found)[:5])} of VIA"
    return Claim(shown, found=(root, list(found)), beats=_BESIDE if alone else frozenset())


def split_of(path: str) -> str | None:
    """The split of a file of annotations: of a folder above it, else of its own name."""
    return split_of_file(path, "via_")
