"""Doubts of a build's splits: ones that the trainer refuses, groups that are none, and a sample that is not the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from labelbeam.schemas.config import ConvertConfig, parse_split
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Oddity, Receipt, Sample, SplitCounts
from labelbeam.transforms.write.splits import UNGROUPED


def split_doubts(splits: Mapping[str, SplitCounts], config: ConvertConfig) -> list[Doubt]:
    """Splits that the trainer refuses as a whole: without a line, or without a single object."""
    planned = dict.fromkeys([*splits, *(parse_split(config.split) or {})])
    empty = [split for split in planned if split not in splits]
    bare = [split for split, part in splits.items() if part.images and not part.objects]
    return [
        *(
            Doubt(
                Doubted.SPLIT_EMPTY,
                f"split {split} is empty, and the trainer refuses an empty one; choose other shares",
                example=split,
                option="--split",
            )
            for split in empty
        ),
        *(
            Doubt(
                Doubted.SPLIT_OF_BACKGROUND,
                f"split {split} holds background only, and the trainer refuses a split without a single object",
                splits[split].images,
                split,
            )
            for split in bare
        ),
    ]


SHARE_MISSED = 0.05
"""How far a split's share of the images may be from the one that was asked for, before it is told."""


def group_doubts(
    receipts: Iterable[Receipt], splits: Mapping[str, SplitCounts], config: ConvertConfig
) -> Iterator[Doubt]:
    """Doubts of --split-group: images that have no group, and shares that large groups keep from being met."""
    shares = parse_split(config.split)
    if config.split_group is None or shares is None:
        return
    odd = Oddity()
    for receipt in receipts:
        odd.add(receipt.oddities.get(UNGROUPED, Oddity()))
    if odd.count:
        message = (
            f"--split-group {config.split_group!r:.80} finds no group for {odd.count:,} of {odd.of:,} images, such as {odd.example}; each "
            "of them is drawn by itself"
        )
        yield Doubt(Doubted.SPLIT_GROUP_NOT_FOUND, message, odd.count, odd.example, "--split-group")
    images = sum(part.images for part in splits.values())
    reached = {split: splits[split].images / images if split in splits else 0.0 for split in shares} if images else {}
    missed = [split for split, share in reached.items() if abs(share - shares[split]) > SHARE_MISSED]
    if missed:
        words = ", ".join(f"{split} {shares[split]:.0%} → {share:.1%}" for split, share in reached.items())
        message = (
            f"--split-group keeps groups whole, and the shares of images are not those asked for: {words}; groups are few, or "
            "of very different sizes"
        )
        yield Doubt(Doubted.SHARES_MISSED, message, len(missed), missed[0], "--split")


def sample_doubt(sample: Sample) -> Doubt:
    """The doubt that tells of a sample, so that nobody takes it for the whole."""
    message = (
        f"this is a sample, not the whole dataset: {sample.images:,} of {sample.of:,} images that were found (--sample {sample.asked}); "
        "build without --sample before training"
    )
    return Doubt(Doubted.SAMPLED, message, sample.images, option="--sample")
