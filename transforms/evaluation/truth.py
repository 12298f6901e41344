"""The truth that predictions are compared with: the records of a published build."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.records import RECORDS, Record, check_record, pixels
from labelbeam.transforms.builds.image_places import configured_prefix
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many

LOG = logging.getLogger("labelbeam")


@dataclass(slots=True)
class Truth:
    """The records of a build, or of one split of it, by their `image_url`: COCO's figures depend on the order of images where
    scores are equal, and must not depend on shards and splits.

    Image i is `records[i]`, from `splits[i]`; sizes[i] is its width and height in pixels, areas[i] what the source says of each of its
    objects in square pixels, or None. `prefix` is what its `image_url`
    starts with before the image's path, or None where the manifest does not tell.
    """

    task: str
    build: str
    split: str | None
    labels: list[str]
    prefix: str | None
    records: list[Record]
    splits: list[str]
    sizes: list[tuple[int, int]]
    areas: list[list[float | None] | None]


def read_truth(output: Location, manifest: Manifest, split: str | None = None) -> Truth:
    """The records of `split`, or of all splits.

    Raises:
        UsageError: there is no such split.
        StoreError: a shard cannot be read.
        LabelBeamError: a shard is not as it was published.
    """
    if split is not None and split not in manifest.splits:
        raise UsageError(
            f"--split: found {split!r}, expected one of {', '.join(manifest.splits)}, the splits of the build"
        )
    build = output.below(build_folder(manifest.build))
    prefix = configured_prefix(manifest)
    found: list[tuple[Record, str, tuple[int, int], list[float | None] | None]] = []
    decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(RECORDS[manifest.task])
    shards = [(name, entry) for name, part in manifest.splits.items() if split in (None, name) for entry in part.files]
    paths = [entry.path for _, entry in shards]
    sizes = [entry.bytes for _, entry in shards]
    # Before the records are read, so that the two do not wait for each other's memory.
    all_areas = list(_areas_of(build, manifest, [posixpath.basename(path).removesuffix(".jsonl") for path in paths]))
    for (name, entry), data, areas in zip(shards, read_many(build, paths, sizes), all_areas, strict=True):
        if not isinstance(data, bytes):
            raise data
        for number, line in enumerate(data.splitlines(), 1):
            try:
                record = decoder.decode(line)
                size = pixels(record.image_details.width), pixels(record.image_details.height)
                if (breach := next(check_record(record), None)) is not None:
                    raise ValueError(breach)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise LabelBeamError(
                    f"{build.below(entry.path).shown}, line {number}: {error}; expected a record of {manifest.task}. The "
                    "build is not as it was published: labelbeam verify tells how it differs"
                ) from None
            found.append((record, name, size, _of_row(areas, number, record)))
    found.sort(key=lambda item: item[0].image_url)
    return Truth(
        manifest.task,
        manifest.build,
        split,
        manifest.labels,
        prefix,
        records=[item[0] for item in found],
        splits=[item[1] for item in found],
        sizes=[item[2] for item in found],
        areas=[item[3] for item in found],
    )


def _of_row(areas: list[list[float | None]] | None, number: int, record: Record) -> list[float | None] | None:
    """The areas of a row, where there are as many as its record has labels."""
    found = areas[number - 1] if areas and number <= len(areas) else None
    return found if found is not None and len(found) == len(record.label) else None


def _areas_of(build: Location, manifest: Manifest, shards: Sequence[str]) -> Iterator[list[list[float | None]] | None]:
    """The areas of the objects of each row of shards, from their Parquet copies; None where these have none.

    Builds of earlier versions have none, and of labels of images there are none to read.
    """
    if manifest.task.startswith("image_classification"):
        yield from (None for _ in shards)
        return
    copies = {posixpath.basename(entry.path).removesuffix(".parquet"): entry for entry in manifest.parquet}
    entries = [copies.get(shard) for shard in shards]
    known = [entry for entry in entries if entry is not None]
    contents = read_many(build, [entry.path for entry in known], [entry.bytes for entry in known])
    for entry in entries:
        data = next(contents) if entry is not None else b""
        if isinstance(data, MissingFileError):
            LOG.warning("%s; sizes are taken from boxes and masks, not from the source's areas", data)
            data = b""
        if not isinstance(data, bytes):
            raise data
        try:
            rows = pq.ParquetFile(pa.BufferReader(data)).read(columns=["area"], use_threads=False) if data else None
            yield rows.column("area").to_pylist() if rows is not None and rows.num_columns else None
        except (pa.ArrowException, OSError) as error:
            if is_shortage(error):
                raise  # Which says nothing of the file.
            raise LabelBeamError(
                f"{build.below(entry.path).shown if entry else build.shown}: {error}; expected a Parquet file. The build is not as it was "
                "published: labelbeam verify tells how it differs"
            ) from None
