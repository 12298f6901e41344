"""Annotations of a COCO file: whose they are, where they stand, their boxes, and that it does not matter where a file is cut."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.scan import UnsafeSplitError
from tests.transforms.formats.coco.annotations_read import (
    CLASSIFICATION,
    DETECTION,
    FIRST,
    SEGMENTATION,
    SQUARE,
    Read,
    annotation,
)

# Whose it is.


@pytest.mark.parametrize(
    ("image_id", "path"),
    [(1, "a.jpg"), ("1", "a.jpg"), (1.0, "a.jpg"), ("01", "a.jpg"), (7, "c.jpg"), ("7", "c.jpg"), (5, "b.jpg")],
)
def test_an_image_id_is_found_as_number_or_text(image_id: Any, path: str) -> None:
    assert Read([annotation(image_id=image_id)]).names == [(path, "three")]


@pytest.mark.parametrize(
    ("category_id", "label"), [(3, "three"), ("3", "three"), (0, "zero"), ("0", "zero"), ("x", "text"), (3.0, "three")]
)
def test_a_category_id_is_found_as_number_or_text(category_id: Any, label: str) -> None:
    assert Read([annotation(category_id=category_id)]).names == [("a.jpg", label)]


@pytest.mark.parametrize(
    ("fields", "code", "image"),
    [
        ({"image_id": 2}, "unknown_image", None),
        ({"image_id": "nobody"}, "unknown_image", None),
        ({"image_id": "9" * 5000}, "unknown_image", None),
        ({"image_id": 10**30}, "unknown_image", None),
        ({"image_id": 9}, "image_rejected", None),
        ({"image_id": "9"}, "image_rejected", None),
        ({"image_id": 11}, "ambiguous_image_id", None),
        ({"category_id": 4}, "unknown_category", "a.jpg"),
        ({"category_id": "four"}, "unknown_category", "a.jpg"),
        ({"category_id": 8}, "invalid_label", "a.jpg"),
        ({"category_id": "8"}, "invalid_label", "a.jpg"),
        ({"category_id": 9}, "ambiguous_category_id", "a.jpg"),
        ({"image_id": 2, "category_id": 4}, "unknown_image", None),
        ({"bbox": [1, 2, 3]}, "invalid_bbox", "a.jpg"),
        ({"category_id": None}, "invalid_record", "a.jpg"),
    ],
)
def test_an_annotation_of_nobody_is_rejected_beside_good_ones(
    fields: dict[str, Any], code: str, image: str | None
) -> None:
    read = Read([annotation(id=1), annotation(id=2, **fields), annotation(id=3)])
    (rejection,) = read.rejected
    assert (rejection.code, rejection.locator, rejection.image) == (code, "annotations id=2", image)
    assert [list(fragment.objects.ids) for fragment in read.fragments.values()] == [[1, 3]]
    assert read.fragments[0].rejected_of == ({} if image is None else {read.index.first_key: 1})


def test_rejections_of_one_image_are_counted_for_it() -> None:
    read = Read([annotation(category_id=4), annotation(category_id=4), "5"])
    assert read.fragments[0].rejected_of == {read.index.first_key: 2}
    assert read.codes == ["invalid_record", "unknown_category", "unknown_category"]


def test_objects_go_to_the_bucket_of_their_image_in_the_order_of_the_file() -> None:
    records = [annotation(id=number, image_id=(1, 5, "7")[number % 3]) for number in range(12)]
    read = Read(records, buckets=3)
    for bucket, fragment in read.fragments.items():
        rows = fragment.objects.image - read.index.first_key
        assert (read.index.buckets[rows] == bucket).all()
        assert (np.diff(fragment.objects.order) > 0).all()
    assert sorted(number for fragment in read.fragments.values() for number in fragment.objects.ids) == list(range(12))


# Where it stands.


def test_ids_of_whole_numbers_stay_numbers() -> None:
    ((fragment),) = Read([annotation(id=4), annotation(id=2)]).fragments.values()
    assert isinstance(fragment.objects.ids, np.ndarray)
    assert fragment.objects.ids.tolist() == [4, 2]


@pytest.mark.parametrize("identity", ["a", "4", 10**20])
def test_other_ids_stand_as_the_file_has_them(identity: Any) -> None:
    ((fragment),) = Read([annotation(id=identity), annotation(id=2)]).fragments.values()
    assert list(fragment.objects.ids) == [f"annotations id={identity!r}", 2]


@pytest.mark.parametrize("missing", [{}, {"id": None}])
@pytest.mark.parametrize("fields", [{}, {"image_id": 2}, {"category_id": None}])
def test_a_record_without_an_id_is_known_by_its_first_byte(missing: dict[str, Any], fields: dict[str, Any]) -> None:
    nameless = {"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1], **missing, **fields}
    read = Read([annotation(), "null", nameless])
    locators = [locator for fragment in read.fragments.values() for locator in fragment.objects.ids]
    locators += [rejection.locator for rejection in read.rejected]
    place = FIRST + read.block.index(json.dumps(nameless).encode())
    assert f"annotations at byte {place}" in locators


def test_a_range_that_does_not_hold_whole_records_is_refused() -> None:
    index = Read([]).index
    with pytest.raises(UnsafeSplitError):
        read_annotations(b'{"id": 1, "bbox": [1, 2', 0, index, DETECTION, 1)


# Boxes.


def test_a_box_is_left_top_width_height() -> None:
    assert Read([annotation(bbox=[1, 2, 3.5, 1])]).boxes == [[1, 2, 4.5, 3]]


def test_a_box_beyond_all_numbers_costs_no_other() -> None:
    read = Read([annotation(bbox=[1e308, 0, 1e308, 1]), annotation()])
    assert read.boxes == [[1e308, 0, math.inf, 1], [1, 1, 3, 3]]


@pytest.mark.parametrize(
    ("flag", "crowd"),
    [(0, 0), (1, 1), (True, 1), (False, 0), ("1", 1), ("true", 1), (2, 1), (-1, 1), (None, 0), ("", 0)],
)
def test_iscrowd_has_many_spellings(flag: Any, crowd: int) -> None:
    read = Read([annotation(iscrowd=flag)])
    assert read.each(lambda fragment, row: int(fragment.objects.crowd[row])) == [crowd]


def test_without_iscrowd_it_is_none() -> None:
    assert Read([annotation()]).each(lambda fragment, row: int(fragment.objects.crowd[row])) == [0]


@pytest.mark.parametrize("missing", [{"bbox": None}, {"bbox": []}])
def test_the_outline_is_read_for_detection_only_where_the_box_is_missing(missing: dict[str, Any]) -> None:
    read = Read([annotation(segmentation=[SQUARE], **missing), annotation(segmentation=[SQUARE]), annotation()])
    assert [len(rings) for rings in read.rings] == [1, 0, 0]
    assert np.isnan(read.boxes[0]).all()


def test_a_malformed_mask_matters_for_detection_only_where_the_box_is_missing() -> None:
    bad = {"size": [4, 6], "counts": [1, 2]}
    read = Read([annotation(id=1, segmentation=bad), annotation(id=2, bbox=None, segmentation=bad)])
    assert [rejection.locator for rejection in read.rejected] == ["annotations id=2"]


def test_classification_looks_at_nothing_but_the_label() -> None:
    read = Read([annotation(bbox="?", segmentation=5, iscrowd=[])], CLASSIFICATION)
    assert (read.names, read.rejected, read.evidence.count("boxes")) == ([("a.jpg", "three")], [], 0)


# Cutting.


def annotations_of_all_kinds() -> Iterator[Any]:
    mask = {"size": [4, 6], "counts": [5, 3, 1, 1, 1, 1, 9, 1, 2]}
    for number in range(4):
        yield annotation(id=number, image_id=(1, 5, "7", 1)[number], segmentation=[SQUARE])
        yield annotation(id=f"t{number}", image_id=1, segmentation=mask, iscrowd=1)
        yield annotation(id=None, image_id=2)
        yield annotation(id=40 + number, image_id=9)
        yield annotation(id=50 + number, bbox=None, segmentation=[[0, 0], SQUARE])
        yield "null"


@pytest.mark.parametrize("task", [CLASSIFICATION, DETECTION, SEGMENTATION])
@pytest.mark.parametrize("size", [1, 2, 5, 11])
def test_ranges_of_any_size_hold_the_same_objects_and_rejections(task: str, size: int) -> None:
    records = list(annotations_of_all_kinds())
    whole = Read(records, task, buckets=3)
    block, index = whole.block, whole.index
    starts = [len(block) - len(b",\n".join(_texts(records[at:]))) for at in range(0, len(records), size)]
    objects: list[Any] = []
    rejected: list[Any] = []
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        fragments, _, _ = read_annotations(block[start:end], FIRST + start, index, task, 3)
        for bucket, fragment in fragments.items():
            objects += _rows(bucket, fragment)
            rejected += [(bucket, rejection) for rejection in fragment.rejections]
    expected = [row for bucket, fragment in whole.fragments.items() for row in _rows(bucket, fragment)]
    assert sorted(objects, key=repr) == sorted(expected, key=repr)
    told = [(bucket, rejection) for bucket, fragment in whole.fragments.items() for rejection in fragment.rejections]
    assert sorted(rejected, key=repr) == sorted(told, key=repr)


def _texts(records: Sequence[Any]) -> list[bytes]:
    return [(item if isinstance(item, str) else json.dumps(item)).encode() for item in records]


def _rows(bucket: int, fragment: Fragment) -> list[tuple[Any, ...]]:
    """Objects without their `order`, which only has to go up."""
    objects = fragment.objects
    # A range of whole-number ids keeps them as numbers, which are put into words where a record is rejected.
    ids = [identity if isinstance(identity, str) else f"annotations id={identity}" for identity in objects.ids]
    return [
        (
            bucket,
            int(objects.image[row]),
            fragment.labels[objects.label[row]],
            int(objects.crowd[row]),
            repr(objects.bbox[row].tolist()),
            objects.mask_size[row].tolist(),
            [ring.tolist() for ring in objects.rings_of(row)],
            ids[row],
        )
        for row in range(len(objects))
    ]
