"""Make a build out of finished shards: check the counts, complete it, write the manifest, and last the pointer.

Runs once, on the driver. Until `latest.json` is put, nobody sees anything of the build; after that it never changes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from schemas.config import RUN_ONLY, ConvertConfig, parse_split
from schemas.errors import LabelBeamError
from schemas.manifest import FORMAT_VERSION, Copies, Counts, FileEntry, Latest, Manifest, Receipt, Source, SplitCounts
from schemas.scores import ScoresManifest
from transforms.statistics import build_statistics
from transforms.stores.errors import MissingFileError, StoreError
from transforms.stores.files import in_threads, put, read_file
from transforms.stores.locations import Location
from transforms.stores.redact import redact
from transforms.tasks import TASKS
from transforms.units import Plan
from transforms.write import encode_parquet, shard_name, write_file

Form = TypeVar("Form", bound=msgspec.Struct)

MLTABLE = """\
paths:
  - pattern: ./{split}-*.jsonl
transformations:
  - read_json_lines: {{encoding: utf8, invalid_lines: error, include_path_column: false}}
  - convert_column_types:
      - columns: image_url
        column_type: stream_info
"""

BACKGROUND_LABEL = "--bg--"
"""The trainer's own label for background; most of its models take it to sort first."""


class CountsError(LabelBeamError):
    """What was found is not what was written, rejected and skipped: nothing is published."""


@dataclass(frozen=True, slots=True)
class BuildIdentity:
    """What a build is called, by which version it is made, and the hash of what it is made from."""

    build: str
    version: str
    made_from: str


def config_identity(config: ConvertConfig) -> dict[str, Any]:
    """The options that decide about a build's bytes, as they stand in the manifest: without credentials."""
    fields = {name: value for name, value in msgspec.to_builtins(config).items() if name not in RUN_ONLY}
    for name in ("source", "images", "image_url", "copy_images"):
        if isinstance(fields.get(name), str):
            fields[name] = redact(fields[name])
        elif name in fields:
            fields[name] = [redact(url) for url in fields[name]]
    return dict(sorted(fields.items()))


def new_identity(plan: Plan, config: ConvertConfig, version: str, now: datetime | None = None) -> BuildIdentity:
    """The identity of a build of training data."""
    return identity_of(plan.fingerprint, config_identity(config), version, now)


