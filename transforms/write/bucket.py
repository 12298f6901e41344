"""Turn one assembled bucket into files: JSONL and Parquet of each split, the rejected lines, and a receipt for them.

A file is finished in memory, hashed, and put in one request: a store shows it whole or not at all, and a retried bundle
writes the same bytes to the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from io import BytesIO
from typing import Any

import msgspec

from labelbeam.schemas.manifest import CopiedImage, Copies, Counts, FileEntry, Receipt, SplitCounts, Tally
from labelbeam.schemas.neutral import Rejection
from labelbeam.transforms.builds.shards import SAMPLES, shard_name, write_file
from labelbeam.transforms.images.urls import count_roots
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.tasks.records import (
    ENCODER,
    SplitRecords,
    arrow_table,
    encode_jsonl,
    encode_parquet,
    parquet_bytes,
)
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.statistics import statistics_of
from labelbeam.transforms.tasks.task import Task
from labelbeam.transforms.workers.budget import check_room
from labelbeam.transforms.write.assemble import Assembled
from labelbeam.transforms.write.augmented import copies_of

_LINE = 256
"""Bytes of a rejected line, about."""


def encode_rejections(rejections: Sequence[Rejection]) -> bytes:
    """One line a rejected image or object; the credentials that a source's URL may hold are not published.

    Raises:
        ShortageError: there is no memory for so many lines.
    """
    check_room(_LINE * len(rejections), f"{len(rejections):,} rejected lines of a shard")
    lines = BytesIO()
    for rejection in rejections:
        lines.write(ENCODER.encode(without_credentials(rejection)))
        lines.write(b"\n")
    return lines.getvalue()


def without_credentials(rejection: Rejection) -> Rejection:
    """A rejection as it is published."""
    message = rejection.message
    # It may name another source, in which the same image stands first.
    message = redact(message) if "://" in message else message
    return msgspec.structs.replace(rejection, source=_shown(rejection.source), message=message)


_shown = lru_cache(64)(redact)


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
            names = [
                shard_name(kind, split, bucket, buckets, end)
                for kind, end in ((split, "jsonl"), ("parquet", "parquet"))
            ]
            lines, copy = _write_records(records, task, split, px, build, names, alone=buckets == 1)
            counts.files = [lines]
            parquet.append(copy)
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
        samples=[msgspec.to_builtins(without_credentials(item)) for item in assembled.rejections[:SAMPLES]],
        statistics={split: statistics_of(part.labels, part.sizes) for split, part in assembled.splits.items()},
        oddities=assembled.oddities,
        twins=assembled.twins,
        similar=assembled.similar,
        copies_of=copies_of({split: part.paths for split, part in assembled.splits.items()}),
        image_roots=count_roots([url for part in assembled.splits.values() for url in part.urls]),
    )


def _write_records(
    records: SplitRecords, task: Task, split: str, px: bool, build: Location, names: Sequence[str], alone: bool
) -> list[FileEntry]:
    """Write the records of a split as lines and as a Parquet copy; `alone` says that nobody writes another bucket meanwhile."""
    lines_name, copy_name = names
    count = len(records.urls)
    with ThreadPoolExecutor(1) as pool:
        if alone:
            # One core makes the Parquet copy, which Arrow does without Python, while another makes the lines.
            table = arrow_table(records, task, split)
            copy = pool.submit(lambda: write_file(build, copy_name, parquet_bytes(table, task), count))
            return [write_file(build, lines_name, encode_jsonl(records, task, px), count), copy.result()]
        # The store takes the lines while the Parquet copy is made. Both are made in this thread: memory that another one has
        # freed is not used again by this one.
        lines = pool.submit(write_file, build, lines_name, encode_jsonl(records, task, px), count)
        written = write_file(build, copy_name, encode_parquet(records, task, split), count)
        return [lines.result(), written]


def write_copied(images: Sequence[CopiedImage], bucket: int, buckets: int, build: Location, target: str) -> Copies:
    """Write the list of a bucket's copied images, if it has any; `target` is the URL for people that they were copied to.

    Raises:
        StoreError: it cannot be written.
    """
    copies = Copies(target, len(images), sum(image.bytes for image in images))
    if images:
        name = shard_name("copied", "copied", bucket, buckets, "ndjson")
        copies.files = [write_file(build, name, ENCODER.encode_lines(list(images)), len(images))]
    return copies


def _counted(reasons: Any) -> dict[str, int]:
    return {str(reason): count for reason, count in sorted(Counter(reasons).items())}
