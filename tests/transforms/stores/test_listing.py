"""Listings: every file below a root, nothing outside of it, and a word for all that is not listed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.listing import Listing, holds_more, list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.disks import any_bytes_as_names


class WalkedStore(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store without a `find` of its own, whose directories list themselves too; `closed` may not be listed."""

    cachable = False
    find = AbstractFileSystem.find

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        if path.endswith("/closed"):
            raise PermissionError(13, "no", path)
        itself = {"name": path, "size": 0, "type": "directory"}
        return [itself, *super().ls(path, detail=detail, **options)]


class StaleStore(MemoryFileSystem):  # type: ignore[misc]
    """A store that answers from its cache until it is told not to."""

    cachable = False
    fresh = False

    def invalidate_cache(self, path: str | None = None) -> None:
        self.fresh = True

    def find(self, path: str, **options: Any) -> Any:
        return super().find(path, **options) if self.fresh else {}


class FlatStore(AsyncFileSystem):  # type: ignore[misc]
    """A store of objects, whose listing is one flat answer that holds the root's own marker as well."""

    cachable = False

    async def _find(self, path: str, *_: Any, **__: Any) -> Any:
        sizes = {path: 0, f"{path}/": 0, f"{path}/b.jpg": None, f"{path}/a//1.jpg": 3, f"{path}2/x.jpg": 1}
        link = {"name": f"{path}/link", "size": 1, "type": "link"}
        files = {name: {"name": name, "size": size, "type": "file", "ETag": "e"} for name, size in sizes.items()}
        return files | {link["name"]: link}


def fill(root: Location, *names: str) -> Location:
    for name in names:
        put(root.below(name), name.encode())
    return root


def paths(listing: Listing) -> list[str]:
    return [file.path for file in listing.files]


def only_warning(listing: Listing) -> str:
    (warning,) = listing.warnings
    return warning


@pytest.mark.parametrize("store", ["disk", "memory", "top of memory", "walked", "archive"])
def test_files_are_listed_by_path_whatever_the_store(store: str, tmp_path: Path, memory: str) -> None:
    names = ["z.jpg", "B/1.jpg", "a/b/c/50% [1]#?.jpg", ".hidden/.x", "é/猫.jpg", "a-b/1.jpg", "a.jpg"]
    root = locate(str(tmp_path) if store == "disk" else memory, {})
    if store == "walked":
        root = root._replace(fs=WalkedStore())
    fill(root, *names)
    expected = {name: len(name.encode()) for name in names}
    if store == "archive":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("empty/", b"")
            for name in names:
                archive.writestr(f"in/{name}", name)
        root = locate(f"zip://in::{tmp_path}/a.zip", {})
    if store == "top of memory":
        root, inside = locate("memory://", {}), f"{memory.removeprefix('memory://')}/"
        listing = list_files(root)
        listing = Listing([file for file in listing.files if file.path.startswith(inside)], listing.warnings)
        expected = {f"{inside}{name}": size for name, size in expected.items()}
    else:
        listing = list_files(root)
    assert {file.path: file.size for file in listing.files} == expected
    assert paths(listing) == sorted(expected)
    assert all(file.token for file in listing.files)
    assert listing.warnings == []


def test_a_flat_listing_is_taken_without_the_root_itself_and_its_neighbours() -> None:
    root = Location(FlatStore(asynchronous=False), "bucket/data", "s3://bucket/data")
    listing = list_files(root)
    assert [(file.path, file.size) for file in listing.files] == [("a//1.jpg", 3), ("b.jpg", 0)]
    assert only_warning(listing).endswith("neither files nor directories, left alone: 1, such as 'link'")


def test_a_token_changes_with_the_time_of_the_file(tmp_path: Path) -> None:
    root = fill(locate(str(tmp_path), {}), "a")
    os.utime(tmp_path / "a", ns=(0, 1_700_000_000_000_000_000))
    first = list_files(root)
    os.utime(tmp_path / "a", ns=(0, 1_700_000_000_000_000_001))
    assert list_files(root) != first


def test_a_listing_is_never_out_of_date(memory: str) -> None:
    root = fill(locate(memory, {}), "a")._replace(fs=StaleStore())
    assert paths(list_files(root)) == ["a"]


def test_a_root_that_is_a_link_is_listed(tmp_path: Path) -> None:
    fill(locate(f"{tmp_path}/real", {}), "a/1.jpg")
    (tmp_path / "link").symlink_to("real")
    listing = list_files(locate(f"{tmp_path}/link", {}))
    assert (paths(listing), listing.warnings) == (["a/1.jpg"], [])


