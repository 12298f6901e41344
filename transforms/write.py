"""Turn one assembled bucket into files: JSONL and Parquet of each split, the rejected lines, and a receipt for them.

A file is finished in memory, hashed, and put in one request: a store shows it whole or not at all, and a retried bundle
writes the same bytes to the same name.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import CopiedImage, Copies, Counts, FileEntry, Receipt, SplitCounts, Tally
from schemas.neutral import Rejection
from transforms.assemble import Assembled, SplitRecords
from transforms.statistics import statistics_of
from transforms.stores.files import put
from transforms.stores.locations import Location
from transforms.stores.redact import redact
from transforms.tasks import TASKS, Task

SAMPLES = 5
"""How many rejections a receipt repeats, for the summary."""


class _Details(msgspec.Struct, gc=False):
    format: str
    width: int | str
    height: int | str


class _Line(msgspec.Struct, gc=False):
    image_url: str
    image_details: _Details
    label: Any


_ENCODER = msgspec.json.Encoder()


def shard_name(folder: str, stem: str, bucket: int, buckets: int, suffix: str) -> str:
    """The path of a shard below its build, such as train/train-00000-of-00016.jsonl."""
    return f"{folder}/{stem}-{bucket:05d}-of-{buckets:05d}.{suffix}"


def arrow_schema(task: Task) -> pa.Schema:
    """The columns of the Parquet copy: those of the JSONL, typed."""
    details = pa.struct([("format", pa.string()), ("width", pa.int32()), ("height", pa.int32())])
    return pa.schema([("image_url", pa.string()), ("image_details", details), ("label", task.arrow_type)])


def encode_jsonl(records: SplitRecords, task: Task, px: bool) -> bytes:
    """One line an image, in order; with `px`, sizes are text such as "640px"."""
    sides: list[list[Any]] = records.sizes.T.tolist()
    if px:
        sides = [[f"{side}px" for side in column] for column in sides]
    details = map(_Details, records.formats, *sides)
    return _ENCODER.encode_lines(list(map(_Line, records.urls, details, task.json_labels(records.labels))))


def encode_parquet(records: SplitRecords | None, task: Task) -> bytes:
    """The same records as a Parquet file of one row group; None makes a file without rows."""
    schema = arrow_schema(task)
    if records is None:
        return _parquet_bytes(schema.empty_table(), task)
    sides = [pa.array(np.ascontiguousarray(column), pa.int32()) for column in records.sizes.T]
    details = pa.StructArray.from_arrays(
        [pa.array(records.formats, pa.string()), *sides], fields=list(schema.field("image_details").type)
    )
    columns = [pa.array(records.urls, pa.string()), details, task.arrow_labels(records.labels)]
    return _parquet_bytes(pa.Table.from_arrays(columns, schema=schema), task)


def _parquet_bytes(table: pa.Table, task: Task) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, len(table)),
        compression="zstd",
        use_dictionary=["label", "label.list.element", "label.list.element.label", "image_details.format"],
        use_byte_stream_split=list(task.float_columns),
    )
    result: bytes = sink.getvalue().to_pybytes()
    return result


def encode_rejections(rejections: list[Rejection]) -> bytes:
    """One line a rejected image or object; the credentials that a source's URL may hold are not published."""
    return _ENCODER.encode_lines([_without_credentials(rejection) for rejection in rejections])


def _without_credentials(rejection: Rejection) -> Rejection:
    message = rejection.message
    # It may name another source, in which the same image stands first.
    message = redact(message) if "://" in message else message
    return msgspec.structs.replace(rejection, source=_shown(rejection.source), message=message)


_shown = lru_cache(64)(redact)


def entry_of(path: str, data: bytes, records: int) -> FileEntry:
    """The entry of a file in the manifest."""
    return FileEntry(path, records, len(data), hashlib.sha256(data).hexdigest())


def write_bucket(
    assembled: Assembled, bucket: int, buckets: int, task_name: str, px: bool, build: Location | None
) -> Receipt:
    """Write the files of one bucket below `build`, or nowhere when it is None (for `inspect`), and say what they are.

    Raises:
        StoreError: a file cannot be written.
    """
    task = TASKS[task_name]
    splits: dict[str, SplitCounts] = {}
    parquet: list[FileEntry] = []
    labels: dict[str, dict[str, int]] = {}
    for split, records in assembled.splits.items():
        counts = splits[split] = SplitCounts(len(records.urls), len(records.labels.rows))
        labels[split] = records.labels.label_counts()
        if build is not None:
            jsonl_name = shard_name(split, split, bucket, buckets, "jsonl")
            parquet_name = shard_name("parquet", split, bucket, buckets, "parquet")
            # Arrow works without the interpreter's lock: the Parquet copy costs no time beside the JSONL.
            with ThreadPoolExecutor(1) as pool:
                copy = pool.submit(
                    lambda name, part, rows: write_file(build, name, encode_parquet(part, task), rows),
                    parquet_name,
                    records,
                    counts.images,
                )
                counts.files = [write_file(build, jsonl_name, encode_jsonl(records, task, px), counts.images)]
                parquet.append(copy.result())
    rejected: FileEntry | None = None
    if assembled.rejections and build is not None:
        name = shard_name("rejected", "rejected", bucket, buckets, "jsonl")
        rejected = write_file(build, name, encode_rejections(assembled.rejections), len(assembled.rejections))
    kinds = Counter(rejection.kind for rejection in assembled.rejections)
    return Receipt(
        bucket=bucket,
        splits=splits,
        parquet=parquet,
        rejected=rejected,
        counts=Counts(
            Tally(
                assembled.images_found,
                sum(counts.images for counts in splits.values()),
                kinds["image"],
                assembled.skipped_images,
            ),
            Tally(
                assembled.objects_found,
                sum(counts.objects for counts in splits.values()),
                kinds["object"],
                assembled.skipped_objects,
            ),
        ),
        labels=labels,
        rejected_by_reason=_counted(rejection.code for rejection in assembled.rejections),
        skipped_by_reason=_counted(assembled.skipped.elements()),
        adjusted_by_reason=_counted(assembled.adjusted.elements()),
        records_in=assembled.records_in,
        samples=[msgspec.to_builtins(_without_credentials(item)) for item in assembled.rejections[:SAMPLES]],
        statistics={split: statistics_of(part.labels, part.sizes) for split, part in assembled.splits.items()},
    )


def write_copied(images: Sequence[CopiedImage], bucket: int, buckets: int, build: Location, target: str) -> Copies:
    """Write the list of a bucket's copied images, if it has any; `target` is the URL for people that they were copied to.

    Raises:
        StoreError: it cannot be written.
    """
    copies = Copies(target, len(images), sum(image.bytes for image in images))
    if images:
        name = shard_name("copied", "copied", bucket, buckets, "ndjson")
        copies.files = [write_file(build, name, _ENCODER.encode_lines(list(images)), len(images))]
    return copies


def _counted(reasons: Any) -> dict[str, int]:
    return {str(reason): count for reason, count in sorted(Counter(reasons).items())}


def write_file(build: Location, name: str, data: bytes, records: int) -> FileEntry:
    """Put one file of a build and return its entry."""
    put(build.below(name), data)
    return entry_of(name, data, records)
