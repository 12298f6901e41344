"""Rows in a pipeline of the user's own: what they hold, their schema, and what a sink of Beam's makes of them."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.dataframe.schemas import generate_proxy
from apache_beam.testing.util import assert_that, equal_to

import labelbeam
from labelbeam.beam import DetectionRow, ReadBuild, ReadDataset, RejectionRow
from labelbeam.errors import LabelBeamError, MissingFileError, UsageError
from labelbeam.rows import ROWS, Row
from labelbeam.schemas.tasks import TASKS
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, MULTILABEL, PREFIX, SEGMENTATION
from tests.end_to_end.datasets import SQUARE, coco_box, coco_image, put, voc_object, voc_xml, write_coco, write_voc

SPLIT = {"train": 0.6, "validation": 0.4}


@pytest.fixture(autouse=True)
def tidy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beam makes a temporary directory for each pipeline, which stays where that one is never run."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("beam")))


@pytest.fixture(scope="module")
def coco_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty images; a box of an unknown category, one that leaves its image, and images without any."""
    boxes = [coco_box(number, number % 20, segmentation=[SQUARE]) for number in range(40)]
    boxes += [coco_box(50, 1, category=77), coco_box(51, 2, bbox=(90, 70, 20, 20))]
    folder = tmp_path_factory.mktemp("beam")
    return write_coco(folder / "coco.json", [coco_image(number) for number in range(30)], boxes)


def options(source: Path, task: str = DETECTION) -> Any:
    return {"task": task, "source": source, "image_url": PREFIX, "split": SPLIT, "shards": 3}


def flat(row: Any) -> Any:
    """A row as JSON would hold it."""
    if hasattr(row, "_asdict"):
        return {name: flat(value) for name, value in row._asdict().items()}
    return [flat(item) for item in row] if isinstance(row, list | tuple) else row


def line_of(row: Any) -> dict[str, Any]:
    """A row as the line of JSON that a build has for it, and its split."""
    fields = flat(row)
    details = {name: fields.pop(name) for name in ("format", "width", "height")}
    return {**fields, "image_details": details}


def published(build: labelbeam.Build) -> list[dict[str, Any]]:
    root = Path(build.url.removeprefix("file://"))
    return [
        {**json.loads(line), "split": split}
        for split in build.splits
        for shard in root.glob(f"{split}/*.jsonl")
        for line in shard.read_text().splitlines()
    ]


def by_url(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: str(line["image_url"]))


