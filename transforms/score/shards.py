"""Turn the outcome of one unit of images into files: predictions as JSONL and Parquet, what failed, and a receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.schemas.predictions import LabelsPrediction, Prediction
from labelbeam.schemas.scores import FailedImage, ScoreCounts, ScoreReceipt
from labelbeam.transforms.builds.shards import SAMPLES, shard_name, write_file
from labelbeam.transforms.stores.location import Location

_ENCODER = msgspec.json.Encoder()

_SIDES = pa.struct([(name, pa.float64()) for name in ("topX", "topY", "bottomX", "bottomY")])
_OBJECT = pa.struct(
    [
        ("box", _SIDES),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("polygon", pa.list_(pa.list_(pa.float64()))),
    ]
)
_LABELS_SCHEMA = pa.schema(
    [("image_url", pa.string()), ("probs", pa.list_(pa.float64())), ("labels", pa.list_(pa.string()))]
)
_OBJECTS_SCHEMA = pa.schema([("image_url", pa.string()), ("boxes", pa.list_(_OBJECT))])


def scores_name(kind: str, number: int, units: int) -> str:
    """The path of a unit's file below its build: of its `predictions`, their `parquet` copy, or what `failed`."""
    if kind == "parquet":
        return shard_name("parquet", "predictions", number, units, "parquet")
    return shard_name(kind, kind, number, units, "jsonl")


def encode_predictions(predictions: Sequence[Prediction]) -> bytes:
    """One line an image, in order."""
    return _ENCODER.encode_lines(list(predictions))


def predictions_parquet(predictions: Sequence[Prediction], task: str) -> bytes:
    """The same as a Parquet file of one row group, without what a model said to explain itself."""
    if task.startswith("image_classification"):
        labels = [item for item in predictions if isinstance(item, LabelsPrediction)]
        columns = [
            pa.array([item.image_url for item in labels], pa.string()),
            pa.array([item.probs for item in labels], pa.list_(pa.float64())),
            pa.array([item.labels for item in labels], pa.list_(pa.string())),
        ]
        table = pa.Table.from_arrays(columns, schema=_LABELS_SCHEMA)
    else:
        table = pa.Table.from_pylist([msgspec.to_builtins(item) for item in predictions], _OBJECTS_SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=max(1, len(table)), compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def write_scores(
    predictions: Sequence[Prediction],
    failed: Sequence[FailedImage],
    task: str,
    number: int,
    units: int,
    build: Location,
) -> ScoreReceipt:
    """Write the files of a unit below `build`, each in one put, and say what they are.

    Raises:
        StoreError: a file cannot be written.
    """
    count = len(predictions)
    failures = None
    if failed:
        lines = _ENCODER.encode_lines(list(failed))
        failures = write_file(build, scores_name("failed", number, units), lines, len(failed))
    parquet = predictions_parquet(predictions, task)
    return ScoreReceipt(
        bucket=number,
        predictions=write_file(
            build, scores_name("predictions", number, units), encode_predictions(predictions), count
        ),
        parquet=write_file(build, scores_name("parquet", number, units), parquet, count),
        failed=failures,
        counts=ScoreCounts(count + len(failed), count, len(failed)),
        failed_by_code={str(code): count for code, count in sorted(Counter(item.code for item in failed).items())},
        samples=list(failed[:SAMPLES]),
    )
