"""Custom Vision as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.customvision.format import CustomVision
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

REGION = {"tagName": "cat", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
EXPORT = json.dumps([{"id": "0a", "regions": [REGION]}])


def config_of(source: str) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=[source], output="memory://nowhere")


def tree_of(root: str, **files: str) -> Tree:
    for name, text in files.items():
        put(locate(root, {}).below(f"{name}.json"), text.encode())
    return Tree(config_of(root), {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, export=EXPORT, other="{}")
    claim = CustomVision().recognise(tree, False)
    assert claim is not None
    plan = CustomVision().plan(tree, claim, False)
    assert (plan.format, plan.in_bytes, [unit.size for unit in plan.units]) == ("customvision", True, [len(EXPORT)])


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, other="{}")
    assert CustomVision().recognise(tree, False) is None
    with pytest.raises(UsageError, match="holds no JSON of images with tags or regions, as Custom Vision's API gives"):
        CustomVision().recognise(tree, True)


def test_its_numbers_are_fractions_and_images_that_nothing_names_are_told() -> None:
    evidence = Evidence()
    evidence.add("images_listed", 3)
    evidence.add("images_named", 1)
    config = config_of("memory://x")
    assert CustomVision().frames({"memory://x": evidence}, config) == {"memory://x": FRACTIONS}
    (doubt,) = CustomVision().remarks({"memory://x": evidence}, config)
    assert (doubt.code, doubt.count) == ("images_without_annotation", 2)
