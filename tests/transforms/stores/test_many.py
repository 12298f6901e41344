"""Reading many whole files: they come in order, each failure in its place."""

from __future__ import annotations

from pathlib import Path

from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many


def test_many_files_come_in_the_order_asked_for_with_failures_in_their_places(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}").write_bytes(str(number).encode())
    (tmp_path / "out").symlink_to("/etc/passwd")
    found = list(read_many(locate(str(tmp_path), {}), [*map(str, range(99, -1, -1)), "none", "out"]))
    assert found[:100] == [str(number).encode() for number in range(99, -1, -1)]
    assert isinstance(found[100], MissingFileError)
    assert isinstance(found[101], StoreError)
    assert "link out of" in str(found[101])


def test_sizes_that_a_listing_told_go_with_their_files(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}").write_bytes(b"x" * number)
    found = list(read_many(locate(str(tmp_path), {}), ["0", "1", "2", "2"], [0, 2, 2, None]))
    assert found[0] == b""
    assert isinstance(found[1], StoreError)
    assert "expected 2 bytes, as it was listed with, got 1" in str(found[1])
    assert found[2:] == [b"xx", b"xx"]