def identity_of(
    fingerprint: str, options: Mapping[str, Any], version: str, now: datetime | None = None
) -> BuildIdentity:
    """A name for a build: when it began, and the beginning of the hash of its inputs, options and version."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")
    made_from = hashlib.sha256(msgspec.json.encode([fingerprint, options, version])).hexdigest()
    return BuildIdentity(f"{moment}-{made_from[:8]}", version, made_from)


def latest_manifest(output: Location) -> Manifest | None:
    """The manifest of the build in force, or None where there is none yet.

    Raises:
        StoreError: there is one, but it cannot be read.
    """
    return _latest_of(output, Manifest, "manifest of a build of training data")


def latest_scores(output: Location) -> ScoresManifest | None:
    """The same of the predictions in force."""
    return _latest_of(output, ScoresManifest, "manifest of predictions")


def _latest_of(output: Location, form: type[Form], what: str) -> Form | None:
    latest = _latest(output)
    return None if latest is None else _decoded(output.below(latest.manifest), form, what)


def latest_build(output: Location) -> str | None:
    """The name of the build in force, or None where there is none yet.

    Raises:
        StoreError: the pointer cannot be read.
    """
    latest = _latest(output)
    return None if latest is None else latest.build


def _latest(output: Location) -> Latest | None:
    try:
        return _decoded(output.below("latest.json"), Latest, "pointer to a build")
    except MissingFileError:
        return None


def _decoded(location: Location, form: type[Form], what: str) -> Form:
    try:
        return msgspec.json.decode(read_file(location), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{location.shown}: not a {what}: {error}") from None


def made_alike(previous: Manifest, config: ConvertConfig, version: str) -> bool:
    """Whether a build from the inputs of the previous one would have its bytes: by the options and the version."""
    return previous.config == config_identity(config) and previous.labelbeam_version == version


def make_manifest(
    plan: Plan,
    config: ConvertConfig,
    identity: BuildIdentity,
    receipts: Sequence[Receipt],
    records: int,
    warnings: Iterable[str],
) -> Manifest:
    """Add up the receipts.

    Args:
        records: images and annotations as the readers counted them; the writers must have seen as many.

    Raises:
        CountsError: they have not, or found is not written + rejected + skipped.
    """
    counts = Counts()
    splits: dict[str, SplitCounts] = {}
    labels: dict[str, Counter[str]] = {}
    reasons: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
    for receipt in receipts:
        counts.images.add(receipt.counts.images)
        counts.objects.add(receipt.counts.objects)
        for split, part in receipt.splits.items():
            total = splits.setdefault(split, SplitCounts(files=[]))
            total.images += part.images
            total.objects += part.objects
            total.files = total.files + part.files
        for split, part_labels in receipt.labels.items():
            labels.setdefault(split, Counter()).update(part_labels)
        for total_reasons, part_reasons in zip(
            reasons, (receipt.rejected_by_reason, receipt.skipped_by_reason, receipt.adjusted_by_reason), strict=True
        ):
            total_reasons.update(part_reasons)
    copied = [receipt.copied for receipt in receipts if receipt.copied is not None]
    _check_counts(counts, receipts, records)
    rejected, skipped, adjusted = (dict(sorted(reason.items())) for reason in reasons)
    names = sorted({label for part in labels.values() for label in part})
    return Manifest(
        format_version=FORMAT_VERSION,
        build=identity.build,
        labelbeam_version=identity.version,
        task=config.task,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config_identity(config),
        source=_source(plan),
        labels=names,
        counts=counts,
        rejected_by_reason=rejected,
        skipped_by_reason=skipped,
        adjusted_by_reason=adjusted,
        splits=dict(sorted(splits.items())),
        label_counts={split: dict(sorted(part.items())) for split, part in sorted(labels.items())},
        parquet=[entry for receipt in receipts for entry in receipt.parquet],
        rejected=[receipt.rejected for receipt in receipts if receipt.rejected is not None],
        copied=_all_copies(copied),
        warnings=[*warnings, *_label_warnings(names), *_split_warnings(splits, config)],
        statistics=build_statistics(receipts),
    )


def _source(plan: Plan) -> Source:
    files, trees = ([redact(url) for url in urls] for urls in ([url for url, _ in plan.files], plan.trees))
    return Source(
        plan.fingerprint,
        plan.covers,
        plan.format,
        plan.recognised,
        plan.warnings,
        files,
        trees,
        redact(plan.images_root),
    )


def _all_copies(parts: Sequence[Copies]) -> Copies | None:
    """The copies of all buckets together; None where nothing was to be copied."""
    if not parts:
        return None
    copies = Copies(parts[0].target)
    for part in parts:
        copies.add(part)
    return copies


def _check_counts(counts: Counts, receipts: Sequence[Receipt], records: int) -> None:
    arrived = sum(receipt.records_in for receipt in receipts)
    if arrived != records:
        raise CountsError(
            f"the readers found {records} images and objects, {arrived} reached the writers: the runner lost or repeated "
            "some; nothing was published. Run again, on the in-process runner if it happens twice, and report it"
        )
    for name, tally in (("images", counts.images), ("objects", counts.objects)):
        if not tally.balanced:
            raise CountsError(
                f"{tally.found} {name} found, but {tally.written} written, {tally.rejected} rejected and {tally.skipped} "
                "skipped do not add up; nothing was published. This is a defect of LabelBeam: report it"
            )


def _label_warnings(names: Sequence[str]) -> list[str]:
    early = [name for name in names if name < BACKGROUND_LABEL]
    if not early:
        return []
    return [
        f"label {early[0]!r} sorts before {BACKGROUND_LABEL!r}, the trainer's background, and shifts its index in most "
        "models; rename it"
    ]


def _split_warnings(splits: dict[str, SplitCounts], config: ConvertConfig) -> list[str]:
    """What the trainer refuses as a whole: a split without a line, or without a single object."""
    planned = dict.fromkeys([*splits, *(parse_split(config.split) or {})])
    empty = [split for split in planned if split not in splits]
    bare = [split for split, part in splits.items() if part.images and not part.objects]
    return [f"split {split} is empty, and the trainer refuses an empty one; choose other shares" for split in empty] + [
        f"split {split} holds background only, and the trainer refuses a split without a single object"
        for split in bare
    ]


def complete(build: Location, manifest: Manifest, config: ConvertConfig, buckets: int) -> None:
    """Write what no bucket wrote: empty shards, so that every `of-N` is true, and an MLTable for each split."""
    task = TASKS[config.task]
    for split in [*manifest.splits, *(parse_split(config.split) or {})]:
        part = manifest.splits.setdefault(split, SplitCounts(files=[]))
        fill(part.files, [shard_name(split, split, bucket, buckets, "jsonl") for bucket in range(buckets)], build, b"")
        names = [shard_name("parquet", split, bucket, buckets, "parquet") for bucket in range(buckets)]
        fill(manifest.parquet, names, build, encode_parquet(None, task))
        put(build.below(f"{split}/MLTable"), MLTABLE.format(split=split).encode())
    if manifest.rejected:
        names = [shard_name("rejected", "rejected", bucket, buckets, "jsonl") for bucket in range(buckets)]
        fill(manifest.rejected, names, build, b"")
    if manifest.copied is not None and manifest.copied.files:
        names = [shard_name("copied", "copied", bucket, buckets, "ndjson") for bucket in range(buckets)]
        fill(manifest.copied.files, names, build, b"")


def fill(entries: list[FileEntry], names: Sequence[str], build: Location, empty: bytes) -> None:
    """Write those of the files `names` that are not among `entries`, as `empty`, and add them."""
    present = {entry.path for entry in entries}
    missing = [name for name in names if name not in present]
    entries += in_threads(lambda name: write_file(build, name, empty, 0), missing)
    entries.sort(key=lambda entry: entry.path)


def publish(output: Location, build: Location, manifest: Manifest | ScoresManifest) -> None:
    """Put the manifest, and then the pointer: from that moment on the build is in force."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    put(build.below("manifest.json"), data)
    pointer = Latest(manifest.build, f"builds/{manifest.build}/manifest.json")
    put(output.below("latest.json"), msgspec.json.encode(pointer) + b"\n")
