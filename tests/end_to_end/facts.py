"""Tables of odd records: each row says what stands in the source and what has to come out, and one build holds them all.

A row's image, where it does not say more, is called like the row and has the usual size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.end_to_end.builds import Build
from tests.end_to_end.datasets import coco_image


@dataclass(frozen=True)
class Fact:
    """One fact, and how it shows.

    Args:
        says: the fact, which is the test's id and the image's name.
        objects: annotations; `id` and `image_id` are filled in where they are left out.
        written: what each image is written with, by path; None for one that is not. Anything else is that of its image.
        rejected: kind and code of each rejected line, such as "object:bbox_outside".
        adjusted: adjustments, one a time that it is counted.
        images: records of images; None for the usual one.
    """

    says: str
    objects: Sequence[Any] = ()
    written: Any = None
    rejected: Sequence[str] = ()
    adjusted: Sequence[str] = ()
    images: Sequence[Any] | None = None

    @property
    def name(self) -> str:
        """The path of the usual image."""
        return f"{self.says}.jpg"

    def outcomes(self) -> Mapping[str, Any]:
        """What each image is written with, by path."""
        if isinstance(self.written, dict):
            return self.written
        if self.written is not None and self.images:
            return {self.images[0].get("file_name"): self.written}
        return {self.name: self.written}


@dataclass
class Table:
    """Facts laid out as the lists of one COCO file; keeps which line of the rejected file speaks of which fact."""

    facts: Sequence[Fact]
    images: list[Any] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    owner: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, fact in enumerate(self.facts, 1):
            self._lay_out(fact, 1000 * number)

    def _lay_out(self, fact: Fact, first: int) -> None:
        images = [coco_image(first, fact.name)] if fact.images is None else fact.images
        for position, image in enumerate(images):
            self.images.append({"id": first + position} | image if isinstance(image, dict) else image)
            if isinstance(image, dict):
                laid_out = self.images[-1]
                self._own(fact, f"images id={laid_out['id']!r}", str(laid_out.get("file_name")))
        image_id = next((image["id"] for image in self.images[-len(images) :] if isinstance(image, dict)), first)
        for position, item in enumerate(fact.objects):
            if isinstance(item, dict):
                item = {"id": first + position, "image_id": image_id, "category_id": 1} | item
                item = {key: value for key, value in item.items() if value is not LEFT_OUT}
                self._own(fact, f"annotations id={item.get('id')!r}")
            self.annotations.append(item)
        for path in fact.outcomes():
            self._own(fact, path)

    def _own(self, fact: Fact, *names: str) -> None:
        for name in names:
            self.owner.setdefault(name, fact.says)

    def rejected(self, build: Build) -> dict[str, list[str]]:
        """Rejected lines as kind and code, sorted, by the fact that they speak of; "" for those of none."""
        lines: dict[str, list[str]] = {}
        for line in build.rejected:
            says = self.owner.get(line["locator"]) or self.owner.get(line["image"] or "") or ""
            lines.setdefault(says, []).append(f"{line['kind']}:{line['code']}")
        return {says: sorted(found) for says, found in lines.items()}

    def adjusted(self) -> dict[str, int]:
        """How often each adjustment has to be made in all."""
        return dict(sorted(Counter(reason for fact in self.facts for reason in fact.adjusted).items()))

    def rejected_by_reason(self) -> dict[str, int]:
        """How often each reason has to stand in the manifest."""
        return dict(sorted(Counter(item.partition(":")[2] for fact in self.facts for item in fact.rejected).items()))


LEFT_OUT = object()
"""The value of a field that an annotation does not have."""


def parameters(facts: Sequence[Fact]) -> list[Any]:
    """Facts for `pytest.mark.parametrize`, called what they say."""
    return [pytest.param(fact, id=fact.says) for fact in facts]