def run(read: beam.PTransform, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows and rejections that a transform gives, by way of files, as workers would leave them."""
    with beam.Pipeline() as pipeline:
        found = pipeline | read
        records, rejections = found if isinstance(found, tuple) else (found, None)
        records | "Lines" >> beam.Map(lambda row: json.dumps(line_of(row))) | beam.io.WriteToText(str(folder / "rows"))
        if rejections is not None:
            texts = rejections | "Rejected" >> beam.Map(lambda row: json.dumps(flat(row)))
            texts | "Keep" >> beam.io.WriteToText(str(folder / "rejected"))
    lines, rejected = (
        [json.loads(line) for file in folder.glob(f"{stem}-*") for line in file.read_text().splitlines()]
        for stem in ("rows", "rejected")
    )
    return lines, rejected


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION, MULTILABEL])
def test_a_raw_dataset_and_its_build_give_the_rows_and_rejections_that_are_published(
    coco_file: Path, tmp_path: Path, task: str
) -> None:
    outcome = labelbeam.convert(**options(coco_file, task), output=tmp_path / "built", max_rejected=1)
    build = labelbeam.open_build(tmp_path / "built")
    expected = by_url(published(build))
    rows, rejected = run(ReadDataset(**options(coco_file, task)), put(tmp_path / "a/x", "").parent)
    assert by_url(rows) == expected and len(rows) == outcome.manifest.counts.images.written
    assert Counter(row["code"] for row in rejected) == outcome.manifest.rejected_by_reason
    again, _ = run(ReadBuild(tmp_path / "built"), put(tmp_path / "b/x", "").parent)
    assert by_url(again) == expected
    (train,) = (run(ReadBuild(tmp_path / "built", "train"), put(tmp_path / "c/x", "").parent)[:1],)
    assert by_url(train[0]) == [line for line in expected if line["split"] == "train"]


def test_voc_and_classes_are_read_as_well(tmp_path: Path) -> None:
    tree = write_voc(tmp_path / "voc", {"a": voc_xml(voc_object()), "b": voc_xml(voc_object("dog"), voc_object())})
    rows, rejected = run(ReadDataset(task=DETECTION, source=tree, image_url=PREFIX), tmp_path)
    assert sorted(len(row["label"]) for row in rows) == [1, 2] and rejected == []
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadDataset(task=CLASSIFICATION, source=tree, image_url=PREFIX)
        labels = read.records | beam.Map(lambda row: row.label)
        assert_that(labels, equal_to(["cat"]))
        codes = read.rejections | beam.Map(lambda row: (row.kind, row.code))
        assert_that(codes | beam.combiners.Count.PerElement() | beam.Keys(), matches(CLASSIFICATION), label="codes")


def matches(task: str) -> Any:
    def check(found: list[Any]) -> None:
        assert {kind for kind, _ in found} <= {"image", "object"} and found, (task, found)

    return check


def labelled(row: DetectionRow) -> dict[str, Any]:
    return {"image_url": row.image_url, "width": row.width, "label": [box._asdict() for box in row.label]}


def test_rows_go_through_a_map_of_the_users_into_beams_own_parquet_files(coco_file: Path, tmp_path: Path) -> None:
    box = pa.struct(
        [("label", pa.string()), *((name, pa.float64()) for name in ("topX", "topY", "bottomX", "bottomY"))]
    )
    schema = pa.schema([("image_url", pa.string()), ("width", pa.int32()), ("label", pa.list_(box))])
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadDataset(**options(coco_file))
        read.records | beam.Map(labelled) | beam.io.WriteToParquet(str(tmp_path / "out"), schema)
    table = pa.concat_tables(pq.read_table(path) for path in tmp_path.glob("out*"))
    labelbeam.convert(**options(coco_file), output=tmp_path / "built", max_rejected=1)
    expected = by_url(published(labelbeam.open_build(tmp_path / "built")))
    written = by_url(table.to_pylist())
    assert [row["image_url"] for row in written] == [line["image_url"] for line in expected]
    assert [row["label"] for row in written] == [
        [{name: box[name] for name in ("label", "topX", "topY", "bottomX", "bottomY")} for box in line["label"]]
        for line in expected
    ]


@pytest.mark.parametrize("row", [*ROWS.values(), RejectionRow])
def test_every_row_has_a_schema_without_python_objects(row: type[Row]) -> None:
    coder = beam.coders.registry.get_coder(row)
    assert isinstance(coder, beam.coders.RowCoder)
    assert "pythonsdk_any" not in str(coder.schema)
    assert [field.name for field in coder.schema.fields] == list(row._fields)
    assert set(ROWS) == set(TASKS)


def test_fields_are_known_by_name_to_what_groups_and_sums_them(coco_file: Path) -> None:
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadDataset(**options(coco_file))
        sums = read.records | beam.GroupBy("split").aggregate_field("width", sum, "pixels")
        assert_that(sums | beam.Map(lambda row: row.pixels) | beam.CombineGlobally(sum), equal_to([3000]))


def test_the_schema_is_in_the_description_of_the_job(coco_file: Path) -> None:
    pipeline = beam.Pipeline()
    read = pipeline | ReadDataset(**options(coco_file))
    assert (read.records.element_type, read.rejections.element_type) == (DetectionRow, RejectionRow)
    read.records | beam.Reshuffle()
    graph = pipeline.to_runner_api()
    coders = {graph.components.coders[item.coder_id].spec.urn for item in graph.components.pcollections.values()}
    assert "beam:coder:row:v1" in coders


def test_beams_dataframes_know_the_columns() -> None:
    kinds = generate_proxy(DetectionRow).dtypes
    assert {name: str(kind) for name, kind in kinds.items()} == {
        **dict.fromkeys(("image_url", "split", "format"), "string"),
        **dict.fromkeys(("width", "height"), "int64"),
        "label": "object",
    }


def test_rows_of_a_large_job_are_read_from_staged_units(tmp_path: Path) -> None:
    xmls = {f"{number:04d}": voc_xml(voc_object()) for number in range(20)}
    tree = write_voc(tmp_path / "voc", xmls)
    staging = tmp_path / "staging"
    read = ReadDataset(task=DETECTION, source=tree, image_url=PREFIX, staging=str(staging))
    assert len(run(read, tmp_path)[0]) == 20


def test_what_is_wrong_is_told_before_the_pipeline_runs(tmp_path: Path, coco_file: Path) -> None:
    with pytest.raises(UsageError, match="--task: found 'detection'"):
        ReadDataset(task="detection", source=coco_file)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="found an option 'output'"):
        ReadDataset(task=DETECTION, source=coco_file, output="x")  # type: ignore[call-arg]
    with pytest.raises(MissingFileError, match="it does not exist"):
        beam.Pipeline() | ReadDataset(task=DETECTION, source=tmp_path / "nowhere.json")
    with pytest.raises(LabelBeamError, match=r"found no latest\.json"):
        beam.Pipeline() | ReadBuild(tmp_path)
    labelbeam.convert(**options(coco_file), output=tmp_path / "built", max_rejected=1)
    with pytest.raises(UsageError, match="split: found 'test', expected one of train, validation"):
        beam.Pipeline() | ReadBuild(tmp_path / "built", "test")
