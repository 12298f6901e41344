"""The manifest of a build, added up from receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from labelbeam.schemas.config import ConvertConfig, parse_split
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import CountsError
from labelbeam.schemas.manifest import (
    FORMAT_VERSION,
    Copies,
    Counts,
    Manifest,
    Receipt,
    Sample,
    Source,
    SourceLabel,
    SplitCounts,
    Stratification,
)
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.builds.alike import labels_alike, labels_joined
from labelbeam.transforms.builds.identity import BuildIdentity, config_identity
from labelbeam.transforms.builds.oddities import corners_option, label_doubts, object_doubts, unit_given
from labelbeam.transforms.builds.same_content import same_content, twin_doubts
from labelbeam.transforms.builds.split_doubts import group_doubts, sample_doubt, split_doubts
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.tasks.statistics import build_statistics
from labelbeam.transforms.write.augmented import copies_in_splits
from labelbeam.transforms.write.stratify import SCHEME, SCHEME_OF_GROUPS


def make_manifest(
    plan: Plan,
    config: ConvertConfig,
    identity: BuildIdentity,
    receipts: Sequence[Receipt],
    records: int,
    sent: int,
    doubts: Iterable[Doubt],
    source_labels: Sequence[SourceLabel] = (),
) -> Manifest:
    """Add up the receipts.

    Args:
        records: images and annotations as the readers counted them; the writers must have seen as many.
        sent: the sum over all that the readers handed on, listings too; the writers must have had the same.
        source_labels: the source's labels and what became of them, where that is known.

    Raises:
        CountsError: they have not, or found is not written + rejected + skipped.
    """
    total = _add_up(receipts)
    _check_counts(total.counts, receipts, records, sent)
    by_label = sum(total.labels.values(), Counter())
    same = same_content(twin for each in receipts for twin in each.twins) if config.duplicates is not None else None
    similar = (
        same_content(twin for each in receipts for twin in each.similar) if config.near_duplicates is not None else None
    )
    sample = _sample(config, total.counts, total.skipped)
    doubts = list(doubts)
    doubts += [
        *object_doubts(receipts, doubts, unit_given(config), corners_option(plan.format, config)),
        *label_doubts(by_label, config.task, doubts),
        *labels_alike(by_label),
    ]
    doubts += labels_joined(by_label, config.task)
    doubts += split_doubts(total.splits, config)
    doubts += group_doubts(receipts, total.splits, config)
    doubts += copies_in_splits(receipts)
    doubts += twin_doubts(receipts, same, similar)
    if sample is not None:
        doubts.insert(0, sample_doubt(sample))
    return Manifest(
        format_version=FORMAT_VERSION,
        build=identity.build,
        labelbeam_version=identity.version,
        task=config.task,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config_identity(config),
        source=_source(plan),
        labels=sorted(set().union(*total.labels.values())),
        counts=total.counts,
        rejected_by_reason=dict(sorted(total.rejected.items())),
        skipped_by_reason=dict(sorted(total.skipped.items())),
        adjusted_by_reason=dict(sorted(total.adjusted.items())),
        splits=dict(sorted(total.splits.items())),
        label_counts={split: dict(sorted(part.items())) for split, part in sorted(total.labels.items())},
        parquet=[entry for receipt in receipts for entry in receipt.parquet],
        rejected=[receipt.rejected for receipt in receipts if receipt.rejected is not None],
        copied=_all_copies([receipt.copied for receipt in receipts if receipt.copied is not None]),
        warnings=[doubt.message for doubt in doubts],
        doubts=doubts,
        statistics=build_statistics(receipts),
        image_roots=dict(sorted(total.image_roots.items())),
        source_labels=list(source_labels),
        sample=sample,
        same_content=same,
        similar_content=similar,
        stratification=_stratification(config, total.splits, receipts),
    )


@dataclass(slots=True)
class _Totals:
    """Sums over all receipts, of labels by split."""

    counts: Counts = field(default_factory=Counts)
    splits: dict[str, SplitCounts] = field(default_factory=dict)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    adjusted: Counter[str] = field(default_factory=Counter)
    image_roots: Counter[str] = field(default_factory=Counter)


def _add_up(receipts: Iterable[Receipt]) -> _Totals:
    total = _Totals()
    for receipt in receipts:
        total.counts.images.add(receipt.counts.images)
        total.counts.objects.add(receipt.counts.objects)
        for split, part in receipt.splits.items():
            of_split = total.splits.setdefault(split, SplitCounts(files=[]))
            of_split.images += part.images
            of_split.objects += part.objects
            of_split.files = of_split.files + part.files
        for split, labels in receipt.labels.items():
            total.labels.setdefault(split, Counter()).update(labels)
        total.rejected.update(receipt.rejected_by_reason)
        total.skipped.update(receipt.skipped_by_reason)
        total.adjusted.update(receipt.adjusted_by_reason)
        total.image_roots.update(receipt.image_roots)
    return total


def _stratification(
    config: ConvertConfig, splits: Mapping[str, SplitCounts], receipts: Sequence[Receipt]
) -> Stratification | None:
    """The shares that were reached, where they were to hold by label."""
    asked = parse_split(config.split)
    if not config.stratify or asked is None:
        return None
    by_label: dict[str, Counter[str]] = {}
    for receipt in receipts:
        for split, part in receipt.statistics.items():
            for label, count in part.images_by_label.items():
                by_label.setdefault(label, Counter())[split] += count
    images = _shares({split: part.images for split, part in splits.items()}, asked)
    labels = {label: _shares(counts, asked) for label, counts in sorted(by_label.items())}
    scheme = SCHEME if config.split_group is None else SCHEME_OF_GROUPS
    return Stratification(scheme, asked, images, labels)


def _shares(counts: Mapping[str, int], splits: Iterable[str]) -> dict[str, float]:
    total = max(1, sum(counts.values()))
    return {split: round(counts.get(split, 0) / total, 6) for split in splits}


def _sample(config: ConvertConfig, counts: Counts, skipped: Mapping[str, int]) -> Sample | None:
    """The share or number of images of a sample, where one was drawn."""
    if config.sample is None:
        return None
    found = counts.images.found
    return Sample(config.sample, found - skipped.get(Skipped.NOT_SAMPLED, 0), found)


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
        plan.image_prefix and redact(plan.image_prefix),
    )


def _all_copies(parts: Sequence[Copies]) -> Copies | None:
    """The copies of all buckets together; None where nothing was to be copied."""
    if not parts:
        return None
    copies = Copies(parts[0].target)
    for part in parts:
        copies.add(part)
    return copies


def _check_counts(counts: Counts, receipts: Sequence[Receipt], records: int, sent: int) -> None:
    arrived = sum(receipt.records_in for receipt in receipts)
    if arrived != records:
        raise CountsError(
            f"the readers found {records} images and objects, {arrived} reached the writers: the runner lost or repeated "
            "some; nothing was published. Run again, on the in-process runner if it happens twice, and report it"
        )
    if sum(receipt.arrived for receipt in receipts) != sent:
        raise CountsError(
            "what the readers handed on, listings of files among it, is not what reached the writers: the runner lost, "
            "repeated or changed some; nothing was published. Run again, on the in-process runner if it happens twice, and "
            "report it"
        )
    for name, tally in (("images", counts.images), ("objects", counts.objects)):
        if not tally.balanced:
            raise CountsError(
                f"{tally.found} {name} found, but {tally.written} written, {tally.rejected} rejected and {tally.skipped} "
                "skipped do not add up; nothing was published. This is a defect of LabelBeam: report it"
            )


def add_doubts(manifest: Manifest, doubts: Sequence[Doubt]) -> None:
    """Add doubts that came up after the receipts."""
    manifest.doubts += doubts
    manifest.warnings += [doubt.message for doubt in doubts]
