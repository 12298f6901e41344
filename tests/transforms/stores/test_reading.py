"""Reading: whole files and ranges, from stores that answer long, short or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.transforms.stores import reading
from labelbeam.transforms.stores.errors import MissingFileError, ShortageError, StoreError, UnavailableError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import ANY, DOCUMENT, NOTE, read_bounded, read_file, read_range, size_of
from labelbeam.transforms.workers import budget


class RangelessStore(MemoryFileSystem):  # type: ignore[misc]
    """A server that ignores ranges, as `python -m http.server` does, or one that cuts its answers short."""

    cachable = False
    answer: slice

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return super().cat_file(path)[self.answer]


def rangeless(memory: str, answer: slice) -> Location:
    put(locate(f"{memory}/x", {}), b"0123456789")
    store = RangelessStore()
    store.answer = answer
    return Location(store, locate(f"{memory}/x", {}).path, "odd://x")


def test_a_range_that_comes_back_long_is_an_error_at_once(memory: str, waits: list[float]) -> None:
    location = rangeless(memory, slice(None))
    with pytest.raises(
        StoreError, match=r"odd://x: asked for bytes 2 to 7, expected 5 of them, got 10; the store ignores"
    ):
        read_range(location, 2, 7)
    assert waits == []


def test_a_range_that_comes_back_short_is_asked_for_again(memory: str, waits: list[float]) -> None:
    location = rangeless(memory, slice(3))
    with pytest.raises(UnavailableError, match=r"odd://x: bytes 2 to 7 .*: expected 5 bytes, got 3; tried 10 times"):
        read_range(location, 2, 7)
    assert len(waits) == 9


def test_a_range_of_a_file_that_has_shrunk_is_not_asked_for_again(memory: str, waits: list[float]) -> None:
    location = rangeless(memory, slice(3, 10))
    with pytest.raises(StoreError, match=r"expected 9 of them, got 7; .* the file changed"):
        read_range(location, 3, 12)
    assert waits == []


def test_a_file_shorter_than_it_was_listed_is_asked_for_again_unless_it_is_so_now(
    memory: str, waits: list[float]
) -> None:
    location = rangeless(memory, slice(3))
    assert read_file(location) == b"012", "nobody said how long it is"
    with pytest.raises(UnavailableError, match="expected 10 bytes, got 3; tried 10 times"):
        read_file(location, 10)
    waits.clear()
    whole = locate(f"{memory}/x", {})
    for size in (9, 11):
        with pytest.raises(StoreError, match=f"expected {size} bytes, as it was listed with, got 10; the file changed"):
            read_file(whole, size)
    assert waits == []
    assert read_file(whole, 10) == b"0123456789"


def test_an_empty_range_is_not_asked_for() -> None:
    assert read_range(Location(None, "/x", "odd://x"), 5, 5) == b"", "stores refuse it"


def test_ranges_are_read_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    location = locate(f"{tmp_path}/x", {})
    assert read_range(location, 2, 5) == b"234"
    with pytest.raises(StoreError, match="expected 5 of them, got 2"):
        read_range(location, 8, 13)


@pytest.mark.parametrize("place", ["pipe", "zero"])
def test_neither_a_pipe_nor_a_device_is_waited_for_or_read(place: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    location = locate(str(tmp_path / place), {})
    for read in (lambda: read_file(location), lambda: read_range(location, 0, 5), lambda: read_file(location, 3)):
        with pytest.raises(StoreError, match="expected a file, found a pipe, a socket or a device, which is not read"):
            read()
    with pytest.raises(StoreError, match="directory"):
        read_file(locate(str(tmp_path), {}))


def test_a_file_of_unknown_size_is_not_read_where_memory_does_not_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**34)
    monkeypatch.setattr(budget, "memory_left", lambda: 2**30)
    with pytest.raises(ShortageError, match=r"sparse: needs 17,180 MB of memory, and 1,074 MB are left"):
        read_file(locate(str(tmp_path / "sparse"), {}))


@pytest.mark.parametrize("most", [3, NOTE, DOCUMENT, ANY])
def test_a_document_is_read_whole_and_no_further_than_it_may_be_long(memory: str, tmp_path: Path, most: int) -> None:
    for root in (locate(memory, {}), locate(str(tmp_path), {})):
        put(root.below("x"), b"123")
        put(root.below("empty"), b"")
        assert (read_bounded(root.below("x"), most), read_bounded(root.below("empty"), most)) == (b"123", b"")
        with pytest.raises(
            StoreError, match=r"x: cannot be read: expected 2 bytes at most, found (3|more); is it another"
        ):
            read_bounded(root.below("x"), 2)
        with pytest.raises(MissingFileError):
            read_bounded(root.below("none"), most)


def test_what_was_put_anew_with_more_bytes_since_it_was_asked_how_large_it_is_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = locate(str(tmp_path / "claim.json"), {})

    def size_before_it_grows(location: Location) -> int:
        put(location, b"12")
        size = size_of(location)
        put(location, b"1234")
        return size

    monkeypatch.setattr(reading, "size_of", size_before_it_grows)
    assert read_bounded(place) == read_bounded(place, DOCUMENT) == b"1234"
    with pytest.raises(StoreError, match="expected 3 bytes at most, found more"):
        read_bounded(place, 3)


def test_of_a_large_object_no_more_is_asked_for_than_a_note_may_have(memory: str) -> None:
    asked: list[int | None] = []

    class Counting(MemoryFileSystem):  # type: ignore[misc]
        cachable = False

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            asked.append(end)
            return super().cat_file(path, start, end)

    put(locate(f"{memory}/x", {}), b"x" * (NOTE + 2))
    with pytest.raises(StoreError, match="expected 1,048,576 bytes at most, found more"):
        read_bounded(Location(Counting(), locate(f"{memory}/x", {}).path, "odd://x"))
    assert asked == [NOTE + 1]


def test_a_hole_of_many_gigabytes_in_the_place_of_a_document_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "m.json").open("wb") as file:
        file.truncate(900 * 2**20)
    monkeypatch.setattr(budget, "memory_left", lambda: 500 * 2**20)
    with pytest.raises(ShortageError, match=r"m\.json: needs 944 MB of memory"):
        read_bounded(locate(str(tmp_path / "m.json"), {}), DOCUMENT)
    with pytest.raises(StoreError, match="expected 1,048,576 bytes at most, found 943,718,400"):
        read_bounded(locate(str(tmp_path / "m.json"), {}))
