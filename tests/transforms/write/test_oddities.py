"""What stands out in the objects of a bucket, of which each by itself is as it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.manifest import Oddity
from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.images.facts import DEEP, FRAMES, TURNED, UNTURNED, ImageFacts
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.oddities import (
    ALIGNED,
    BACKWARDS,
    COPIED,
    CORNER,
    CROWDS,
    EXCHANGED,
    HUNDREDTH,
    LEAVING,
    LEAVING_AS_SIZES,
    MISREAD,
    TINY,
    TWICE,
)
from labelbeam.transforms.write.options import AssembleOptions

DETECTION, SEGMENTATION, MULTILABEL = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)
USUAL = frozenset({CROWDS, LEAVING, MISREAD, TINY, TWICE, DEEP, FRAMES, TURNED, UNTURNED})
"""Oddities of which a dataset as it should be has none; the others tell only beside each other."""

SQUARE = [(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0)]


def image(name: str, *objects: SourceObject, size: tuple[int, int] | None = (100, 80)) -> SourceImage:
    width, height = size or (None, None)
    return SourceImage(name, "s", name, width, height, objects=list(objects))


def box(label: str, *sides: float, crowd: bool = False) -> SourceObject:
    return SourceObject(label, "o", bbox=sides, crowd=crowd)


def outline(label: str, *rings: Sequence[tuple[float, float]]) -> SourceObject:
    return SourceObject(label, "o", rings=[np.array(ring) for ring in rings])


def oddities(
    *images: SourceImage, task: str = DETECTION, looked: Mapping[str, ImageFacts] | None = None, more: str = ""
) -> dict[str, Oddity]:
    fragments = [fragment for _, fragment in fragments_of(images, 1, 0)]
    options = AssembleOptions(task, "https://h/", look_at_all=looked is not None)
    found = assemble(fragments, options, {}, lambda rows: [(looked or {}).get(row.path) for row in rows]).oddities
    return {name: odd for name, odd in found.items() if odd.count and (name in USUAL or name == more)}


def test_what_the_trainer_may_make_of_images_is_counted_where_they_were_looked_at_and_are_written() -> None:
    box_of = [box("cat", 10, 10, 30, 30)]
    facts = {
        name: ImageFacts("png", 100, 80, 1, what) for name, what in (("a", DEEP), ("b", DEEP), ("c", FRAMES), ("d", ""))
    }
    facts["e"] = ImageFacts("png", 1, 1, 1, FRAMES)  # Of another size than declared, and so rejected.
    facts["f"] = ImageFacts("jpg", 80, 100, 6)
    facts["g"] = facts["h"] = ImageFacts("jpg", 100, 80, 3)
    facts["i"] = ImageFacts("tif", 80, 100, 6)  # Whoever reads a TIFF turns it.
    images = [image(name, *box_of) for name in "abcdefghi"]
    expected = {DEEP: Oddity(2, 8, "a"), FRAMES: Oddity(1, 8, "c")}
    assert oddities(*images, task=MULTILABEL, looked=facts) == expected
    turned = {TURNED: Oddity(1, 8, "f"), UNTURNED: Oddity(2, 8, "g")}
    assert oddities(*images, looked=facts) == expected | turned
    assert oddities(*images) == {}


def test_image_urls_that_lead_the_trainer_elsewhere_are_counted_and_hold_no_secret() -> None:
    names = ["https://host/1.jpg?sig=SECRET", "https://host/2%.jpg", "https://host/3%20a b#.jpg", "4%?.jpg"]
    (found,) = oddities(*(image(name, box("cat", 10, 10, 30, 30)) for name in names)).items()
    assert found[0] == MISREAD and found[1].count == 2 and "SECRET" not in found[1].example


def test_objects_in_their_places_are_not_odd() -> None:
    assert (
        oddities(image("1.jpg", box("cat", 10, 10, 30, 30), box("dog", 10, 10, 30, 30), box("cat", 10, 10, 30, 31)))
        == {}
    )
    assert oddities(image("1.jpg", outline("cat", SQUARE), outline("cat", SQUARE[1:])), task=SEGMENTATION) == {}


@pytest.mark.parametrize(
    ("sides", "out"),
    [
        ((-2.0, -2.0, 50.0, 50.0), 0),  # Within a share of the side and one pixel.
        ((0.0, 0.0, 103.0, 82.6), 0),
        ((-4.0, 0.0, 50.0, 50.0), 1),
        ((0.0, 0.0, 104.0, 50.0), 1),
        ((0.0, 83.0, 50.0, 40.0), 1),  # Drawn from below.
        ((200.0, 200.0, 220.0, 220.0), 1),  # Rejected, and no less odd.
    ],
)
def test_boxes_that_leave_their_image_are_counted_cut_or_rejected(sides: tuple[float, ...], out: int) -> None:
    found = oddities(image("a.jpg", box("cat", 1, 1, 9, 9)), image("b.jpg", box("cat", *sides)))
    assert found.get(LEAVING, Oddity()) == (Oddity(1, 2, "b.jpg") if out else Oddity())


@pytest.mark.parametrize(
    ("edges", "fits"),
    [
        ((60.0, 40.0, 130.0, 90.0), 1),  # 60, 40 and 70, 50.
        ((60.0, 40.0, 110.0, 90.0), 0),  # A corner at 50 would lie before the first.
        ((10.0, 10.0, 190.0, 50.0), 0),  # One at 180 lies outside.
        ((10.0, 10.0, 30.0, 40.0), 0),  # It does not leave its image.
    ],
)
def test_boxes_that_leave_their_image_and_would_not_as_corners_are_counted(edges: tuple[float, ...], fits: int) -> None:
    found = oddities(image("a.jpg", box("cat", *edges)), more=LEAVING_AS_SIZES)
    assert found.get(LEAVING_AS_SIZES, Oddity()).count == fits


def test_outlines_without_a_box_leave_their_image_as_boxes_do() -> None:
    beyond = [(x + 90, y) for x, y in SQUARE]
    found = oddities(image("a.jpg", outline("cat", SQUARE, beyond), outline("cat", SQUARE)), task=SEGMENTATION)
    assert found[LEAVING] == Oddity(1, 2, "a.jpg")


def test_of_outlines_among_boxes_each_is_measured_by_its_own_rings() -> None:
    beyond = [(x + 90, y) for x, y in SQUARE]
    images = [
        image("b.jpg", outline("cat", SQUARE), box("cat", 1, 1, 9, 9), outline("dog", SQUARE, SQUARE, beyond)),
        image("a.jpg", box("cat", 1, 1, 150, 9), outline("dog", SQUARE), outline("cat", beyond, SQUARE)),
    ]
    assert oddities(*images, task=SEGMENTATION)[LEAVING] == Oddity(3, 6, "a.jpg")


def test_in_an_image_of_unknown_size_nothing_leaves_it() -> None:
    assert oddities(image("a.jpg", box("cat", 1, 1, 900, 900), size=None)) == {}


def test_crowds_are_counted() -> None:
    found = oddities(image("a.jpg", box("cat", 1, 1, 9, 9, crowd=True), box("cat", 1, 1, 8, 9)))
    assert found == {CROWDS: Oddity(1, 2, "a.jpg")}


@pytest.mark.parametrize(
    ("objects", "twice"),
    [
        ([box("cat", 1, 1, 9, 9)] * 3, 2),
        ([box("cat", 1, 1, 9, 9), box("dog", 1, 1, 9, 9)], 0),
        ([box("cat", 1, 1, 9, 9), box("cat", 1, 1, 9.000001, 9)], 1),  # The same once rounded.
        ([box("cat", 9, 9, 1, 1), box("cat", 1, 1, 9, 9)], 1),
        ([box("cat", 50, 1, 150, 9), box("cat", 50, 1, 120, 9)], 1),  # The same once cut.
    ],
)
def test_objects_of_one_label_and_place_are_counted_within_an_image(objects: list[SourceObject], twice: int) -> None:
    found = oddities(image("a.jpg", *objects), image("b.jpg", objects[0]))
    assert found.get(TWICE, Oddity()).count == twice


def test_outlines_are_the_same_only_in_all_their_corners() -> None:
    turned = [*SQUARE[1:], SQUARE[0]]
    dented = [*SQUARE, (15.0, 20.0)]
    found = oddities(image("a.jpg", *(outline("cat", ring) for ring in (SQUARE, turned, dented))), task=SEGMENTATION)
    assert found[TWICE] == Oddity(1, 3, "a.jpg")


def test_labels_of_images_have_no_place() -> None:
    assert oddities(image("a.jpg", box("cat", 1, 1, 9, 9), box("cat", 1, 1, 9, 9)), task=MULTILABEL) == {}


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=40))
def test_what_stands_twice_is_what_a_set_says(sides: list[tuple[int, int, int, int]]) -> None:
    boxes = [box("cat", x, y, x + w + 1, y + h + 1) for x, y, w, h in sides]
    found: Any = oddities(image("a.jpg", *boxes)).get(TWICE, Oddity())
    assert found.count == len(sides) - len(set(sides))


def test_parts_add_up_in_any_order() -> None:
    parts = [Oddity(1, 5, "b.jpg"), Oddity(0, 3), Oddity(2, 4, "a.jpg")]
    for order in (parts, parts[::-1]):
        total = Oddity()
        for part in order:
            total.add(part)
        assert total == Oddity(3, 12, "a.jpg")


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_objects_below_a_pixel_are_counted_by_the_size_that_their_image_has(task: str) -> None:
    small = outline("cat", [(10.1, 10.1), (10.9, 10.1), (10.9, 10.9)])
    thin = outline("cat", [(10.1, 10.1), (30.9, 10.1), (30.9, 10.9)])
    assert oddities(image("1.jpg", small, thin), task=task) == {TINY: Oddity(1, 2, "1.jpg")}
    assert oddities(image("1.jpg", small, size=None), task=task) == {}
    assert oddities(image("1.jpg", box("cat", 5, 5, 5, 5)), task=task) == {}


def test_objects_in_the_upper_left_quarter_are_counted() -> None:
    found = oddities(
        image("1.jpg", box("cat", 1, 1, 49, 39), box("cat", 1, 1, 51, 39), box("cat", 1, 1, 49, 41)), more=CORNER
    )
    assert found == {CORNER: Oddity(1, 3, "1.jpg")}


@pytest.mark.parametrize(
    ("sides", "name", "count"),
    [
        ((70, 20, 90, 40), EXCHANGED, 1),  # It lies in the part of its width that the image has not in its height.
        ((10, 70, 30, 99), EXCHANGED, 0),
        ((30, 40, 10, 20), BACKWARDS, 1),
        ((30, 20, 10, 40), BACKWARDS, 1),
        ((10, 20, 30, 40), BACKWARDS, 0),
        ((0.1, 0.2, 0.9, 0.8), HUNDREDTH, 1),
        ((0.1, 0.2, 0.9, 8), HUNDREDTH, 0),
    ],
)
def test_what_boxes_would_be_in_another_reading_is_counted(sides: tuple[float, ...], name: str, count: int) -> None:
    found = oddities(image("1.jpg", box("cat", *sides)), more=name)
    assert found.get(name, Oddity()).count == count


def test_boxes_with_one_number_across_and_down_are_counted() -> None:
    """VoTT wrote xmin as ymax (https://github.com/microsoft/VoTT/issues/760); what ends before it begins is put in order."""
    boxes = [
        box("cat", 29, 10, 60, 30),
        box("cat", 30, 40, 60, 30),
        box("cat", 10, 50, 50, 70),
        box("cat", 0, 0, 60, 1),
    ]
    found = oddities(image("a", *boxes), more=COPIED)
    assert (found[COPIED].count, found[COPIED].of) == (2, 4)
    assert oddities(image("a", box("cat", 30, 30, 60, 40)), more=ALIGNED)[ALIGNED].count == 1
