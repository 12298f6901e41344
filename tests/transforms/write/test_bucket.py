"""Shards of a build: the same records in however many files, the same bytes in every run, and a true receipt."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.manifest import Receipt
from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.builds.shards import SAMPLES, shard_name
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.tasks.records import arrow_schema, encode_parquet
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.bucket import encode_rejections, write_bucket
from labelbeam.transforms.write.options import AssembleOptions

RING = np.array([(1, 1), (9, 1), (9, 9.0)])


def dataset(count: int = 40) -> Iterator[SourceImage]:
    """Images with a box and an outline each; every fifth is background, every seventh has an object outside."""
    for number in range(count):
        items = [SourceObject(f"label {number % 3}", "1", bbox=(1, 1, 9, 9), rings=[RING])] if number % 5 else []
        items += [SourceObject("out", "2", bbox=(99, 99, 100, 100))] if number % 7 == 0 and items else []
        split = ("train", "test")[number % 2]
        yield SourceImage(f"{number}.jpg", "s", f"record {number}", 20, 10 + number, split, items)


def write(
    images: Any, place: str | None, task: str = "image_object_detection", buckets: int = 1, **options: Any
) -> list[Receipt]:
    build = None if place is None else locate(place, {})
    px = options.pop("px", False)
    receipts = []
    for bucket, fragment in fragments_of(images, buckets, 0):
        assembled = assemble(
            [fragment], AssembleOptions(task, "https://h/", **options), {}, lambda rows: [None] * len(rows)
        )
        receipts.append(write_bucket(assembled, bucket, buckets, task, px, build))
    return receipts


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def lines(folder: Path) -> Counter[tuple[str, str]]:
    """Return every line of JSONL under the folder that it stands in."""
    return Counter(
        (path.parent.name, line) for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()
    )


def rows(folder: Path) -> Counter[tuple[str, str]]:
    """Return every row of Parquet under the split that its file is called after."""
    return Counter(
        (path.name.split("-")[0], json.dumps(row))
        for path in folder.rglob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    )


@pytest.mark.parametrize("task", TASKS)
def test_many_shards_hold_what_one_holds(task: str, tmp_path: Path) -> None:
    images = list(dataset())
    write(images, str(tmp_path / "1"), task)
    write(images, str(tmp_path / "5"), task, buckets=5)
    assert lines(tmp_path / "1") == lines(tmp_path / "5")
    assert rows(tmp_path / "1") == rows(tmp_path / "5")
    assert {folder for folder, _ in lines(tmp_path / "1")} >= {"train", "test"}


@pytest.mark.parametrize("task", TASKS)
def test_bytes_are_the_same_in_every_run(task: str, tmp_path: Path) -> None:
    images = list(dataset())
    for run in ("first", "second"):
        write(images, str(tmp_path / run), task, buckets=2)
    assert content(tmp_path / "first") == content(tmp_path / "second")
    assert len(content(tmp_path / "first")) >= 8


@pytest.mark.parametrize("task", TASKS)
def test_a_bucket_alone_whose_files_are_made_at_once_has_the_bytes_of_one_among_others(
    task: str, tmp_path: Path
) -> None:
    ((_, fragment),) = fragments_of(dataset(), 1, 0)
    options = AssembleOptions(task, "https://h/")
    assembled = assemble([fragment], options, {}, lambda rows: [None] * len(rows))
    written = []
    for buckets in (1, 2):
        build = tmp_path / str(buckets)
        receipt = write_bucket(assembled, 0, buckets, task, False, locate(str(build), {}))
        entries = [*receipt.parquet, *(entry for counts in receipt.splits.values() for entry in counts.files)]
        assert entries
        assert all(hashlib.sha256((build / entry.path).read_bytes()).hexdigest() == entry.sha256 for entry in entries)
        written.append([(entry.bytes, entry.sha256) for entry in entries])
    assert written[0] == written[1]


def test_a_receipt_says_what_was_written(tmp_path: Path) -> None:
    receipts = write(dataset(), str(tmp_path), buckets=3)
    named = []
    for receipt in receipts:
        entries = [*receipt.parquet, *(entry for part in receipt.splits.values() for entry in part.files)]
        entries += [receipt.rejected] if receipt.rejected else []
        for entry in entries:
            data = (tmp_path / entry.path).read_bytes()
            assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
            records = (
                data.count(b"\n")
                if entry.path.endswith(".jsonl")
                else pq.ParquetFile(io.BytesIO(data)).metadata.num_rows
            )
            assert entry.records == records
            named.append(entry.path)
        assert receipt.counts.images.balanced
        assert receipt.counts.objects.balanced
        for split, part in receipt.splits.items():
            assert sum(receipt.labels[split].values()) == part.objects
            assert [entry.records for entry in part.files] == [part.images]
    assert sorted(named) == sorted(content(tmp_path))
    assert sum(receipt.counts.images.found for receipt in receipts) == 40
    assert sum(receipt.rejected_by_reason.get("bbox_outside", 0) for receipt in receipts) == 4


def test_without_a_place_nothing_is_written_and_the_counts_are_the_same(tmp_path: Path) -> None:
    for written, counted in zip(
        write(dataset(), str(tmp_path), buckets=2), write(dataset(), None, buckets=2), strict=True
    ):
        assert (counted.parquet, counted.rejected) == ([], None)
        assert counted.counts == written.counts
        assert counted.labels == written.labels
        assert counted.rejected_by_reason == written.rejected_by_reason


def test_sizes_with_px_are_text_in_jsonl_and_numbers_in_parquet(tmp_path: Path) -> None:
    write([SourceImage("a.jpg", "s", "1", 640, 480)], str(tmp_path), px=True)
    (line,) = (tmp_path / "train/train-00000-of-00001.jsonl").read_text().splitlines()
    assert json.loads(line)["image_details"]["width"] == "640px"
    table = pq.read_table(tmp_path / "parquet/train-00000-of-00001.parquet")
    assert table.to_pylist()[0]["image_details"] == {"format": "jpg", "width": 640, "height": 480}


@pytest.mark.parametrize("task", TASKS)
def test_a_parquet_file_without_rows_has_the_columns(task: str) -> None:
    table = pq.read_table(io.BytesIO(encode_parquet(None, TASKS[task])))
    assert len(table) == 0
    assert table.schema.remove_metadata().equals(arrow_schema(TASKS[task]))


def test_a_shard_says_which_of_how_many_it_is() -> None:
    assert shard_name("train", "train", 3, 16, "jsonl") == "train/train-00003-of-00016.jsonl"


def test_nothing_rejected_leaves_no_rejected_file(tmp_path: Path) -> None:
    (receipt,) = write([SourceImage("a.jpg", "s", "1", 9, 9)], str(tmp_path))
    assert receipt.rejected is None
    assert not (tmp_path / "rejected").exists()


def test_a_bucket_of_rejections_only_has_no_split(tmp_path: Path) -> None:
    bad = Rejection("s", "1", "a.jpg", "image", Rejected.UNSAFE_PATH, "no")
    (receipt,) = write([SourceImage("a.jpg", "s", "1", rejected=[bad])], str(tmp_path))
    assert (receipt.splits, receipt.parquet) == ({}, [])
    assert list(content(tmp_path)) == ["rejected/rejected-00000-of-00001.jsonl"]


def test_a_rejected_line_says_what_where_and_why() -> None:
    data = encode_rejections([Rejection("file:///s", "line 3", None, "image", Rejected.UNSAFE_PATH, "ü\n", "raw")])
    assert data.count(b"\n") == 1
    assert json.loads(data) == {
        "source": "file:///s",
        "locator": "line 3",
        "image": None,
        "kind": "image",
        "code": "unsafe_path",
        "message": "ü\n",
        "raw": "raw",
    }


def test_a_receipt_repeats_a_few_rejections_and_counts_all() -> None:
    items = [SourceObject("cat", str(number)) for number in range(3 * SAMPLES)]
    (receipt,) = write([SourceImage("a.jpg", "s", "1", 9, 9, objects=items)], None)
    assert len(receipt.samples) == SAMPLES
    assert receipt.rejected_by_reason == {"missing_bbox": 3 * SAMPLES, "no_valid_object": 1}
    assert {sample["kind"] for sample in receipt.samples} <= {"image", "object"}


def test_what_is_skipped_is_counted_by_reason() -> None:
    images = [
        SourceImage("a.jpg", "s", "1", 9, 9),
        SourceImage("b.jpg", "s", "2", 9, 9, skipped=[Skipped.DIFFICULT_ONLY]),
        SourceImage("c.jpg", "s", "3", left_out=Skipped.OUTSIDE_IMAGE_SETS),
    ]
    (receipt,) = write(images, None, "image_classification", keep_background=False)
    assert receipt.skipped_by_reason == {"background": 1, "difficult_only": 2, "outside_image_sets": 1}
    assert (receipt.counts.images.skipped, receipt.counts.objects.skipped) == (3, 1)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        write(dataset(), str(tmp_path))
