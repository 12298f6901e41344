"""Recognise LabelMe's files: JSON objects with `shapes`, beside `imagePath` or with a `shape_type` in them."""

from __future__ import annotations

import posixpath
import re
from functools import partial

from labelbeam.transforms.formats.claims import told_below
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 20

_SHAPES = re.compile(rb'"shapes"\s*:\s*\[')
_BESIDE = re.compile(rb'"(?:imagePath|imageData|shape_type)"\s*:')


def holds_shapes(head: bytes) -> bool:
    """Tell whether a file that begins so is LabelMe's: with a list of shapes, and what else only such a file has."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"{") and _SHAPES.search(head) is not None and _BESIDE.search(head) is not None


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one file. For classification, class folders and tables of labels go before it.

    Raises:
        StoreError: a file cannot be read.
    """
    if len(tree.locations) == len(tree.files) == 1:
        file = tree.files[0]
        name = posixpath.basename(file.path)
        if extension(name) != "json" or file.parent is None:
            return None
        told = holds_shapes(tree.head_of(file, stat(file).size))
        return Claim(f"{name} is of LabelMe", found=name) if told else None
    root = tree.root
    if root is None:
        return None
    files = [file for file in tree.visible_of("json") if file.size]
    files.sort(key=lambda file: (file.path.count("/"), file.path))
    looked = files[:_LOOKED_AT]
    told_of = in_threads(partial(told_below, lambda file, size: holds_shapes(tree.head_of(file, size)), root), looked)
    first = next((file.path for file, told in zip(looked, told_of, strict=True) if told), None)
    if asked:
        return Claim("") if files else None
    if first is None:
        return None
    if tree.config.task.startswith("image_classification") and are_classified([file.path for file in tree.visible]):
        return None
    return Claim(f"found {len(files)} JSON files, such as {first}, of LabelMe")
