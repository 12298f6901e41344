"""Globs: every directory that a pattern leads through is listed, and one that cannot be is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.globs import expand, names_of
from labelbeam.transforms.stores.locate import locate

FILES = ["a.json", "b.xml", "d/a.json", "d/e/a.json", "d/e/f/a.json", ".hidden/a.json", "set[1]/a.json"]


@pytest.fixture(params=["disk", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path, memory: str) -> str:
    url = f"file://{tmp_path}" if request.param == "disk" else memory
    for name in FILES:
        put(locate(url, {}).below(name), b"")
    return url


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.json", ["a.json"]),
        ("?.*", ["a.json", "b.xml"]),
        ("*/a.json", ["d/a.json", "set[1]/a.json"]),
        (".*/a.json", [".hidden/a.json"]),
        ("d/**/a.json", ["d/a.json", "d/e/a.json", "d/e/f/a.json"]),
        ("d/**", ["d", "d/a.json", "d/e", "d/e/a.json", "d/e/f", "d/e/f/a.json"]),
        ("d/*/[e-g]/*", ["d/e/f/a.json"]),
        ("*", ["a.json", "b.xml", "d", "set[1]"]),
        ("set[1]/*.json", ["set[1]/a.json"]),
    ],
)
def test_a_pattern_matches_name_by_name(pattern: str, found: list[str], root: str) -> None:
    assert [location.url for location in expand(f"{root}/{pattern}", {})] == [f"{root}/{name}" for name in found]


def test_links_that_lead_back_up_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.json").write_bytes(b"")
    (tmp_path / "d" / "up").symlink_to(tmp_path)
    assert [location.path for location in expand(f"{tmp_path}/**/*.json", {})] == [f"{tmp_path}/d/1.json"]


@pytest.mark.parametrize("pattern", ["*/*.json", "**/a.json", "d/*.json"])
def test_a_directory_that_cannot_be_listed_is_an_error(
    pattern: str, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        put(locate(memory, {}).below(name), b"")
    listed = MemoryFileSystem.ls

    def fail(self: MemoryFileSystem, path: str, **options: object) -> object:
        if path.endswith("/d"):
            raise RuntimeError("the store is not well")
        return listed(self, path, **options)

    monkeypatch.setattr(MemoryFileSystem, "ls", fail)
    with pytest.raises(StoreError, match="/d: cannot be listed: the store is not well"):
        expand(f"{memory}/{pattern}", {})


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("a-{000..002}.tar", ["a-000.tar", "a-001.tar", "a-002.tar"]),
        ("a-{8..11}", ["a-8", "a-9", "a-10", "a-11"]),
        ("a-{2..1}", ["a-2", "a-1"]),
        ("{train,val}/{0..1}-*.tar", ["train/0-*.tar", "train/1-*.tar", "val/0-*.tar", "val/1-*.tar"]),
        ("{a,}b", ["ab", "b"]),
        ("{a}{..}{1..}", ["{a}{..}{1..}"]),
        ("{x{a,b},c}", ["xa", "c", "xb", "c"]),
    ],
)
def test_braces_stand_for_names_as_in_a_shell(url: str, names: list[str]) -> None:
    assert names_of(url) == names


@pytest.mark.parametrize("url", ["{0..999999999}", "{0..999}{0..999}", "{1..99999}{1,2}"])
def test_braces_that_stand_for_too_many_names_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="more than 100,000 names"):
        names_of(url)


def test_braces_are_names_of_files_and_a_name_that_exists_is_literal(tmp_path: Path) -> None:
    for name in ("x-0.tar", "x-1.tar", "x-1b.tar", "{a,b}.tar"):
        (tmp_path / name).touch()
    found = {
        url: [location.path.rpartition("/")[2] for location in expand(str(tmp_path / url), {})]
        for url in ("x-{0..1}.tar", "x-{0..1}*.tar", "{a,b}.tar")
    }
    assert found == {
        "x-{0..1}.tar": ["x-0.tar", "x-1.tar"],
        "x-{0..1}*.tar": ["x-0.tar", "x-1.tar", "x-1b.tar"],
        "{a,b}.tar": ["{a,b}.tar"],
    }
