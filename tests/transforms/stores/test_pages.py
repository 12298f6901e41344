"""Pages of listings: the same files however the names lie, few requests where they are few, and none that waits without need."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.pages import PAGES_AT_ONCE, Page, list_pages


class Keys:
    """The keys of a bucket, so many of which are told in a page, as S3 tells of them; a key in `broken` breaks its page."""

    def __init__(self, keys: Sequence[str], in_a_page: int = 1000, broken: str = "") -> None:
        self.keys, self.in_a_page, self.broken = sorted(keys), in_a_page, broken
        self.asked: list[tuple[str, str]] = []
        self.waiting = self.left = self.most = self.rounds = 0

    async def page(self, prefix: str, delimiter: str, more: str | None) -> Page:
        self.asked.append((prefix, delimiter))
        self.rounds += not self.waiting
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await asyncio.sleep(0.001)
        finally:
            self.waiting -= 1
        told: dict[str, bool] = {}
        for key in self.keys:
            if key.startswith(prefix):
                name, slash, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], "", "")
                told[prefix + name + slash] = bool(slash)
        after = int(more or 0)
        names = list(told)[after : after + self.in_a_page]
        if self.broken in names:
            raise PermissionError(13, "no", prefix)
        files = [StoredFile(name, len(name), f"of {name}") for name in names if not told[name]]
        more = str(after + self.in_a_page) if len(told) > after + self.in_a_page else None
        return Page(files, [name for name in names if told[name]], more)

    def listed(self, prefix: str = "") -> list[StoredFile]:
        async def run() -> list[StoredFile]:
            try:
                return await list_pages(self.page, prefix)
            finally:
                self.left = self.waiting

        return asyncio.run(run())


NAMES = st.text(st.sampled_from("ab/. é猫\U0001f600"), min_size=1, max_size=6)


@given(st.sets(NAMES, max_size=40), st.integers(1, 7), st.sampled_from(["", "a/", "/", "a"]))
def test_every_file_below_a_prefix_is_listed_once(keys: set[str], in_a_page: int, prefix: str) -> None:
    found = Keys(list(keys), in_a_page).listed(prefix)
    assert sorted(found) == [StoredFile(key, len(key), f"of {key}") for key in sorted(keys) if key.startswith(prefix)]


def names(folders: int, each: int) -> list[str]:
    return [f"{folder:04}/{number:05}.jpg" for folder in range(folders) for number in range(each)]


def test_folders_are_listed_side_by_side_up_to_a_number() -> None:
    keys = Keys(names(50, 50), 50)
    assert len(keys.listed()) == 2500
    assert len(keys.asked) == 1 + 2 + 50, "a page, the next one and the folders, and each of them"
    assert keys.most == PAGES_AT_ONCE


def test_what_fits_into_a_page_is_one_request_and_what_fits_into_two_waits_no_longer_than_for_two() -> None:
    one, two = Keys(names(5, 2), 10), Keys(names(2, 10), 10)
    assert (len(one.listed()), one.asked) == (10, [("", "")])
    assert (len(two.listed()), two.rounds) == (20, 2)


def test_small_folders_and_files_in_no_folder_are_listed_from_end_to_end() -> None:
    small, flat = Keys(names(100, 1), 10), Keys([f"a/{number:04}" for number in range(100)], 10)
    assert (len(small.listed()), len(small.asked)) == (100, 10)
    assert (len(flat.listed("a/")), len(flat.asked)) == (100, 10)


def test_a_folder_of_folders_is_gone_into_without_listing_it_again() -> None:
    keys = Keys([f"a/b/{name}" for name in names(10, 10)], 10)
    assert len(keys.listed()) == 100
    assert keys.asked[:3] == [("", ""), ("", ""), ("", "/")]
    assert keys.asked.count(("a/", "")) + keys.asked.count(("a/b/", "")) == 2, "the second page of each"
    assert sum(prefix.count("/") == 3 for prefix, _ in keys.asked) == 10


def test_a_folder_that_cannot_be_listed_fails_the_listing_and_ends_the_others() -> None:
    keys = Keys(names(50, 50), 50, broken="0007/00003.jpg")
    with pytest.raises(PermissionError):
        keys.listed()
    assert keys.left == 0
