"""Recognise Label Studio's exports by the keys of their first tasks."""

from __future__ import annotations

import re

from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first, split_of_file
from labelbeam.transforms.formats.format import Claim, Tree

_KEY = re.compile(rb'"(\w+)"\s*:')
_ANY = tuple(
    frozenset(keys)
    for keys in (
        {b"from_name", b"to_name"},
        {b"data", b"annotations", b"result"},
        {b"data", b"completions", b"result"},
        {b"data", b"predictions", b"result"},
        {b"data", b"annotations", b"total_annotations"},
        {b"task", b"result", b"was_cancelled"},
        {b"annotator", b"annotation_id"},
        {b"format", b"rle", b"id"},
        {b"original_width", b"rectanglelabels"},
        {b"original_width", b"polygonlabels"},
    )
)
_OF_OTHERS = (frozenset({b"images", b"categories", b"file_name"}),)


def holds_tasks(head: bytes) -> bool:
    """Tell whether a file that begins so is an export of Label Studio; tasks that nobody has annotated are none."""
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"[", b"{"):
        return False
    keys = set(_KEY.findall(head))
    return any(keys >= wanted for wanted in _ANY) and not any(keys >= others for others in _OF_OTHERS)


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
        UsageError: several files may describe the same images.
    """
    told = files_told(tree, ("json",), lambda file, size: holds_tasks(tree.head_of(file, size)) or None)
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, found, _ = told
    check_one_each(root.shown, "Label Studio", ((path, split_of_file(path)) for path in found))
    return Claim(f"found {', '.join(list(found)[:5])} of Label Studio", found=(root, list(found)))
