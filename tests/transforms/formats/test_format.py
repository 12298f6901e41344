"""The sources of a build, before it is known what they are."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats import inputs
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import fill


def tree(*sources: str, files: bool = False) -> Tree:
    locations = [locate(source, {}) for source in sources]
    config = ConvertConfig(task="image_object_detection", source=list(sources), output="memory://o")
    return Tree(config, {}, locations, locations if files else [])


def test_a_root_is_a_directory_that_is_the_sole_source() -> None:
    root = tree("memory://a").root
    assert root is not None and root.url == locate("memory://a", {}).url
    assert tree("memory://a/b.json", files=True).root is None
    assert tree("memory://a", "memory://b").root is None


def test_a_directory_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tree(fill("memory://listed", {"1.jpg": "", "a/2.jpg": "", ".git/x": "", "a/._2.jpg": ""}))
    listed: list[str] = []
    list_dataset = inputs.list_dataset
    monkeypatch.setattr(
        inputs, "list_dataset", lambda root, *rest: listed.append(root.url) or list_dataset(root, *rest)
    )
    assert found.root is not None
    assert found.listing_of(found.root) is found.listing_of(found.root)
    assert sorted(file.path for file in found.visible) == ["1.jpg", "a/2.jpg"]
    assert len(listed) == 1


def test_files_are_found_by_their_extensions_in_the_order_of_their_paths() -> None:
    found = tree(
        fill("memory://called", {"b.json": "", "a.CSV": "", "c/d.json": "", ".e/f.json": "", "json": "", "1.jpg": ""})
    )
    assert [file.path for file in found.visible_of("json", "csv")] == ["a.CSV", "b.json", "c/d.json"]
    assert found.visible_of("xml") == []
    assert [file.path for file in found.images()] == ["1.jpg"]


def test_files_of_one_of_several_sources_are_found_by_their_extensions() -> None:
    found = tree(fill("memory://one", {"a.json": "", ".b.json": ""}), fill("memory://other", {"c.json": ""}))
    below = [[file.path for file in found.visible_of("json", below=root)] for root in found.locations]
    assert (found.visible_of("json"), below) == ([], [["a.json"], ["c.json"]])


def test_without_a_root_nothing_is_visible() -> None:
    assert tree("memory://a/b.json", files=True).visible == []


def test_a_claim_is_certain_unless_it_says_otherwise() -> None:
    claim = Claim("why")
    assert (claim.certain, claim.found, claim.beats, claim.task) == (True, None, frozenset(), None)
