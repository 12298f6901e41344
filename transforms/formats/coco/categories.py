"""The categories of a COCO file: the labels of its objects, by id."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.coco.records import CocoCategory, decode_range
from labelbeam.transforms.formats.coco.values import Id
from labelbeam.transforms.formats.labels import says_there_is_none
from labelbeam.transforms.formats.reading import in_order
from labelbeam.transforms.messages.redact import redact


@dataclass(slots=True)
class Categories:
    """The categories of one file, taken in range by range.

    names: category id → the name that it had first. refused: category id → why it has no usable name, as a code and in words.
    """

    source: str
    names: dict[Id, str] = field(default_factory=dict)
    refused: dict[Id, tuple[Rejected, str]] = field(default_factory=dict)
    adjusted: Counter[Adjusted] = field(default_factory=Counter)
    supercategories: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, block: bytes) -> None:
        """Take in a range of `categories`."""
        decoded = decode_range(block, CocoCategory)
        self.adjusted.update(decoded.adjusted)
        self.renamed.update(decoded.renamed)
        for category in decoded.records:
            try:
                category.name.encode()
            except UnicodeEncodeError:
                self._refuse(category.id, "has a name that is not valid Unicode")
                continue
            name = unicodedata.normalize("NFC", category.name.strip())
            if not name:
                self._refuse(category.id, "has an empty name")
                continue
            if name != category.name:
                self.adjusted[Adjusted.LABEL_NORMALIZED] += 1
            if isinstance(category.supercategory, str) and category.supercategory.strip():
                self.supercategories[name].add(category.supercategory.strip())
            known = self.names.setdefault(category.id, name)
            if known != name:
                message = f"is called both {known!r} and {name!r}"
                self._refuse(category.id, message, Rejected.AMBIGUOUS_CATEGORY_ID)
        for bad in decoded.bad:
            if "id" in bad.known:
                self._refuse(bad.known["id"], f"cannot be read: {bad.message}")

    def _refuse(self, identity: Id, why: str, code: Rejected = Rejected.INVALID_LABEL) -> None:
        self.refused[identity] = code, f"category {identity!r} {why}"

    def labels(self) -> tuple[list[str], dict[Id, int], frozenset[int]]:
        """All labels, sorted; the label of each category id, by its index; and those that say that there is no object."""
        ambiguous = {id for id, (code, _) in self.refused.items() if code is Rejected.AMBIGUOUS_CATEGORY_ID}
        names = {identity: name for identity, name in self.names.items() if identity not in ambiguous}
        labels = sorted(set(names.values()))
        position = {name: number for number, name in enumerate(labels)}
        empty = frozenset(position[name] for name in labels if says_there_is_none(name))
        return labels, {identity: position[name] for identity, name in names.items()}, empty

    def ids(self) -> dict[str, list[int | str]]:
        """The ids of each label, for people: those that other programs would read as another number, as text."""
        labels, label_of, _ = self.labels()
        found: dict[str, list[int | str]] = {name: [] for name in labels}
        for identity, number in label_of.items():
            if max(len(labels[number]), len(identity) if isinstance(identity, str) else 0) > LONGEST_LABEL:
                continue  # Its objects are rejected; and what is long would stand in each report.
            exact = isinstance(identity, str) or abs(identity) <= 2**53
            found[labels[number]].append(identity if exact else str(identity))
        return {name: in_order(ids) for name, ids in found.items() if ids}

    @property
    def doubts(self) -> list[Doubt]:
        """Labels that join categories of several supercategories."""
        joined = {name: sorted(found) for name, found in self.supercategories.items() if len(found) > 1}
        return [
            Doubt(
                Doubted.SEVERAL_SUPERCATEGORIES,
                f"{redact(self.source)}: {name!r} is the name of categories of several supercategories "
                f"({', '.join(found)}); they are one label",
                example=name,
            )
            for name, found in sorted(joined.items())
        ]
