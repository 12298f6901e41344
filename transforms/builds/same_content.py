"""Images of a build that have the same bytes: counted, listed, and told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Oddity, Receipt, SameContent, Twin
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.write.twins import NOT_COMPARED

LISTED = 100
"""Groups of images that the manifest and the report list."""


def same_content(receipts: Iterable[Receipt]) -> SameContent:
    """Images that are written and have the same bytes as others that are."""
    by_first: defaultdict[str, list[Twin]] = defaultdict(list)
    for receipt in receipts:
        for twin in receipt.twins:
            by_first[twin.first].append(twin)
    groups = [sorted(group) for _, group in sorted(by_first.items()) if len(group) > 1]
    across = [group for group in groups if _is_across(group)]
    listed = [*across, *(group for group in groups if not _is_across(group))][:LISTED]
    return SameContent(sum(map(len, groups)), len(groups), len(across), listed)


def _is_across(group: Sequence[Twin]) -> bool:
    return len({twin.split for twin in group}) > 1


def twin_doubts(receipts: Iterable[Receipt], same: SameContent | None) -> Iterator[Doubt]:
    """Doubts of images that are the same, and of those that nobody could compare; none where images were not compared."""
    if same is None:
        return
    if same.groups:
        shown = ", ".join(f"{twin.path} ({twin.split})" for twin in same.listed[0][:3])
        message = (
            f"{counted(same.images, 'image')} have the same bytes as others, in {counted(same.groups, 'group')}, of which "
            f"{same.across_splits:,} {'lies' if same.across_splits == 1 else 'lie'} in several splits, such as {shown}; all of them are "
            "written; --duplicates drop writes one of each group"
        )
        yield Doubt(Doubted.SAME_IMAGES, message, same.images, same.listed[0][0].path, "--duplicates drop")
    odd = Oddity()
    for receipt in receipts:
        odd.add(receipt.oddities.get(NOT_COMPARED, Oddity()))
    if odd.count:
        message = (
            f"{odd.count:,} of {odd.of:,} images, such as {odd.example}, could not be read, or are named by a URL, and were compared "
            "with no other"
        )
        yield Doubt(Doubted.NOT_COMPARED, message, odd.count, odd.example, "--images")
