"""Requests are filled as far as they may be, and lose no image."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.requests import encode_item, encode_request, request_size
from labelbeam.transforms.score.work import batched


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 6), st.integers(60, 400))
def test_batches_hold_all_images_in_order_and_no_more_than_they_may(sizes: list[int], most: int, limit: int) -> None:
    items = [encode_item(bytes(size)) for size in sizes]
    batches = list(batched(items, len, most, limit, request_size))
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or len(encode_request(batch)) <= limit
    # None is smaller than it has to be: the first image of the next one would not have gone in.
    for batch, after in pairwise(batches):
        assert len(batch) == most or len(encode_request([*batch, after[0]])) > limit
