"""Hugging Face as a format: what it claims, what it plans of it, and the frame of its boxes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.format import CocoOptions
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.huggingface.format import HuggingFace
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

LINE = json.dumps({"file_name": "1.jpg", "objects": {"bbox": [], "category": []}})


def config_of(*formats: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere", of_formats=formats)


def tree_of(root: str, name: str) -> Tree:
    put(locate(root, {}).below(name), LINE.encode())
    return Tree(config_of(), {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, "metadata.jsonl")
    claim = HuggingFace().recognise(tree, False)
    assert claim is not None and "folder" in claim.beats
    plan = HuggingFace().plan(tree, claim, False)
    assert (plan.format, [unit.size for unit in plan.units]) == ("huggingface", [len(LINE)])


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, "other.jsonl")
    assert HuggingFace().recognise(tree, False) is None
    with pytest.raises(
        UsageError, match=r"holds no metadata\.jsonl, metadata\.csv or metadata\.parquet with file_name and objects"
    ):
        HuggingFace().recognise(tree, True)


def test_the_frame_of_its_boxes_is_decided_as_for_coco() -> None:
    evidence = Evidence()
    evidence.add("boxes", 9, "metadata.jsonl byte 0")
    found = {"memory://x": evidence}
    assert HuggingFace().frames(found, config_of()) == {}
    evidence.add("boxes_under_a_pixel", 9, "metadata.jsonl byte 0")
    assert HuggingFace().frames(found, config_of()) == {"memory://x": FRACTIONS}
    assert [doubt.code for doubt in HuggingFace().remarks(found, config_of())] == ["relative_coordinates"]
    given = CocoOptions(coco_boxes="pixels", coco_corners=True)
    assert HuggingFace().frames(found, config_of(given))["memory://x"].corners
