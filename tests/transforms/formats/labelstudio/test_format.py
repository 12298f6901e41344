"""Label Studio as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence, Frame
from labelbeam.transforms.formats.labelstudio.format import LabelStudio
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

EXPORT = json.dumps([{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": []}]}])
CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def tree_of(root: str, text: str) -> Tree:
    put(locate(root, {}).below("p.json"), text.encode())
    return Tree(CONFIG, {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, EXPORT)
    claim = LabelStudio().recognise(tree, False)
    assert claim is not None
    plan = LabelStudio().plan(tree, claim, False)
    assert (plan.format, plan.in_bytes, [unit.size for unit in plan.units]) == ("labelstudio", True, [len(EXPORT)])


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, "{}")
    assert LabelStudio().recognise(tree, False) is None
    with pytest.raises(UsageError, match="holds no annotations of Label Studio"):
        LabelStudio().recognise(tree, True)


def test_its_numbers_are_percent_and_others_are_refused() -> None:
    evidence = Evidence()
    evidence.add("boxes", 3, "p.json")
    evidence.add("several", 2, "p.json")
    found = {"memory://x": evidence}
    assert LabelStudio().frames(found, CONFIG) == {"memory://x": Frame("percent", "percent")}
    assert [doubt.code for doubt in LabelStudio().remarks(found, CONFIG)] == ["several_annotations"]
    evidence.add("far", 2, "p.json")
    with pytest.raises(UsageError, match=r"2 of 3 regions, such as in p\.json, are no percent of the image"):
        LabelStudio().frames(found, CONFIG)
