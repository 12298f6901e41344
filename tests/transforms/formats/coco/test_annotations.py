"""Annotations of a COCO file: whose they are, in which frame, and what their outlines hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.frames import frame_of
from labelbeam.transforms.formats.coco.index import IndexBuilder
from labelbeam.transforms.formats.coco.scan import UnsafeSplitError
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.geometry.rle import counts_to_string, runs_of_mask

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
CLASSIFICATION = "image_classification"

IMAGES = [
    {"id": 1, "file_name": "a.jpg", "width": 6, "height": 4},
    {"id": 5, "file_name": "b.jpg"},
    {"id": "7", "file_name": "c.jpg", "width": 6, "height": 4},
    {"id": 9, "file_name": "../d.jpg"},
    {"id": 11, "file_name": "e.jpg"},
    {"id": 11, "file_name": "f.jpg"},
]
CATEGORIES = [
    {"id": 0, "name": "zero"},
    {"id": 3, "name": "three"},
    {"id": "x", "name": "text"},
    {"id": 8, "name": ""},
    {"id": 9, "name": "dog"},
    {"id": 9, "name": "cat"},
]
FIRST = 1000
"""Where the range lies in its file."""


class Read:
    """What one reading of a range gave, as lists of what a person would name."""

    def __init__(self, records: Sequence[Any], task: str = DETECTION, buckets: int = 1) -> None:
        builder = IndexBuilder("file:///d.json", 2, "", None, buckets)
        builder.add_images(json.dumps(IMAGES)[1:-1].encode())
        builder.categories.add(json.dumps(CATEGORIES)[1:-1].encode())
        self.images = list(builder.finish())
        self.index = builder.index
        self.block = ",\n".join(item if isinstance(item, str) else json.dumps(item) for item in records).encode()
        fragments, self.evidence, found = read_annotations(self.block, FIRST, self.index, task, buckets)
        assert found == len(records) == sum(fragment.records for fragment in fragments.values())
        self.fragments: dict[int, Fragment] = {
            bucket: decode(fragment.encode()) for bucket, fragment in sorted(fragments.items())
        }

    def each(self, what: Callable[[Fragment, int], Any]) -> list[Any]:
        return [what(fragment, row) for fragment in self.fragments.values() for row in range(len(fragment.objects))]

    @property
    def names(self) -> list[tuple[str, str]]:
        """The image and label of each object."""

        def name(fragment: Fragment, row: int) -> tuple[str, str]:
            image = int(fragment.objects.image[row]) - self.index.first_key
            return self.index.paths[image], fragment.labels[fragment.objects.label[row]]

        return self.each(name)

    @property
    def boxes(self) -> list[list[float]]:
        return self.each(lambda fragment, row: fragment.objects.bbox[row].tolist())

    @property
    def rings(self) -> list[list[Any]]:
        return self.each(lambda fragment, row: [ring.tolist() for ring in fragment.objects.rings_of(row)])

    @property
    def rejected(self) -> list[Rejection]:
        return [rejection for fragment in self.fragments.values() for rejection in fragment.rejections]

    @property
    def codes(self) -> list[str]:
        return [str(rejection.code) for rejection in self.rejected]


def annotation(**fields: Any) -> dict[str, Any]:
    return {"id": 70, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]} | fields


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
        ({"category_id": "three"}, "unknown_category", "a.jpg"),
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


SQUARE = [1.0, 1.0, 3.0, 1.0, 3.0, 3.0]


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


# Outlines.

MASK = np.array([[0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
RUNS = runs_of_mask(MASK).tolist()


def outlined(*segmentations: Any, **fields: Any) -> Read:
    return Read([annotation(id=at, segmentation=item, **fields) for at, item in enumerate(segmentations)], SEGMENTATION)


def test_a_polygon_is_a_ring_a_part() -> None:
    assert outlined([SQUARE, [0, 0, 1, 0, 1, 1, 0, 1]]).rings == [
        [[[1, 1], [3, 1], [3, 3]], [[0, 0], [1, 0], [1, 1], [0, 1]]]
    ]


def test_numbers_alone_are_a_polygon_of_one_part() -> None:
    assert outlined(SQUARE).rings == outlined([SQUARE]).rings


@pytest.mark.parametrize("counts", [RUNS, [float(run) for run in RUNS], counts_to_string(RUNS)])
@pytest.mark.parametrize("crowd", [0, 1])
def test_a_mask_may_be_a_list_or_text_and_a_crowd_or_none(counts: Any, crowd: int) -> None:
    read = outlined({"size": [4, 6], "counts": counts}, iscrowd=crowd)
    ((rings),) = read.rings
    assert rings[0] == [[1, 0], [3, 0], [3, 1], [2, 1], [2, 2], [3, 2], [3, 3], [1, 3]]
    assert read.each(lambda fragment, row: fragment.objects.mask_size[row].tolist()) == [[4, 6]]


def test_masks_and_polygons_keep_their_order_and_their_rings() -> None:
    mask = {"size": [4, 6], "counts": RUNS}
    alone = [outlined(item).rings[0] for item in (mask, [SQUARE], None)]
    together = outlined([SQUARE], mask, None, mask, [SQUARE, SQUARE], mask)
    square, of_mask = alone[1], alone[0]
    assert together.rings == [square, of_mask, [], of_mask, square * 2, of_mask]
    (fragment,) = together.fragments.values()
    assert list(fragment.objects.ids) == list(range(6))


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        ({"size": [4, 6], "counts": [1, 2]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [-1, 25]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [1.5, 22.5]}, "invalid_rle"),
        ({"size": [4, 6], "counts": "~~~"}, "invalid_rle"),
        ({"size": [4, 6], "counts": None}, "invalid_rle"),
        ({"size": [4, 6]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [10**30]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [24]}, "empty_mask"),
        ({"size": [6, 4], "counts": RUNS}, "rle_size_mismatch"),
        ({"size": None, "counts": RUNS}, "rle_size_mismatch"),
        ({"counts": RUNS}, "rle_size_mismatch"),
        ({}, "rle_size_mismatch"),
    ],
)
def test_a_malformed_mask_costs_no_neighbour(mask: Any, code: str) -> None:
    good = {"size": [4, 6], "counts": RUNS}
    read = outlined([SQUARE], mask, good, mask)
    assert read.codes == [code, code]
    assert [rejection.locator for rejection in read.rejected] == ["annotations id=1", "annotations id=3"]
    assert read.rings == [*outlined([SQUARE]).rings, *outlined(good).rings]
    (fragment,) = read.fragments.values()
    assert list(fragment.objects.ids) == [0, 2]


@pytest.mark.parametrize("size", [[-4, -6], [0, 0], [4], [4, 6, 1], ["4", "6"], [10**6, 10**6], [True, 24]])
def test_a_mask_of_an_image_of_unknown_size_has_to_have_a_size_of_its_own(size: Any) -> None:
    read = outlined({"size": size, "counts": [0, 24]}, [SQUARE], image_id=5)
    assert len(read.codes) == 1
    assert len(read.rings) == 1


def test_a_mask_of_an_image_of_unknown_size_is_traced_in_its_own() -> None:
    read = outlined({"size": [2, 2], "counts": [0, 4]}, image_id=5)
    assert read.rings == [[[[0, 0], [2, 0], [2, 2], [0, 2]]]]
    assert read.each(lambda fragment, row: fragment.objects.mask_size[row].tolist()) == [[2, 2]]


@pytest.mark.parametrize("none", [None, [], {}, "polygon", 5])
def test_a_segmentation_of_nothing_has_no_ring(none: Any) -> None:
    read = outlined(none, [SQUARE])
    if none == {}:
        assert read.codes == ["rle_size_mismatch"]
    else:
        assert [len(rings) for rings in read.rings] == [0, 1]


@pytest.mark.parametrize(
    "part",
    [[], [1, 1], [1, 1, 2, 2], [1, 1, 2, 2, 3], [1, 1, 2, 2, 3, 3, 4], [1, 1, "x", 2, 3, 3], [1, 1, None, 2, 3, 3]],
)
def test_a_part_that_is_no_ring_is_left_for_whoever_repairs_polygons(part: list[Any]) -> None:
    read = outlined([part, SQUARE], [part])
    assert [[len(ring) for ring in rings] for rings in read.rings] == [[1, 3], [1]]
    assert read.fragments[0].adjusted == {}


def test_numbers_as_text_are_counted_once_an_object() -> None:
    read = outlined([[str(number) for number in SQUARE]], [SQUARE], bbox=["1", "1", "2", "2"])
    assert read.fragments[0].adjusted == {Adjusted.NUMBER_FROM_TEXT: 2}


# Which frame.


def evidence(*boxes: Any, outlines: Sequence[Any] = (), task: str = DETECTION) -> Evidence:
    records = [annotation(bbox=box) for box in boxes] + [
        annotation(bbox=None, segmentation=[part]) for part in outlines
    ]
    return Read(records, task).evidence


def units(found: Evidence) -> tuple[str, str]:
    """The units of boxes and outlines; "refused" where they cannot be told."""
    try:
        frame = frame_of("file:///d.json", found, "detect", corners=False)
    except UsageError as error:
        assert "--coco-boxes" in str(error)
        return "refused", "refused"
    return frame.boxes, frame.outlines


@pytest.mark.parametrize(
    ("boxes", "unit"),
    [
        ([[0.1, 0.2, 0.5, 0.25]], "fractions"),
        ([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]], "fractions"),
        ([[0, 0, 1, 1]], "pixels"),
        ([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], "pixels"),
        ([[10.5, 20.5, 0.5, 0.5]], "pixels"),
        ([[-5, 0.5, 0.5, 0.5]], "pixels"),
        ([[0.5, 0.5, 0.5000001, 1.0000005]], "fractions"),
        ([[0.25, 0.25, 0.5, 0.5], [-0.004, 0.3, 0.25, 0.25]], "fractions"),
        ([[0.25, 0.25, 0.5, 0.5], [0.9, 0.3, 0.13, 0.25]], "fractions"),
        ([[0.25, 0.25, 1.02, 0.5]], "fractions"),
        ([[0.1, 0.1, 0.5, 0.5]] * 10 + [[0.2, 0.2, 1.3, 0.5]], "fractions"),
        ([[0.1, 0.1, 0.5, 0.5]] * 100 + [[300, 0.2, 20, 0.5]], "fractions"),
        ([[3, 1, 2, 2]] * 101 + [[0.5, 0.5, 0.5, 0.5]], "pixels"),
        ([[0.1, 0.2, 0.5, 0.25], [0, 0, 2, 1]], "refused"),
        ([[0.1, 0.2, 0.5, 0.25], [300.5, 0, 2, 1]], "refused"),
        ([[0.1, 0.2, 0.5, 0.25]] * 5 + [[1, 1, 2, 2]], "refused"),
        ([[1, 1, 2, 2]] * 9 + [[0.1, 0.2, 0.5, 0.25]], "refused"),
        ([[0.6, 0.6, -0.5, -0.25]], "fractions"),
        ([], "pixels"),
    ],
)
def test_boxes_below_a_pixel_are_fractions_and_two_frames_in_one_file_are_refused(boxes: Any, unit: str) -> None:
    assert units(evidence(*boxes))[0] == unit


def test_one_pixel_boxes_in_the_corner_are_pixels() -> None:
    assert units(evidence([0, 0, 1, 1], [1, 0, 1, 1], [0, 1, 1, 1])) == ("pixels", "pixels")


def test_outlines_have_a_frame_of_their_own_and_give_it_to_a_file_without_boxes() -> None:
    inside, outside = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [1, 1, 5, 1, 5, 5]
    for task in (DETECTION, SEGMENTATION):
        assert units(evidence(outlines=[inside], task=task)) == ("fractions", "fractions")
        assert units(evidence(outlines=[inside, outside], task=task)) == ("refused", "refused")
        assert units(evidence([1, 1, 2, 2], outlines=[inside], task=task)) == ("pixels", "fractions")
        assert units(evidence([0.1, 0.1, 0.2, 0.2], outlines=[outside], task=task)) == ("fractions", "pixels")
    assert units(evidence([0.1, 0.1, 0.2, 0.2])) == ("fractions", "fractions")
    assert units(evidence(outlines=[[0, 0, 1, 0, 1, 1]])) == ("pixels", "pixels")


def test_a_part_that_is_no_ring_says_nothing_of_the_frame() -> None:
    assert units(evidence(outlines=[[0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [300, 300]])) == ("fractions", "fractions")


def test_an_annotation_that_is_rejected_says_nothing_of_the_frame() -> None:
    good = annotation(bbox=[0.1, 0.1, 0.2, 0.2])
    assert units(Read([good, annotation(bbox=[100, 100, 5, 5], image_id=2)]).evidence)[0] == "fractions"


box = st.lists(st.sampled_from([0, 1, 0.5, 2.5, 7]), min_size=4, max_size=4)
part = st.lists(st.sampled_from([0, 1, 0.25, 3]), min_size=6, max_size=6)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.none() | box, st.none() | part), max_size=6),
    st.integers(0, 6),
    st.sampled_from([DETECTION, SEGMENTATION]),
)
def test_the_frame_does_not_depend_on_where_the_file_is_cut(rows: list[Any], cut: int, task: str) -> None:
    records = [annotation(bbox=bbox, segmentation=None if ring is None else [ring]) for bbox, ring in rows]
    whole = Read(records, task).evidence
    pieces = [Read(piece, task).evidence for piece in (records[:cut], records[cut:])]
    assert units(pieces[0].merge(pieces[1])) == units(whole)
    assert units(pieces[1].merge(pieces[0])) == units(whole)


# Cutting.


def annotations_of_all_kinds() -> Iterator[Any]:
    mask = {"size": [4, 6], "counts": RUNS}
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


# Masks that lie elsewhere than their boxes. -------------------------------------------------------------------------


def masks(*rows: str, box: list[float], order: str = "F") -> Evidence:
    """The evidence of a mask drawn with # of the image a.jpg, 6 x 4, counted down columns (F) or along rows (C)."""
    mask = np.array([[letter == "#" for letter in row] for row in rows])
    flat = np.concatenate([[False], mask.ravel(order="F" if order == "F" else "C"), [False]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], ends, [mask.size]])).tolist()
    record = {"id": 1, "image_id": 1, "category_id": 3, "bbox": box, "segmentation": {"size": [4, 6], "counts": counts}}
    return Read([record], SEGMENTATION).evidence


def test_a_mask_is_compared_with_its_box() -> None:
    small = ("......", ".####.", "......", "......")
    assert masks(*small, box=[1, 1, 4, 1]).count("outlined_boxes") == 1
    assert masks(*small, box=[1, 1, 4, 1]).count("outlines_elsewhere") == 0
    low = ("......", "......", "......", ".####.")
    assert masks(*low, box=[1, 3, 4, 1], order="C").count("outlines_elsewhere") == 1
    assert masks(*small, box=[0, 3, 4, 1]).count("outlines_elsewhere") == 1


def test_a_mask_without_a_box_or_of_nothing_says_nothing_of_boxes() -> None:
    assert masks("......", "......", "......", "......", box=[1, 1, 4, 1]).count("outlined_boxes") == 0
    assert masks("######", "######", "######", "######", box=[]).count("outlined_boxes") == 0
