"""The description of a build names the columns of its Parquet files, and belongs to the build."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.croissant import description_of_build
from labelbeam.transforms.builds.publish import complete
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.tasks.records import arrow_schema
from labelbeam.transforms.tasks.registry import TASKS
from tests.end_to_end.builds import PREFIX, Build, convert, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco
from tests.transforms.builds.receipts import CONFIG, manifest_of, receipt

KINDS = {pa.string(): "sc:Text", pa.int32(): "sc:Integer", pa.int8(): "sc:Integer", pa.float64(): "sc:Float"}


def leaves(fields: list[dict[str, Any]], repeated: bool = False) -> Iterator[tuple[str, str, str, bool]]:
    """Column, key in its objects, type, and whether it is a list, of all that is described."""
    for field in fields:
        lists = repeated or field.get("repeated", False)
        if "subField" in field:
            yield from leaves(field["subField"], lists)
        else:
            source = field["source"]
            assert source["fileSet"] == {"@id": "records"}
            key = source.get("transform", {}).get("jsonPath", "")
            yield source["extract"]["column"], key, field["dataType"], lists


@pytest.mark.parametrize("task", TASKS)
def test_what_is_described_are_columns_of_the_parquet_files(task: str) -> None:
    manifest = msgspec.structs.replace(manifest_of(receipt()), task=task)
    about = json.loads(description_of_build(manifest))
    assert about["distribution"][0]["includes"] == "parquet/*.parquet"
    schema = arrow_schema(TASKS[task])
    (records,) = about["recordSet"]
    found = set()
    for column, key, kind, lists in leaves(records["field"]):
        held = schema.field(column).type
        assert lists == pa.types.is_list(held), column
        held = held.value_type if lists else held
        held = held.field(key).type if key else held
        while pa.types.is_list(held):  # Rings of corners, of which all numbers are meant.
            held = held.value_type
        assert kind == KINDS[held], (column, key)
        found.add(column)
    assert found == {"image_url", "split", "image_details", "label"}


def test_a_run_that_resumes_a_build_describes_it_alike() -> None:
    """What a run that was taken for dead writes late is what was published."""
    one = manifest_of(receipt())
    other = msgspec.structs.replace(one, created="2031-01-01T00:00:00+00:00")
    assert description_of_build(one) == description_of_build(other)
    assert json.loads(description_of_build(one))["datePublished"] == "2024-01-01"


def test_the_manifest_lists_the_description(tmp_path: Path) -> None:
    manifest = manifest_of(receipt())
    complete(locate(str(tmp_path), {}), manifest, CONFIG, 2)
    assert manifest.description is not None
    assert (manifest.description.path, manifest.description.bytes) == (
        "croissant.json",
        (tmp_path / "croissant.json").stat().st_size,
    )


@pytest.fixture
def build(tmp_path: Path) -> Build:
    source = write_coco(tmp_path / "d.json", [coco_image(1, "1.jpg")], [coco_box(1, 1)])
    return convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes() + b" ")]
)
def test_verify_misses_a_description_that_is_gone_or_another(damage: Callable[[Path], object], build: Build) -> None:
    damage(build.root / "croissant.json")
    answer = labelbeam("verify", build.output)
    assert (answer.status, "croissant.json" in answer.err + answer.out) == (3, True)


def test_a_build_of_an_earlier_version_has_none_and_is_whole(build: Build) -> None:
    place = build.root / "manifest.json"
    manifest = msgspec.json.decode(place.read_bytes(), type=Manifest)
    for name in ("croissant.json", "labels.json"):
        (build.root / name).unlink()
    manifest.description = manifest.label_list = None
    place.write_bytes(msgspec.json.encode(manifest))
    assert labelbeam("verify", build.output).status == 0
