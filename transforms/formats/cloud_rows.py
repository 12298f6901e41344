"""Rows of AutoML Vision and Vertex AI: a table without a header, of images named by URLs of a store, `TRAIN,gs://b/1.jpg,cat`.

The form is that of Vertex AI's page on preparing image data: a use (`TRAIN`, `VALIDATION`, `TEST`, `UNASSIGNED`), which may be missing, the
image's URL, and its labels; or one label and a box, as two corners or four, in fractions of the image. URLs are never fetched.
"""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.transforms.messages.words import is_utf8, printable

_URL = re.compile(r"(?:gs|s3)://[^/]+/.+")
_NEARLY_ALL = 0.9
_SAMPLE = 200
_USES = {**SPLIT_ALIASES, "validate": "validation", "unassigned": None, "": None}
_SIDES = 8
"""Cells of a box: the corners from the upper left on, clockwise, of which two may be empty."""


class CloudRow(NamedTuple):
    """A row: `line` is 1-based. `use` is as it stands, `split` None where it is none; `wrong` says what cannot be read."""

    line: int
    raw: str
    url: str
    use: str = ""
    split: str | None = None
    labels: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None
    wrong: str = ""


def is_cloud_url(cell: str) -> bool:
    """Tell whether a cell is the URL of an object in a store that trainers do not read.

    >>> is_cloud_url("gs://bucket/cat/1.jpg"), is_cloud_url("cat/1.jpg"), is_cloud_url("https://x/1.jpg")
    (True, False, False)
    """
    return _URL.fullmatch(cell.strip()) is not None


def below_bucket(url: str) -> str:
    """The path of such a URL with the bucket as its first folder.

    >>> below_bucket("gs://bucket/cat/1.jpg")
    'bucket/cat/1.jpg'
    """
    return url.strip().partition("://")[2]


def is_of_cloud(text: str) -> bool:
    """Tell whether nearly all of the first rows are such rows."""
    lines = [line for line in text.split("\n", _SAMPLE + 1)[:_SAMPLE] if line.strip()]
    return bool(lines) and sum(_at(line.split(",")) is not None for line in lines) >= _NEARLY_ALL * len(lines)


def _at(cells: list[str]) -> int | None:
    """The index of the URL: the first cell, or the second behind a use."""
    cells = [cell.strip().strip('"') for cell in cells[:2]]
    if cells and is_cloud_url(cells[0]):
        return 0
    return 1 if len(cells) > 1 and cells[0].lower() in _USES and is_cloud_url(cells[1]) else None


def cloud_rows(text: str) -> list[CloudRow]:
    """All rows that are not blank, in order."""
    return [_row(number, line) for number, line in enumerate(io.StringIO(text), 1) if line.strip()]


def _row(number: int, line: str) -> CloudRow:
    raw = printable(line.rstrip("\r\n")[:500])
    if not is_utf8(line):
        return CloudRow(number, raw, "", wrong="the row is not valid UTF-8; save the table as UTF-8")
    try:
        cells = next(csv.reader([line.rstrip("\r\n")], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        return CloudRow(number, raw, "", wrong=f"it is no CSV: {error}")
    at = _at(cells)
    if at is None:
        return CloudRow(number, raw, "", wrong="it names no image by a gs:// or s3:// URL behind a use such as TRAIN")
    use = cells[0].strip() if at else ""
    row = CloudRow(number, raw, cells[at].strip(), use, _USES[use.lower()])
    rest = [cell.strip() for cell in cells[at + 1 :]]
    while rest and not rest[-1]:
        rest.pop()
    sides = rest[1 : 1 + _SIDES]
    if len(rest) > 1 and all(map(_is_side, sides)) and len(rest) <= 1 + _SIDES and any(sides):
        sides += [""] * (_SIDES - len(sides))
        across, down = ([float(side) for side in sides[start::2] if side] for start in (0, 1))
        if len(across) not in (2, 4) or len(across) != len(down):
            return row._replace(labels=tuple(rest[:1]), wrong="its box has neither two corners nor four")
        return row._replace(labels=tuple(rest[:1]), box=(min(across), min(down), max(across), max(down)))
    return row._replace(labels=tuple(filter(None, rest)))


_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")


def _is_side(cell: str) -> bool:
    return not cell or _NUMBER.fullmatch(cell) is not None
