"""CVAT as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.cvat.format import Cvat
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

IMAGES = "<annotations><meta/><image id='0' name='1.jpg' width='9' height='8'/></annotations>"
CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def tree_of(root: str, text: str) -> Tree:
    put(locate(root, {}).below("a.xml"), text.encode())
    return Tree(CONFIG, {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, IMAGES)
    claim = Cvat().recognise(tree, False)
    assert claim is not None
    plan = Cvat().plan(tree, claim, False)
    assert (plan.format, plan.in_bytes, [unit.size for unit in plan.units]) == ("cvat", True, [len(IMAGES)])


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, IMAGES.replace("image", "track"))
    assert Cvat().recognise(tree, False) is None
    with pytest.raises(
        UsageError, match=r"holds no XML file of CVAT for images 1\.1.*Tracks of CVAT for video are not read"
    ):
        Cvat().recognise(tree, True)


def test_its_numbers_are_pixels_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("united", 2, "a.xml image 3")
    assert Cvat().frames({"memory://x": evidence}, CONFIG) == {}
    assert [doubt.code for doubt in Cvat().remarks({"memory://x": evidence}, CONFIG)] == ["shapes_united"]
