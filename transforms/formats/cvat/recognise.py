"""Recognise CVAT's files: `<annotations>` with `<image>` elements."""

from __future__ import annotations

import re
from functools import partial

from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.split_names import split_of_path
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range

_LONGEST_META = 16 * 2**20
"""Bytes before the first image that are looked at: labels may be many, and have pictures of skeletons."""

_ROOT = re.compile(rb"<annotations[\s/>]")
_FIRST = re.compile(rb"<(image|track)[\s/>]")
_TASK = re.compile(rb"<(task|job|project)>\s*<id>\s*(\d+)\s*</id>")


_LOOKED_AT = 4
"""Files that are opened first: an export has one, and a tree of Pascal VOC has thousands of others."""


def task_of(tree: Tree, file: Location, size: int) -> str | None:
    """The task or project that a file of CVAT for images names, such as `task 7`, "" where it says nothing; None where it is none.

    Raises:
        StoreError: it cannot be read.
    """
    upto, head = HEAD, tree.head_of(file, size)
    if not _ROOT.search(head[:4096]):
        return None
    while (first := _FIRST.search(head)) is None and upto < min(size, _LONGEST_META):
        upto *= 4
        head = read_range(file, 0, min(size, upto))
    if (first is None and b"<meta" not in head) or (first is not None and first[1] == b"track"):
        return None
    found = _TASK.search(head)
    return f"{found[1].decode()} {found[2].decode()}" if found is not None else ""


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
        UsageError: several files may describe the same images.
    """
    told = files_told(tree, ("xml",), partial(task_of, tree), first=_LOOKED_AT)
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, tasks, _ = told
    check_one_each(root.shown, "CVAT", ((path, (split_of_path(path), task)) for path, task in tasks.items()))
    return Claim(f"found {', '.join(list(tasks)[:5])} of CVAT", found=(root, list(tasks)))
