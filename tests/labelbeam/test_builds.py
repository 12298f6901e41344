"""A published build as a program reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import labelbeam
from labelbeam.errors import LabelBeamError, MissingFileError, UsageError
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, SEGMENTATION
from tests.end_to_end.datasets import SQUARE, coco_box, coco_image, write_coco
from tests.servers.stores import S3Store


def publish(
    folder: Path, output: str | Path, task: str = DETECTION, storage_options: dict[str, Any] | None = None
) -> None:
    boxes = [coco_box(number, number % 40, segmentation=[SQUARE]) for number in range(60)]
    file = write_coco(folder / "coco.json", [coco_image(number) for number in range(50)], boxes)
    labelbeam.convert(
        task=task,  # type: ignore[arg-type]
        source=file,
        output=output,
        image_url=PREFIX,
        shards=4,
        split="train=0.7,validation=0.3",
        max_rejected=1,
        storage_options=storage_options or {},
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    publish(folder, folder / "built")
    return folder / "built"


def test_records_table_and_dataset_hold_what_was_published(built: Path) -> None:
    build = labelbeam.open_build(built)
    assert (build.task, build.labels, build.splits) == (DETECTION, ["cat"], ["train", "validation"])
    assert repr(build).startswith(f"<Build {build.manifest.build} of {DETECTION} (train: ")
    for split in build.splits:
        part = build.manifest.splits[split]
        shards = sorted(built.glob(f"builds/*/{split}/*.jsonl"))
        lines = [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]
        records = list(build.records(split))
        assert [record.image_url for record in records] == [line["image_url"] for line in lines]
        assert sum(len(record.label) for record in records) == part.objects
        table = build.table(split)
        assert table.column("image_url").to_pylist() == [record.image_url for record in records]
        assert build.dataset(split).count_rows() == part.images
    assert len(list(build.records())) == build.table().num_rows == build.dataset().count_rows() == 50


def test_a_build_may_be_read_while_it_is_read(built: Path) -> None:
    build = labelbeam.open_build(built)
    both = list(zip(build.records("train"), build.records("validation"), strict=False))
    assert len(both) == build.manifest.splits["validation"].images
    half_read = build.records("train")
    next(half_read)
    assert len(build.table("train")) == build.manifest.splits["train"].images
    assert next(half_read) != next(build.records("validation"))


def test_records_are_structs_of_the_task(tmp_path: Path) -> None:
    for task, name in ((SEGMENTATION, "SegmentationRecord"), (CLASSIFICATION, "ClassificationRecord")):
        publish(tmp_path, tmp_path / task, task)
        assert type(next(labelbeam.open_build(tmp_path / task).records())).__name__ == name


def test_an_open_build_stays_the_same_when_another_is_published(tmp_path: Path) -> None:
    publish(tmp_path, tmp_path / "built")
    build = labelbeam.open_build(tmp_path / "built")
    publish(tmp_path, tmp_path / "built")
    assert labelbeam.open_build(tmp_path / "built").manifest.build != build.manifest.build
    assert len(list(build.records())) == 50


def test_a_file_that_is_not_as_it_was_published_is_not_given_out(tmp_path: Path) -> None:
    publish(tmp_path, tmp_path / "built")
    shard = next(tmp_path.glob("built/builds/*/train/*.jsonl"))
    shard.write_bytes(shard.read_bytes().replace(b"cat", b"cow"))
    with pytest.raises(LabelBeamError, match="is not the file that was published; labelbeam verify says more"):
        list(labelbeam.open_build(tmp_path / "built").records("train"))
    copy = next(tmp_path.glob("built/builds/*/parquet/validation-*"))
    copy.write_bytes(b"PAR1")
    with pytest.raises(LabelBeamError, match="is not the file that was published"):
        labelbeam.open_build(tmp_path / "built").table("validation")


def test_what_is_not_there_is_told(built: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"found no latest\.json, expected the pointer"):
        labelbeam.open_build(tmp_path)
    build = labelbeam.open_build(built)
    for ask in (build.records, build.table, build.dataset):
        with pytest.raises(UsageError, match="split: found 'test', expected one of train, validation"):
            ask("test")


@pytest.mark.server
def test_a_build_in_a_store_is_read_with_its_options(tmp_path: Path, s3_store: S3Store) -> None:
    publish(tmp_path, s3_store.url("built"), storage_options=s3_store.storage_options)
    build = labelbeam.open_build(s3_store.url("built"), storage_options=s3_store.storage_options)
    assert len(list(build.records())) == build.table().num_rows == build.dataset().count_rows() == 50
