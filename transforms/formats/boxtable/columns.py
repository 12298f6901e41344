"""Columns of a table of boxes: known by their names, in any case; or by what stands in the first row, where there is no header."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from labelbeam.transforms.formats.beside import may_tell
from labelbeam.transforms.formats.cloud_rows import is_of_cloud
from labelbeam.transforms.formats.folder.columns import DELIMITERS, FILE_COLUMNS, LABEL_COLUMNS, SEPARATOR_LINE
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension

_FILES = (*FILE_COLUMNS, "imageurl", "url", "imgfilename", "imgfname", "imagefname", "patientid")
_LABELS = (*LABEL_COLUMNS, "objectclass", "objectname", "species", "name")
_CORNERS = (
    *(("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1"), ("minx", "miny", "maxx", "maxy")),
    *(("left", "top", "right", "bottom"), ("topx", "topy", "bottomx", "bottomy")),
    *(("startx", "starty", "endx", "endy"), ("xstart", "ystart", "xend", "yend")),
    *(("tlx", "tly", "brx", "bry"), ("xtl", "ytl", "xbr", "ybr"), ("topleftx", "toplefty", "bottomrightx", "bottomrighty")),
)  # fmt: skip
_SIZES = (
    *(("xmin", "ymin", "width", "height"), ("xmin", "ymin", "w", "h"), ("x", "y", "w", "h"), ("x", "y", "width", "height")),
    *(("left", "top", "width", "height"), ("left", "top", "w", "h")),
)  # fmt: skip
_CENTRES = (
    *(("xcenter", "ycenter", "width", "height"), ("centerx", "centery", "width", "height"), ("cx", "cy", "w", "h")),
    *(("xcentre", "ycentre", "width", "height"), ("cx", "cy", "width", "height"), ("xcenter", "ycenter", "w", "h")),
)  # fmt: skip
_OF_IMAGES = ("image", "img", "frame", "tile", "crop")
_IN_ONE = ("bbox", "box", "boundingbox", "boundingboxes", "bboxes")
_BEFORE = re.compile(r"(?:bbox|box|roi|boundingbox|rect|region)(?=.)")
"""Words before each side, as in `Roi.X1` and `bbox_x`."""

_IMAGE_SIZES = (("width", "height"), ("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("imgw", "imgh"))
_CROWDS = ("iscrowd", "crowd", "isgroupof")
_BARE = ("path", "x1", "y1", "x2", "y2", "class")
_BARE_SIZES = ("class", "x", "y", "w", "h", "path", "width", "height")
"""Columns of tables without a header: of RetinaNet, and of makesense.ai, whose boxes are a corner and a size."""

SIDES = 4
"""Numbers of a box."""

_NUMBER = re.compile(r"\s*-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\s*")


class BoxColumns(NamedTuple):
    """The columns of a table, by index.

    `box` are four sides, or one column of all; `kind` says whether they are "corners", a corner and "sizes", or a "centre" and sizes.
    `beside` are columns that may say something else of a box than is read, with their names. Without a `header` the first row is a box. With `cloud` rows are those of `cloud_rows`, and nothing else here counts.
    """

    delimiter: str
    names: tuple[str, ...]
    image: int = 0
    label: int = 0
    box: tuple[int, ...] = ()
    kind: str = "corners"
    size: tuple[int, int] | None = None
    crowd: int | None = None
    header: bool = True
    cloud: bool = False
    beside: tuple[tuple[int, str], ...] = ()


def columns_of(
    head: str, image: str | None = None, label: str | None = None, needs_label: bool = True
) -> BoxColumns | None:
    """The columns of a table that begins so; None where it is none of boxes.

    `image` and `label` are columns that a person has named. Without `needs_label` a table of boxes that nothing calls by a name is one.
    """
    lines = [line for line in head.removeprefix("\ufeff").splitlines() if line.strip()][:20]
    if lines and SEPARATOR_LINE.fullmatch(lines[0]):
        del lines[0]
    if not lines:
        return None
    if is_of_cloud(head):
        boxes = any(len([cell for cell in line.split(",") if _NUMBER.fullmatch(cell)]) >= SIDES for line in lines)
        return BoxColumns(",", (), cloud=True) if boxes else None
    for delimiter in DELIMITERS:
        names = _cells(lines[0], delimiter)
        if len(names) > 1 and (found := _by_name(delimiter, names, image, label, needs_label)) is not None:
            return found
    return _without_header([_cells(line, ",") for line in lines])


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []


def _key(name: str) -> str:
    return re.sub(r"[\s_#.\-()\[\]]", "", name).casefold()


def _by_name(
    delimiter: str, names: Sequence[str], image: str | None, label: str | None, needs_label: bool
) -> BoxColumns | None:
    keys = [_key(name) for name in names]
    bare = [_BEFORE.sub("", name) for name in keys]

    def first(known: Sequence[str], among: Sequence[str] = keys) -> int | None:
        return next((among.index(name) for name in known if name in among), None)

    file = first([_key(image)]) if image else first(_FILES)
    box, kind = _box(keys, bare)
    called = first([_key(label)]) if label else first([name for name in _LABELS if file is None or name != keys[file]])
    if file is None or not box or (called is None and needs_label) or called in (file, *box):
        return None
    size = next(
        ((keys.index(w), keys.index(h)) for w, h in _IMAGE_SIZES if w in keys and h in keys and keys.index(w) not in box),
        None,
    )  # fmt: skip
    crowd, label_at = first(_CROWDS), -1 if called is None else called
    beside = tuple(
        (at, name) for at, name in enumerate(names) if may_tell(name) and at not in (file, label_at, crowd, *box)
    )
    return BoxColumns(delimiter, tuple(names), file, label_at, box, kind, size, crowd, beside=beside)


def _box(keys: Sequence[str], bare: Sequence[str]) -> tuple[tuple[int, ...], str]:
    for kind, families in (("corners", _CORNERS), ("centre", _CENTRES), ("sizes", _SIZES)):
        for family in families:
            for among in (keys, bare):
                if all(among.count(side) for side in family):
                    # Of `Width` and `Roi.Width` the second is the box's.
                    return tuple(len(among) - 1 - among[::-1].index(side) for side in family), kind
    found = next((keys.index(name) for name in _IN_ONE if name in keys), None)
    return ((found,), "sizes") if found is not None else _with_prefix(keys)


def _with_prefix(keys: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """Four sides with one word before each, as in `face_x1`; nothing where there are two such boxes, or the word is of an image's own size."""
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for kind, families in (("corners", _CORNERS), ("centre", _CENTRES), ("sizes", _SIZES)):
        for family in families:
            for prefix in (key.removesuffix(family[0]) for key in keys if key.endswith(family[0])):
                sides = [prefix + side for side in family]
                if len(prefix) > 1 and prefix not in _OF_IMAGES and all(keys.count(side) == 1 for side in sides):
                    found.setdefault(prefix, (tuple(map(keys.index, sides)), kind))
    return next(iter(found.values())) if len(found) == 1 else ((), "")


def _without_header(rows: Sequence[Sequence[str]]) -> BoxColumns | None:
    """RetinaNet's `path,x1,y1,x2,y2,class`, of which an image without a box has nothing behind its path; or makesense.ai's rows."""
    if all(len(row) == len(_BARE_SIZES) and _is_image(row[5]) for row in rows):
        numbers = (row[at] for row in rows for at in (1, 2, 3, 4, 6, 7))
        named = all(row[0] and not _NUMBER.fullmatch(row[0]) for row in rows)
        whole = named and all(map(_NUMBER.fullmatch, numbers))
        return BoxColumns(",", _BARE_SIZES, 5, 0, (1, 2, 3, 4), "sizes", (6, 7), header=False) if whole else None
    boxes = [row for row in rows if len(row) == len(_BARE) and any(row[1:])]
    if not boxes or any(len(row) != len(_BARE) or not _is_image(row[0]) for row in rows):
        return None
    if any(not _NUMBER.fullmatch(cell) for row in boxes for cell in row[1:5]) or not all(row[5] for row in boxes):
        return None
    return BoxColumns(",", _BARE, 0, 5, (1, 2, 3, 4), header=False)


def _is_image(name: str) -> bool:
    return extension(name) in IMAGE_FORMATS
