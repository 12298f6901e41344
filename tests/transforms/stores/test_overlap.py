"""Places that lie in each other, whatever links, archives and protocols lead to them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.overlap import lies_in


def overlap(inner: str, outer: str) -> bool:
    return lies_in(locate(inner, {}), locate(outer, {}), {})


def test_a_place_lies_in_itself_and_in_those_above_it_alone(tmp_path: Path, memory: str) -> None:
    for root in (str(tmp_path), memory):
        assert overlap(root, root)
        assert overlap(f"{root}/a/b", f"{root}/a")
        assert not overlap(f"{root}/a", f"{root}/a/b")
        assert not overlap(f"{root}/a-2", f"{root}/a")
    assert not overlap(str(tmp_path), memory)
    assert not overlap(memory, str(tmp_path))


def test_a_link_leads_to_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")
    assert overlap(f"{tmp_path}/link/in", f"{tmp_path}/data")
    assert overlap(f"{tmp_path}/data/in/not yet", f"{tmp_path}/link")


def test_the_same_directory_under_another_name_is_known_by_what_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Data" / "in").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    assert not overlap(f"{tmp_path}/Data/in", f"{tmp_path}/data")
    # As on a disk that ignores case, or below two mounts of one.
    monkeypatch.setattr("os.path.samestat", lambda one, other: one.st_dev == other.st_dev)
    assert overlap(f"{tmp_path}/Data/in", f"{tmp_path}/data")


def test_an_archive_lies_where_its_file_does(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/1.jpg", b"")
    assert overlap(f"zip://data::{tmp_path}/a.zip", str(tmp_path))
    assert not overlap(f"zip://data::{tmp_path}/a.zip", f"{tmp_path}/b")


def test_two_accounts_of_one_kind_are_two_stores_and_two_spellings_of_one_are_not() -> None:
    options = {"account_name": "a", "account_key": "a2V5"}
    one = locate("az://c/x", {"az": options})
    same = locate("abfs://c/x/y", {"abfs": options})
    other = locate("az://c/x/y", {"az": {**options, "account_name": "b"}})
    assert lies_in(same, one, {})
    assert not lies_in(other, one, {})


CACHES = ["simplecache", "filecache", "blockcache", "simplecache::filecache", "dir"]


@pytest.mark.parametrize("cache", CACHES)
def test_what_is_read_by_way_of_a_cache_lies_where_its_files_do(cache: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/1.jpg", b"")
    for url in (f"{cache}::file://{tmp_path}", f"{cache}::{tmp_path}", f"zip://data::{cache}::file://{tmp_path}/a.zip"):
        assert overlap(url, str(tmp_path)), url
        assert not overlap(url, f"{tmp_path}/other"), url
    assert overlap(f"{tmp_path}/copies", f"{cache}::file://{tmp_path}")


def test_a_store_is_known_by_all_spellings_of_its_endpoint_and_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    keys = {"key": "k", "secret": "s"}
    spelled: list[dict[str, Any]] = [
        {},
        {"endpoint_url": "http://127.0.0.1:1/"},
        {"client_kwargs": {"endpoint_url": "HTTP://127.0.0.1:1"}},
    ]
    for options in spelled:
        both = {"s3": {**keys, "endpoint_url": "http://127.0.0.1:1"}, "s3a": {**keys, **options}}
        assert lies_in(locate("s3a://b/p/x", both), locate("s3://b/p", both), both), options
    other = {"s3": keys, "s3a": {**keys, "endpoint_url": "http://127.0.0.1:2"}}
    assert not lies_in(locate("s3a://b/p/x", other), locate("s3://b/p", other), other)


def test_an_account_is_known_in_a_connection_string_and_in_capitals() -> None:
    text = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.windows.net"
    options = {"az": {"connection_string": text}, "abfss": {"account_key": "a2V5"}}
    for host, same in (("acc", True), ("ACC", True), ("acc2", False)):
        place = locate(f"abfss://c@{host}.dfs.core.windows.net/p/x", options)
        assert lies_in(place, locate("az://c/p", options), options) is same


@pytest.mark.parametrize("path", ["c/./p", "c/x/../p", "c//p", "c/p/"])
def test_names_that_some_stores_take_for_others_lie_in_what_these_name(path: str) -> None:
    options = {"az": {"account_name": "a", "account_key": "a2V5"}}
    place = locate("az://c/p", options)
    assert lies_in(locate(f"az://{path}", options), place, options)
    assert lies_in(place, locate(f"az://{path}", options), options)
    assert not lies_in(locate("az://c/p%2F..", options), locate("az://c/p2", options), options)


def test_directories_that_are_not_there_yet_are_told_by_the_ones_above_and_by_names_as_disks_compare_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert overlap(f"{tmp_path}/one/Caf\u00e9/in", f"{tmp_path}/one/cafe\u0301")
    assert not overlap(f"{tmp_path}/one/a/in", f"{tmp_path}/one/b")
    assert not overlap(f"{tmp_path}/two/a/in", f"{tmp_path}/one/a")
    # As below two mounts of one disk.
    inodes = {(tmp_path / name).stat().st_ino for name in ("one", "two")}
    monkeypatch.setattr("os.path.samestat", lambda one, other: {one.st_ino, other.st_ino} <= inodes)
    assert overlap(f"{tmp_path}/two/a/in", f"{tmp_path}/one/a")
    assert not overlap(f"{tmp_path}/two/b", f"{tmp_path}/one/a")
