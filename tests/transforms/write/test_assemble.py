"""One bucket: whatever was found is written, rejected or skipped, however the work was cut."""

from __future__ import annotations

import json
import pickle
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.images import ImageRow, no_images
from labelbeam.transforms.columns.objects import no_objects
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.write.assemble import Assembled
from labelbeam.transforms.write.bucket import encode_rejections
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, Whole
from tests.transforms.write.images import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    OUTSIDE,
    SEGMENTATION,
    box,
    fragments,
    image,
    labels_of,
    lines,
    reasons,
    run,
    unseen,
    written,
)


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
        "labels": st.sampled_from(
            [None, LabelMap({"dog": "cat"}, drop=["#"]), LabelMap({"cat": "x"}, keep=["x", "#"])]
        ),
        "keep_emptied": st.booleans(),
        "whole": st.sampled_from([NOTHING_OF_ALL, Whole(frozenset({"cat"}), 2**63), Whole(sampled=0)]),
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


def test_what_was_adjusted_in_an_image_counts_only_if_it_is_written() -> None:
    odd = [Adjusted.XML_REPAIRED]
    assembled = run([image("a.jpg", adjusted=odd), image("b.jpg", adjusted=odd, width=None)])
    assert assembled.adjusted == {Adjusted.XML_REPAIRED: 1}


def test_what_was_adjusted_in_an_object_counts_only_if_it_is_written() -> None:
    across = box(bbox=(-5, 0, 20, 20))
    assembled = run([image("a.jpg", across), image("b.gif", across)])
    assert assembled.adjusted == {Adjusted.BBOX_CLIPPED: 1}


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


def test_rejections_stay_packed_from_the_fragment_to_the_lines_that_are_written() -> None:
    rejected = [Rejection("s", f"byte {at}", None, "object", Rejected.INVALID_RECORD, "no", "{}") for at in range(3000)]
    assembled = run([Fragment(rejections=Packed(rejected))])
    assert len(pickle.dumps(assembled.rejections)) < 60 * len(rejected)
    lines = encode_rejections(assembled.rejections).splitlines()
    assert lines == encode_rejections(sorted(rejected, key=lambda item: item.locator)).splitlines()
