"""LabelMe as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import json

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelme.format import LabelMe, LabelMeOptions
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

LABELME = json.dumps({"version": "5.0", "shapes": [], "imagePath": "1.jpg", "imageData": None})
CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def tree_of(root: str, *names: str, file: str = "", text: str = LABELME) -> Tree:
    for name in names:
        put(locate(root, {}).below(name), text.encode())
    place = locate(f"{root}/{file}".rstrip("/"), {})
    return Tree(CONFIG, {}, [place], [place] if file else [])


@pytest.mark.parametrize(("file", "files"), [("", 2), ("1.json", 1)])
def test_what_it_claims_is_planned(file: str, files: int, memory: str) -> None:
    tree = tree_of(memory, "1.json", "2.json", file=file)
    claim = LabelMe().recognise(tree, False)
    assert claim is not None and claim.reason
    plan = LabelMe().plan(tree, claim, False)
    assert (plan.format, plan.work) == ("labelme", files)


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, "1.json", file="1.json", text="{}")
    assert LabelMe().recognise(tree, False) is None
    with pytest.raises(UsageError, match=r"1\.json: holds no JSON file with shapes"):
        LabelMe().recognise(tree, True)


def test_a_person_may_say_so_of_files_that_do_not(memory: str) -> None:
    tree = tree_of(memory, "1.json", text="{}")
    assert LabelMe().recognise(tree, False) is None
    claim = LabelMe().recognise(tree, True)
    assert claim is not None and claim.reason == ""


def test_its_numbers_are_pixels_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("left_alone", 2, "x.json")
    assert LabelMe().frames({"memory://x": evidence}, CONFIG) == {}
    assert [doubt.code for doubt in LabelMe().remarks({"memory://x": evidence}, CONFIG)] == ["files_left_alone"]


def test_labels_of_a_classification_are_one_of_three_choices() -> None:
    assert msgspec.convert({}, LabelMeOptions).labelme_labels == "detect"
    assert msgspec.convert({"labelme_labels": "flags"}, LabelMeOptions).labelme_labels == "flags"
    with pytest.raises(msgspec.ValidationError, match="labelme_labels"):
        msgspec.convert({"labelme_labels": "both"}, LabelMeOptions)
