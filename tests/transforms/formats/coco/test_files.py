"""COCO files below a directory: known by their lists, from the largest down, and refused where two may hold the same images."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.files import coco_files
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.coco.planned import coco, fill


def found(root: str) -> tuple[list[str], str]:
    place = locate(root, {})
    tree = Tree(ConvertConfig(task="image_object_detection", source=[root], output="memory://o"), {}, [place], [])
    files, reason = coco_files(place, tree.visible_of("json"))
    return [file.path.removeprefix(f"{place.path}/") for file in files], reason


def test_files_are_known_by_their_lists_and_others_are_passed_over(memory: str) -> None:
    fill(
        memory,
        {"x.json": coco(), "info.json": "{}", "one.json": '{"images": [{}]}', "a/b/y.txt": coco(), ".h.json": coco()},
    )
    assert found(memory) == (["x.json"], "found x.json")


def test_a_name_that_only_coco_has_counts_whatever_the_file_holds(memory: str) -> None:
    fill(memory, {"annotations/instances_val2017.json": "damaged"})
    assert found(memory)[0] == ["annotations/instances_val2017.json"]


def test_files_of_several_splits_are_read_and_those_of_one_refused(memory: str) -> None:
    fill(memory, {"train.json": coco(), "val.json": coco()})
    assert found(memory)[0] == ["train.json", "val.json"]
    fill(memory, {"train/x.json": coco()})
    with pytest.raises(UsageError, match="several COCO files that may describe the same images"):
        found(memory)


def test_files_that_lie_too_deep_are_not_looked_for(memory: str) -> None:
    fill(memory, {"a/b/c/x.json": coco()})
    assert found(memory)[0] == ["a/b/c/x.json"]
    fill(memory, {"z/a/b/c/d/x.json": coco()})
    assert found(memory)[0] == ["a/b/c/x.json"]


def test_utf_16_is_known_too_lest_it_be_passed_over(memory: str) -> None:
    fill(memory, {"x.json": coco().encode("utf-16")})
    assert found(memory)[0] == ["x.json"]


def test_no_more_is_looked_at_once_a_whole_batch_holds_none(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.coco.files._BATCH", 2)
    large = {f"{number}.json": json.dumps({"shapes": ["x" * 2000]}) for number in range(2)}
    fill(memory, large | {"small.json": coco()})
    assert found(memory) == ([], "found ")