def test_loops_of_links_end(tmp_path: Path) -> None:
    root = fill(locate(str(tmp_path), {}), "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    listing = list_files(root)
    assert paths(listing) == ["a/1.jpg", "b/2.jpg"]
    assert "links to directories inside it, not followed; " in only_warning(listing)
    assert only_warning(listing).endswith(": 3, such as 'a/b'")


def test_a_link_to_a_file_inside_is_a_file(tmp_path: Path) -> None:
    root = fill(locate(str(tmp_path), {}), "a/1.jpg")
    (tmp_path / "2.jpg").symlink_to("a/1.jpg")
    (tmp_path / "3.jpg").symlink_to(tmp_path / "a" / "1.jpg")
    listing = list_files(root)
    assert [(file.path, file.size) for file in listing.files] == [("2.jpg", 7), ("3.jpg", 7), ("a/1.jpg", 7)]
    assert listing.warnings == []


def test_links_out_of_the_root_are_counted_and_not_followed(tmp_path: Path) -> None:
    fill(locate(str(tmp_path), {}), "root/1.jpg", "out/2.jpg", "root-2/3.jpg")
    (tmp_path / "root" / "folder").symlink_to("../out")
    (tmp_path / "root" / "beside").symlink_to("../root-2")
    (tmp_path / "root" / "file.jpg").symlink_to(tmp_path / "out" / "2.jpg")
    listing = list_files(locate(f"{tmp_path}/root", {}))
    assert paths(listing) == ["1.jpg"]
    assert "links that lead out of it, not followed; " in only_warning(listing)
    assert only_warning(listing).endswith(": 3, such as 'beside'")


def test_links_that_lead_nowhere_and_what_is_no_file_are_counted(tmp_path: Path) -> None:
    root = fill(locate(str(tmp_path), {}), "1.jpg")
    (tmp_path / "dead.jpg").symlink_to("nothing")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "to-pipe.jpg").symlink_to("pipe.jpg")
    listing = list_files(root)
    assert paths(listing) == ["1.jpg"]
    assert [warning.removeprefix(f"file://{tmp_path}: ") for warning in listing.warnings] == [
        "links that lead nowhere: 2, such as 'dead.jpg'",
        "neither files nor directories, left alone: 2, such as 'pipe.jpg'",
    ]


@any_bytes_as_names
def test_names_that_are_not_utf_8_are_listed_and_counted(tmp_path: Path) -> None:
    for name in (b"caf\xe9.jpg", b"na\xefve/1.jpg", "café.jpg".encode()):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass
    listing = list_files(locate(str(tmp_path), {}))
    assert paths(listing) == ["café.jpg", "caf\udce9.jpg", "na\udcefve/1.jpg"]
    assert "names that are not valid UTF-8" in only_warning(listing)
    assert only_warning(listing).endswith(": 2, such as 'caf\\udce9.jpg'")
    only_warning(listing).encode()


def test_a_directory_that_cannot_be_read_is_an_error_that_names_it(nobody: Path) -> None:
    with pytest.raises(StoreError, match=rf"^file://{nobody}/closed: cannot be listed: permission denied$"):
        list_files(locate(str(nobody), {}))


def test_a_directory_that_vanishes_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(locate(str(tmp_path), {}), "a/1.jpg")
    scan = os.scandir

    def late(path: str) -> Any:
        if path.endswith("/a"):
            raise FileNotFoundError(2, "gone", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", late)
    with pytest.raises(StoreError, match="/a: cannot be listed: it does not exist"):
        list_files(root)


def test_a_directory_of_a_store_that_cannot_be_read_is_an_error_that_names_it(memory: str) -> None:
    root = locate(memory, {})._replace(fs=WalkedStore())
    fill(root, "open/1.jpg", "a/closed/2.jpg")
    assert "2.jpg" not in str(root.fs.find(root.path)), "fsspec's own find passes over it"
    with pytest.raises(StoreError, match=rf"^{memory}/a/closed: cannot be listed: permission denied$"):
        list_files(root)


def test_an_empty_directory_is_an_empty_listing(tmp_path: Path, memory: str) -> None:
    assert list_files(locate(str(tmp_path), {})) == ([], [])
    empty = locate(memory, {})
    empty.fs.mkdir(empty.path)
    assert list_files(empty) == ([], [])


def test_a_root_that_is_missing_or_a_file_is_an_error(tmp_path: Path, memory: str) -> None:
    for root in (locate(str(tmp_path), {}), locate(memory, {})):
        fill(root, "1.jpg")
        for store in (root, root._replace(fs=WalkedStore())) if not root.local else (root,):
            with pytest.raises(MissingFileError):
                list_files(store.below("none"))
            with pytest.raises(StoreError, match="directory"):
                list_files(store.below("1.jpg"))


def test_names_are_counted_in_all_directories_and_no_further_than_asked(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    root = locate(str(tmp_path), {})
    assert holds_more(root, 3)
    assert not holds_more(root, 4)
    assert not holds_more(root.below("a/b/1"), 0)
    assert not holds_more(root.below("none"), 0)
