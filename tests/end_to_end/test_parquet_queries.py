"""The Parquet copy of a build answers questions in DuckDB and pandas, nested labels and all.

The queries are text, so that a page can quote them word for word; `built` is the build's directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.builds import CLASSIFICATION, DETECTION, MULTILABEL, PREFIX, SEGMENTATION, Build, convert
from tests.end_to_end.datasets import coco_box, coco_image, write_coco

OBJECTS_PER_LABEL = """\
SELECT object.label, count(*) AS objects
FROM (SELECT unnest(label) AS object FROM 'built/parquet/train-*.parquet')
GROUP BY object.label
ORDER BY objects DESC, object.label
"""

WIDE_BOXES = """\
SELECT image_url, object.label, object.bottomX - object.topX AS width
FROM (SELECT image_url, unnest(label) AS object FROM 'built/parquet/*.parquet')
WHERE object.bottomX - object.topX > 0.5
ORDER BY width DESC, image_url
"""

OBJECTS_PER_LABEL_PANDAS = """\
from pathlib import Path
import pandas as pd

images = pd.concat(pd.read_parquet(shard) for shard in sorted(Path("built/parquet").glob("train-*.parquet")))
objects = images.explode("label").dropna(subset="label")
counts = objects["label"].str["label"].value_counts()
"""

WIDE_BOXES_PANDAS = """\
from pathlib import Path
import pandas as pd

images = pd.concat(pd.read_parquet(shard) for shard in sorted(Path("built/parquet").glob("*.parquet")))
objects = images.explode("label").dropna(subset="label")
boxes = pd.DataFrame(objects["label"].tolist()).assign(image_url=objects["image_url"].to_numpy())
wide = boxes[boxes["bottomX"] - boxes["topX"] > 0.5]
"""

BOXES = [
    (1, [0, 0, 60, 10], 1),
    (1, [0, 0, 50, 10], 1),
    (2, [10, 10, 90, 70], 2),
    (2, [10, 10, 20, 70], 1),
    (3, [0, 0, 100, 80], 2),
]
"""Images 1 to 4; the fourth is background. The third is in the split validation."""


@pytest.fixture(scope="module")
def sources(place: Path) -> list[str]:
    train = write_coco(
        place / "train.json",
        [coco_image(number) for number in (1, 2, 4)],
        [coco_box(at, image, box, category) for at, (image, box, category) in enumerate(BOXES) if image != 3],
    )
    val = write_coco(place / "val.json", [coco_image(3)], [coco_box(9, *BOXES[4])])
    return ["--source", str(train), "--source", str(val), "--image-url", PREFIX, "--shards", "3"]


@pytest.fixture
def build(sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """A build for detection, called `built` in the working directory."""
    found = convert(*sources, output=tmp_path / "out")
    (tmp_path / "built").symlink_to(found.root)
    monkeypatch.chdir(tmp_path)
    return found


def answer(query: str) -> list[Any]:
    """The rows that DuckDB answers with."""
    found = duckdb.sql(query)
    assert found is not None
    return found.fetchall()


def run(code: str, name: str) -> Any:
    """Run a snippet of Python and return one of its variables."""
    variables: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), variables)
    return variables[name]


@pytest.mark.usefixtures("build")
def test_duckdb_counts_objects_per_label() -> None:
    assert answer(OBJECTS_PER_LABEL) == [("cat", 3), ("dog", 1)]


@pytest.mark.usefixtures("build")
def test_duckdb_finds_boxes_wider_than_half_the_image() -> None:
    found = answer(WIDE_BOXES)
    assert [(url.removeprefix(PREFIX), label, round(width, 6)) for url, label, width in found] == [
        ("3.jpg", "dog", 1.0),
        ("2.jpg", "dog", 0.9),
        ("1.jpg", "cat", 0.6),
    ]


@pytest.mark.usefixtures("build")
def test_pandas_counts_objects_per_label() -> None:
    assert run(OBJECTS_PER_LABEL_PANDAS, "counts").to_dict() == {"cat": 3, "dog": 1}


@pytest.mark.usefixtures("build")
def test_pandas_finds_boxes_wider_than_half_the_image() -> None:
    wide = run(WIDE_BOXES_PANDAS, "wide")
    assert sorted(wide["image_url"].str.removeprefix(PREFIX)) == ["1.jpg", "2.jpg", "3.jpg"]


def test_every_row_is_there_and_typed(build: Build) -> None:
    shards = [build.root / entry["path"] for entry in build.manifest["parquet"]]
    table = pa.concat_tables(pq.read_table(shard) for shard in shards)
    assert len(table) == 4
    assert table.schema.field("image_details").type == pa.struct(
        [("format", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
    )
    box = table.schema.field("label").type.value_type
    assert {box.field(name).type for name in ("topX", "topY", "bottomX", "bottomY")} == {pa.float64()}
    assert len({str(pq.read_schema(shard)) for shard in shards}) == 1, "empty shards have the same columns"


def test_sizes_are_numbers_also_where_the_lines_hold_text(sources: list[str], tmp_path: Path) -> None:
    build = convert(*sources, "--dimensions", "px", output=tmp_path / "out")
    query = f"SELECT DISTINCT image_details.width, image_details.height FROM '{build.root}/parquet/*.parquet'"
    assert answer(query) == [(100, 80)]


@pytest.mark.parametrize(
    ("task", "query", "expected"),
    [
        (
            SEGMENTATION,
            "SELECT len(label[1].polygon), len(label[1].polygon[1]) FROM '{}/*.parquet' WHERE len(label) > 0",
            [(1, 6)],
        ),
        (MULTILABEL, "SELECT label FROM '{}/*.parquet'", [(["cat", "dog"],)]),
        (CLASSIFICATION, "SELECT label, count(*) FROM '{}/*.parquet' GROUP BY label", [("cat", 1)]),
        (DETECTION, "SELECT len(label) FROM '{}/*.parquet' WHERE len(label) > 1", [(2,)]),
    ],
)
def test_labels_of_every_task_can_be_asked_for(task: str, query: str, expected: list[Any], tmp_path: Path) -> None:
    outline = {"segmentation": [[1, 1, 9, 1, 9, 9]]}
    items = [coco_box(1, 1, category=1, **outline)]
    if task != CLASSIFICATION:
        items.append(coco_box(2, 1, category=2, **({} if task == SEGMENTATION else outline)))
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], items)
    build = convert("--source", source, "--image-url", PREFIX, task=task, output=tmp_path / "out")
    assert answer(query.format(build.root / "parquet")) == expected
    assert len(pd.read_parquet(build.root / "parquet" / "train-00000-of-00001.parquet")) == 1
