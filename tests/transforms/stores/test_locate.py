"""Stores: what URLs and globs open, on a real disk, in memory and in archives, and how failures are told."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import kind, put, stat
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file, read_range

ODD_NAMES = ["a b", "50%", "a%20b", "a#1", "a?b", "[x]", "*", "é猫", "a::b", "~x", "it's", "a\\b"]


# Locating -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_local_name_is_taken_as_it_stands_by_path_and_by_url(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"here")
    for url in (f"{tmp_path}/{name}", f"file://{tmp_path}/{name}"):
        location = locate(url, {})
        assert (location.local, location.path, location.url) == (
            True,
            f"{tmp_path}/{name}",
            f"file://{tmp_path}/{name}",
        )
        assert read_file(location) == b"here"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_url_of_a_file_below_opens_it_anew(name: str, tmp_path: Path, memory: str) -> None:
    for root in (str(tmp_path), memory if "::" not in name else str(tmp_path)):
        file = locate(root, {}).below(f"d/{name}")
        put(file, b"here")
        assert read_file(locate(file.url, {})) == b"here"


@pytest.mark.parametrize(
    "spelled", ["x.json", "./x.json", "sub/../x.json", ".//x.json", "file:x.json", "sub/.././x.json/"]
)
def test_a_relative_path_begins_at_the_working_directory(
    spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    assert locate(spelled, {}).url == f"file://{tmp_path}/x.json"


def test_two_dots_after_a_link_lead_up_from_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    assert locate(f"{tmp_path}/link/../x.json", {}).path == f"{tmp_path}/far/x.json"


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/data", {}).path == f"{tmp_path}/data"
    assert locate("./~", {}).path == f"{Path.cwd()}/~"


@pytest.mark.parametrize(
    ("url", "path", "shown"),
    [
        ("memory://", "", "memory://"),
        ("memory://a/b/", "/a/b", "memory://a/b"),
        ("simplecache::memory://a", "/a", "simplecache::memory://a"),
    ],
)
def test_memory_urls_keep_their_protocol(url: str, path: str, shown: str) -> None:
    location = locate(url, {})
    assert (location.path, location.url, location.local) == (path, shown, False)
    assert location.below("c/1.jpg").url == (f"{shown}/c/1.jpg" if path else f"{shown}c/1.jpg")


@pytest.mark.parametrize("inside", ["zip://", "zip://data", "zip://data/"])
def test_an_archive_is_a_root_whose_files_open_by_url(inside: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/b/50% #1.jpg", b"here")
    root = locate(f"{inside}::{tmp_path}/a.zip", {})
    below = root.below("b/50% #1.jpg" if "data" in inside else "data/b/50% #1.jpg")
    assert below.url == f"zip://data/b/50% #1.jpg::file://{tmp_path}/a.zip"
    assert read_file(locate(below.url, {})) == b"here"
    assert read_range(below, 1, 3) == b"er"


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("s3://b/x", "s3"),
        ("gs://b/x", "gcs"),
        ("az://c/x", "azure"),
        ("abfss://c@a/x", "azure"),
        ("zip://x::s3://b/a.zip", "s3"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_installs_it(
    url: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("s3", "gcs", "azure"):  # Other tests may have loaded them.
        monkeypatch.delitem(sys.modules, f"labelbeam.transforms.stores.remote.{module}", raising=False)
    with pytest.raises(UsageError, match="not installed") as caught:
        locate(url, {})
    assert f"pip install 'labelbeam[{extra}]'" in str(caught.value)


def test_a_missing_package_without_an_extra_is_named_in_fsspec_s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"hf:// is not installed: Install huggingface_hub"):
        locate("hf://datasets/x", {})


def test_an_unknown_protocol_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match=r"foo://x: Protocol not known: foo; expected .* s3://bucket/data"):
        locate("foo://x", {})


def test_options_of_one_protocol_do_not_reach_another() -> None:
    assert (
        locate("memory://a", {"s3": {"anon": True}, "memory": {"skip_instance_cache": True}}).fs.storage_options == {}
    )


def test_options_that_a_store_does_not_know_are_refused_without_their_values(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--storage-options") as caught:
        locate(f"zip://::{tmp_path}/a.zip", {"zip": {"mode": "xSECRETx", "password": "xSECRETx"}})
    assert "SECRET" not in str(caught.value)


# Failures -----------------------------------------------------------------------------------------------------------


def test_kinds_are_files_directories_and_nothing(tmp_path: Path, memory: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dead").symlink_to("nowhere")
    for root in (locate(str(tmp_path), {}), locate(memory, {})):
        put(root.below("d/1"), b"")
        assert [kind(root.below(name)) for name in ("d", "d/1", "none", "d/none/1")] == [
            "directory",
            "file",
            None,
            None,
        ]
    local = locate(str(tmp_path), {})
    assert [kind(local.below(name)) for name in ("pipe", "dead", "d/1/x")] == ["other", None, None]
    with pytest.raises(StoreError, match="symbolic links"):
        kind(local.below("loop"))


def test_stat_tells_size_and_a_token_of_files_alone(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(b"12345")
    os.utime(tmp_path / "1.json", ns=(1, 1_000_000_001))
    assert stat(locate(f"{tmp_path}/1.json", {})) == ("1.json", 5, "1000000001")
    with pytest.raises(MissingFileError, match="expected a file, found: directory"):
        stat(locate(str(tmp_path), {}))


def test_a_file_whose_size_the_store_does_not_tell_cannot_be_cut(monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    location = locate(f"{memory}/1.json", {})
    monkeypatch.setattr(type(location.fs), "info", lambda *_: {"type": "file", "size": None})
    with pytest.raises(StoreError, match="does not tell the file's size"):
        stat(location)


# Globs --------------------------------------------------------------------------------------------------------------


def test_a_name_that_exists_wins_over_the_glob_that_it_is(tmp_path: Path) -> None:
    for name in ("[ab].json", "a.json", "b.json"):
        (tmp_path / name).write_bytes(b"")
    assert [location.path for location in expand(f"{tmp_path}/[ab].json", {})] == [f"{tmp_path}/[ab].json"]
    (tmp_path / "[ab].json").unlink()
    assert [location.path for location in expand(f"{tmp_path}/[ab].json", {})] == [
        f"{tmp_path}/a.json",
        f"{tmp_path}/b.json",
    ]


@pytest.mark.parametrize("folder", ["set[1]", "what?", "a*", "a b%"])
def test_a_directory_that_exists_is_taken_literally_inside_a_glob(folder: str, tmp_path: Path) -> None:
    for name in (folder, "set1", "whatx", "ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_bytes(b"")
    assert [location.path for location in expand(f"{tmp_path}/{folder}/*.json", {})] == [f"{tmp_path}/{folder}/x.json"]


def test_globs_are_sorted_and_pass_over_hidden_files(tmp_path: Path, memory: str) -> None:
    for root in (f"file://{tmp_path}", memory):
        for name in ("b.json", "a.json", "C.json", "._a.json", "x.txt", "d/a.json"):
            put(locate(root, {}).below(name), b"")
        assert [found.url for found in expand(f"{root}/*.json", {})] == [
            f"{root}/{name}.json" for name in ("C", "a", "b")
        ]
        assert [found.url for found in expand(f"{root}/.*.json", {})] == [f"{root}/._a.json"]
        assert [found.url for found in expand(f"{root}/*/a.json", {})] == [f"{root}/d/a.json"]


def test_a_store_that_matches_in_any_order_and_from_a_cache_is_asked_anew(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        put(locate(memory, {}).below(f"{name}.json"), b"")
    found = [f"{locate(memory, {}).path}/{name}.json" for name in "bca"]
    fresh: list[bool] = []
    monkeypatch.setattr(MemoryFileSystem, "invalidate_cache", lambda *_: fresh.append(True))
    monkeypatch.setattr(MemoryFileSystem, "glob", lambda *_: found if fresh else [])
    assert [location.url for location in expand(f"{memory}/*.json", {})] == [f"{memory}/{name}.json" for name in "abc"]


def test_matches_in_an_archive_open_by_url(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/1.json", b"one")
        archive.writestr("d/2.json", b"two")
    found = expand(f"zip://d/*.json::{tmp_path}/a.zip", {})
    assert [read_file(locate(location.url, {})) for location in found] == [b"one", b"two"]


@pytest.mark.parametrize("pattern", ["*.json", "none[0-9]/x.json", "**/*.xml"])
def test_a_glob_that_matches_nothing_is_an_error(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing matches this glob"):
        expand(f"{tmp_path}/{pattern}", {})


def test_a_name_without_wildcards_is_not_looked_for(tmp_path: Path) -> None:
    assert [location.path for location in expand(f"{tmp_path}/none.json", {})] == [f"{tmp_path}/none.json"]


def test_a_short_protocol_that_nobody_knows_is_no_windows_drive() -> None:
    with pytest.raises(
        UsageError, match=r"x://y: Protocol not known: x; expected a path or an fsspec URL such as s3://"
    ):
        locate("x://y", {})
