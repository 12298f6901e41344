"""Images of the same bytes: counted over all buckets, listed and told."""

from __future__ import annotations

from labelbeam.schemas.manifest import Oddity, SameContent, Twin
from labelbeam.transforms.builds.same_content import LISTED, same_content, twin_doubts
from labelbeam.transforms.write.twins import NOT_COMPARED, NOT_SEEN
from tests.transforms.builds.receipts import receipt

INSIDE = [Twin("a.jpg", "a.jpg", "train"), Twin("a.jpg", "b.jpg", "train")]

ACROSS = [Twin("c.jpg", "c.jpg", "train"), Twin("c.jpg", "d.jpg", "test"), Twin("c.jpg", "e.jpg", "train")]


def test_groups_are_counted_over_all_buckets_and_those_across_splits_come_first() -> None:
    alone = Twin("0.jpg", "f.jpg", "train")  # Whose other is not written.
    receipts = [receipt(0, twins=[INSIDE[0], *ACROSS[1:], alone]), receipt(1, twins=[INSIDE[1], ACROSS[0]])]
    found = same_content([twin for each in receipts for twin in each.twins])
    assert found == SameContent(5, 2, 1, [ACROSS, INSIDE])
    (doubt,) = twin_doubts(receipts, found)
    assert (doubt.code, doubt.count, doubt.option) == ("same_images", 5, "--duplicates drop")
    assert (
        "in 2 groups, of which 1 lies in several splits, such as c.jpg (train), d.jpg (test), e.jpg (train)"
        in doubt.message
    )


def test_a_few_groups_are_listed_of_many() -> None:
    twins = [Twin(f"{number}", f"{number}{letter}", "train") for number in range(LISTED + 1) for letter in "ab"]
    found = same_content(twins)
    assert (found.groups, len(found.listed)) == (LISTED + 1, LISTED)


def test_images_that_nobody_could_compare_are_told_only_where_images_were_compared() -> None:
    receipts = [receipt(0, oddities={NOT_COMPARED: Oddity(2, 9, "a.jpg")})]
    (doubt,) = twin_doubts(receipts, SameContent())
    assert (doubt.code, doubt.count, doubt.example) == ("not_compared", 2, "a.jpg")
    assert list(twin_doubts(receipts, SameContent(), SameContent())) == [doubt]
    assert list(twin_doubts(receipts, None)) == list(twin_doubts([receipt(0)], SameContent())) == []


def test_images_that_look_alike_are_told_beside_those_of_the_same_bytes() -> None:
    receipts = [receipt(0, oddities={NOT_SEEN: Oddity(3, 9, "b.jpg")})]
    same, similar, unseen = twin_doubts(receipts, same_content(INSIDE), same_content(ACROSS))
    assert [doubt.code for doubt in (same, similar, unseen)] == ["same_images", "similar_images", "not_compared"]
    assert similar.message.startswith("3 images look like others, in 1 group, of which 1 lies in several splits")
    assert (unseen.count, "compared by their bytes alone" in unseen.message) == (3, True)
