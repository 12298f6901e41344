"""VOC as a format: which trees it claims, and how far its options go before evidence."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.voc.format import Voc, VocOptions
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import VOC, fill


def config(*sources: str, **options: Any) -> ConvertConfig:
    return ConvertConfig(
        task="image_object_detection",
        source=list(sources) or ["s"],
        output="memory://o",
        of_formats=(VocOptions(**options),),
    )


def tree(*roots: str) -> Tree:
    return Tree(config(*roots), {}, [locate(root, {}) for root in roots], [])


def test_a_tree_of_annotations_is_claimed_by_the_first_in_their_folder() -> None:
    root = fill("memory://claimed", VOC | {"0.xml": "<svg/>"})
    claim = Voc().recognise(tree(root), False)
    assert claim is not None and claim.certain
    assert "annotation file" in claim.reason and claim.reason.endswith("such as Annotations/0.xml")


def test_a_tree_without_any_is_left() -> None:
    assert Voc().recognise(tree(fill("memory://left", {"1.jpg": "", "1.xml": "<svg/>"})), False) is None


def test_of_several_roots_none_is_claimed_and_asking_is_refused() -> None:
    both = tree("memory://a", "memory://b")
    assert Voc().recognise(both, False) is None
    with pytest.raises(UsageError, match="--source: 2 roots given; voc takes one directory"):
        Voc().recognise(both, True)


def evidence(**counts: int) -> dict[str, Evidence]:
    found = Evidence()
    for name, count in counts.items():
        found.add(name, count, "1.xml")
    return {"s": found}


SMALL = {"boxes": 10, "boxes_below_a_pixel": 10, "boxes_with_fraction": 10, "files": 5}


@pytest.mark.parametrize(("boxes", "fractions"), [("detect", True), ("relative", True), ("pixels", False)])
def test_boxes_are_fractions_where_all_are_or_where_it_is_said(boxes: str, fractions: bool) -> None:
    frames = Voc().frames(evidence(**SMALL), config(voc_boxes=boxes))
    assert frames == ({"s": FRACTIONS} if fractions else {})


@pytest.mark.parametrize(("boxes", "told"), [("detect", True), ("relative", False), ("pixels", False)])
def test_what_was_said_is_no_doubt(boxes: str, told: bool) -> None:
    codes = {doubt.code for doubt in Voc().remarks(evidence(**SMALL), config(voc_boxes=boxes))}
    assert (Doubted.RELATIVE_COORDINATES in codes) is told


@pytest.mark.parametrize(("origin", "told"), [(1, True), (0, False)])
def test_coordinates_of_0_speak_against_counting_from_1(origin: int, told: bool) -> None:
    doubts = Voc().remarks(evidence(boxes=10, from_0=3, files_from_0=1, files=5), config(voc_origin=origin))
    assert [doubt.code for doubt in doubts] == [Doubted.VOC_ORIGIN] * told
