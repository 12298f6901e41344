"""What the boxes and outlines of annotation files tell about their frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.voc.evidence import add_evidence
from labelbeam.transforms.formats.voc.read import VocImage
from labelbeam.transforms.formats.voc.shapes import Box

Numbers = tuple[float, float, float, float]
Kind = Literal["corners", "corner_and_size", "centre_and_size"]


def image(
    *boxes: Numbers,
    name: str = "1",
    size: tuple[int, int] | None = (640, 480),
    kind: Kind = "corners",
    decimal: bool = False,
) -> VocImage:
    width, height = size or (None, None)
    source = SourceImage(f"{name}.jpg", "s", f"{name}.xml", width, height)
    return VocImage(source, [Box(numbers, kind, decimal=decimal) for numbers in boxes])


def of(read: Sequence[VocImage]) -> Evidence:
    evidence = Evidence()
    add_evidence(evidence, read)
    return evidence


def test_nothing_tells_nothing() -> None:
    assert of([]).count("boxes") == 0
    assert of([image()]).count("boxes") == 0


def test_boxes_of_the_first_pixel_are_told_from_others_with_an_example() -> None:
    found = of([image((0.1, 0.1, 0.5, 0.5), (0, 0, 1, 1), name="b"), image((10, 10, 50, 50), name="a")])
    counts = {
        name: found.count(name)
        for name in ("boxes", "boxes_below_a_pixel", "boxes_with_fraction", "boxes_above_a_pixel")
    }
    assert counts == {"boxes": 3, "boxes_below_a_pixel": 2, "boxes_with_fraction": 1, "boxes_above_a_pixel": 1}
    assert (found.example("boxes_with_fraction"), found.example("boxes_above_a_pixel")) == ("b.xml", "a.xml")


def test_only_in_images_of_more_than_twice_a_hundred_pixels_boxes_may_be_percent() -> None:
    box = (5.5, 5.0, 95.0, 95.0)
    assert of([image(box, decimal=True)]).count("boxes_in_a_hundred") == 1
    assert of([image(box, decimal=True, size=(150, 480))]).count("boxes_in_a_hundred") == 0
    assert of([image(box, decimal=True, size=None)]).count("boxes_in_a_hundred") == 0
    assert of([image(box, (5, 5, 300, 95), decimal=True)]).count("files_in_a_hundred") == 0
    assert of([image(box, decimal=True)]).count("files_in_a_hundred") == 1


def test_where_boxes_begin_and_end_tells_from_which_number_pixels_count() -> None:
    found = of([image((0, 5, 640, 400), (1, 5, 641, 400), (7, 8, 9, 10))])
    names = ("from_0", "from_1", "to_the_border", "to_one_past_the_border", "files_from_0")
    assert [found.count(name) for name in names] == [1, 1, 1, 1, 1]
    assert of([image((0, 0, 640, 480), kind="corner_and_size")]).count("from_0") == 0
    found = of([image((0.5, 5, 640, 400), (20, 5, 64.5, 400), (-3, 8, 9, 10))])
    assert [found.count(name) for name in ("from_0", "files_from_0", "between_pixels")] == [1, 1, 2]


def test_boxes_that_end_before_they_begin_are_tallied_by_what_else_they_may_be() -> None:
    found = of([image((300, 200, 100, 50), (100, 100, 90, 80))])
    assert (found.count("swapped"), found.count("fit_as_size"), found.count("fit_as_centre")) == (2, 2, 2)
    assert of([image((600, 200, 100, 50))]).count("fit_as_size") == 0


def test_a_box_that_fits_once_width_and_height_are_exchanged_is_tallied() -> None:
    assert of([image((10, 10, 400, 600))]).count("inside_if_turned") == 1
    assert of([image((10, 10, 700, 600))]).count("inside_if_turned") == 0


def test_batches_add_up() -> None:
    images = [image((0, 0, 9 + n, 9), (0.1, 0, 0.5, 1), name=str(n)) for n in range(5)]
    once, apart = of(images), Evidence()
    for each in reversed(images):
        add_evidence(apart, [each])
    assert apart == once


def test_outlines_in_fractions_and_what_has_none_are_counted() -> None:
    read = image()._replace(
        corners=[np.array([[0.1, 0.1], [0.5, 0.9]]), np.array([[5.0, 5.0], [9.0, 9.0]])],
        without_outline=2,
        far_turned=1,
    )
    found = of([read])
    names = ("outlines", "outlines_below_a_pixel", "outlines_with_fraction", "without_outline", "far_turned")
    assert [found.count(name) for name in names] == [2, 1, 1, 2, 1]
