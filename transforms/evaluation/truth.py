"""The truth that predictions are compared with: the records of a published build."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.records import RECORDS, Record, check_record
from labelbeam.transforms.builds.image_places import configured_prefix
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_many

_PX = re.compile(r"([1-9][0-9]{0,9})px")

_LARGEST_SIDE = 2**31 - 1  # As in the Parquet files, and in what counts pixels below.


@dataclass(slots=True)
class Truth:
    """The records of a build, or of one split of it, by their `image_url`: COCO's figures depend on the order of images where
    scores are equal, and must not depend on shards and splits.

    Image i is `records[i]`, from `splits[i]`; sizes[i] is its width and height in pixels. `prefix` is what its `image_url`
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
    found: list[tuple[Record, str, tuple[int, int]]] = []
    decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(RECORDS[manifest.task])
    shards = [(name, entry) for name, part in manifest.splits.items() if split in (None, name) for entry in part.files]
    paths = [entry.path for _, entry in shards]
    sizes = [entry.bytes for _, entry in shards]
    for (name, entry), data in zip(shards, read_many(build, paths, sizes), strict=True):
        if not isinstance(data, bytes):
            raise data
        for number, line in enumerate(data.splitlines(), 1):
            try:
                record = decoder.decode(line)
                size = _pixels(record.image_details.width), _pixels(record.image_details.height)
                if (breach := next(check_record(record), None)) is not None:
                    raise ValueError(breach)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise LabelBeamError(
                    f"{build.below(entry.path).shown}, line {number}: {error}; expected a record of {manifest.task}. The "
                    "build is not as it was published: labelbeam verify tells how it differs"
                ) from None
            found.append((record, name, size))
    found.sort(key=lambda item: item[0].image_url)
    return Truth(
        manifest.task,
        manifest.build,
        split,
        manifest.labels,
        prefix,
        records=[record for record, _, _ in found],
        splits=[name for _, name, _ in found],
        sizes=[size for _, _, size in found],
    )


def _pixels(side: int | str) -> int:
    match = _PX.fullmatch(side) if isinstance(side, str) else None
    pixels = side if isinstance(side, int) else int(match[1]) if match else 0
    if not 0 < pixels <= _LARGEST_SIDE:
        raise ValueError(f"found a side of {side!r}, expected up to {_LARGEST_SIDE} pixels")
    return pixels
