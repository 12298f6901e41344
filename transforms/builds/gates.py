"""Gates: what a build that is complete has to pass before it is published."""

from __future__ import annotations

from collections.abc import Sequence

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted, unsettled
from labelbeam.schemas.errors import (
    DoubtedError,
    DuplicatesError,
    NothingLeftError,
    SuspiciousChangeError,
    TooManyRejectedError,
)
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.drift import check_change
from labelbeam.transforms.builds.manifest import add_doubts
from labelbeam.transforms.messages.words import counted, plain

REFUSALS = (TooManyRejectedError, DuplicatesError, NothingLeftError, SuspiciousChangeError, DoubtedError)
"""What refuses a build that was made without a failure."""


def check_gates(manifest: Manifest, previous: Manifest | None, config: ConvertConfig, where: str) -> None:
    """Let a build pass, or refuse it; `where` says where its rejected records are. A change that was accepted becomes a doubt of it.

    Raises:
        LabelBeamError: one of `REFUSALS`.
    """
    _check_counts(manifest, config, where)
    add_doubts(manifest, [Doubt(Doubted.CHANGED_MUCH, change) for change in check_change(previous, manifest, config)])
    _check_doubts(manifest, config)


def _check_counts(manifest: Manifest, config: ConvertConfig, where: str) -> None:
    """Refuse a build of which too much was rejected, or nothing is left; `where` says where the rejected records are."""
    images = manifest.counts.images
    looked = images.found if manifest.sample is None else max(1, manifest.sample.images)
    share = images.rejected / looked
    if share > config.max_rejected:
        reasons = ", ".join(f"{code} {count}" for code, count in _by_count(manifest.rejected_by_reason))
        raise TooManyRejectedError(
            f"{images.rejected} of {looked} images were rejected ({share:.1%}), --max-rejected allows "
            f"{config.max_rejected:.1%}; nothing was published. Reasons: {reasons}. {where}fix the source, or raise "
            f"--max-rejected{_why(manifest, config)}"
        )
    for same, what in (
        (manifest.same_content, "have the same bytes as others"),
        (manifest.similar_content, "look like others"),
    ):
        if config.duplicates == "fail" and same is not None and same.groups:
            groups = "; ".join(
                ", ".join(f"{twin.path} ({twin.split})" for twin in group[:5]) for group in same.listed[:5]
            )
            raise DuplicatesError(
                f"--duplicates fail: {counted(same.images, 'image')} {what}, in {counted(same.groups, 'group')}, of which {same.across_splits} "
                f"lie in several splits; nothing was published. Such as: {plain(groups)}. Remove them, or have one of each written with "
                "--duplicates drop"
            )
    if not images.written:
        raise NothingLeftError(
            f"{', '.join(config.source)}: of {images.found} images none is left to write ({images.rejected} rejected, "
            f"{images.skipped} skipped), expected at least one; nothing was published. Reasons: {_reasons(manifest)}"
            f"{_why(manifest, config)}"
        )


def _check_doubts(manifest: Manifest, config: ConvertConfig) -> None:
    """Refuse, with --strict, what is doubted still."""
    if not config.strict or not (left := unsettled(manifest.doubts, config.accept)):
        return
    codes = " ".join(f"--accept {code}" for code in dict.fromkeys(doubt.code for doubt in left))
    raise DoubtedError(
        f"--strict: {counted(len(left), 'doubt is open', 'doubts are open')}; nothing was published. Settle each by its option, fix the source, or accept "
        f"how it was read with {codes}\n{_lines(left)}"
    )


_MOST_DOUBTS = 5


def _why(manifest: Manifest, config: ConvertConfig) -> str:
    """Doubts that may say why so much was rejected."""
    left = unsettled(manifest.doubts, config.accept)
    return f"\nWhat was doubted:\n{_lines(left[:_MOST_DOUBTS])}" if left else ""


def _lines(doubts: Sequence[Doubt]) -> str:
    return "\n".join(
        plain(f"  {doubt.code}: {doubt.message}{f' ({doubt.option})' if doubt.option else ''}") for doubt in doubts
    )


def _reasons(manifest: Manifest) -> str:
    return ", ".join(
        f"{code} {count}" for code, count in _by_count(manifest.rejected_by_reason | manifest.skipped_by_reason)
    )


def _by_count(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
