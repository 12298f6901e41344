"""Parquet copies that are not those of their shards, with the hashes and sizes that the manifest says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.verify.damaged import Build, Run, copy, told


def replace(value: Any, place: str, change: Callable[[Any], Any]) -> Any:
    """Nested lists and dicts with the values called `place` changed."""
    if isinstance(value, list):
        return [replace(item, place, change) for item in value]
    if isinstance(value, dict):
        return {key: change(item) if key == place else replace(item, place, change) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("task", "place", "change"),
    [
        ("image_classification", "label", lambda label: label + "x"),
        ("image_classification", "format", lambda _: "tif"),
        ("image_classification_multilabel", "label", lambda labels: labels[::-1] if len(labels) > 1 else ["x"]),
        ("image_classification_multilabel", "image_details", lambda _: None),
        ("image_classification_multilabel", "width", lambda width: width + 1),
        ("image_object_detection", "image_url", lambda url: url.replace("%", "%25")[:-1]),
        ("image_object_detection", "topX", lambda side: side + 2**-54),
        ("image_object_detection", "bottomY", lambda _: None),
        ("image_object_detection", "label", lambda _: None),
        ("image_object_detection", "isCrowd", lambda crowd: 1 - crowd),
        ("image_instance_segmentation", "label", lambda items: items[:-1] if isinstance(items, list) else items),
        ("image_instance_segmentation", "polygon", lambda rings: rings[::-1]),
        ("image_instance_segmentation", "polygon", lambda rings: [ring[2:] + ring[:2] for ring in rings]),
    ],
)
def test_any_value_of_a_parquet_copy_that_is_not_that_of_the_jsonl_is_a_difference(
    task: str, place: str, change: Callable[[Any], Any], published: dict[str, Path], tmp_path: Path, verify: Run
) -> None:
    build = copy(published[task], tmp_path / "copy")
    path, table = build.table()
    rows = replace(table.to_pylist(), place, change)
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    changed = [number for number, row in enumerate(table.to_pylist(), 1) if row != rows[number - 1]]
    status, answer = verify(build)
    assert status == 3
    assert {item["file"] for item in answer["differences"]} == {path}
    assert [item["found"].partition(":")[0] for item in answer["differences"]] == [
        f"row {number}" for number in changed
    ]
    assert f"{place}" in answer["differences"][0]["found"]
    assert f"as line {changed[0]} of the JSONL: " in answer["differences"][0]["expected"]


def test_minus_zero_in_a_parquet_copy_is_a_difference(build: Build, verify: Run) -> None:
    shard, (path, table) = build.first("train"), build.table()
    lines = [json.loads(line) for line in build.lines(shard)]
    number = next(number for number, line in enumerate(lines) if line["label"])
    lines[number]["label"][0]["topX"] = 0.0
    with build.manifest() as manifest:
        del manifest["statistics"]  # They are of what was there before.
    build.put_lines(shard, [json.dumps(line).encode() for line in lines])
    rows = table.to_pylist()
    rows[number]["label"][0]["topX"] = 0.0
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    assert verify(build)[0] == 0
    rows[number]["label"][0]["topX"] = -0.0
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    assert told(verify(build), path, f"row {number + 1}: label[0].topX -0.0", "JSONL: 0.0")


def test_a_parquet_copy_has_the_rows_of_its_shard_in_their_order(build: Build, verify: Run) -> None:
    path, table = build.table()
    build.put_table(path, table.slice(1))
    answer = verify(build)
    assert told(answer, path, f"{len(table) - 1} rows", f"{len(table)}, as the manifest says")
    assert told(answer, path, f"{len(table) - 1} rows", f"{len(table)}, as the JSONL has lines")
    build.put_table(path, table.take(list(range(len(table)))[::-1]))
    assert told(verify(build), path, "row 1: image_url")


def test_a_parquet_copy_has_the_columns_of_the_task_and_no_others(build: Build, verify: Run) -> None:
    path, table = build.table()
    other = table.schema.set(0, pa.field("image_url", pa.large_string()))
    for changed in (table.drop_columns("label"), table.append_column("x", table["image_url"]), table.cast(other)):
        build.put_table(path, changed)
        assert told(verify(build), path, "the columns image_url: ", "those of image_object_detection")


def test_a_parquet_copy_in_several_row_groups_is_the_same(build: Build, verify: Run) -> None:
    path, table = build.table()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=2, compression="none")
    build.put(path, sink.getvalue().to_pybytes())
    assert verify(build)[0] == 0


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"\x00" * 64])
def test_a_parquet_copy_that_is_none_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    path = build.first("parquet")
    build.put(path, data)
    assert told(verify(build), path, "cannot be read: ", "a Parquet file")


def test_text_in_parquet_that_is_no_utf_8_is_a_difference(build: Build, verify: Run) -> None:
    path, table = build.table()
    bad = pa.array([b"\xff"] * len(table), pa.binary()).view(pa.string())
    build.put_table(path, table.set_column(0, table.schema.field(0), bad))
    assert told(verify(build), path, "cannot be read: ", "a Parquet file")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_of_parquet_never_ends_in_a_traceback(data: st.DataObject, build: Build, verify: Run) -> None:
    path = build.first("parquet")
    published = build.read(path)
    changed = bytearray(published)
    changed[data.draw(st.integers(0, len(published) - 1))] = data.draw(st.integers(0, 255))
    try:
        build.put(path, bytes(changed))
        assert verify(build)[0] in (0, 3)
    finally:
        build.put(path, published)
