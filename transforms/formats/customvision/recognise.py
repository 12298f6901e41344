"""Recognise answers of Custom Vision's training API: images with `tagName` or `tagId`, in tags or in regions."""

from __future__ import annotations

import re

from labelbeam.transforms.formats.claims import files_told, goes_first
from labelbeam.transforms.formats.format import Claim, Tree

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
    told = files_told(tree, ("json",), lambda file, size: _kind_of(tree.head_of(file, size)))
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, kinds, _ = told
    found = [path for path, kind in kinds.items() if kind == "images"]
    if not found:
        return None
    tags = [path for path, kind in kinds.items() if kind == "tags"]
    return Claim(f"found {', '.join(found[:5])} of Custom Vision", found=(root, found, tags))


def _kind_of(head: bytes) -> str | None:
    return "images" if holds_images(head) else "tags" if holds_tags(head) else None
