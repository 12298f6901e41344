"""Images of a build that have the same bytes, or look alike: counted, listed, and told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Oddity, Receipt, SameContent, Twin
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.write.twins import NOT_COMPARED, NOT_SEEN

LISTED = 100
"""Groups of images that the manifest and the report list."""


def same_content(twins: Iterable[Twin]) -> SameContent:
    """Images that are written and are like others that are."""
    by_first: defaultdict[str, list[Twin]] = defaultdict(list)
    for twin in twins:
        by_first[twin.first].append(twin)
    groups = [sorted(group) for _, group in sorted(by_first.items()) if len(group) > 1]
    across = [group for group in groups if _is_across(group)]
    listed = [*across, *(group for group in groups if not _is_across(group))][:LISTED]
    return SameContent(sum(map(len, groups)), len(groups), len(across), listed)


def _is_across(group: Sequence[Twin]) -> bool:
    return len({twin.split for twin in group}) > 1


def twin_doubts(
    receipts: Sequence[Receipt], same: SameContent | None, similar: SameContent | None = None
) -> Iterator[Doubt]:
    """Doubts of images that are the same or look alike, and of those that nobody could compare; none where images were not compared."""
    for found, code, text in (
        (same, Doubted.SAME_IMAGES, "have the same bytes as others"),
        (similar, Doubted.SIMILAR_IMAGES, "look like others"),
    ):
        if found is not None and found.groups:
            shown = ", ".join(f"{twin.path} ({twin.split})" for twin in found.listed[0][:3])
            message = (
                f"{counted(found.images, 'image')} {text}, in {counted(found.groups, 'group')}, of which {found.across_splits:,} "
                f"{'lies' if found.across_splits == 1 else 'lie'} in several splits, such as {shown}; all of them are written; --duplicates "
                "drop writes one of each group"
            )
            yield Doubt(code, message, found.images, found.listed[0][0].path, "--duplicates drop")
    for compared, oddity, text in (
        (same, NOT_COMPARED, "could not be read, or are named by a URL, and were compared with no other"),
        (similar, NOT_SEEN, "cannot be decoded, or are of one colour, and were compared by their bytes alone"),
    ):
        odd = Oddity()
        for receipt in receipts if compared is not None else ():
            odd.add(receipt.oddities.get(oddity, Oddity()))
        if odd.count:
            message = f"{odd.count:,} of {odd.of:,} images, such as {odd.example}, {text}"
            yield Doubt(Doubted.NOT_COMPARED, message, odd.count, odd.example, "--images")
