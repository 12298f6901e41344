"""Recognise answers of Custom Vision's training API: images with `tagName` or `tagId`, in tags or in regions."""

from __future__ import annotations

import posixpath
import re

from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 200

_KEY = re.compile(rb'"(\w+)"\s*:')
_TAG = frozenset({b"tagName", b"tag_name", b"tagId", b"tag_id", b"tagIds", b"tag_ids"})
_PLACE = frozenset({b"left", b"top", b"width", b"height"})
_URI = frozenset({b"originalImageUri", b"original_image_uri", b"resizedImageUri", b"resized_image_uri"})
_OTHERS = frozenset({b"annotations", b"categories", b"predictions", b"probability"})
_OF_TAGS = (frozenset({b"id", b"name", b"imageCount"}), frozenset({b"id", b"name", b"image_count"}))


def holds_images(head: bytes) -> bool:
    """Tell whether a file that begins so holds images of Custom Vision; predictions are no annotations."""
    keys = set(_KEY.findall(head))
    if keys & _OTHERS or not keys & _TAG:
        return False
    return (b"regions" in keys and keys >= _PLACE) or bool(keys & _URI)


def holds_tags(head: bytes) -> bool:
    """Tell whether a file that begins so is the list of a project's tags."""
    keys = set(_KEY.findall(head))
    return not keys & _TAG and any(keys >= wanted for wanted in _OF_TAGS)


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
        told = holds_images(read_range(file, 0, min(stat(file).size, HEAD)))
        return Claim(f"{name} is of Custom Vision", found=(file.parent, [name], [])) if told else None
    root = tree.root
    if root is None:
        return None
    files = [file for file in tree.visible_of("json") if file.size]
    files = sorted(files, key=lambda file: (file.path.count("/"), file.path))[:_LOOKED_AT]
    heads = in_threads(lambda file: read_range(root.below(file.path), 0, min(file.size, HEAD)), files)
    found = [file.path for file, head in zip(files, heads, strict=True) if holds_images(head)]
    tags = [file.path for file, head in zip(files, heads, strict=True) if holds_tags(head)]
    if not found:
        return None
    classified = tree.config.task.startswith("image_classification") and not asked
    if classified and are_classified([file.path for file in tree.visible]):
        return None
    return Claim(f"found {', '.join(found[:5])} of Custom Vision", found=(root, found, tags))
