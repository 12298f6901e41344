"""Labels that are nearly the same, and may be meant to be one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote

from labelbeam.schemas.doubts import Doubt, Doubted

_JOINTS = re.compile(r"[\s_\-]+")
_AROUND = " \"'`\u2018\u2019\u201c\u201d\u00ab\u00bb.,;:"
"""What may be left around a label: quotes, and marks of punctuation."""
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WHOLE = re.compile(r"[0-9]+\.0+")
_FORMS_OF_EMOJI = "\ufe0e\ufe0f"
_SEEN_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0455\u0458\u043a\u043c\u0442\u043d\u0432\u04bb\u0501\u051b\u051d"
    "\u03bf\u03b1\u03b9\u03c1\u03c5\u03bd\u03ba\u03c7",
    "aeopcxyisjkmthbhdqwoaipuvkx",
)
"""Letters of other scripts that look like Latin ones."""

_SHOWN = 5


def _folded(label: str) -> str:
    folded = unicodedata.normalize("NFKC", unquote(label) if "%" in label else label).casefold()
    if not label.isascii():
        # Marks without a width: a zero-width space, a byte order mark, a soft hyphen, a form of an emoji.
        folded = "".join(
            letter for letter in folded if unicodedata.category(letter) != "Cf" and letter not in _FORMS_OF_EMOJI
        )
        folded = folded.translate(_SEEN_ALIKE)
    folded = _JOINTS.sub(" ", folded).strip()
    folded = folded.strip(_AROUND) or folded  # A mark may be a label by itself, as of letters that are read.
    # A number may have become a float on its way: 1 and 1.0.
    return folded.partition(".")[0] if _WHOLE.fullmatch(folded) else folded


def labels_alike(counts: Mapping[str, int]) -> list[Doubt]:
    """A doubt where labels differ in letter case, blanks, joining marks, quotes or percent-encoding only; `counts` are objects by label.

    >>> [doubt.count for doubt in labels_alike({"Cat": 3, "cat": 7, "dog": 1, "TrafficLight": 1, "traffic_light": 1})]
    [2]
    """
    keys = {label: _folded(label) for label in sorted(counts)}
    known = set(keys.values())
    groups: dict[str, list[str]] = {}
    for label, plain in keys.items():
        apart = _folded(_HUMP.sub(" ", label))  # TrafficLight, where traffic_light is there as well.
        groups.setdefault(apart if apart in known else plain, []).append(label)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    shown = "; ".join(", ".join(f"{label!r} ({counts[label]})" for label in group) for group in alike[:_SHOWN])
    more = f" and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    message = (
        f"labels that differ in letter case, blanks, quotes, percent-encoding, a .0 or letters that look the same only are different labels: {shown}{more}; "
        "make them one with --labels, or in the source, if they mean the same"
    )
    return [Doubt(Doubted.LABELS_ALIKE, message, len(alike), alike[0][0], "--labels")]


_BETWEEN = re.compile("\\s*[,;|/+&#:\\\\\uff0c\u3001\uff1b\uff1a\uff5c\uff0f]\\s*")
"""Marks between labels, those of Chinese and Japanese among them."""


def labels_joined(counts: Mapping[str, int], task: str) -> list[Doubt]:
    """A doubt where images may have several labels, and a label is made of others with a mark between them.

    >>> [doubt.example for doubt in labels_joined({"cat/dog": 3, "cat": 7, "dog": 1}, "image_classification_multilabel")]
    ['cat/dog']
    """
    if task != "image_classification_multilabel":
        return []
    joined = [
        label
        for label in sorted(counts)
        if len(parts := _BETWEEN.split(label)) > 1 and all(part in counts for part in parts)
    ]
    if not joined:
        return []
    message = (
        f"{', '.join(map(repr, joined[:_SHOWN]))} {'is' if len(joined) == 1 else 'are'} read as one label each, and their parts are "
        "labels too; if they are several labels, separate them"
    )
    return [Doubt(Doubted.LABEL_SEPARATOR, message, len(joined), joined[0], "--label-separator")]
