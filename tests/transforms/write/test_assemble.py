"""One bucket: whatever was found is written, rejected or skipped, however the work was cut."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.fragments import Fragment, decode, fragments_of
from labelbeam.transforms.columns.images import ImageRow, no_images
from labelbeam.transforms.columns.objects import no_objects
from labelbeam.transforms.formats.frames import FRACTIONS
from labelbeam.transforms.images.headers import ImageError, ImageFacts
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.write.assemble import Assembled, AssembleOptions, assemble
from labelbeam.transforms.write.bucket import encode_rejections

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
CLASSIFICATION = "image_classification"
MULTILABEL = "image_classification_multilabel"

PREFIX = "https://h/c/"
GOOD = (10.0, 10.0, 30.0, 40.0)
OUTSIDE = (200.0, 200.0, 210.0, 210.0)


def unseen(rows: Sequence[ImageRow]) -> list[None]:
    return [None] * len(rows)


def fragments(images: Sequence[SourceImage], first_key: int = 0) -> list[Fragment]:
    return [fragment for _, fragment in fragments_of(images, 1, first_key)]


def run(
    images: Sequence[SourceImage] | Sequence[Fragment],
    task: str = DETECTION,
    relative: Sequence[str] = (),
    look_at: Any = unseen,
    **options: Any,
) -> Assembled:
    parts = [item for item in images if isinstance(item, Fragment)] or fragments(images)  # type: ignore[arg-type]
    return assemble(parts, AssembleOptions(task, PREFIX, **options), dict.fromkeys(relative, FRACTIONS), look_at)


def box(label: str = "cat", bbox: Any = GOOD, **fields: Any) -> SourceObject:
    return SourceObject(label, fields.pop("locator", f"object {label}"), bbox=bbox, **fields)


def image(path: str = "a.jpg", *objects: SourceObject, **fields: Any) -> SourceImage:
    values = {"source": "file:///s.json", "locator": f"record of {path}", "width": 100, "height": 80} | fields
    return SourceImage(path, objects=list(objects), **values)


def lines(assembled: Assembled, task: str = DETECTION) -> dict[str, list[Any]]:
    """Return the records of each split as the JSON lines that they become."""
    return {
        split: [json.loads(line) for line in encode_jsonl(records, TASKS[task], False).splitlines()]
        for split, records in assembled.splits.items()
    }


def written(assembled: Assembled, task: str = DETECTION) -> dict[str, Any]:
    """Return the label of each record by its path."""
    every = [line for part in lines(assembled, task).values() for line in part]
    found = {line["image_url"].removeprefix(PREFIX): line["label"] for line in every}
    assert len(found) == len(every)
    return found


def reasons(assembled: Assembled) -> list[tuple[str, str]]:
    return [(rejection.kind, str(rejection.code)) for rejection in assembled.rejections]


def labels_of(assembled: Assembled, path: str = "a.jpg") -> list[str]:
    return [item["label"] for item in written(assembled)[path]]


def check_balance(assembled: Assembled) -> None:
    images = sum(len(records.urls) for records in assembled.splits.values())
    objects = sum(len(records.labels.rows) for records in assembled.splits.values())
    kinds = Counter(rejection.kind for rejection in assembled.rejections)
    assert assembled.images_found == images + kinds["image"] + assembled.skipped_images
    assert assembled.objects_found == objects + kinds["object"] + assembled.skipped_objects
    assert assembled.skipped.total() == assembled.skipped_images + assembled.skipped_objects


def told(assembled: Assembled, task: str) -> dict[str, Any]:
    """Return all that a build shows of it."""
    return {
        "lines": {split: encode_jsonl(records, TASKS[task], False) for split, records in assembled.splits.items()},
        "rejected": encode_rejections(assembled.rejections),
        "counts": (assembled.images_found, assembled.objects_found, assembled.skipped, assembled.adjusted),
        "records_in": assembled.records_in,
    }


# Random datasets.

side = st.sampled_from([100, 100, 100, 60, None])
corners = st.sampled_from([-9.0, 0.0, 5.0, 20.5, 99.0, 130.0])
rings = st.sampled_from(
    [
        None,
        [],
        [np.array([(0, 0), (9, 0), (9, 9.0)])],
        [np.array([(0, 0), (9, 0), (9, 9.0)]), np.array([(5, 0), (19, 0), (19, 9.0)])],
        [np.array([(0, 0), (9, 9), (5, 5.0)])],
        [np.array([(90, 70), (190, 70), (190, 190.0)])],
    ]
)
objects = st.builds(
    lambda label, bbox, crowd, outline, mask: SourceObject(label, "1", bbox, outline, crowd, mask and bool(outline)),
    st.sampled_from(["cat", "dog", "#"]),
    st.none() | st.tuples(corners, corners, corners, corners),
    st.booleans(),
    rings,
    st.booleans(),
)


@st.composite
def source_images(draw: st.DrawFn) -> SourceImage:
    path = draw(st.sampled_from(["a.jpg", "b.jpg", "c.png", "d.gif", "https://h/e.jpg"]))
    source = draw(st.sampled_from(["file:///1.json", "file:///2.json"]))
    found = SourceImage(path, source, f"{path} {draw(st.integers(0, 99))}")
    if draw(st.integers(0, 9)) == 0:
        found.left_out = Skipped.OUTSIDE_IMAGE_SETS
        return found
    found.width, found.height = draw(side), draw(side)
    found.split = draw(st.sampled_from([None, "train", "validation"]))
    found.objects = draw(st.lists(objects, max_size=3))
    found.skipped = draw(st.lists(st.just(Skipped.DIFFICULT_ONLY), max_size=2))
    found.adjusted = draw(st.lists(st.just(Adjusted.XML_REPAIRED), max_size=1))
    kinds = draw(st.sampled_from([[], [], [], ["object"], ["object", "object"], ["image"], ["image", "object"]]))
    found.rejected = [Rejection(source, "9", path, kind, Rejected.INVALID_BBOX, "as read") for kind in kinds]
    return found


def look_by_name(rows: Sequence[ImageRow]) -> list[ImageFacts | ImageError | None]:
    answers = {
        "a.jpg": ImageFacts("jpg", 100, 60, 6),
        "b.jpg": ImageError(Rejected.MISSING_IMAGE, "gone"),
        "c.png": ImageFacts("png", 100, 100),
    }
    return [answers.get(row.path) for row in rows]


datasets = st.lists(source_images(), max_size=6)
option_sets = st.fixed_dictionaries(
    {
        "clip": st.booleans(),
        "keep_background": st.booleans(),
        "max_polygon_points": st.sampled_from([None, 4]),
        "split": st.sampled_from([None, {"train": 0.5, "test": 0.5}]),
        "look_at_all": st.booleans(),
        "relative": st.sampled_from([[], ["file:///1.json"]]),
        "look_at": st.sampled_from([unseen, look_by_name]),
    }
)
quick = settings(deadline=None, max_examples=60)


@quick
@pytest.mark.parametrize("task", TASKS)
@given(datasets, option_sets)
def test_whatever_is_found_is_written_rejected_or_skipped(task: str, images: list[SourceImage], options: Any) -> None:
    assembled = run(images, task, **options)
    check_balance(assembled)
    assert assembled.images_found == len(images)
    assert assembled.records_in == sum(fragment.records for fragment in fragments(images))
    if task in (DETECTION, SEGMENTATION):
        per_image = (len(each.objects) + len(each.skipped) + _objects_rejected(each) for each in images)
        assert assembled.objects_found == sum(per_image)
    for split, records in assembled.splits.items():
        assert split in ("train", "validation", "test")
        assert records.paths == sorted(set(records.paths))
        assert (records.sizes > 0).all()
        assert len(records.paths) == len(records.urls) == len(records.formats) == len(records.labels.offsets) - 1


def _objects_rejected(image: SourceImage) -> int:
    return sum(rejection.kind == "object" for rejection in image.rejected)


@quick
@pytest.mark.parametrize("task", TASKS)
@given(datasets, option_sets, st.randoms(use_true_random=False))
def test_the_result_depends_on_neither_the_order_nor_the_cut_of_the_work(
    task: str, images: list[SourceImage], options: Any, chance: random.Random
) -> None:
    whole = fragments(images)
    pieces = [piece for key, each in enumerate(images) for piece in _in_pieces(fragments([each], key), chance)]
    chance.shuffle(pieces)
    assert told(run(pieces, task, **options), task) == told(run(whole, task, **options), task)


def _in_pieces(parts: list[Fragment], chance: random.Random) -> list[Fragment]:
    """Cut what belongs to one image as if it had come from several units, as a COCO file's annotations do."""
    pieces: list[Fragment] = []
    for part in parts:
        at = chance.randint(0, len(part.objects))
        names = [*part.labels, "never seen"]
        pieces += [Fragment(no_images(), part.objects.slice(0, at), names)]
        pieces += [Fragment(no_images(), part.objects.slice(at, len(part.objects)), names)]
        pieces += [Fragment(rejections=[rejection]) for rejection in part.rejections]
        pieces += [decode(replace(part, objects=no_objects(), rejections=[]).encode())]
    return pieces


