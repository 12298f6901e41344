"""Globs: every directory that a pattern leads through is listed, and one that cannot be is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.globs import expand
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
