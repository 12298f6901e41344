"""Labels that are nearly the same, and may be meant to be one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from labelbeam.schemas.doubts import Doubt, Doubted

_JOINTS = re.compile(r"[\s_\-]+")
_WHOLE = re.compile(r"[0-9]{1,18}(?:\.0*)?")
_SHOWN = 5


def labels_alike(counts: Mapping[str, int]) -> list[Doubt]:
    """A doubt where labels differ in letter case, blanks or joining marks only; `counts` are objects by label.

    >>> [doubt.count for doubt in labels_alike({"Cat": 3, "cat": 7, "dog": 1})]
    [1]
    """
    groups: dict[str, list[str]] = {}
    for label in sorted(counts):
        folded = unicodedata.normalize("NFKC", label).casefold()
        if not label.isascii():  # Marks without a width: a zero-width space, a byte order mark, a soft hyphen.
            folded = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
        folded = _JOINTS.sub(" ", folded).strip()
        if _WHOLE.fullmatch(folded):  # Numbers that were read as text: 1, 1.0 and 01.
            folded = folded.partition(".")[0].lstrip("0") or "0"
        groups.setdefault(folded, []).append(label)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    shown = "; ".join(", ".join(f"{label!r} ({counts[label]})" for label in group) for group in alike[:_SHOWN])
    more = f" and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    message = (
        f"labels that differ in letter case or blanks only are different labels: {shown}{more}; rename them in the source if "
        "they mean the same"
    )
    return [Doubt(Doubted.LABELS_ALIKE, message, len(alike), alike[0][0])]
