"""A list of small records as bytes: as a list to whoever adds to it and goes through it, at a tenth of its size."""

from __future__ import annotations

import pickle
import random

import pytest

from labelbeam.schemas import packed
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.packed import Packed, sorted_packed
from labelbeam.schemas.reasons import Rejected


def rejection(number: int) -> Rejection:
    """One of what a COCO file of `{},{},…` is rejected with."""
    locator = f"annotations at byte {3 * number}"
    return Rejection("file:///a.json", locator, None, "object", Rejected.INVALID_RECORD, "it has no image_id", "{}")


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_it_is_as_the_list_of_what_was_added(count: int) -> None:
    items = Packed(range(count))
    assert list(items) == [*range(count)] == items
    assert (len(items), bool(items), items[:3]) == (count, count > 0, [*range(count)][:3])
    assert items != [*range(count), 0]
    assert pickle.loads(pickle.dumps(items)) == [*range(count)]
    for at in (0, -1) if count else ():
        assert items[at] == [*range(count)][at]
    with pytest.raises(IndexError):
        items[count]


def test_rejections_take_some_tens_of_bytes_each() -> None:
    items = Packed(map(rejection, range(5000)))
    assert len(pickle.dumps(items)) < 40 * len(items)
    assert items[4711] == rejection(4711)


def test_items_are_sorted_as_they_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_RUN", 100)
    numbers = [*range(1000)]
    random.Random(7).shuffle(numbers)
    pairs = [(number // 7, number) for number in numbers]
    # Stable, as it is in memory: what the key does not tell apart stays in its order.
    assert sorted_packed(pairs, key=lambda pair: pair[0]) == sorted(pairs, key=lambda pair: pair[0])
    assert sorted_packed([], key=str) == []
