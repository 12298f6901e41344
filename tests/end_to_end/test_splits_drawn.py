"""Splits by group and by label, and samples, from the command line to the manifest."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.builds import PREFIX, Build, attempt, convert, failed, labelbeam
from tests.end_to_end.datasets import HEIGHT, WIDTH, coco_box, coco_image, write_coco

IMAGES = 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of 30 videos, each with one of three labels, one of which is rare; the last image is rejected."""
    images = [
        coco_image(number, f"v{number // 4}/{number:03d}.jpg", video_id=number // 4) for number in range(IMAGES - 1)
    ]
    images.append(coco_image(IMAGES, "v29/../x.jpg"))
    labels = [
        coco_box(number, number, category=1 if number % 12 == 0 else 2 + number % 2) for number in range(IMAGES - 1)
    ]
    names = [{"id": number, "name": name} for number, name in enumerate(["rare", "cat", "dog"], 1)]
    return write_coco(tmp_path_factory.mktemp("source") / "d.json", images, labels, names)


def built(source: Path, output: Path, *options: str) -> Build:
    return convert("--source", source, "--image-url", PREFIX, *options, output=output)


def test_frames_of_a_video_come_into_one_split(source: Path, tmp_path: Path) -> None:
    build = built(source, tmp_path, "--split", "train=0.7,test=0.3", "--split-group", "video_id")
    splits = defaultdict(set)
    for path, split in build.splits.items():
        splits[path.partition("/")[0]].add(split)
    assert {len(found) for found in splits.values()} == {1} and len(splits) == 30
    assert set(build.lines) == {"train", "test"}


def test_shares_hold_for_each_label_whatever_the_shards_are(source: Path, tmp_path: Path) -> None:
    one, five = (
        built(source, tmp_path / shards, "--split", "train=0.8,test=0.2", "--stratify", "--shards", shards)
        for shards in ("1", "5")
    )
    assert one.splits == five.splits
    reached = one.manifest["stratification"]
    assert reached == five.manifest["stratification"]
    assert (reached["asked"], reached["labels"]["rare"]) == ({"train": 0.8, "test": 0.2}, {"train": 0.8, "test": 0.2})
    assert all(abs(shares["test"] - 0.2) < 0.02 for shares in (reached["images"], *reached["labels"].values()))


def test_shares_hold_for_each_label_of_groups_that_stay_whole(source: Path, tmp_path: Path) -> None:
    options = ("--split", "train=0.7,test=0.3", "--stratify", "--split-group", "folder", "--shards")
    one, five = (built(source, tmp_path / shards, *options, shards) for shards in ("1", "5"))
    assert one.splits == five.splits
    splits = defaultdict(set)
    for path, split in one.splits.items():
        splits[path.partition("/")[0]].add(split)
    assert {len(found) for found in splits.values()} == {1}
    reached = one.manifest["stratification"]
    assert reached == five.manifest["stratification"]
    assert reached["scheme"].endswith(" of whole groups, the large ones first")
    assert all(abs(shares["test"] - 0.3) < 0.04 for shares in (reached["images"], *reached["labels"].values()))
    assert "large ones first" in (one.root / "report.html").read_text()


def test_a_sample_is_loudly_one_and_the_same_in_every_run(source: Path, tmp_path: Path) -> None:
    build = built(source, tmp_path, "--sample", "30", "--shards", "3")
    assert build.manifest["sample"] == {
        "asked": 30,
        "images": 30 + len(build.rejected),
        "of": IMAGES,
    }
    assert len(build.records) == 30
    assert build.manifest["doubts"][0]["code"] == "sampled"
    skipped = build.manifest["skipped_by_reason"]
    assert skipped["not_sampled"] == build.counts["images"][3] and skipped["image_not_sampled"] == IMAGES - 1 - 30
    answer = labelbeam("inspect", source, "--task", build.task, "--image-url", PREFIX, "--sample", "0.1")
    assert answer.err.count("SAMPLE: ") == 1 and answer.err.count("not the whole dataset") == 2
    refused = labelbeam("job", build.output, "--compute", "c", "--to", tmp_path / "job")
    assert (refused.status, "sampled: this is a sample" in refused.err) == (3, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split-group", "folder"), "--split-group: draws nothing without --split"),
        (("--stratify",), "--stratify: draws nothing without --split"),
        (("--near-duplicates", "4"), "expected --duplicates keep, drop or fail as well"),
        (("--duplicates", "keep", "--near-duplicates", "11"), "--near-duplicates: found 11, expected"),
        (("--split", "train=0.5,test=0.5", "--split-group", "("), "is no regular expression"),
        (("--labels", "kitten=cat,cat"), "found 'cat'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: tuple[str, ...], words: str, source: Path, tmp_path: Path
) -> None:
    failed(attempt(source, tmp_path, *options), 2, words)


def test_a_column_that_a_format_does_not_have_is_refused(tmp_path: Path) -> None:
    record: dict[str, Any] = {
        "image_url": f"{PREFIX}a.jpg",
        "image_details": {"format": "jpg", "width": 9, "height": 9},
        "label": [],
    }
    source = tmp_path / "d.jsonl"
    source.write_text(json.dumps(record))
    options = ("--split", "train=0.5,test=0.5", "--split-group", "patient", "--format", "jsonl")
    failed(attempt(source, tmp_path / "out", *options), 2, "'patient' names a column, and jsonl has none here")


def test_images_that_look_alike_are_told_dropped_or_refused(tmp_path: Path) -> None:
    pytest.importorskip("imagehash")
    noise = np.random.default_rng(4).integers(0, 256, (3, 8, 10, 3), dtype=np.uint8)
    scenes = [Image.fromarray(each).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for each in noise]
    for name, number, quality in (("a", 0, 95), ("b", 1, 95), ("c", 0, 50), ("d", 2, 95)):
        scenes[number].save(tmp_path / f"{name}.jpg", quality=quality)
    images = [coco_image(number, f"{name}.jpg") for number, name in enumerate("abcd")]
    source = write_coco(tmp_path / "d.json", images, [coco_box(number, number) for number in range(4)])
    options = ("--split", "train=0.5,test=0.5", "--shards", "3", "--near-duplicates", "4", "--duplicates")
    kept = built(source, tmp_path / "kept", *options, "keep")
    found = kept.manifest["similar_content"]
    across = int(kept.splits["a.jpg"] != kept.splits["c.jpg"])
    assert (found["images"], found["groups"], found["across_splits"]) == (2, 1, across)
    assert kept.manifest["same_content"]["groups"] == 0
    assert [doubt["code"] for doubt in kept.manifest["doubts"] if "images" in doubt["code"]] == ["similar_images"]
    dropped = built(source, tmp_path / "dropped", *options, "drop")
    assert set(dropped.records) == {"a.jpg", "b.jpg", "d.jpg"}
    assert dropped.manifest["skipped_by_reason"] == {"image_of_similar_content": 1, "similar_content": 1}
    words = ("--duplicates fail: 2 images look like others", "a.jpg (", "nothing was published")
    failed(attempt(source, tmp_path / "out", *options, "fail"), 3, *words)


def test_images_of_the_same_bytes_are_told_dropped_or_refused(tmp_path: Path) -> None:
    contents = {"a": b"1", "b": b"2", "c": b"1", "d": b"3", "e": b"2"}
    for name, content in contents.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    images = [coco_image(number, f"{name}.jpg") for number, name in enumerate(contents)]
    source = write_coco(tmp_path / "d.json", images, [coco_box(number, number) for number in range(5)])
    options = ("--check-images", "none", "--split", "train=0.5,test=0.5", "--shards", "3", "--stratify", "--duplicates")
    kept = built(source, tmp_path / "kept", *options, "keep")
    found = kept.manifest["same_content"]
    across = sum(kept.splits[f"{one}.jpg"] != kept.splits[f"{two}.jpg"] for one, two in ("ac", "be"))
    assert (found["images"], found["groups"], found["across_splits"]) == (4, 2, across)
    assert sorted(twin["path"] for group in found["listed"] for twin in group) == ["a.jpg", "b.jpg", "c.jpg", "e.jpg"]
    assert "same_images" in {doubt["code"] for doubt in kept.manifest["doubts"]}
    dropped = built(source, tmp_path / "dropped", *options, "drop")
    assert set(dropped.records) == {"a.jpg", "b.jpg", "d.jpg"}
    assert dropped.manifest["skipped_by_reason"] == {"image_of_same_content": 2, "same_content": 2}
    failed(
        attempt(source, tmp_path / "out", *options, "fail"),
        3,
        "--duplicates fail: 4 images",
        "a.jpg (",
        "nothing was published",
    )
