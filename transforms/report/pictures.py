"""Images for the report: read below the images' root and nowhere else, made small, and embedded. None of them can fail it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.thumbnails import LONGEST, thumbnail
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import Part, read_parts

MOST_BYTES = 16 * 2**20
"""Bytes that an image's file may have."""

AT_ONCE = 8
"""Images that are held in memory."""

PAGE_BYTES = 3 * 10**6
"""Bytes of all pictures of a page, as they are embedded."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image by its path below the root (None: it lies elsewhere), and its record's size, or None where there is none."""

    path: str | None
    size: tuple[int, int] | None
    longest: int = LONGEST


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded image with its width and height, or none; and a remark, to be read after the word picture."""

    uri: str | None = None
    note: str = ""
    width: int = 0
    height: int = 0


def no_pictures(wanted: Sequence[Wanted], why: str) -> list[Picture]:
    """A placeholder for each."""
    return [Picture(note=why) for _ in wanted]


def read_pictures(root: Location, wanted: Sequence[Wanted], room: int = PAGE_BYTES) -> list[Picture]:
    """The images below `root`, `AT_ONCE` at a time; what cannot be read or does not fit into `room` bytes is a placeholder."""
    pictures: list[Picture] = []
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        try:
            contents = list(_contents(root, batch))
        except LabelBeamError as error:  # The store stays out of reach: no use asking for the others.
            return pictures + no_pictures(wanted[start:], f"not read: {error}")
        for item, data in zip(batch, contents, strict=True):
            picture = data if isinstance(data, Picture) else _picture(item, data)
            size = len(picture.uri or "")
            if size > room:
                picture, size = Picture(note="left out, because the page would become too large"), 0
            room -= size
            pictures.append(picture)
    return pictures


def _contents(root: Location, batch: Sequence[Wanted]) -> Iterator[bytes | Picture]:
    """The bytes of each, or why there are none."""
    refused = [_refusal(root, item.path) for item in batch]
    parts = [
        Part(root.below(item.path), 0, MOST_BYTES + 1, 0)
        for item, why in zip(batch, refused, strict=True)
        if item.path is not None and why is None
    ]
    arriving = iter(read_parts(parts) if parts else ())
    for why in refused:
        data = next(arriving) if why is None else why
        if isinstance(data, StoreError):
            data = Picture(note=f"not read: {data}")
        elif isinstance(data, bytes) and len(data) > MOST_BYTES:
            data = Picture(note=f"not read: the file has more than {MOST_BYTES} bytes")
        yield data


def _refusal(root: Location, path: str | None) -> Picture | None:
    """Reason why a path is not read at all, or None."""
    if path is None or "://" in path or safe_relative(path) != path:
        return Picture(note="not read: it does not lie below the images' directory")
    if not within(root, path):
        return Picture(note="not read: it is a link out of the images' directory, which is not followed")
    if root.local:
        try:
            stat(root.below(path))  # A pipe would be waited for.
        except StoreError as error:
            return Picture(note=f"not read: {error}")
    return None


def _picture(item: Wanted, data: bytes) -> Picture:
    try:
        small, facts = thumbnail(io.BytesIO(data), item.path or "", item.size, item.longest)
    except ImageError as error:
        return Picture(note=f"not shown: {error}")
    note = ""
    width, height = facts.width, facts.height
    if item.size is not None and item.size not in ((width, height), (height, width) if facts.orientation >= 5 else ()):
        note = f"of {width} x {height} pixels, while its record says {item.size[0]} x {item.size[1]}"
    elif item.size is None and facts.orientation >= 5:
        note = "shown as it is stored: its EXIF orientation would turn it"
    return Picture(f"data:image/jpeg;base64,{base64.b64encode(small).decode()}", note, width, height)
