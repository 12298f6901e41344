"""Places that lie in each other, whatever links, archives and protocols lead to them."""

from __future__ import annotations

import zipfile
from pathlib import Path

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
