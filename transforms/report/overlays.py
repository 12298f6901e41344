"""Overlays of a record or a prediction as SVG over an image. Pure.

A picture's user space is the record's image in pixels, from its top-left corner: a coordinate of a record, which is a fraction,
times the width or height.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_SHAPES = 150
"""Objects that are drawn on one image."""

MOST_POINTS = 6000
"""Corners that are drawn on one image: a mask that was traced exactly may have thousands."""

PALETTE = 12
"""Colours of classes in the style sheet."""

LONGEST_TAG = 26
"""Characters of a label that are drawn; its tooltip and the list below the picture have all of them."""

MOST_TAGS = 12
"""Objects of an image up to which each has its label beside it; where there are more, only the one that is pointed at."""

_LETTERS = 26
"""An image's longer side in heights of letters."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A box or an outline: an SVG path; where its label begins, above what is true and below what is
    predicted; and its colour's number."""

    path: str
    label: str
    tag: str
    x: str
    y: str
    colour: int
    outline: bool = False
    crowd: bool = False
    predicted: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """The shapes over an image of `width` x `height` pixels, how many objects were left out, and a size of letters."""

    width: int
    height: int
    shapes: list[Shape]
    left_out: int = 0

    @property
    def letters(self) -> str:
        """The height of letters, so that they have one size on all pictures."""
        return _number(max(self.width, self.height) / _LETTERS)

    @property
    def busy(self) -> bool:
        """Tell whether labels would cover the image."""
        return len(self.shapes) > MOST_TAGS


def draw(width: int, height: int, objects: Iterable[Any], colours: dict[str, int]) -> Drawing:
    """Draw objects with fractions of the image: those of records (`topX` …, or `polygon`) and of predictions (`box`, `polygon`).

    Args:
        objects: mappings, as a line of JSONL holds them.
        colours: a number for each label.
    """
    shapes: list[Shape] = []
    points = left_out = 0
    for item in objects:
        parts = item.get("polygon") or [_corners(item.get("box") or item)]
        points += sum(map(len, parts)) // 2
        if len(shapes) == MOST_SHAPES or points > MOST_POINTS:
            left_out += 1
            continue
        shapes.append(_shape(width, height, item, parts, colours))
    return Drawing(width, height, shapes, left_out)


def _corners(box: Any) -> list[float]:
    left, top, right, bottom = (float(box[side]) for side in ("topX", "topY", "bottomX", "bottomY"))
    return [left, top, right, top, right, bottom, left, bottom]


def _shape(width: int, height: int, item: Any, parts: Sequence[Sequence[float]], colours: dict[str, int]) -> Shape:
    pairs = [list(zip(part[::2], part[1::2], strict=False)) for part in parts]
    # Rings in one path, filled by the even-odd rule, combine as the trainer combines them: a ring in another is a hole.
    path = "".join(f"M{'L'.join(f'{_number(x * width)} {_number(y * height)}' for x, y in ring)}Z" for ring in pairs)
    left = min(x for ring in pairs for x, _ in ring)
    top, low = min(y for ring in pairs for _, y in ring), max(y for ring in pairs for _, y in ring)
    letters = max(width, height) / _LETTERS
    label = str(item["label"])
    score = item.get("score")
    predicted = score is not None
    tag = label if len(label) <= LONGEST_TAG else f"{label[: LONGEST_TAG - 1]}…"
    if predicted:
        tag += f" {score:.2f}"
    return Shape(
        path=path,
        label=label,
        tag=tag,
        # A letter is less than 0.64 of its height wide, so that a tag near the right border still fits.
        x=_number(max(min(left * width, width - 0.64 * letters * len(tag)), 0)),
        y=_number(
            min(low * height + letters, height - 2) if predicted else max(top * height - letters * 0.25, letters)
        ),
        colour=colours.get(label, 0) % PALETTE,
        outline="polygon" in item,
        crowd=bool(item.get("isCrowd")),
        predicted=predicted,
    )


def _number(value: float) -> str:
    return f"{round(value, 2):g}" if abs(value) < 1000 else f"{round(value, 1):.10g}"
