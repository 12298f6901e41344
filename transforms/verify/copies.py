"""Check the images that a build copied: the list of them, and each one where it was copied to.

Pure, as `verify.build`; `verify.check` reads the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from labelbeam.schemas.manifest import CopiedImage, Copies
from labelbeam.transforms.images.urls import image_url
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.verify.differences import Differences, Kind
from labelbeam.transforms.verify.records import ShardCheck

_DECODER = msgspec.json.Decoder(CopiedImage)


def check_copied_list(path: str, data: bytes, records: int, differences: Differences) -> list[CopiedImage]:
    """The images of one list, as far as they can be read, in the order of their paths.

    Args:
        path: the list's path, for differences.
        data: its bytes.
        records: how many lines the manifest says it has.
        differences: where to note what is found.
    """
    images: list[CopiedImage] = []
    lines = data.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            image = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            differences.add(Kind.COPY, f"{path}:{number}", f"{error}", "path, bytes, sha256, source and target")
            continue
        if safe_relative(image.path) != image.path:
            differences.add(Kind.COPY, f"{path}:{number}", f"path {image.path!r}", "a path below the copies' directory")
            continue
        if images and image.path <= images[-1].path:
            differences.add(Kind.COPY, f"{path}:{number}", f"{image.path!r} after {images[-1].path!r}", "sorted paths")
        images.append(image)
    if len(lines) != records:
        differences.add(Kind.COUNT, path, counted(len(lines), "line"), f"{records}, as the manifest says")
    return images


def check_copied_total(
    copies: Copies,
    images: Sequence[CopiedImage],
    prefix: str | None,
    shards: Sequence[ShardCheck],
    differences: Differences,
) -> None:
    """Check what the manifest says of all copies together, and that each is of an image that a record names.

    Args:
        copies: the manifest's entry.
        images: the lines of all lists.
        prefix: what image URLs begin with, None where the manifest does not tell.
        shards: the records, by the hashes of their URLs.
        differences: where to note what is found.
    """
    for name, said, found in (
        ("images", copies.images, len(images)),
        ("bytes", copies.bytes, sum(image.bytes for image in images)),
    ):
        if said != found:
            differences.add(Kind.COUNT, "manifest.json", f"{said} {name} copied", f"{found}, as its lists hold")
    if prefix is None:
        return
    known = np.concatenate([np.empty(0, np.int64), *(shard.hashes for shard in shards)])
    urls = [image_url(prefix, image.path) for image in images]
    named = np.isin(np.fromiter(map(hash, urls), np.int64, len(urls)), known)
    for row in np.flatnonzero(~named).tolist():
        differences.add(Kind.COPY, images[row].path, "copied, but no record names it", "an image of the build")


def check_copied_image(image: CopiedImage, data: bytes | None, differences: Differences) -> None:
    """Check a copied image, whose bytes are `data`, None where it is not there."""
    if data is None:
        differences.add(Kind.COPY, image.path, "no such copy", f"a copy of {image.bytes} bytes")
    elif len(data) != image.bytes:
        differences.add(Kind.COPY, image.path, f"a copy of {len(data)} bytes", f"{image.bytes} bytes")
    elif (digest := hashlib.sha256(data).hexdigest()) != image.sha256:
        differences.add(Kind.COPY, image.path, f"a copy with sha256 {digest}", image.sha256)
