"""One YOLO label file: its bytes read into numbers, nothing interpreted yet.

A line is a class number and numbers behind it, separated by blanks. Ultralytics' `verify_image_label` takes four (a centre and a
size) or an even number from six on (corners), and drops lines that repeat another; its `save_txt` adds a confidence.
"""

from __future__ import annotations

import codecs
import math
import re
from math import isfinite
from typing import NamedTuple

from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.messages.words import counted

LARGEST_LABELS = 8 * 2**20
"""Bytes of the largest label file that is read: about 200,000 boxes."""

_MOST_CLASSES = 2**31
_SEVERAL = re.compile(r"[\s,;]+")


class Line(NamedTuple):
    """A line that was read: its number, 1-based, its class, and the numbers of its object.

    Four are a centre and a size; more are the corners of an outline. `with_confidence` says that a confidence stood behind them.
    """

    number: int
    label: int
    values: tuple[float, ...]
    with_confidence: bool = False


class BadLine(NamedTuple):
    """A line that cannot be read, and why."""

    number: int
    code: Rejected
    message: str
    raw: str


class LabelFile(NamedTuple):
    """A label file. `repeated` counts lines that repeat one before them, `with_commas` those that had commas in their numbers."""

    lines: list[Line]
    bad: Packed[BadLine]
    repeated: int = 0
    with_commas: int = 0


def parse_labels(data: bytes, keypoints: int = 0) -> LabelFile:
    """Parse a label file; `keypoints` is how many numbers of keypoints follow each box, which are left out."""
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    # What float() takes and nobody means: `1_0`, and digits of other scripts.
    plain = text.isascii() and not any(sign in text for sign in "_,;")
    found = LabelFile([], Packed())
    seen: set[tuple[float, ...]] = set()
    repeated = with_commas = 0
    for number, raw in enumerate(text.split("\n"), 1):
        tokens = raw.split()
        if not tokens:
            continue
        if not plain and ("," in raw or ";" in raw):
            tokens = _without_commas(raw) or tokens
            with_commas += 1
        try:
            if not plain and not all(token.isascii() and "_" not in token for token in tokens):
                raise ValueError
            values = tuple(map(float, tokens))
        except ValueError:
            found.bad.append(BadLine(number, *_no_numbers(tokens), raw))
            continue
        # Nearly every line is a class and four numbers; a sum that overflows only has it looked at again.
        usual = len(values) == 5 and values[0].is_integer() and abs(values[0]) < _MOST_CLASSES and isfinite(sum(values))
        line = Line(number, int(values[0]), values[1:]) if usual else _line(number, raw, values, keypoints)
        if isinstance(line, BadLine):
            found.bad.append(line)
        elif values in seen:
            repeated += 1
        else:
            seen.add(values)
            found.lines.append(line)
    return found._replace(repeated=repeated, with_commas=with_commas)


def _line(number: int, raw: str, values: tuple[float, ...], keypoints: int) -> Line | BadLine:
    label, numbers = values[0], values[1:]
    if not math.isfinite(label) or not label.is_integer() or abs(label) >= _MOST_CLASSES:
        return BadLine(number, Rejected.INVALID_LABEL, f"the class is {label:g}, expected a class number", raw)
    if not all(map(math.isfinite, numbers)):
        return BadLine(number, Rejected.INVALID_BBOX, "a coordinate is no finite number", raw)
    count = len(numbers)
    if count == 4 or (keypoints and count == 4 + keypoints):
        return Line(number, int(label), numbers[:4])
    if keypoints:
        message = (
            f"{counted(count, 'number')} behind the class, expected 4, and {keypoints} of keypoints, as kpt_shape says"
        )
        return BadLine(number, Rejected.INVALID_RECORD, message, raw)
    if count == 5:
        if 0 <= numbers[4] <= 1:
            return Line(number, int(label), numbers[:4], with_confidence=True)
        message = f"the fifth number is {numbers[4]:g}, no confidence: it may be an angle, or the number of a track"
        return BadLine(number, Rejected.INVALID_BBOX, message, raw)
    if count < 4:
        message = f"{counted(count, 'number')} behind the class, expected 4, or corners"
        return BadLine(number, Rejected.INVALID_RECORD, message, raw)
    if count % 2:
        message = (
            f"{counted(count, 'number')} behind the class: an odd count is no corners, with or without a confidence or keypoints; "
            "if keypoints follow a box, say kpt_shape in data.yaml"
        )
        return BadLine(number, Rejected.INVALID_POLYGON, message, raw)
    return Line(number, int(label), numbers)


def _no_numbers(tokens: list[str]) -> tuple[Rejected, str]:
    """Why a line of these tokens is not read."""
    for at, token in enumerate(tokens):
        try:
            if not token.isascii() or "_" in token:
                raise ValueError
            float(token)
        except ValueError:
            if at == 0:
                return Rejected.INVALID_LABEL, f"the class is {token!r:.60}, expected a class number"
            return Rejected.INVALID_BBOX, f"{token!r:.60} is no number"
    raise AssertionError("the tokens of a line that could not be read are all numbers")


def _without_commas(raw: str) -> list[str]:
    """The numbers of a line with commas: between its numbers, or within them in place of points.

    Where a line has points, commas part its numbers. Else they are points, where blanks part its numbers. One that could be
    either stays as it is, and is no number.

    >>> _without_commas("0,0.5,0.5,0.1,0.1"), _without_commas("0 0,5 0,5 0,1 0,1"), _without_commas("0, 1, 1, 0, 0")
    (['0', '0.5', '0.5', '0.1', '0.1'], ['0', '0.5', '0.5', '0.1', '0.1'], ['0', '1', '1', '0', '0'])
    >>> _without_commas("0,0,5,0,5")
    ['0,0,5,0,5']
    """
    if "." in raw:
        return [token for token in _SEVERAL.split(raw) if token]
    tokens = [token.strip(",") for token in re.split(r"[\s;]+", raw)]
    tokens = [token for token in tokens if token]
    if len(tokens) > 4 and all(token.count(",") < 2 for token in tokens):
        return [token.replace(",", ".") for token in tokens]
    return tokens