# What becomes of an image.


def test_records_are_sorted_by_path_and_say_what_they_are() -> None:
    assembled = run([image("b.PNG", box()), image("a b/1.jpg")])
    assert lines(assembled) == {
        "train": [
            {
                "image_url": "https://h/c/a b/1.jpg",
                "image_details": {"format": "jpg", "width": 100, "height": 80},
                "label": [],
            },
            {
                "image_url": "https://h/c/b.PNG",
                "image_details": {"format": "png", "width": 100, "height": 80},
                "label": [{"label": "cat", "topX": 0.1, "topY": 0.125, "bottomX": 0.3, "bottomY": 0.5, "isCrowd": 0}],
            },
        ]
    }


def test_objects_stand_in_the_order_of_the_source() -> None:
    names = ["dog", "ant", "cat", "ant"]
    assert labels_of(run([image("a.jpg", *map(box, names))])) == names


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION, MULTILABEL])
def test_background_is_kept_or_dropped(task: str) -> None:
    assert written(run([image()], task), task) == {"a.jpg": []}
    dropped = run([image()], task, keep_background=False)
    assert (dropped.splits, dropped.rejections) == ({}, [])
    assert dropped.skipped == {Skipped.BACKGROUND: 1}


def test_an_image_without_a_label_cannot_be_classified() -> None:
    assert reasons(run([image()], CLASSIFICATION)) == [("image", "no_label")]
    assert run([image()], CLASSIFICATION, keep_background=False).skipped == {Skipped.BACKGROUND: 1}


