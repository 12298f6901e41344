"""Columns of the Parquet copy that no record has: the split, and what the source says of each object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.builds import DETECTION, MULTILABEL, PREFIX, SEGMENTATION, Build, convert
from tests.end_to_end.datasets import coco_box, coco_image, voc_object, voc_xml, write_coco, write_image, write_voc


def rows(build: Build) -> dict[str, dict[str, Any]]:
    """All rows of all splits by image, read as one table."""
    table = pyarrow.dataset.dataset(build.root / "parquet", format="parquet").to_table()
    return {row["image_url"].removeprefix(PREFIX).lstrip("/"): row for row in table.to_pylist()}


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_ids_and_areas_of_coco_stand_beside_the_labels_that_they_are_of(task: str, tmp_path: Path) -> None:
    ring = {"segmentation": [[10, 20, 30, 20, 30, 40, 10, 40]]}
    found = [
        coco_box(7, 1, area=399.5, **ring),
        coco_box("seven", 1, bbox=[1, 2, 3, 4], area=None, segmentation=[[1, 2, 4, 2, 4, 6]]),
        coco_box(3, 1, bbox=[500, 2, 3, 4], area=12, segmentation=[[500, 2, 503, 2, 503, 6]]),  # Outside, rejected.
        coco_box(2, 2, **ring),
    ]
    source = write_coco(
        tmp_path / "d.json", [coco_image(1, "1.jpg"), coco_image(2, "2.jpg"), coco_image(3, "3.jpg")], found
    )
    build = convert("--source", source, "--image-url", PREFIX, task=task, output=tmp_path / "out")
    table = rows(build)
    assert (table["1.jpg"]["source_id"], table["1.jpg"]["area"]) == (["7", "annotations id='seven'"], [399.5, None])
    assert (table["2.jpg"]["source_id"], len(table["2.jpg"]["area"])) == (["2"], 1)
    assert [table["3.jpg"][name] for name in ("source_id", "area", "label_count")] == [[], [], 0]


def test_objects_of_voc_are_known_by_where_they_stand_and_say_no_area(tmp_path: Path) -> None:
    write_voc(tmp_path / "d", {"1": voc_xml("1.jpg", voc_object() + voc_object("dog", (1, 1, 20, 20)))}, ["1.jpg"])
    build = convert("--source", tmp_path / "d", "--image-url", PREFIX, output=tmp_path / "out")
    ((row),) = rows(build).values()
    assert [text.rpartition(" ")[2] for text in row["source_id"]] == ["object[1]", "object[2]"]
    assert row["area"] == [None, None]


def test_labels_of_images_have_no_area(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/2.jpg"):
        write_image(tmp_path / "d" / name)
    build = convert("--source", tmp_path / "d", "--image-url", PREFIX, task=MULTILABEL, output=tmp_path / "out")
    (entry,) = build.manifest["parquet"]
    names = pq.read_schema(build.root / entry["path"]).names
    assert names == ["image_url", "image_details", "label", "split", "label_count", "source_id"]


def test_the_folder_of_all_splits_is_one_table_that_says_which_is_which(tmp_path: Path) -> None:
    images = [coco_image(number, f"{number}.jpg") for number in range(20)]
    source = write_coco(tmp_path / "d.json", images, [coco_box(number, number) for number in range(20)])
    options = ("--split", "train=0.5,test=0.5", "--shards", "2")
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert {name: row["split"] for name, row in rows(build).items()} == build.splits
