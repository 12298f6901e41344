"""Images in columns, against lists of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.columns.images import join_images, no_images
from tests.transforms.columns.drawn import (
    fragment_of,
    image_rows,
    quick,
    sources,
)


@quick
@given(st.lists(sources, max_size=4))
def test_joined_images_are_the_lists_one_after_the_other(groups: list[list[SourceImage]]) -> None:
    parts = [fragment_of(images, 100 * number).images for number, images in enumerate(groups)]
    assert image_rows(join_images(parts)) == [row for part in parts for row in image_rows(part)]


@quick
@given(sources, st.data())
def test_taken_rows_are_those_of_the_list(images: list[SourceImage], data: st.DataObject) -> None:
    columns = fragment_of(images).images
    picked = data.draw(st.permutations(range(len(columns))))[: data.draw(st.integers(0, 5))]
    rows = image_rows(columns)
    assert image_rows(columns.take(picked)) == [rows[row] for row in picked]


def test_nothing_joined_is_columns_without_a_row() -> None:
    assert (len(join_images([])), len(no_images())) == (0, 0)
    assert no_images().take([]).sizes.shape == (0, 2)


def test_a_row_tells_a_missing_side_from_one_that_is_known() -> None:
    images = fragment_of([SourceImage("a.jpg", "s", "a", width=5), SourceImage("b.jpg", "s", "b", height=7)]).images
    assert [(row.width, row.height) for row in images.rows([1, 0])] == [(None, 7), (5, None)]
    assert images.row(1) == images.rows([1])[0]
