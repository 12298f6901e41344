"""Labels of images as a whole are doubts where they may name what is to be found, in whatever order units are merged."""

from __future__ import annotations

import pytest

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.formats import labelled
from labelbeam.transforms.formats.frames import Evidence, total
from labelbeam.transforms.formats.labelled import doubts_of_labelled, tally_labels


def image(name: str, labels: tuple[str, ...] = (), *objects: str) -> SourceImage:
    found = [SourceObject(label, name) for label in objects]
    return SourceImage(name, "", name, objects=found, labelled=labels)


def of(*images: SourceImage) -> Evidence:
    evidence = Evidence()
    tally_labels(evidence, images)
    return evidence


def test_what_objects_are_called_in_another_unit_of_work_counts() -> None:
    units = [of(image("1", ("night", "cat"))), of(image("2", ("night",), "dog")), of(image("3", (), "Cat"))]
    for order in (units, units[::-1]):
        (doubt,) = doubts_of_labelled("x", order[0].merge(order[1]).merge(order[2]))
        assert (doubt.count, doubt.example) == (1, "1") and "('cat')" in doubt.message
    assert doubts_of_labelled("x", of(image("1", ("night",)), image("2", ("night",), "dog"))) == []


def test_tallies_of_labels_are_in_no_manifest() -> None:
    assert total([of(image("1", ("night",)), image("2", ("night",), "dog"))]) == {}


def test_images_of_more_labels_than_are_kept_are_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "_MOST", 2)
    evidence = of(*(image(f"{number}", (f"tag {number}",)) for number in range(5)))
    (doubt,) = doubts_of_labelled("x", evidence)
    assert doubt.count == 5 and len(evidence.tallies) == 3
    many = of(image("1", ("night",)), image("2", ("night",), *"abc"))
    assert [doubt.count for doubt in doubts_of_labelled("x", many)] == [1]
