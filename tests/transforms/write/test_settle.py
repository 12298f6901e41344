"""Which records are of the same image, what its file says, and which of it is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.hashes import sample_hash
from labelbeam.transforms.columns.images import ImageRow
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.write.whole import Whole
from tests.transforms.write.images import (
    MULTILABEL,
    OUTSIDE,
    box,
    image,
    labels_of,
    lines,
    reasons,
    run,
    written,
)


def test_an_image_that_is_left_out_is_neither_looked_at_nor_written() -> None:
    def look_at(rows: Sequence[ImageRow]) -> list[ImageFacts | None]:
        assert [row.path for row in rows] == ["b.jpg"]
        return [ImageFacts("jpg", 100, 80)]

    left_out = image("a.jpg", left_out=Skipped.OUTSIDE_IMAGE_SETS, width=None)
    assembled = run([left_out, image("b.jpg")], look_at_all=True, look_at=look_at)
    assert assembled.skipped == {Skipped.OUTSIDE_IMAGE_SETS: 1}
    assert list(written(assembled)) == ["b.jpg"]


def test_what_is_left_out_takes_no_path_from_what_is_not() -> None:
    left_out = image("a.jpg", left_out=Skipped.OUTSIDE_IMAGE_SETS, source="file:///a")
    for images in ([left_out, image("a.jpg", box())], [image("a.jpg", box()), left_out]):
        assembled = run(images)
        assert labels_of(assembled) == ["cat"]
        assert (assembled.rejections, assembled.skipped) == ([], {Skipped.OUTSIDE_IMAGE_SETS: 1})


def test_the_first_record_is_kept_with_the_objects_of_all() -> None:
    twins = [image("a.jpg", box("cat"), locator="1"), image("a.jpg", box("dog"), locator="2")]
    assembled = run(twins)
    assert labels_of(assembled) == ["cat", "dog"]
    (rejection,) = assembled.rejections
    assert (rejection.code, rejection.locator) == ("duplicate_image", "2")
    assert assembled.adjusted[Adjusted.OBJECT_OF_DUPLICATE_IMAGE] == 1


def test_the_first_source_by_name_has_the_image_in_its_split() -> None:
    twins = [
        image("a.jpg", box("dog"), source="file:///val.json", split="validation"),
        image("a.jpg", box("cat"), source="file:///train.json", split="train"),
    ]
    assembled = run(twins)
    assert [len(part) for part in lines(assembled).values()] == [1]
    assert sorted(labels_of(assembled)) == ["cat", "dog"]
    assert list(assembled.splits) == ["train"]
    (rejection,) = assembled.rejections
    assert rejection.source == "file:///val.json"
    assert rejection.message.endswith("which is written once, in train")


def test_objects_in_the_frame_of_another_size_cannot_be_lent() -> None:
    assembled = run([image("a.jpg", box("cat")), image("a.jpg", box("dog"), width=200)])
    assert labels_of(assembled) == ["cat"]
    assert sorted(reasons(assembled)) == [("image", "duplicate_image"), ("object", "duplicate_image")]


def test_a_record_without_a_size_takes_that_of_its_twin() -> None:
    assembled = run([image("a.jpg", box("cat"), width=None), image("a.jpg", box("dog"))])
    assert labels_of(assembled) == ["cat", "dog"]
    assert assembled.splits["train"].sizes.tolist() == [[100, 80]]


def test_each_twin_is_read_in_the_frame_of_its_own_file() -> None:
    twins = [
        image("a.jpg", box("cat"), source="file:///pixels.json"),
        image("a.jpg", box("dog", bbox=(0.1, 0.125, 0.3, 0.5)), source="file:///shares.json"),
    ]
    for images in (twins, twins[::-1]):
        boxes = written(run(images, relative=["file:///shares.json"]))["a.jpg"]
        assert sorted(item["label"] for item in boxes) == ["cat", "dog"]
        for item in boxes:
            assert [item[side] for side in ("topX", "topY", "bottomX", "bottomY")] == [0.1, 0.125, 0.3, 0.5]


def test_a_rejected_object_of_a_twin_stands_in_its_own_file() -> None:
    twins = [
        image("a.jpg", box("cat"), source="file:///1.json"),
        image("a.jpg", box("dog", bbox=OUTSIDE), source="file:///2.json"),
    ]
    assembled = run(twins)
    rejected = {rejection.kind: rejection.source for rejection in assembled.rejections}
    assert rejected == {"image": "file:///2.json", "object": "file:///2.json"}
    assert assembled.adjusted == {}


def test_an_image_whose_twin_lost_its_objects_is_no_background() -> None:
    lost = Rejection("s", "1", "a.jpg", "object", Rejected.UNKNOWN_CATEGORY, "which")
    assert ("image", "no_valid_object") in reasons(run([image(), image(rejected=[lost])]))


def test_what_a_twin_leaves_out_on_purpose_is_counted_too() -> None:
    twins = [image("a.jpg", box("cat"), skipped=[Skipped.DIFFICULT_ONLY]), image(skipped=[Skipped.DIFFICULT_ONLY] * 2)]
    assembled = run(twins, MULTILABEL)
    assert (assembled.objects_found, assembled.skipped_objects) == (4, 3)


def test_what_an_image_that_its_reader_rejected_leaves_out_is_counted_too() -> None:
    gone = Rejection("s", "1", "a.jpg", "image", Rejected.MISSING_IMAGE, "gone")
    assembled = run([image(rejected=[gone], skipped=[Skipped.DIFFICULT_ONLY] * 2)], MULTILABEL)
    assert (assembled.objects_found, assembled.skipped_objects, assembled.skipped_images) == (2, 2, 0)


def test_an_image_of_unknown_size_takes_its_objects_along_whatever_they_are() -> None:
    assembled = run([image("a.jpg", box(), box(bbox=OUTSIDE), width=None)])
    assert reasons(assembled) == [("image", "missing_size")] + [("object", "image_rejected")] * 2


def test_only_images_of_unknown_size_are_looked_at_unless_all_are() -> None:
    seen: list[str] = []

    def look_at(rows: Sequence[ImageRow]) -> list[ImageFacts]:
        seen.extend(row.path for row in rows)
        return [ImageFacts("jpg", 100, 80)] * len(rows)

    images = [image("a.jpg"), image("b.jpg", width=None), image("c.jpg", height=None)]
    assert len(written(run(images, look_at=look_at))) == 3
    assert seen == ["b.jpg", "c.jpg"]
    run(images, look_at=look_at, look_at_all=True)
    assert seen[2:] == ["a.jpg", "b.jpg", "c.jpg"]


def test_an_image_that_cannot_be_used_says_why() -> None:
    def look_at(rows: Sequence[ImageRow]) -> list[ImageError]:
        return [ImageError(Rejected.TRUNCATED_IMAGE, "ends early") for _ in rows]

    assembled = run([image("a.jpg", box())], look_at=look_at, look_at_all=True)
    assert reasons(assembled) == [("image", "truncated_image"), ("object", "image_rejected")]
    assert assembled.rejections[0].message == "ends early"


def test_size_and_format_of_the_file_are_compared_with_what_is_declared() -> None:
    def look_at(rows: Sequence[ImageRow]) -> list[ImageFacts]:
        facts = {
            "a.jpg": ImageFacts("jpg", 80, 100, 6),
            "b.jpg": ImageFacts("png", 100, 80),
            "c.jpg": ImageFacts("jpg", 9, 9),
        }
        return [facts[row.path] for row in rows]

    assembled = run([image(path) for path in ("a.jpg", "b.jpg", "c.jpg")], look_at=look_at, look_at_all=True)
    details = {line["image_url"][-5:]: line["image_details"] for line in lines(assembled)["train"]}
    assert details == {
        "a.jpg": {"format": "jpg", "width": 100, "height": 80},
        "b.jpg": {"format": "png", "width": 100, "height": 80},
    }
    assert reasons(assembled) == [("image", "size_mismatch")]
    assert assembled.adjusted == {Adjusted.ROTATED_FRAME: 1, Adjusted.FORMAT_FROM_CONTENT: 1}


def test_images_outside_of_a_sample_are_not_looked_at_and_counted_with_all_of_theirs() -> None:
    images = [
        image(f"{number}.jpg", box(), box("dog", OUTSIDE), width=None, skipped=[Skipped.DELETED])
        for number in range(20)
    ]
    for each in images:
        each.rejected = [Rejection(each.source, "9", each.path, "object", Rejected.INVALID_BBOX, "as read")]
    images += [
        image("gone.jpg", box(), rejected=[Rejection("s", "1", "gone.jpg", "image", Rejected.MISSING_IMAGE, "")])
    ]
    inside = {each.path for each in images if sample_hash(each.path) < 2**62}
    seen: list[str] = []

    def look_at(rows: Sequence[ImageRow]) -> list[ImageFacts]:
        seen.extend(row.path for row in rows)
        return [ImageFacts("jpg", 100, 80)] * len(rows)

    found = run([*images, *images[:4]], look_at=look_at, whole=Whole(sampled=2**62))
    assert 0 < len(inside) < 20 and set(written(found)) == set(seen) == inside - {"gone.jpg"}
    assert (found.images_found, found.skipped[Skipped.NOT_SAMPLED]) == (
        25,
        sum(each.path not in inside for each in [*images, *images[:4]]),
    )
    assert {item.image for item in found.rejections} <= inside
    kinds = Counter(item.kind for item in found.rejections)
    assert found.images_found == len(seen) + kinds["image"] + found.skipped_images
    objects = sum(len(part.labels.rows) for part in found.splits.values())
    assert found.objects_found == 4 * 24 + 1 == objects + kinds["object"] + found.skipped_objects


def test_images_that_may_be_two_are_not_rejected_outside_of_a_sample() -> None:
    twins = [image("a.jpg", source="file:///1"), image("a.jpg", source="file:///2")]
    options = {"unseen": frozenset({"file:///1", "file:///2"})}
    assert len(run(twins, **options).rejections) == 2
    outside = run(twins, whole=Whole(sampled=0), **options)
    assert (outside.rejections, outside.skipped, outside.images_found) == ([], {Skipped.NOT_SAMPLED: 2}, 2)


def test_two_spellings_of_one_url_are_one_image_and_names_on_a_disk_are_two() -> None:
    plain, encoded = "https://h/a b.jpg", "https://h/a%20b.jpg"
    assembled = run([image(encoded, box("dog")), image(plain, box("cat"))])
    assert labels_of(assembled, plain) == ["dog", "cat"]
    assert [rejection.code for rejection in assembled.rejections] == ["duplicate_image"]
    assert len(written(run([image("a b.jpg", box("cat")), image("a%20b.jpg", box("dog"))]))) == 2


def test_names_of_other_folders_that_lead_to_one_file_may_be_two_pictures() -> None:
    images = [
        image("1.jpg", box("cat"), named="a/1.jpg"),
        image("1.jpg", box("dog"), named="b/1.jpg"),
        image("2.jpg", box()),
    ]
    assembled = run(images)
    assert list(written(assembled)) == ["2.jpg"]
    assert reasons(assembled).count(("image", "ambiguous_image")) == 2
    assert "'a/1.jpg' and 'b/1.jpg'" in str(assembled.rejections)


def test_what_is_called_as_its_file_is_stays_beside_what_may_be_another_picture() -> None:
    named = image("a/1.jpg", box("dog"), named="b/1.jpg", locator="1")
    assembled = run([named, image("a/1.jpg", box("cat"), locator="2")])
    assert labels_of(assembled, "a/1.jpg") == ["cat"]
    assert sorted(reasons(assembled)) == [("image", "ambiguous_image"), ("object", "ambiguous_image")]


def test_names_that_differ_in_what_stands_before_them_only_are_of_one_picture() -> None:
    images = [image("1.jpg", box("cat"), named="a/1.jpg"), image("1.jpg", box("dog"), named="x/A/1.JPG")]
    assembled = run(images)
    assert sorted(labels_of(assembled, "1.jpg")) == ["cat", "dog"]
    assert reasons(assembled) == [("image", "duplicate_image")]


@pytest.mark.parametrize("reason", [Skipped.EMPTY_LABEL, Skipped.DELETED])
def test_an_image_whose_only_label_says_that_there_is_nothing_is_background(reason: Skipped) -> None:
    assembled = run([image("1.jpg", skipped=[reason]), image("2.jpg", box())])
    assert sorted(written(assembled)) == ["1.jpg", "2.jpg"]
    assert assembled.skipped == {reason: 1}
    dropped = run([image("1.jpg", skipped=[reason]), image("2.jpg", box())], keep_background=False)
    assert dropped.skipped == {reason: 1, Skipped.BACKGROUND: 1}