@pytest.mark.parametrize("keep", [True, False])
def test_an_image_that_loses_all_its_objects_is_no_background(keep: bool) -> None:
    assembled = run([image("a.jpg", box(bbox=OUTSIDE), box(bbox=None))], keep_background=keep)
    assert reasons(assembled) == [
        ("image", "no_valid_object"),
        ("object", "bbox_outside"),
        ("object", "missing_bbox"),
    ]
    assert assembled.rejections[0].message == "all 2 of its objects were rejected"


def test_an_image_whose_objects_its_reader_rejected_is_no_background_either() -> None:
    lost = Rejection("s", "1", "a.jpg", "object", Rejected.UNKNOWN_CATEGORY, "which")
    assert ("image", "no_valid_object") in reasons(run([image(rejected=[lost])]))
    assert labels_of(run([image("a.jpg", box(), rejected=[lost])])) == ["cat"]


def test_an_image_that_keeps_one_object_is_written_with_it() -> None:
    assembled = run([image("a.jpg", box(bbox=OUTSIDE), box("dog"))])
    assert labels_of(assembled) == ["dog"]
    assert reasons(assembled) == [("object", "bbox_outside")]


def test_labels_of_a_classified_image_count_once() -> None:
    assembled = run([image("a.jpg", box("cat"), box("cat", bbox=None))], CLASSIFICATION)
    assert written(assembled, CLASSIFICATION) == {"a.jpg": "cat"}
    assert assembled.objects_found == 1
    assert written(run([image("a.jpg", box("b"), box("a"), box("b"))], MULTILABEL), MULTILABEL) == {"a.jpg": ["a", "b"]}


def test_several_labels_are_too_many_for_one_class() -> None:
    assembled = run([image("a.jpg", box("cat"), box("dog"))], CLASSIFICATION)
    assert reasons(assembled) == [("image", "several_labels")] + [("object", "image_rejected")] * 2
    assert assembled.rejections[1].message == "its image was rejected as several_labels"


def test_what_shows_difficult_objects_only_is_skipped_with_its_reason() -> None:
    assembled = run([image(skipped=[Skipped.DIFFICULT_ONLY] * 2)], CLASSIFICATION)
    assert assembled.skipped == {Skipped.DIFFICULT_ONLY: 3}
    assert (assembled.skipped_images, assembled.skipped_objects) == (1, 2)


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


# Two records of one image.


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


# Size and content.


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


def test_what_was_adjusted_in_an_image_counts_only_if_it_is_written() -> None:
    odd = [Adjusted.XML_REPAIRED]
    assembled = run([image("a.jpg", adjusted=odd), image("b.jpg", adjusted=odd, width=None)])
    assert assembled.adjusted == {Adjusted.XML_REPAIRED: 1}


def test_what_was_adjusted_in_an_object_counts_only_if_it_is_written() -> None:
    across = box(bbox=(-5, 0, 20, 20))
    assembled = run([image("a.jpg", across), image("b.gif", across)])
    assert assembled.adjusted == {Adjusted.BBOX_CLIPPED: 1}


# Frames and outlines.


def test_coordinates_of_a_relative_source_are_shares_of_each_image() -> None:
    images = [
        image("a.jpg", box(bbox=(0.1, 0.2, 0.5, 1))),
        image("b.jpg", box(bbox=(0.1, 0.2, 0.5, 1)), width=7, height=3),
    ]
    for boxes in written(run(images, relative=["file:///s.json"])).values():
        assert [boxes[0][side] for side in ("topX", "topY", "bottomX", "bottomY")] == [0.1, 0.2, 0.5, 1]


