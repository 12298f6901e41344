"""Labels of a bucket's objects as the build calls them, and which objects are left out for their label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.columns.objects import Objects


@dataclass(slots=True)
class Renamed:
    """Objects under the build's labels.

    names: the build's labels, sorted, which the objects' labels are indices into. rows: the objects that stay, as indices
    into those given. changed: of those that stay, whether their label has another name now. kept: (n,) whether the label
    of an object stays; where one is written once for two, both do. left_out: objects that do not stay, by reason.
    """

    names: list[str]
    rows: Integers
    changed: npt.NDArray[np.bool_]
    kept: npt.NDArray[np.bool_]
    left_out: Counter[Skipped]


def rename(
    objects: Objects, at: Integers, names: Sequence[str], labels: LabelMap, rare: Collection[str], distinct: bool
) -> Renamed:
    """Give n objects their new labels, in place.

    Args:
        at: (n,) each object's image; they are sorted by it.
        rare: labels of the build that too few objects have.
        distinct: an image has each label once, and its objects are in the order of labels: what classification asks for.
    """
    fates = labels.fates(names, rare)
    new = [labels.becomes(name) for name in names]
    made = sorted({label for label, fate in zip(new, fates, strict=True) if fate is None})
    index = {label: number for number, label in enumerate(made)}
    before = objects.label
    kept = np.array([fate is None for fate in fates], bool)[before]
    codes = Counter({fate: 0 for fate in fates if fate is not None})
    for number, count in enumerate(np.bincount(before, minlength=len(names)).tolist()):
        fate = fates[number]
        if fate is not None:
            codes[fate] += count
    other = np.array([name != label for name, label in zip(names, new, strict=True)], bool)[before]
    objects.label = np.array([index.get(label, -1) for label in new], np.int64)[before]
    rows = np.flatnonzero(kept)
    if distinct:
        _, first = np.unique(np.stack([at[rows], objects.label[rows]]), axis=1, return_index=True)
        codes[Skipped.LABEL_MERGED] += len(rows) - len(first)
        rows = rows[first]
    return Renamed(made, rows, other[rows], kept, +codes)
