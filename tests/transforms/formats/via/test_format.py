"""VIA as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import json

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.via.format import Via, ViaOptions
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

PROJECT = json.dumps({"_via_settings": {}, "_via_img_metadata": {"1.jpg7": {"filename": "1.jpg", "regions": []}}})
CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def tree_of(root: str, text: str, file: bool = False) -> Tree:
    place = locate(root, {}).below("v.json")
    put(place, text.encode())
    return Tree(CONFIG, {}, [place if file else locate(root, {})], [place] if file else [])


@pytest.mark.parametrize("file", [False, True])
def test_what_it_claims_is_planned(file: bool, memory: str) -> None:
    tree = tree_of(memory, PROJECT, file)
    claim = Via().recognise(tree, False)
    assert claim is not None
    assert claim.beats == ({"folder", "jsonl"} if file else frozenset())
    plan = Via().plan(tree, claim, False)
    assert (plan.format, plan.in_bytes, [unit.size for unit in plan.units]) == ("via", True, [len(PROJECT)])


@pytest.mark.parametrize("file", [False, True])
def test_what_it_was_asked_for_and_cannot_take_is_refused(file: bool, memory: str) -> None:
    tree = tree_of(memory, "{}", file)
    assert Via().recognise(tree, False) is None
    with pytest.raises(UsageError, match="holds no project and no annotations of VIA 2"):
        Via().recognise(tree, True)


def test_its_numbers_are_pixels_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("unlabelled", 2, "v.json")
    assert Via().frames({"memory://x": evidence}, CONFIG) == {}
    assert [doubt.code for doubt in Via().remarks({"memory://x": evidence}, CONFIG)] == ["regions_without_label"]


def test_options_are_texts_that_say_something() -> None:
    assert msgspec.convert({}, ViaOptions) == ViaOptions(via_attribute=None, via_label=None)
    for name in ("via_attribute", "via_label"):
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({name: ""}, ViaOptions)
