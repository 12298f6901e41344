"""Planning COCO: what is read, where its images are, what split it is, and what a build depends on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.coco import plan as plan_coco
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.coco.planned import BOX, coco, fill, plan, shown

# What is read -------------------------------------------------------------------------------------------------------


def test_an_exact_plan_reads_the_same(memory: str) -> None:
    root = fill(memory, {"x.json": coco("1.jpg", "2.jpg")})
    config = ConvertConfig(task="image_object_detection", source=[f"{root}/x.json"], output="memory://nowhere")
    assert make_plan(config, {}, exact=True) == make_plan(config, {})


def test_shards_are_as_many_as_said_or_by_the_size_of_the_source(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, {"x.json": coco(*(f"{number}.jpg" for number in range(100)))})
    size = len(coco(*(f"{number}.jpg" for number in range(100))))
    assert plan(f"{root}/x.json", shards=7).buckets == 7
    assert plan(f"{root}/x.json").buckets == 1
    monkeypatch.setattr("labelbeam.transforms.formats.plans.SHARD_TARGET", size // 3)
    assert plan(f"{root}/x.json").buckets in (3, 4)


# Splits -------------------------------------------------------------------------------------------------------------


def test_each_file_has_its_own_split(memory: str) -> None:
    root = fill(memory, {"train.json": coco(), "val.json": coco(), "other.json": coco()})
    made = plan(f"{root}/*.json")
    assert [(file.url.rpartition("/")[2], file.split) for file in made.indexes] == [
        ("other.json", None),
        ("train.json", "train"),
        ("val.json", "validation"),
    ]


@pytest.mark.parametrize("images", ["[]", "[ \n ]"])
def test_a_split_without_images_is_told_beside_others(images: str, memory: str) -> None:
    empty = f'{{"info": {{}}, "images": {images}, "annotations": [], "categories": [{{"id": 1, "name": "a"}}]}}'
    root = fill(memory, {"train.json": coco("1.jpg"), "val.json": empty})
    made = plan(f"{root}/*.json")
    assert [file.split for file in made.indexes] == ["train"]
    assert [(doubt.count, doubt.example) for doubt in made.doubts if doubt.code == "source_without_images"] == [
        (1, locate(f"{root}/val.json", {}).shown)
    ]
    assert made.fingerprint != plan(f"{root}/train.json").fingerprint


def test_a_file_without_images_is_refused_alone(memory: str) -> None:
    root = fill(memory, {"val.json": '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}'})
    with pytest.raises(LabelBeamError, match="at least one image"):
        plan(f"{root}/val.json")


# Where the images are -----------------------------------------------------------------------------------------------


# What a build depends on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sized", [True, False])
def test_images_are_listed_where_the_build_looks_at_them_or_copies_them(sized: bool, memory: str) -> None:
    size = {"width": 4, "height": 3} if sized else {}
    annotations = json.dumps({"images": [{"id": 1, "file_name": "1.jpg"} | size], "annotations": [], "categories": []})
    root = fill(memory, {"a/x.json": annotations, "a/images/1.jpg": "", "a/images/b/2.jpg": ""})
    source = f"{root}/a/x.json"
    for fields in ({"check_images": "exists"}, {"check_images": "header"}, {"copy_images": f"{root}/copies"}):
        assert shown(plan(source, **fields), "1.jpg", "b/2.jpg", "2.jpg") == ["1.jpg", "b/2.jpg"]
    assert plan(source, check_images="none").listed is None
    assert (plan(source).listed is None) is sized


def test_an_images_directory_that_is_not_there_is_an_error_where_images_are_checked(memory: str) -> None:
    root = fill(memory, {"x.json": coco()})
    with pytest.raises(MissingFileError, match=r"else: .*; name the directory of the images with --images"):
        plan(f"{root}/x.json", images=f"{root}/else", check_images="exists")


def touch(path: Path, nanoseconds: int) -> None:
    os.utime(path, ns=(nanoseconds, nanoseconds))


def test_the_fingerprint_changes_with_any_file_it_covers_and_not_with_their_order(tmp_path: Path) -> None:
    fill(str(tmp_path), {"a.json": coco("1.jpg"), "b.json": coco("2.jpg"), "1.jpg": "", "2.jpg": ""})
    for path in tmp_path.iterdir():
        touch(path, 10**18)
    a, b = f"{tmp_path}/a.json", f"{tmp_path}/b.json"
    first = plan(a, b)
    assert first.covers == {"files": 2, "bytes": 2 * len(coco("1.jpg")), "by": "path, size, and ETag or time"}
    assert plan(b, a, f"file://{a}") == first
    files = [locate(b, {}), locate(a, {})]
    config = ConvertConfig(task="image_object_detection", source=[a, b], output="memory://nowhere")
    assert plan_coco.plan_coco(config, {}, files, False).indexes == first.indexes
    assert plan(a).fingerprint != first.fingerprint
    touch(tmp_path / "a.json", 10**18 + 1)
    later = plan(a, b)
    assert later.fingerprint != first.fingerprint
    (tmp_path / "a.json").write_text(coco("1.jpg") + " ")
    touch(tmp_path / "a.json", 10**18 + 1)
    assert plan(a, b).fingerprint not in (first.fingerprint, later.fingerprint)


@pytest.mark.parametrize(
    ("options", "sized", "covered"),
    [
        ({}, True, False),
        ({"check_images": "none"}, False, False),
        ({}, False, True),
        ({"check_images": "exists"}, True, True),
        ({"check_images": "header"}, True, True),
        ({"check_images": "decode"}, True, True),
        ({"copy_images": "memory://copies"}, True, True),
    ],
)
def test_images_are_part_of_the_fingerprint_where_the_build_depends_on_them(
    options: dict[str, Any], sized: bool, covered: bool, tmp_path: Path
) -> None:
    fill(str(tmp_path), {"x.json": coco(sized=sized), "images/1.jpg": "1"})
    before = plan(f"{tmp_path}/x.json", **options)
    (tmp_path / "images" / "1.jpg").write_bytes(b"12")
    after = plan(f"{tmp_path}/x.json", **options)
    assert (after.fingerprint != before.fingerprint) == covered
    assert before.covers["files"] == 1 + covered


def test_units_say_how_much_work_they_are(memory: str) -> None:
    root = fill(memory, {"x.json": coco()})
    made = plan(f"{root}/x.json")
    (unit,), (file,) = made.units, made.indexes
    assert isinstance(unit, CocoUnit)
    assert isinstance(file, CocoFile)
    assert made.work == unit.size + file.size
    assert unit.size == len(json.dumps(BOX))
