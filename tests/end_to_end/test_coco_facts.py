"""Odd COCO records on their way through a build for detection: each is written, adjusted or rejected, and counted."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.formats.coco import file as coco_file
from labelbeam.transforms.formats.coco.cut import plan_ranges
from tests.end_to_end.builds import PREFIX, Build, convert, near
from tests.end_to_end.datasets import (
    CATEGORIES,
    SQUARE,
    coco_image,
    put,
    rectangle,
    rle_counts,
    write_coco,
    write_image,
)
from tests.end_to_end.facts import LEFT_OUT, Fact, Table, parameters

USUAL = [10, 20, 20, 20]
CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
"""What the usual box of category 1 is written as."""

BOX = {"bbox": USUAL}
DEEP = "nested as deep as this"
DEEPER = 100_000

# Out of order, with gaps, a 0, text, twins, and names that are none.
UNORDERED_CATEGORIES: list[Any] = [
    {"id": 90, "name": "bird"},
    {"id": "text", "name": "fish"},
    *CATEGORIES,
    {"id": 0, "name": "zero"},
    {"id": 12, "name": "twin"},
    {"id": 11, "name": "twin", "supercategory": None},
    {"id": 70, "name": ""},
    {"id": 71, "name": None},
    {"id": 72, "name": 7},
    {"id": 73, "name": "\ud800"},
    {"id": 74, "name": "traffic light, red"},
]

IDS = [
    Fact("an image id may be text", [BOX], [CAT], images=[coco_image("text-1", "an image id may be text.jpg")]),
    Fact(
        "an image id may be text where the annotation has a number",
        [BOX | {"image_id": 900001}],
        {"text id.jpg": [CAT]},
        images=[coco_image("900001", "text id.jpg")],
    ),
    Fact(
        "an image id may be a number where the annotation has text",
        [BOX | {"image_id": "900002"}],
        {"number id.jpg": [CAT]},
        images=[coco_image(900002, "number id.jpg")],
    ),
    Fact(
        "an image id may be a float",
        [BOX | {"image_id": 900003}],
        {"float id.jpg": [CAT]},
        images=[coco_image(900003.0, "float id.jpg")],
    ),
    Fact("a category id may be text", [BOX | {"category_id": "text"}], [("fish", *CAT[1:])]),
    Fact("a category id of 0 is a category", [BOX | {"category_id": 0}], [("zero", *CAT[1:])]),
    Fact("category ids have gaps and no order", [BOX | {"category_id": 90}], [("bird", *CAT[1:])]),
    Fact(
        "two categories may share a name",
        [BOX | {"category_id": 11}, BOX | {"category_id": 12}],
        [("twin", *CAT[1:])] * 2,
    ),
    Fact(
        "a category's name keeps its spaces and commas", [BOX | {"category_id": 74}], [("traffic light, red", *CAT[1:])]
    ),
    Fact("an annotation id may be text", [BOX | {"id": "a-1"}], [CAT]),
    Fact("an annotation may have no id", [BOX | {"id": LEFT_OUT}], [CAT]),
    Fact("an annotation's id may be null", [BOX | {"id": None}], [CAT]),
    Fact("duplicate annotation ids are two annotations", [BOX | {"id": 5}, BOX | {"id": 5}], [CAT, CAT]),
]

NAMES = [
    Fact("a name may hold directories", [BOX], [CAT], images=[coco_image(1, "batch_1/000006.jpg")]),
    Fact("the same name in another directory is another image", [], [], images=[coco_image(2, "batch_2/000006.jpg")]),
    Fact(
        "backslashes become slashes",
        [BOX],
        {"win/dir/1.jpg": [CAT]},
        adjusted=["path_normalized"],
        images=[coco_image(3, "win\\dir\\1.jpg")],
    ),
    Fact(
        "empty parts of a name go",
        [],
        {"here/1.jpg": []},
        adjusted=["path_normalized"],
        images=[coco_image(4, "./here//1.jpg")],
    ),
    Fact("an extension may be in upper case", [BOX], [CAT], images=[coco_image(5, "UPPER.JPG")]),
    Fact("a name may hold spaces, commas and any script", [BOX], [CAT], images=[coco_image(6, "a b, ü 漢.jpg")]),
    Fact("a name may be a URL", [BOX], [CAT], images=[coco_image(7, "https://cdn.example.org/x y/1.jpg")]),
    Fact("a name may be a datastore's URL", [BOX], [CAT], images=[coco_image(8, "AmlDatastore://images/1.jpg")]),
    *(
        Fact(
            f"{what} is no name",
            [BOX],
            rejected=[f"image:{code}", "object:image_rejected"],
            images=[coco_image(name, name)],
        )
        for what, name, code in (
            ("a URL that the trainer does not read", "ftp://old/1.jpg", "unsupported_url"),
            ("a way out of the root", "../../etc/1.jpg", "unsafe_path"),
            ("an absolute path", "/etc/1.jpg", "unsafe_path"),
            ("a drive", "C:\\images\\1.jpg", "unsafe_path"),
            ("a control character", "a\u0000b.jpg", "unsafe_path"),
            ("a lone surrogate", "\ud800.jpg", "unsafe_path"),
        )
    ),
    *(
        Fact(f"{what} is no format of the schema", [BOX], {name: None}, rejected, images=[coco_image(number, name)])
        for number, (what, name) in enumerate((("a name without extension", "noext"), ("gif", "1.gif")), 20)
        for rejected in [["image:unsupported_format", "object:image_rejected"]]
    ),
    Fact(
        "an image without a name is no record",
        [BOX],
        rejected=["image:invalid_record", "object:image_rejected"],
        images=[{"width": 100, "height": 80}],
    ),
    Fact(
        "an image whose name is null is no record",
        [],
        rejected=["image:invalid_record"],
        images=[{"width": 100, "height": 80, "file_name": None}],
    ),
]

SIZES = [
    Fact("width and height may be missing", [BOX], [CAT], images=[{"file_name": "sizeless-1.jpg"}]),
    Fact(
        "width and height may be null", [BOX], [CAT], images=[coco_image(31, "sizeless-2.jpg", width=None, height=None)]
    ),
    Fact("width and height may be 0", [BOX], [CAT], images=[coco_image(32, "sizeless-3.jpg", width=0, height=0)]),
    Fact(
        "a size may be text",
        [BOX],
        [CAT],
        adjusted=["number_from_text"],
        images=[coco_image(33, "text.jpg", width="100", height="80")],
    ),
    Fact("a size may be a float", [BOX], [CAT], images=[coco_image(34, "float.jpg", width=100.0)]),
    *(
        Fact(
            f"a width of {width} is no size",
            [BOX],
            rejected=["image:invalid_size", "object:image_rejected"],
            images=[coco_image(f"width {width}", f"width {width}.jpg", width=width)],
        )
        for width in (-5, 100.5, True, "wide", math.inf, 2**31)
    ),
    Fact(
        "a size that nobody knows is a missing image's",
        [BOX],
        rejected=["image:missing_image", "object:image_rejected"],
        images=[{"file_name": "not there.jpg", "id": 41}],
    ),
]

BOXES = [
    Fact("a box of floats", [{"bbox": [10.5, 20.25, 20.125, 19.5]}], [("cat", 0.105, 0.253125, 0.30625, 0.496875, 0)]),
    Fact(
        "a negative origin is cut",
        [{"bbox": [-10, -8, 20, 16]}],
        [("cat", 0, 0, 0.1, 0.1, 0)],
        adjusted=["bbox_clipped"],
    ),
    *(
        Fact(f"drawn backwards: {bbox}", [{"bbox": bbox}], [CAT], adjusted=["bbox_corners_swapped"])
        for bbox in ([30, 20, -20, 20], [10, 40, 20, -20], [30, 40, -20, -20])
    ),
    Fact("drawn backwards, and outside", [{"bbox": [-1, -1, -1, -1]}, BOX], [CAT], rejected=["object:bbox_outside"]),
    Fact(
        "past the border is cut", [{"bbox": [90, 72, 20, 16]}], [("cat", 0.9, 0.9, 1, 1, 0)], adjusted=["bbox_clipped"]
    ),
    Fact(
        "larger than the image is cut",
        [{"bbox": [-9, -9, 999, 999]}],
        [("cat", 0, 0, 1, 1, 0)],
        adjusted=["bbox_clipped"],
    ),
    Fact("the whole image", [{"bbox": [0, 0, 100, 80]}], [("cat", 0, 0, 1, 1, 0)]),
    Fact("rounding noise is not outside", [{"bbox": [0, 0, 100.00005, 80]}], [("cat", 0, 0, 1, 1, 0)]),
    Fact("one pixel is not the whole image", [{"bbox": [0, 0, 1, 1]}], [("cat", 0, 0, 0.01, 0.0125, 0)]),
    *(
        Fact(f"bbox: {what}", [{"bbox": bbox}, BOX], [CAT], rejected=[f"object:{code}"])
        for what, bbox, code in (
            ("wholly outside", [200, 20, 20, 20], "bbox_outside"),
            ("beside the image", [100, 20, 20, 20], "bbox_outside"),
            ("no width", [10, 20, 0, 20], "empty_bbox"),
            ("no height", [10, 20, 20, 0.0], "empty_bbox"),
            ("less than a millionth", [10, 20, 1e-5, 20], "empty_bbox"),
            ("words", ["left", "top", "w", "h"], "invalid_bbox"),
            ("three numbers", [10, 20, 20], "invalid_bbox"),
            ("five numbers", [10, 20, 20, 20, 1], "invalid_bbox"),
            ("NaN", [math.nan, 20, 20, 20], "invalid_bbox"),
            ("Infinity", [10, 20, math.inf, 20], "invalid_bbox"),
            ("an object", {"x": 10}, "invalid_bbox"),
            ("null among numbers", [10, None, 20, 20], "invalid_bbox"),
            ("missing", LEFT_OUT, "missing_bbox"),
            ("null", None, "missing_bbox"),
            ("an empty list", [], "missing_bbox"),
        )
    ),
    Fact("numbers may be text", [{"bbox": ["10", "20", "20", "2e1"]}], [CAT], adjusted=["number_from_text"]),
    Fact(
        "without a box the polygon's extent is one",
        [{"segmentation": [SQUARE], "bbox": LEFT_OUT}],
        [CAT],
        adjusted=["bbox_from_segmentation"],
    ),
    Fact(
        "without a box the mask's extent is one",
        [{"segmentation": {"size": [80, 100], "counts": rle_counts(rectangle(10, 20, 30, 40))}, "bbox": None}],
        [CAT],
        adjusted=["bbox_from_segmentation"],
    ),
    *(
        Fact(f"iscrowd {flag!r} is {crowd}", [BOX | {"iscrowd": flag}], [(*CAT[:5], crowd)])
        for flag, crowd in ((0, 0), (1, 1), (True, 1), (None, 0), (False, 0), (math.nan, 0))
    ),
    Fact("iscrowd may be text", [BOX | {"iscrowd": "1"}], [(*CAT[:5], 1)], adjusted=["number_from_text"]),
    Fact("iscrowd and area may be missing", [BOX], [CAT]),
    *(Fact(f"area {area} does not matter", [BOX | {"area": area}], [CAT]) for area in (None, math.nan, math.inf, "x")),
    Fact("background is an image without annotations", [], []),
]

RELATIONS = [
    Fact("an annotation of an unknown image", [BOX | {"image_id": 123456}], [], rejected=["object:unknown_image"]),
    Fact("an unknown category", [BOX | {"category_id": 77}, BOX], [CAT], rejected=["object:unknown_category"]),
    Fact(
        "an image that loses all its objects is no background",
        [BOX | {"category_id": 77}],
        rejected=["object:unknown_category", "image:no_valid_object"],
    ),
    Fact("no category", [BOX | {"category_id": LEFT_OUT}, BOX], [CAT], rejected=["object:invalid_record"]),
    Fact("category null", [BOX | {"category_id": None}, BOX], [CAT], rejected=["object:invalid_record"]),
    Fact("an annotation of no image", [BOX | {"image_id": LEFT_OUT}, BOX], [CAT], rejected=["object:invalid_record"]),
    *(
        Fact(
            f"a category whose name is {what}", [BOX | {"category_id": category}, BOX], [CAT], ["object:invalid_label"]
        )
        for category, what in ((70, "empty"), (71, "null"), (73, "a lone surrogate"))
    ),
    Fact(
        "a category's name may be a number",
        [BOX | {"category_id": 72}],
        [("7", *CAT[1:])],
        adjusted=["label_from_number"],
    ),
    Fact(
        "an image that occurs twice is written once",
        [BOX],
        {"twice.jpg": [CAT]},
        rejected=["image:duplicate_image"],
        images=[coco_image(51, "twice.jpg")] * 2,
    ),
    Fact(
        "one id for two files is nobody's",
        [BOX],
        rejected=["image:ambiguous_image_id", "image:ambiguous_image_id", "object:ambiguous_image_id"],
        images=[coco_image(52, "one id, first.jpg"), coco_image(52, "one id, second.jpg")],
    ),
    Fact(
        "two records of one file are one image with the objects of both",
        [BOX, BOX | {"image_id": 54}],
        {"shared.jpg": [CAT, CAT]},
        rejected=["image:duplicate_image"],
        adjusted=["object_of_duplicate_image"],
        images=[coco_image(53, "shared.jpg"), coco_image(54, "shared.jpg")],
    ),
    Fact(
        "two records of one file with other sizes do not share a frame",
        [BOX, BOX | {"image_id": 56}],
        {"sized.jpg": [CAT]},
        rejected=["image:duplicate_image", "object:duplicate_image"],
        images=[coco_image(55, "sized.jpg"), coco_image(56, "sized.jpg", width=200)],
    ),
]

NAMELESS = [
    Fact("bare values among the images", [], {}, ["image:invalid_record"] * 3, images=[None, 5, "image"]),
    Fact("bare values among the annotations", [None, 5, "text"], [], ["object:invalid_record"] * 3),
    Fact("a list among the annotations", [["list"]], [], ["object:invalid_record"]),
    Fact("an image whose id is null", [], {}, ["image:invalid_record"], images=[{"id": None, "file_name": "null.jpg"}]),
    Fact("deep nesting costs the annotation alone", [BOX | {"extra": DEEP}, BOX], [CAT], ["object:invalid_record"]),
    Fact("no id and no category", [BOX | {"id": LEFT_OUT, "category_id": 77}, BOX], [CAT], ["object:unknown_category"]),
    Fact("no id and no extent", [{"id": LEFT_OUT, "bbox": [1, 1, 0, 1]}, BOX], [CAT], ["object:empty_bbox"]),
]
"""Rejected records without an id that could be read: they are known by the byte at which they begin."""

KEYS = [
    Fact("of a key that occurs twice the last counts", [{"bbox": [1]}], [CAT]),
    Fact("keys that nobody knows are left alone", [BOX | {"attributes": {"a": [1, {}]}, "é": "\u2028"}], [CAT]),
]

NAMED = [*IDS, *NAMES, *SIZES, *BOXES, *RELATIONS, *KEYS]
FACTS = [*NAMED, *NAMELESS]


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(FACTS)


def write_odd(place: Path, table: Table) -> Path:
    """The file that holds the facts, with the images that have to be looked at beside it."""
    for number in (1, 2, 3):
        write_image(place / f"images/sizeless-{number}.jpg")
    path = write_coco(place / "odd.json", table.images, table.annotations, UNORDERED_CATEGORIES)
    text = path.read_text().replace(f'"{DEEP}"', "[" * DEEPER + "]" * DEEPER)
    return put(path, text.replace('"bbox": [1]', f'"bbox": [1], "bbox": {USUAL}'))


@pytest.fixture(scope="module")
def source(place: Path, table: Table) -> Path:
    return write_odd(place, table)


@pytest.fixture(scope="module")
def build(place: Path, source: Path) -> Build:
    return convert("--source", source, "--images", place / "images", "--image-url", PREFIX, output=place / "whole")


@pytest.mark.parametrize("fact", parameters(FACTS))
def test_record_is_written_as_it_should(fact: Fact, build: Build) -> None:
    for path, expected in fact.outcomes().items():
        assert (path in build.records) is (expected is not None)
        if expected is not None:
            found = build.boxes(path)
            assert len(found) == len(expected) and all(map(near, found, expected)), found


@pytest.mark.parametrize("fact", parameters(NAMED))
def test_record_is_rejected_as_it_should(fact: Fact, table: Table, build: Build) -> None:
    assert table.rejected(build).get(fact.says, []) == sorted(fact.rejected)


def test_rejected_record_without_an_id_is_known_by_its_first_byte(source: Path, build: Build) -> None:
    data = source.read_bytes()
    nameless = [line for line in build.rejected if "id=" not in line["locator"]]
    assert len(nameless) == sum(len(fact.rejected) for fact in NAMELESS)
    for line in nameless:
        section, _, position = line["locator"].partition(" at byte ")
        assert section in ("images", "annotations")
        # Of records that were understood the line repeats what they mean, of others what they are.
        assert data[int(position) :].startswith(line["raw"][:20].encode() if line["code"] == "invalid_record" else b"{")


def test_every_record_is_accounted_for(table: Table, build: Build) -> None:
    assert build.counts["images"][0] == len(table.images)
    assert build.counts["objects"][0] == len(table.annotations)
    assert build.manifest["rejected_by_reason"] == table.rejected_by_reason()
    assert build.adjusted == table.adjusted()


def test_a_file_cut_into_single_records_gives_the_same_bytes(
    place: Path, source: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_file, "plan_ranges", partial(plan_ranges, target=1, window=64))
    pieces = convert("--source", source, "--images", place / "images", "--image-url", PREFIX, output=place / "pieces")
    assert pieces.files() == build.files()
    assert pieces.adjusted == build.adjusted
