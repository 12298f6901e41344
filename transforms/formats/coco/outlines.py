"""Outlines of COCO annotations as rings: polygons as they stand, masks along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.arrays import Floats, Integers
from labelbeam.transforms.columns.objects import Objects, Rings, join_rings
from labelbeam.transforms.formats.coco.flat import flat_polygons
from labelbeam.transforms.formats.coco.records import UNREADABLE, Boxed, Decoded
from labelbeam.transforms.formats.coco.scan import TARGET, as_list
from labelbeam.transforms.formats.coco.values import Rle
from labelbeam.transforms.formats.json_objects import check_json_room
from labelbeam.transforms.geometry.rle import GeometryError, goes_along_rows, read_rle
from labelbeam.transforms.geometry.trace import trace_many

_NO_RING = [0.0, 0.0]
"""The one corner that stands for a part of a polygon that is no ring: dropped with a word where polygons are repaired."""


class RawOutlined(Boxed, gc=False):
    """An element of `annotations` whose outline is JSON still."""

    segmentation: msgspec.Raw = msgspec.Raw(b"null")


_RAW = msgspec.json.Decoder(list[RawOutlined])


def raw_outlined(block: bytes) -> Decoded[RawOutlined] | None:
    """The annotations of a range with their outlines undecoded; None where one of them is not beyond doubt.

    Raises:
        ShortageError: an element is so large that there is no memory for what it holds.
    """
    check_json_room(block, "an element of a COCO file", 2 * TARGET)
    try:
        return Decoded(_RAW.decode(as_list(block)))
    except UNREADABLE:
        return None


AT_ONCE = 2048
"""Outlines that are laid together: what they take meanwhile is little beside a range."""


class UnreadableOutlineError(ValueError):
    """An outline that is left as JSON is none that a strict decoder takes."""


_OUTLINES = msgspec.json.Decoder(list[list[list[float]] | Rle | None])
_MASK = msgspec.json.Decoder(Rle)


def is_drawn(outline: list[list[float]] | Rle | msgspec.Raw | None) -> bool:
    """Tell whether an outline holds anything, decoded or not."""
    return bool(_decoded([outline])[0])


def _decoded(outlines: Sequence[Any]) -> Sequence[list[list[float]] | Rle | None]:
    """Outlines, decoded where they are not.

    Raises:
        UnreadableOutlineError: one of them is odd.
    """
    if not outlines or not isinstance(outlines[0], msgspec.Raw):
        return outlines
    try:
        return _OUTLINES.decode(b"[%b]" % b",".join(outlines))
    except UNREADABLE:
        raise UnreadableOutlineError from None


def lay_outlines(objects: Objects, outlines: Sequence[Any]) -> tuple[dict[int, Rle], list[int]]:
    """Fill in the rings of n objects from their outlines, decoded or not, but for those that are masks.

    Returns:
        The masks by the place of their object, and the places of polygons whose axes were joined.

    Raises:
        UnreadableOutlineError: an outline cannot be decoded strictly.
    """
    masks: dict[int, Rle] = {}
    joined: list[int] = []
    laid: list[tuple[Rings, Integers]] = []
    for first in range(0, len(outlines), AT_ONCE):
        block, boxes = outlines[first : first + AT_ONCE], objects.bbox[first : first + AT_ONCE]
        if (flat := _flat(block, boxes)) is not None:
            laid.append(flat.rings)
            masks |= {first + at: mask for at, mask in flat.masks.items()}
            continue
        polygons: list[list[list[float]]] = []
        for at, outline in enumerate(_decoded(block), first):
            if isinstance(outline, Rle):
                masks[at] = outline
                polygons.append([])
            else:
                polygons.append(outline or [])
        joined += [first + at for at in join_axes(polygons, boxes)]
        laid.append(_rings_of(polygons))
    objects.rings = join_rings([rings for rings, _ in laid])
    objects.ring_count = np.concatenate([np.empty(0, np.int64), *(counts for _, counts in laid)])
    objects.ring_start = np.cumsum(objects.ring_count) - objects.ring_count
    return masks, joined


class _Flat(NamedTuple):
    """The rings of outlines with how many each has, and those that are masks by their place."""

    rings: tuple[Rings, Integers]
    masks: dict[int, Rle]


def _flat(outlines: Sequence[Any], boxes: Floats) -> _Flat | None:
    """Outlines that are JSON still, all at once; None where they are not, or where one of them is unusual.

    Raises:
        UnreadableOutlineError: a mask cannot be decoded strictly.
    """
    if not outlines or not isinstance(outlines[0], msgspec.Raw):
        return None
    texts = list(map(bytes, outlines))
    starts = [text[:1] for text in texts]
    if set(starts) != {b"["}:
        if not {text for text, start in zip(texts, starts, strict=True) if start not in (b"[", b"{")} <= {b"null"}:
            return None
        polygons = [text if start == b"[" else b"" for text, start in zip(texts, starts, strict=True)]
    else:
        polygons = texts
    laid = flat_polygons([b"" if text == b"[]" else text for text in polygons])
    if laid is None or _may_be_axes(*laid, boxes):
        return None
    try:
        return _Flat(laid, {at: _MASK.decode(text) for at, text in enumerate(texts) if starts[at] == b"{"})
    except UNREADABLE:
        raise UnreadableOutlineError from None


def _may_be_axes(rings: Rings, counts: Integers, boxes: Floats) -> bool:
    """Tell whether `join_axes` has something to join."""
    starts, lengths = np.cumsum(counts) - counts, np.diff(rings.offsets)
    pairs = np.flatnonzero(counts == 2)
    pairs = pairs[lengths[starts[pairs]] == lengths[starts[pairs] + 1]]
    polygons = [[rings.ring(at + part).ravel().tolist() for part in (0, 1)] for at in starts[pairs].tolist()]
    return bool(join_axes(polygons, boxes[pairs]))


def lay_polygons(objects: Objects, polygons: list[list[list[float]]]) -> None:
    """Fill in the rings of n objects from the polygons of each, as parts of x, y, x, y, …; what is no ring is one corner."""
    objects.rings, objects.ring_count = _rings_of(polygons)
    objects.ring_start = np.cumsum(objects.ring_count) - objects.ring_count


def _rings_of(polygons: list[list[list[float]]]) -> tuple[Rings, Integers]:
    """The rings of polygons, and how many each of these has."""
    parts, per_part = _lay_out(polygons)
    unusable = np.flatnonzero((per_part < 6) | (per_part % 2 == 1))
    if len(unusable) and any(map(_is_of_pairs, polygons)):
        polygons = [[list(chain.from_iterable(parts))] if _is_of_pairs(parts) else parts for parts in polygons]
        parts, per_part = _lay_out(polygons)
        unusable = np.flatnonzero((per_part < 6) | (per_part % 2 == 1))
    per_object = np.fromiter(map(len, polygons), np.int64, len(polygons))
    for at in unusable.tolist():
        parts[at] = _NO_RING
    per_part[unusable] = len(_NO_RING)
    total = int(per_part.sum())
    corners = np.fromiter(chain.from_iterable(parts), np.float64, total).reshape(-1, 2)
    return Rings(np.concatenate([[0], np.cumsum(per_part // 2)]), corners), per_object


def _lay_out(polygons: list[list[list[float]]]) -> tuple[list[list[float]], Integers]:
    """All parts of all polygons, and how many numbers each has."""
    parts = list(chain.from_iterable(polygons))
    return parts, np.fromiter(map(len, parts), np.int64, len(parts))


def join_axes(polygons: list[list[list[float]]], boxes: Floats) -> list[int]:
    """Join the two lists of polygons that hold all x and all y apart, as their boxes prove, in place; return where that was so.

    Args:
        boxes: (n, 4) left, top, right and bottom of each object's box; NaN where it has none.
    """
    joined: list[int] = []
    for at, parts in enumerate(polygons):
        if len(parts) != 2 or len(parts[0]) != len(parts[1]) or len(parts[0]) < _FEWEST_CORNERS:
            continue
        across, along = parts
        left, top, right, bottom = boxes[at].tolist()
        near = 0.01 * max(right - left, bottom - top) + 1e-9
        apart = (min(across) - left, max(across) - right, min(along) - top, max(along) - bottom)
        every = [*across, *along]
        usual = (min(every[::2]) - left, max(every[::2]) - right, min(every[1::2]) - top, max(every[1::2]) - bottom)
        if all(abs(side) <= near for side in apart) and (len(across) % 2 or any(abs(side) > near for side in usual)):
            polygons[at] = [list(chain.from_iterable(zip(across, along, strict=True)))]
            joined.append(at)
    return joined


_FEWEST_CORNERS = 3


def _is_of_pairs(parts: list[list[float]]) -> bool:
    """Tell whether they are the corners of one part, as contour finders give them, rather than parts."""
    return len(parts) >= 3 and all(len(part) == 2 for part in parts)


class LaidMasks(NamedTuple):
    """The places of objects whose mask is not valid, each with why, and of those whose runs seem to go along rows."""

    failed: list[tuple[int, GeometryError]]
    by_rows: list[int]


def lay_masks(objects: Objects, masks: Mapping[int, Rle], declared: npt.NDArray[np.int32]) -> LaidMasks:
    """Fill in the rings of the objects that are masks, along their pixels' edges.

    Rings of masks are laid between those of polygons, so that a bucket's rings stay one piece.

    Args:
        objects: n objects.
        masks: the masks, by the object's place among these.
        declared: (n, 2) width and height of each object's image, 0 where the file does not say.
    """
    read: dict[int, Integers] = {}
    failed: list[tuple[int, GeometryError]] = []
    by_rows: list[int] = []
    for at, rle in masks.items():
        sides = declared[at].tolist()
        try:
            width, height = sides if all(sides) else _own_size(rle)
            runs = read_rle(rle.size, rle.counts, width, height)
        except GeometryError as error:
            failed.append((at, error))
            continue
        if goes_along_rows(runs, width, height):
            by_rows.append(at)
        read[at] = runs
        objects.mask_size[at] = (height, width)
    places = sorted(read)
    heights, widths = objects.mask_size[places].T.tolist()
    _insert_rings(objects, places, *trace_many([read[at] for at in places], heights, widths))
    return LaidMasks(failed, by_rows)


def _insert_rings(objects: Objects, places: list[int], rings: Rings, counts: Integers) -> None:
    """Give the objects at `places` so many of the rings each, in the place that keeps all rings in the order of their objects."""
    if not places:
        return
    pieces: list[Rings] = []
    done = taken = 0
    for at, before, count in zip(places, objects.ring_start[places].tolist(), counts.tolist(), strict=True):
        pieces += [_piece(objects.rings, done, before), _piece(rings, taken, taken + count)]
        done, taken = before, taken + count
        objects.ring_count[at] = count
    pieces.append(_piece(objects.rings, done, len(objects.rings)))
    objects.rings = join_rings(pieces)
    objects.ring_start = np.cumsum(objects.ring_count) - objects.ring_count


def _piece(rings: Rings, start: int, end: int) -> Rings:
    offsets = rings.offsets[start : end + 1]
    return Rings(offsets - offsets[0], rings.corners[offsets[0] : offsets[-1]])


def _own_size(rle: Rle) -> tuple[int, int]:
    """Width and height as the mask itself says, where the file does not know its image's; 0 where it says nonsense."""
    size = rle.size
    if isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size):
        return size[1], size[0]
    return 0, 0
