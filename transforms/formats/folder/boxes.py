"""Tables that may hold boxes, in columns that nothing knows: what to say of them where boxes are asked for."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Mapping

from labelbeam.transforms.formats.folder.columns import DELIMITERS
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension
from labelbeam.transforms.messages.words import printable

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_SIDES, _ROWS = 4, 5


def may_hold_boxes(heads: Mapping[str, bytes]) -> str:
    """A remark on tables with an image and four numbers in a row, by their first bytes; "" where there is none.

    >>> may_hold_boxes({"a.csv": b"foto,was,p,q,r,s\\n1.jpg,cat,1,2,3,4\\n"})
    "; 'a.csv' may hold boxes, but its first line, 'foto,was,p,q,r,s', names no columns that are known: write filename,label,xmin,ymin,xmax,ymax, or x,y,width,height in place of corners"
    >>> may_hold_boxes({"a.csv": b"filename,label\\n1.jpg,cat\\n"})
    ''
    """
    for path, head in sorted(heads.items()):
        text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
        lines = [line for line in text.splitlines() if line.strip()][:_ROWS]
        if any(_of_box(line, delimiter) for line in lines for delimiter in DELIMITERS):
            return (
                f"; {posixpath.basename(path)!r} may hold boxes, but its first line, {printable(lines[0])!r:.120}, names no columns that are known: "
                "write filename,label,xmin,ymin,xmax,ymax, or x,y,width,height in place of corners"
            )
    return ""


def _of_box(line: str, delimiter: str) -> bool:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return False
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    return numbers >= _SIDES and any(extension(cell) in IMAGE_FORMATS for cell in cells)
