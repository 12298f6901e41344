"""The truth of a build: its records by URL, whatever shard and split they are in, and never what is not as it was published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import FileEntry, Manifest, SplitCounts
from labelbeam.transforms.evaluation.truth import Truth, read_truth
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD, manifest

BOX = {"label": "cat", "topX": 0.0, "topY": 0.0, "bottomX": 0.5, "bottomY": 0.5, "isCrowd": 0}


def line(name: str, width: Any = 640, box: dict[str, Any] = BOX) -> str:
    details = {"format": "jpg", "width": width, "height": 480}
    return json.dumps({"image_url": f"https://h/{name}", "image_details": details, "label": [box]}) + "\n"


def built(folder: Path, **splits: list[str]) -> Manifest:
    """A build with a shard for each list of lines."""
    parts: dict[str, SplitCounts] = {}
    for split, shards in splits.items():
        entries = []
        for number, text in enumerate(shards):
            path = f"{split}/{split}-{number:05d}-of-{len(shards):05d}.jsonl"
            place = folder / build_folder(BUILD) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            entries.append(FileEntry(path, text.count("\n"), len(text), "00"))
        parts[split] = SplitCounts(1, 1, entries)
    return manifest(splits=parts, labels=["cat"], config={"image_url": "https://h/"})


def truth(folder: Path, made: Manifest, split: str | None = None) -> Truth:
    return read_truth(locate(str(folder), {}), made, split)


def test_records_come_by_their_urls_with_their_split_and_size(tmp_path: Path) -> None:
    made = built(tmp_path, train=[line("c") + line("a", "32px"), line("d")], test=[line("b")])
    found = truth(tmp_path, made)
    assert [record.image_url[-1] for record in found.records] == list("abcd")
    assert found.splits == ["train", "test", "train", "train"]
    assert found.sizes == [(32, 480), (640, 480), (640, 480), (640, 480)]
    assert (found.task, found.build, found.prefix, found.labels) == (
        "image_object_detection",
        BUILD,
        "https://h/",
        ["cat"],
    )


def test_of_one_split_only_its_records_are_read(tmp_path: Path) -> None:
    made = built(tmp_path, train=["damaged"], test=[line("b")])
    assert len(truth(tmp_path, made, "test").records) == 1
    with pytest.raises(UsageError, match="--split: found 'val', expected one of train, test"):
        truth(tmp_path, made, "val")


@pytest.mark.parametrize(
    "bad",
    [
        "{}\n",
        "[" * 50_000 + "\n",
        line("b", 2**31),
        line("b", "9999999999px"),
        line("b", box=BOX | {"bottomX": 0.0}),
        line("b", 1.5),
    ],
)
def test_a_line_that_was_not_published_so_is_told_by_its_place(bad: str, tmp_path: Path) -> None:
    made = built(tmp_path, train=[line("a") + bad])
    with pytest.raises(
        LabelBeamError, match=r"train-00000-of-00001\.jsonl, line 2: .*labelbeam verify tells how it differs"
    ):
        truth(tmp_path, made)


def test_a_shard_of_another_size_is_not_read(tmp_path: Path) -> None:
    made = built(tmp_path, train=[line("a")])
    path = tmp_path / build_folder(BUILD) / "train/train-00000-of-00001.jsonl"
    path.write_text(line("a") + line("b"))
    with pytest.raises(StoreError, match="as it was listed with"):
        truth(tmp_path, made)
