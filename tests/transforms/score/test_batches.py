"""Requests are filled as far as they may be, and lose no image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.requests import INPUT_DATA, XaiParameters, encode_item, encode_request, item_size, request_size
from labelbeam.schemas.scores import Failed
from labelbeam.transforms.score.batches import Batches, Encoded, Packing, Place, batched
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate


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


@given(st.integers(0, 200), st.sampled_from([None, XaiParameters(), XaiParameters(n_steps=7, attributions=True)]))
def test_the_size_of_an_item_is_known_before_it_is_read(size: int, explain: XaiParameters | None) -> None:
    assert item_size(size, explain) == len(encode_item(bytes(size), explain))


FILES = {"a.jpg": b"one", "b.jpg": b"", "c.jpg": b"three", "d.jpg": b"44"}


def taken(
    root: str, storage: dict[str, object], sizes: bool, most: int, raw: bool
) -> tuple[list[list[Encoded]], dict[str, Failed]]:
    """Batches of the files, of one that is missing, and of one that lies elsewhere, and what could not be sent."""
    failed: dict[str, Failed] = {}
    places = [Place(9, "u/e", None, None), Place(8, "u/missing.jpg", "missing.jpg", None)]
    places += [
        Place(n, f"u/{name}", name, len(data) if sizes else None) for n, (name, data) in enumerate(FILES.items())
    ]

    def fail(image: Place, code: Failed, words: str) -> None:
        assert words
        failed[image.url] = code

    with closing(Batches(locate(root, storage), places, Packing(raw, None, most, 10**6, INPUT_DATA), fail)) as batches:
        return list(batches), failed


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("store", ["disk", "memory"])
@pytest.mark.parametrize(("most", "raw"), [(1, True), (1, False), (2, False)])
def test_images_are_taken_in_order_and_what_cannot_be_sent_is_told(
    tmp_path: Path, store: str, sizes: bool, most: int, raw: bool
) -> None:
    root = str(tmp_path) if store == "disk" else f"memory://batches{tmp_path}"
    place = locate(root, {})
    for name, data in FILES.items():
        put(place.below(name), data)
    batches, failed = taken(root, {}, sizes, most, raw)
    assert all(1 <= len(batch) <= most for batch in batches)
    whole = {name: data if raw else encode_item(data) for name, data in FILES.items() if data}
    items = [item for batch in batches for item in batch]
    assert [(item.url, item.data) for item in items] == [(f"u/{name}", data) for name, data in whole.items()]
    assert [item.place for item in items] == [0, 2, 3]
    assert failed == {
        "u/e": Failed.IMAGE_ELSEWHERE,
        "u/missing.jpg": Failed.UNREADABLE_IMAGE,
        "u/b.jpg": Failed.EMPTY_IMAGE,
    }


def test_each_batch_is_given_to_one_of_the_threads_that_take(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.jpg").write_bytes(b"%d" % number)
    places = [Place(number, "u", f"{number}.jpg", None) for number in range(200)]
    with (
        closing(
            Batches(locate(str(tmp_path), {}), places, Packing(True, None, 1, 1, INPUT_DATA), lambda *_: None)
        ) as batches,
        ThreadPoolExecutor(8) as threads,
    ):
        lists = list(threads.map(lambda _: [item for batch in batches for item in batch], range(8)))
    assert sorted((item.place, item.data) for items in lists for item in items) == [(n, b"%d" % n) for n in range(200)]


def test_no_link_out_of_the_root_is_sent(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root/a.jpg").symlink_to(tmp_path / "secret")
    failed: list[Failed] = []
    packing = Packing(True, None, 1, 1, INPUT_DATA)
    places = [Place(0, "u", "a.jpg", None)]
    with closing(
        Batches(locate(str(tmp_path / "root"), {}), places, packing, lambda *told: failed.append(told[1]))
    ) as batches:
        assert list(batches) == []
    assert failed == [Failed.UNREADABLE_IMAGE]
