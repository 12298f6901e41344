"""Datumaro as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.datumaro.format import Datumaro
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")
TEXT = '{"info": {}, "categories": {}, "items": []}'


def tree_of(root: str, text: str) -> Tree:
    put(locate(root, {}).below("a.json"), text.encode())
    return Tree(CONFIG, {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, TEXT)
    claim = Datumaro().recognise(tree, False)
    assert claim is not None
    plan = Datumaro().plan(tree, claim, False)
    assert (plan.format, plan.in_bytes, [unit.size for unit in plan.units]) == ("datumaro", True, [len(TEXT)])


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, "{}")
    assert Datumaro().recognise(tree, False) is None
    with pytest.raises(UsageError, match="holds no JSON file with categories and items"):
        Datumaro().recognise(tree, True)


def test_its_numbers_are_pixels_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("united", 2, "a.json")
    assert Datumaro().frames({"memory://x": evidence}, CONFIG) == {}
    assert [doubt.code for doubt in Datumaro().remarks({"memory://x": evidence}, CONFIG)] == ["shapes_united"]