def test_polygons_of_a_relative_source_are_shares_and_its_masks_are_pixels() -> None:
    ring = np.array([(0.1, 0.5), (0.5, 0.5), (0.5, 1.0)])
    mask = ring * (100, 80)
    items = [box(rings=[ring]), box(rings=[mask], from_mask=True)]
    found = written(run([image("a.jpg", *items)], SEGMENTATION, relative=["file:///s.json"]), SEGMENTATION)["a.jpg"]
    assert found[0]["polygon"] == found[1]["polygon"] == [[0.1, 0.5, 0.5, 0.5, 0.5, 1]]


def test_a_missing_box_is_that_of_the_outline_also_of_a_mask_in_a_relative_source() -> None:
    mask = box("cat", None, rings=[np.array([(10, 10), (30, 10), (30, 40.0)])], from_mask=True)
    for relative in ([], ["file:///s.json"]):
        assembled = run([image("a.jpg", mask)], relative=relative)
        (found,) = written(assembled)["a.jpg"]
        assert [found[side] for side in ("topX", "topY", "bottomX", "bottomY")] == [0.1, 0.125, 0.3, 0.5]
        assert assembled.adjusted == {Adjusted.BBOX_FROM_SEGMENTATION: 1}


def test_a_missing_box_is_not_made_of_parts_that_are_no_ring() -> None:
    point = np.zeros((1, 2))
    triangle = np.array([(10, 10), (30, 10), (30, 40.0)])
    assembled = run([image("a.jpg", box("cat", None, rings=[point, triangle]), box("dog", None, rings=[point]))])
    assert labels_of(assembled) == ["cat"]
    assert written(assembled)["a.jpg"][0]["topX"] == 0.1
    assert reasons(assembled) == [("object", "missing_bbox")]


def test_coordinates_beyond_all_numbers_cost_no_other_object() -> None:
    huge = [box(bbox=(0, 0, 1e308, 1e308)), box("far", bbox=(1e308, 1e308, 1e308, 1e308))]
    assembled = run([image("a.jpg", *huge, box("good", bbox=(0, 0, 0.5, 0.5)))], relative=["file:///s.json"])
    assert labels_of(assembled) == ["good"]


# Rejected lines.


def test_a_rejected_object_says_what_it_was() -> None:
    assembled = run([image("a.jpg", box("c\"a't", OUTSIDE, locator="annotations id=7"), box())])
    (rejection,) = assembled.rejections
    assert rejection == Rejection(
        "file:///s.json",
        "record of a.jpg annotations id=7",
        "a.jpg",
        "object",
        Rejected.BBOX_OUTSIDE,
        "nothing of the box lies inside the image; the image is 100×80",
        json.dumps({"label": "c\"a't", "bbox": [200.0, 200.0, 10.0, 10.0]}, separators=(",", ":")),
    )


def test_an_excerpt_is_capped() -> None:
    (rejection,) = run([image("a.jpg", box("long" * 1000, OUTSIDE), box())]).rejections
    assert len(rejection.raw) == 500


def test_rejections_that_differ_in_nothing_but_the_image_have_an_order() -> None:
    same = [
        Rejection("s", "annotations id=1", path, "object", Rejected.INVALID_BBOX, "no") for path in ("b.jpg", "a.jpg")
    ]
    for rejected in (same, same[::-1]):
        assembled = run([Fragment(rejections=[rejection]) for rejection in rejected])
        assert [rejection.image for rejection in assembled.rejections] == ["a.jpg", "b.jpg"]


# Splits.


def test_the_sources_own_splits_stand_unless_shares_are_given() -> None:
    images = [image("a.jpg", split="test"), image("b.jpg", split="validation"), image("c.jpg")]
    assert list(run(images).splits) == ["test", "train", "validation"]
    assert list(run(images, split={"train": 1.0}).splits) == ["train"]


def test_a_drawn_split_is_the_same_whatever_else_is_there() -> None:
    shares = {"train": 0.5, "validation": 0.5}
    images = [image(f"{number}.jpg") for number in range(40)]
    together = {path: split for split, records in run(images, split=shares).splits.items() for path in records.paths}
    for each in images:
        assert list(run([each], split=shares).splits) == [together[each.path]]


def test_nothing_assembles_to_nothing() -> None:
    for task in TASKS:
        assembled = run([Fragment()], task)
        assert (assembled.splits, assembled.rejections, assembled.images_found, assembled.records_in) == ({}, [], 0, 0)
