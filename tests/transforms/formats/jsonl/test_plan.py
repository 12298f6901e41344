"""Planning JSON Lines: by what images are named, where they lie, and what a build of records depends on."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.jsonl.format import JsonLinesOptions
from labelbeam.transforms.formats.jsonl.plan import RECORD, plan_json_lines
from labelbeam.transforms.formats.jsonl.sources import SourceFile
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import fill


def line(url: str, sized: bool = True) -> str:
    details = {"image_details": {"format": "jpg", "width": 4, "height": 3}} if sized else {}
    return json.dumps({"image_url": url, **details, "label": "cat"}) + "\n"


def plan(root: str, *names: str, known: dict[str, Any] | None = None, **options: Any) -> Plan:
    given = options.pop("source_image_url", None)
    formats = (JsonLinesOptions(source_image_url=given),) if given else ()
    config = ConvertConfig(
        task="image_classification", source=list(names), output="memory://nowhere", of_formats=formats, **options
    )
    sources = [SourceFile(locate(f"{root}/{name}", {}), name, **known or {}) for name in names]
    return plan_json_lines(config, {}, sources)


def prefixes(made: Plan) -> list[str | None]:
    return [unit.prefix for unit in made.units]


def test_shards_follow_about_how_many_records_there_are(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.plans.IMAGES_A_SHARD", 2)
    data = line("https://h/c/1.jpg") * 50
    assert plan(fill(memory, {"x.jsonl": data}), "x.jsonl").buckets == math.ceil(len(data) // RECORD / 2)


def test_images_keep_their_urls_where_nobody_asks_for_paths(memory: str) -> None:
    root = fill(memory, {"train.jsonl": line("https://h/c/1.jpg"), "val.jsonl": line("https://o/2.jpg")})
    made = plan(root, "train.jsonl", "val.jsonl")
    assert prefixes(made) == [None, None]
    assert [unit.split for unit in made.units] == ["train", "validation"]
    assert (made.image_prefix, made.listed) == ("", None)


def test_images_are_paths_behind_what_their_urls_have_in_common(memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/c/1.jpg")})
    made = plan(root, "x.jsonl", image_url="https://new/")
    assert prefixes(made) == ["https://h/"]
    assert made.image_prefix is None
    assert prefixes(plan(root, "x.jsonl", source_image_url="https://h/c")) == ["https://h/c"]


def test_images_below_images_say_where_the_prefix_ends(memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/c/d/1.jpg", sized=False), "far/d/1.jpg": "", "none/x": ""})
    made = plan(root, "x.jsonl", images=f"{root}/far")
    assert prefixes(made) == ["https://h/c/"]
    assert made.images_root == f"{root}/far"
    assert made.listed is not None and made.listed.find("d/1.jpg") is not None
    lost = plan(root, "x.jsonl", images=f"{root}/none")
    assert prefixes(lost) == ["https://h/"]
    assert [doubt.option for doubt in lost.doubts if doubt.code == "images_not_found"] == ["--source-image-url"]


def test_images_are_inputs_only_where_the_build_depends_on_them(memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/1.jpg"), "far/1.jpg": ""})
    before = plan(root, "x.jsonl", images=f"{root}/far")
    seen = plan(root, "x.jsonl", images=f"{root}/far", check_images="exists")
    assert before.listed is None and seen.listed is not None
    fill(memory, {"far/1.jpg": "changed"})
    assert plan(root, "x.jsonl", images=f"{root}/far").fingerprint == before.fingerprint
    assert plan(root, "x.jsonl", images=f"{root}/far", check_images="exists").fingerprint != seen.fingerprint


def test_paths_are_relative_to_the_directory_of_the_file(memory: str) -> None:
    root = fill(memory, {"a/x.jsonl": line("1.jpg"), "b/y.jsonl": line("1.jpg")})
    made = plan(root, "a/x.jsonl")
    assert (made.images_root, prefixes(made)) == (f"{root}/a", [""])
    with pytest.raises(UsageError, match="relative to which of 2 directories nobody can tell; name it with --images"):
        plan(root, "a/x.jsonl", "b/y.jsonl")


def test_urls_that_begin_otherwise_need_a_word_where_one_directory_is_named(memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/1.jpg"), "y.jsonl": line("https://o/1.jpg"), "far/1.jpg": ""})
    with pytest.raises(
        UsageError, match="start with 'https://h/' and 'https://o/', so that no one directory holds them"
    ):
        plan(root, "x.jsonl", "y.jsonl", images=f"{root}/far")
    made = plan(root, "x.jsonl", "y.jsonl", images=f"{root}/far", image_url="https://new/")
    assert prefixes(made) == ["https://h/", "https://o/"]
    assert made.unseen == {f"{root}/y.jsonl"}, "one path behind two prefixes may be two pictures"


@pytest.mark.parametrize("options", [{"check_images": "exists"}, {"copy_images": "memory://copies"}])
def test_images_that_are_named_by_urls_are_not_fetched(options: dict[str, Any], memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/1.jpg")})
    with pytest.raises(UsageError, match="names its images by URLs, which are not fetched; name the directory"):
        plan(root, "x.jsonl", **options)


def test_a_long_file_is_cut_into_ranges_of_bytes(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.jsonl.plan.RANGE", 100)
    data = line("https://h/1.jpg") * 3
    made = plan(fill(memory, {"x.jsonl": data}), "x.jsonl")
    assert [(unit.start, unit.end) for unit in made.units] == [
        (start, min(len(data), start + 100)) for start in range(0, len(data), 100)
    ]
    assert made.work == len(data) and made.in_bytes


def test_a_file_of_a_build_that_is_not_as_long_as_its_manifest_says_is_refused(memory: str) -> None:
    root = fill(memory, {"x.jsonl": line("https://h/1.jpg")})
    with pytest.raises(LabelBeamError, match="expected 5 as its manifest says; labelbeam verify"):
        plan(root, "x.jsonl", known={"bytes": 5})


def test_a_word_that_may_be_of_the_subject_is_told_where_no_file_is_to_train_on(memory: str) -> None:
    root = fill(memory, {"test.jsonl": line("https://h/1.jpg")})
    assert [doubt.code for doubt in plan(root, "test.jsonl").doubts] == ["no_train_split"]
    assert plan(root, "test.jsonl", split="train=1").doubts == []
