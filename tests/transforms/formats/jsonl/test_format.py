"""JSON Lines as a format: what it claims, that it is in fractions, and that pixels are refused."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Tally
from labelbeam.transforms.formats.jsonl.format import JsonLines
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import fill

CONFIG = ConvertConfig(task="image_classification", source=["s"], output="memory://nowhere")
LINE = json.dumps({"image_url": "https://h/1.jpg", "label": "cat"})


def test_records_are_claimed_with_their_task_before_a_folder_is(memory: str) -> None:
    root = fill(memory, {"train.jsonl": LINE, "x.txt": LINE})
    places = [locate(f"{root}/train.jsonl", {})]
    claim = JsonLines().recognise(Tree(CONFIG, {}, places, places), False)
    assert claim is not None
    assert (claim.certain, claim.task, claim.beats) == (True, "image_classification", {"folder"})
    assert [file.location.url for file in claim.found] == [f"{root}/train.jsonl"]
    plan = JsonLines().plan(Tree(CONFIG, {}, places, places), claim, False)
    assert (plan.format, len(plan.units)) == ("jsonl", 1)
    others = [locate(f"{root}/x.txt", {})]
    assert JsonLines().recognise(Tree(CONFIG, {}, others, others), False) is None


def test_coordinates_are_fractions_always_and_pixels_are_refused() -> None:
    good = Evidence({"objects": Tally(10)})
    assert JsonLines().frames({"a": good}, CONFIG) == {"a": FRACTIONS}
    pixels = Evidence({"objects": Tally(10), "coordinates_beyond_2": Tally(9, "line 1")})
    with pytest.raises(UsageError, match=r"^b: 9 of 10 objects"):
        JsonLines().frames({"a": good, "b": pixels}, CONFIG)


def test_remarks_are_those_of_each_file_in_order() -> None:
    odd = Evidence({"crowd_unknown": Tally(2, "line 1")})
    doubts = JsonLines().remarks({"b": odd, "a": odd}, CONFIG)
    assert [doubt.message[:2] for doubt in doubts] == ["a:", "b:"]
