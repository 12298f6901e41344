"""Stores: what is read and written, whole and in ranges, and which names stay below a root."""

from __future__ import annotations

import os
import resource
import stat as modes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import kind, put, put_if, stat
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_file

# Reading ------------------------------------------------------------------------------------------------------------


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
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.stores.files import put
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))
try:
    put(locate({str(tmp_path / "x")!r}, {{}}), bytes(5000))
except ShortageError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert result.stdout.startswith(f"file://{tmp_path}/x: cannot be written: File too large; this machine ran short")
    assert result.stderr == ""
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


def test_a_directory_that_may_not_be_written_to_is_an_error(nobody: Path) -> None:
    with pytest.raises(StoreError, match=rf"^file://{nobody}/x: cannot be written: permission denied$"):
        put(locate(f"{nobody}/x", {}), b"")


@pytest.mark.parametrize("write", [put, lambda place, data: put_if(place, data, None)])
def test_a_file_is_written_again_where_another_run_took_its_temporary_one_for_a_dead_runs(
    write: Callable[[Location, bytes], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[Path] = []

    def remove_all(descriptor: int) -> None:
        if len(removed) < 3:
            removed.extend(tmp_path.glob("a/.labelbeam-*.tmp"))
            removed[-1].unlink()
            (tmp_path / "a").rmdir()

    monkeypatch.setattr("labelbeam.transforms.stores.files.os.fsync", remove_all)
    write(locate(f"{tmp_path}/a/x", {}), b"1")
    assert (len(removed), (tmp_path / "a/x").read_bytes()) == (3, b"1")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x"]


def test_a_file_is_not_written_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        put(locate(f"{tmp_path}/x/y", {}), b"")


def test_what_may_not_be_read_is_an_error(nobody: Path) -> None:
    for call in (kind, read_file, stat):
        with pytest.raises(StoreError, match="cannot be read: permission denied") as caught:
            call(locate(f"{nobody}/closed/1.jpg", {}))
        assert not isinstance(caught.value, MissingFileError)
