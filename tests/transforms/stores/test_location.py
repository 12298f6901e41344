"""Locations: what lies below, above and beside one, in every kind of store."""

from __future__ import annotations

import zipfile
from pathlib import Path

import fsspec

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, within


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


def test_parents_end_at_the_top_of_the_store(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/1.jpg", b"")
    tops = {
        "/usr/lib": ["file:///usr", "file:///"],
        "memory://a/b": ["memory://a", "memory://"],
        f"zip://data/1.jpg::{tmp_path}/a.zip": [
            f"zip://data::file://{tmp_path}/a.zip",
            f"zip://::file://{tmp_path}/a.zip",
        ],
    }
    for url, expected in tops.items():
        above: list[str] = []
        location = locate(url, {})
        while (up := location.parent) is not None:
            assert locate(up.url, {}).path == up.path
            above.append(up.url)
            location = up
        assert above == expected


def test_a_directory_holds_itself_and_what_lies_below_and_no_neighbour(tmp_path: Path, memory: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/1.jpg", b"")
    for url in (str(tmp_path), memory, "memory://", "/", f"zip://::{tmp_path}/a.zip"):
        root = locate(url, {})
        inside = root.below("a/1.jpg")
        assert root.holds(root)
        assert root.holds(inside)
        assert not inside.holds(root)
        assert not root.below("a").holds(root.below("a-2/1.jpg"))
    assert not locate("/", {}).holds(locate(memory, {}))


def test_the_parent_of_a_bucket_is_no_directory() -> None:
    bucket = Location(fsspec.AbstractFileSystem(), "bucket/a", "s3://bucket/a")
    assert bucket.parent == Location(bucket.fs, "bucket", "s3://bucket")
    assert bucket.parent.parent is None


def test_a_container_s_account_stays_in_the_url_of_its_parent() -> None:
    file = Location(fsspec.AbstractFileSystem(), "c/data/x.json", "abfs://c@a.dfs.core.windows.net/data/x.json")
    assert file.parent is not None
    assert (file.parent.path, file.parent.url) == ("c/data", "abfs://c@a.dfs.core.windows.net/data")


def test_a_key_with_an_empty_part_right_below_a_directory_keeps_it() -> None:
    for place in (locate("memory://r/d", {}), Location(fsspec.filesystem("memory"), "b/d", "s3://b/d")):
        found = place.below("/x/1.jpg")
        assert found.path == f"{place.path}//x/1.jpg"
        assert found.url == f"{place.url}//x/1.jpg"
