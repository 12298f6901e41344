"""Make a build out of finished shards: check the counts, complete it, write the manifest, and last the pointer.

Runs once, on the driver. Until `latest.json` is put, nobody sees anything of the build; after that it never changes.
"""

from __future__ import annotations

import logging

import msgspec

from labelbeam.schemas.config import ConvertConfig, parse_split
from labelbeam.schemas.errors import LabelBeamError, LostLockError
from labelbeam.schemas.layout import CROISSANT, LABELS, MANIFEST
from labelbeam.schemas.manifest import Manifest, SplitCounts
from labelbeam.schemas.scores import ScoresManifest
from labelbeam.transforms.builds.croissant import description_of_build
from labelbeam.transforms.builds.label_list import label_list
from labelbeam.transforms.builds.lock import Lock
from labelbeam.transforms.builds.pointer import make_current
from labelbeam.transforms.builds.resume import forget
from labelbeam.transforms.builds.shards import fill, shard_name, write_file
from labelbeam.transforms.messages.words import encode_json
from labelbeam.transforms.stores.files import put, put_if, sync_directories
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded
from labelbeam.transforms.tasks.records import encode_parquet
from labelbeam.transforms.tasks.registry import TASKS

LOG = logging.getLogger("labelbeam")

MLTABLE = """\
paths:
  - pattern: ./{split}-*.jsonl
transformations:
  - read_json_lines: {{encoding: utf8, invalid_lines: error, include_path_column: false}}
  - convert_column_types:
      - columns: image_url
        column_type: stream_info
"""


def complete(build: Location, manifest: Manifest, config: ConvertConfig, buckets: int) -> None:
    """Write what no bucket wrote: empty shards, so that every `of-N` is true, an MLTable for each split, labels, and description."""
    task = TASKS[config.task]
    for split in [*manifest.splits, *(parse_split(config.split) or {})]:
        part = manifest.splits.setdefault(split, SplitCounts(files=[]))
        fill(part.files, [shard_name(split, split, bucket, buckets, "jsonl") for bucket in range(buckets)], build, b"")
        names = [shard_name("parquet", split, bucket, buckets, "parquet") for bucket in range(buckets)]
        fill(manifest.parquet, names, build, encode_parquet(None, task))
        put(build.below(f"{split}/MLTable"), MLTABLE.format(split=split).encode())
    manifest.label_list = write_file(build, LABELS, label_list(manifest), len(manifest.labels))
    manifest.description = write_file(build, CROISSANT, description_of_build(manifest), 1)
    if manifest.rejected:
        names = [shard_name("rejected", "rejected", bucket, buckets, "jsonl") for bucket in range(buckets)]
        fill(manifest.rejected, names, build, b"")
    if manifest.copied is not None and manifest.copied.files:
        names = [shard_name("copied", "copied", bucket, buckets, "ndjson") for bucket in range(buckets)]
        fill(manifest.copied.files, names, build, b"")


def finish(output: Location, build: Location, manifest: Manifest | ScoresManifest, lock: Lock) -> None:
    """Publish a build, and remove what was kept for resuming it.

    Raises:
        LostLockError: another run has taken this one for dead.
        StoreError: the manifest or the pointer cannot be put.
    """
    publish(lock, build, manifest)
    try:
        forget(output, manifest.build)
    except LabelBeamError as error:  # Whatever it is, a shortage too: the build is current.
        LOG.warning("%s; the build is published, and labelbeam clean removes what is left over", error)


def publish(lock: Lock, build: Location, manifest: Manifest | ScoresManifest) -> None:
    """Put the manifest, and then the pointer: from that moment on the build is current.

    Raises:
        LostLockError: another run has taken over; what is current stays.
        StoreError: the manifest or the pointer cannot be written.
    """
    data = msgspec.json.format(encode_json(manifest), indent=2)
    place = build.below(MANIFEST)
    # Never over another: a run that resumed this build may have finished it, and what was published never changes.
    if not put_if(place, data, None) and read_bounded(place, DOCUMENT) != data:
        raise LostLockError(
            f"{place.shown}: is there already: another run has finished this build; nothing was published by this one"
        )
    sync_directories(build)
    make_current(lock, manifest.build)
