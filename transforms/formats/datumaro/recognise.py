"""Recognise Datumaro's files: JSON objects with `categories` of labels and `items`."""

from __future__ import annotations

import re

from labelbeam.transforms.formats.claims import files_told, goes_first
from labelbeam.transforms.formats.format import Claim, Tree

_VERSION = re.compile(rb'"dm_format_version"\s*:')
_CATEGORIES = re.compile(rb'"categories"\s*:\s*\{')
_BESIDE = re.compile(rb'"(?:info|infos|items)"\s*:')


def holds_items(head: bytes) -> bool:
    """Tell whether a file that begins so is Datumaro's. COCO's categories are a list."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"{"):
        return False
    return _VERSION.search(text) is not None or bool(_CATEGORIES.search(text) and _BESIDE.search(text))


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
    """
    told = files_told(tree, ("json",), lambda file, size: holds_items(tree.head_of(file, size)) or None)
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, found, _ = told
    return Claim(f"found {', '.join(list(found)[:5])} of Datumaro", found=(root, list(found)))
