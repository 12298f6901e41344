"""The frame of a VOC tree, decided from tallies; what contradicts itself is refused, or told."""

from __future__ import annotations

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.voc.frames import frames_of, remarks_on


def tallied(counts: dict[str, int]) -> dict[str, Evidence]:
    evidence = Evidence()
    for name, count in counts.items():
        evidence.add(name, count, f"the first of {name}")
    return {"https://h/voc?sig=hunter2secret": evidence}


FRACTIONAL = {"boxes": 100, "boxes_below_a_pixel": 100, "boxes_with_fraction": 90}
STRAY = FRACTIONAL | {"boxes_below_a_pixel": 99, "boxes_above_a_pixel": 1}


@pytest.mark.parametrize(
    ("counts", "in_fractions"),
    [
        ({}, False),
        ({"boxes": 9}, False),
        (FRACTIONAL, True),
        (STRAY, True),
        ({"boxes": 9, "boxes_below_a_pixel": 9}, False),  # Of 0 and 1 alone.
        ({"boxes": 1000, "boxes_below_a_pixel": 5, "boxes_with_fraction": 5}, False),
        ({"outlines": 9, "outlines_below_a_pixel": 9, "outlines_with_fraction": 9}, True),
        ({"boxes": 9, "outlines": 9, "outlines_below_a_pixel": 9, "outlines_with_fraction": 9}, False),
    ],
)
def test_a_tree_is_in_fractions_where_nearly_all_of_it_is(counts: dict[str, int], in_fractions: bool) -> None:
    assert list(frames_of(tallied(counts)).values()) == [FRACTIONS] * in_fractions


GRID = {"boxes": 50, "boxes_placed": 50, "boxes_on_grid": 50, "boxes_on_grid_leaving": 20} | dict.fromkeys(
    (f"boxes_to_grid_{side}" for side in ("left", "top", "right", "bottom")), 5
)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (FRACTIONAL | {"boxes_below_a_pixel": 50, "boxes_above_a_pixel": 50}, "bring them into one frame"),
        ({"boxes": 9, "boxes_in_a_hundred": 9, "boxes_in_a_hundred_decimal": 1}, "they look like percent"),
        ({"boxes": 9, "boxes_in_a_hundred": 9}, "they look like percent"),
        (GRID, "they look like a grid of the image"),
        ({"boxes": 9, "swapped": 5, "fit_as_size": 9}, "as a corner and a size"),
        ({"boxes": 9, "swapped": 5, "fit_as_size": 9, "fit_as_centre": 9}, "as a centre and a size"),
        (FRACTIONAL | {"boxes": 4, "swapped": 1, "fit_as_size": 4}, "as a corner and a size"),
    ],
)
def test_numbers_that_would_ruin_boxes_are_refused_with_the_options_that_decide(
    counts: dict[str, int], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        frames_of(tallied(counts))
    text = str(caught.value)
    assert words in text and "--voc-boxes relative" in text and "--voc-boxes pixels" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "counts",
    [
        {"boxes": 9, "boxes_in_a_hundred": 9, "boxes_in_a_hundred_from_the_border": 1},
        {"boxes": 9, "boxes_in_a_hundred": 8, "boxes_in_a_hundred_decimal": 8},
        {"boxes": 9, "swapped": 1, "fit_as_size": 9},
        {"boxes": 9, "swapped": 5, "fit_as_size": 8},
        GRID | {"boxes_to_grid_left": 0},
    ],
)
def test_what_may_be_pixels_is_read_as_such(counts: dict[str, int]) -> None:
    assert frames_of(tallied({name: count for name, count in counts.items() if count})) == {}


def codes(counts: dict[str, int], in_fractions: bool = False, origin: int = 1) -> list[str]:
    evidence = tallied(counts)
    frames = dict.fromkeys(evidence, FRACTIONS) if in_fractions else {}
    found = remarks_on(evidence, frames, origin)
    assert not any("hunter2" in doubt.message for doubt in found)
    return [doubt.code for doubt in found]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"boxes": 9}, []),
        ({"boxes": 9, "boxes_with_fraction": 1}, [Doubted.FRAMES_DISAGREE]),
        ({"files_in_a_hundred": 3, "files": 60}, [Doubted.FRAMES_DISAGREE]),
        ({"files_in_a_hundred": 3, "files": 61}, []),
        ({"from_0": 1}, [Doubted.VOC_ORIGIN]),
        ({"boxes": 10, "between_pixels": 1}, [Doubted.VOC_ORIGIN]),
        ({"boxes": 11, "between_pixels": 1}, []),
        ({"boxes": 10, "between_pixels": 9, "files_exported": 2}, []),
        ({"boxes": 10, "between_pixels": 9, "files_exported": 2, "from_0": 1}, [Doubted.VOC_ORIGIN]),
        ({"to_one_past_the_border": 1}, [Doubted.VOC_ORIGIN]),
        ({name: count for name, count in GRID.items() if name != "boxes_to_grid_left"}, [Doubted.FIXED_GRID]),
        ({"inside_if_turned": 1}, [Doubted.BOXES_LEAVE_IMAGES]),
        ({"boxes_placed": 100, "boxes_leaving": 1, "boxes_far_out": 1}, [Doubted.BOXES_LEAVE_IMAGES]),
        ({"boxes_placed": 101, "boxes_leaving": 1, "boxes_far_out": 1}, [Doubted.BOXES_FAR_OUT]),
        ({"boxes_placed": 101, "boxes_leaving": 1}, []),
        ({"files_of_sizes": 1}, [Doubted.CORNERS_OR_SIZES]),
        ({"outlines_elsewhere": 1, "outlined_boxes": 100}, [Doubted.OUTLINES_OFF_BOXES]),
        ({"outlines_elsewhere": 1, "outlined_boxes": 101}, []),
        ({"named_otherwise": 1}, [Doubted.VOC_FILENAME]),
        ({"image_shared": 2}, [Doubted.IMAGE_OF_SEVERAL_FILES]),
        ({"size_differs": 1}, [Doubted.DECLARED_SIZE_DIFFERS]),
        ({"far_turned": 1}, [Doubted.VOC_ANGLES]),
        ({"without_outline": 1}, [Doubted.VOC_WITHOUT_OUTLINE]),
        ({"turned": 3, "turned_by_whole_numbers": 3}, [Doubted.VOC_ANGLES]),
        ({"turned": 3, "turned_by_whole_numbers": 2}, []),
        ({"boxes": 3, "boxes_below_a_pixel": 3}, [Doubted.FRAMES_DISAGREE]),
        ({"boxes": 3, "boxes_below_a_pixel": 2}, []),
        ({"boxes": 9, "swapped": 2}, [Doubted.CORNERS_OR_SIZES]),
        ({"boxes": 11, "swapped": 2}, []),
        ({"flagged_beside": 1}, [Doubted.FLAGS_NOT_READ]),
        ({"scored": 2}, [Doubted.PREDICTED_LABELS]),
    ],
)
def test_what_is_left_of_a_doubt_is_told(counts: dict[str, int], found: list[str]) -> None:
    assert codes(counts) == found


def test_fractions_have_no_first_pixel_and_strays_among_them_are_told() -> None:
    assert codes(FRACTIONAL | {"from_0": 5}, in_fractions=True) == [Doubted.RELATIVE_COORDINATES]
    assert codes(STRAY, in_fractions=True) == [Doubted.FRAMES_DISAGREE]


def test_counting_from_0_is_no_doubt_where_it_is_said() -> None:
    assert codes({"from_0": 1}, origin=0) == []
