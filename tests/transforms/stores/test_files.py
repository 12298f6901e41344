"""Stores: what is read and written, whole and in ranges, and which names stay below a root."""

from __future__ import annotations

import os
import resource
import stat as modes
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnavailableError
from labelbeam.transforms.stores.files import kind, put, stat
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_file, read_many, read_range
from labelbeam.transforms.stores.threads import READS_AT_ONCE, in_threads


class RangelessStore(MemoryFileSystem):  # type: ignore[misc]
    """A server that ignores ranges, as `python -m http.server` does, or one that cuts its answers short."""

    cachable = False
    answer: slice

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return super().cat_file(path)[self.answer]


# Reading ------------------------------------------------------------------------------------------------------------


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


def test_waiting_calls_run_side_by_side() -> None:
    together = threading.Barrier(READS_AT_ONCE, timeout=60)
    assert in_threads(lambda item: (together.wait(), item)[1], range(READS_AT_ONCE)) == list(range(READS_AT_ONCE))


def test_within_resolves_links(tmp_path: Path, memory: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.jpg").write_bytes(b"")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "loop").symlink_to("loop")
    (tmp_path / "root" / "away").symlink_to(tmp_path / "in")
    (tmp_path / "root" / "here").symlink_to(tmp_path / "root")
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root" / "beside").symlink_to(tmp_path / "root-2")
    (tmp_path / "linked").symlink_to("root")
    for root in (locate(f"{tmp_path}/root", {}), locate(f"{tmp_path}/linked", {})):
        names = ("1.jpg", "here/1.jpg", "loop", "away/1.jpg", "beside/1.jpg")
        assert [within(root, name) for name in names] == [True, True, True, False, False]
    assert within(locate(memory, {}), "a/1.jpg")


# Writing ------------------------------------------------------------------------------------------------------------


def test_a_file_is_written_with_its_directories_and_overwritten(tmp_path: Path, memory: str) -> None:
    for root in (str(tmp_path), memory):
        file = locate(root, {}).below("a/b/x.json")
        for data in (b"long enough", b"short", b""):
            put(file, data)
            assert read_file(file) == data
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o777)
    before = os.umask(umask)
    try:
        put(locate(f"{tmp_path}/x", {}), b"")
    finally:
        os.umask(before)
    assert modes.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    put(locate(f"{tmp_path}/{'x' * 255}", {}), b"1")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"1"


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    code = f"""
import resource
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))
try:
    put(locate({str(tmp_path / "x")!r}, {{}}), bytes(5000))
except StoreError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert (result.stdout, result.stderr) == (f"file://{tmp_path}/x: cannot be written: File too large\n", "")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


def test_a_directory_that_may_not_be_written_to_is_an_error(nobody: Path) -> None:
    with pytest.raises(StoreError, match=rf"^file://{nobody}/x: cannot be written: permission denied$"):
        put(locate(f"{nobody}/x", {}), b"")


def test_a_file_is_not_written_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        put(locate(f"{tmp_path}/x/y", {}), b"")


def test_what_may_not_be_read_is_an_error(nobody: Path) -> None:
    for call in (kind, read_file, stat):
        with pytest.raises(StoreError, match="cannot be read: permission denied") as caught:
            call(locate(f"{nobody}/closed/1.jpg", {}))
        assert not isinstance(caught.value, MissingFileError)


# Names --------------------------------------------------------------------------------------------------------------


@given(st.text(st.sampled_from("ab./\\:~%\0\n\ud800 C")) | st.text())
def test_a_safe_path_stays_below_its_root(name: str) -> None:
    path = safe_relative(name)
    if path is not None:
        assert path == os.path.normpath(path)
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert os.path.normpath(os.path.join("/root/dir", path)).startswith("/root/dir/")
        assert safe_relative(path) == path
        path.encode()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("./a//b.jpg", "a/b.jpg"),
        ("..a/b...jpg", "..a/b...jpg"),
        ("a/../b.jpg", None),
        ("..\\b.jpg", None),
        ("/a.jpg", None),
        ("\\a.jpg", None),
        ("C:\\a.jpg", None),
        ("c:/a.jpg", None),
        ("a\nb.jpg", None),
        ("a\0.jpg", None),
        ("\udce9.jpg", None),
        (".", None),
        ("", None),
    ],
)
def test_names_are_normalised_or_refused(name: str, path: str | None) -> None:
    assert safe_relative(name) == path


def test_errors_of_stores_are_failures_of_the_run() -> None:
    assert issubclass(MissingFileError, StoreError)
    assert StoreError("").exit_code == LabelBeamError.exit_code == 1


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
