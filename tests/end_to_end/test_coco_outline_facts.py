"""Odd COCO outlines on their way through a build for segmentation: polygons and masks become what the trainer fills."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from labelbeam.transforms.formats.coco import file as coco_file
from labelbeam.transforms.formats.coco.cut import plan_ranges
from tests.end_to_end.builds import PREFIX, SEGMENTATION, Build, convert
from tests.end_to_end.datasets import HEIGHT, SQUARE, WIDTH, coco_image, rectangle, rle_counts, write_coco
from tests.end_to_end.facts import LEFT_OUT, Fact, Table, parameters
from tests.end_to_end.trainer import xor_mask

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

INSIDE = rectangle(10, 20, 30, 40)
"""The pixels of `SQUARE`."""

BOX = [10, 20, 20, 20]


def polygon(left: float, top: float, right: float, bottom: float) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]


def runs(mask: Any) -> dict[str, Any]:
    """A mask as uncompressed COCO RLE."""
    return {"size": list(mask.shape), "counts": rle_counts(mask)}


def compressed(mask: Any) -> dict[str, Any]:
    """A mask as compressed COCO RLE, by pycocotools itself."""
    with np.errstate(all="ignore"):
        encoded = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode()}


def outline(segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"bbox": BOX, "segmentation": segmentation} | more


GOOD = outline([SQUARE])
HOLE = rectangle(10, 20, 30, 40) - rectangle(15, 25, 20, 30)
APART = rectangle(0, 0, 5, 5) + rectangle(50, 60, 100, 80)
DIAGONAL = rectangle(10, 10, 20, 20) + rectangle(20, 20, 30, 30)

POLYGONS = [
    Fact("one polygon", [GOOD], [INSIDE]),
    Fact("several parts", [outline([SQUARE, polygon(50, 50, 60, 60)])], [INSIDE + rectangle(50, 50, 60, 60)]),
    Fact(
        "parts that overlap are united, since the trainer would take their overlap away",
        [outline([SQUARE, polygon(20, 30, 50, 60)])],
        [np.maximum(INSIDE, rectangle(20, 30, 50, 60))],
        adjusted=["polygon_parts_united"],
    ),
    Fact(
        "a part inside another is no hole in COCO",
        [outline([SQUARE, polygon(15, 25, 20, 30)])],
        [INSIDE],
        adjusted=["polygon_parts_united"],
    ),
    Fact(
        "the same part twice does not cancel itself",
        [outline([SQUARE, SQUARE])],
        [INSIDE],
        adjusted=["polygon_parts_united"],
    ),
    Fact("a polygon of a crowd", [outline([SQUARE], iscrowd=1)], [INSIDE]),
    Fact("one part without the list around it", [outline(SQUARE)], [INSIDE]),
    Fact("coordinates may be text", [outline([list(map(str, SQUARE))])], [INSIDE], adjusted=["number_from_text"]),
    Fact("the box may be missing", [{"segmentation": [SQUARE]}], [INSIDE]),
    Fact(
        "a polygon past the border is cut",
        [outline([polygon(-10, -10, 10, 10)])],
        [rectangle(0, 0, 10, 10)],
        adjusted=["polygon_clipped"],
    ),
    Fact(
        "a million pixels outside is cut like others",
        [outline([polygon(50, 40, 1e6, 1e6)])],
        [rectangle(50, 40, 100, 80)],
        adjusted=["polygon_clipped"],
    ),
    *(
        Fact(
            f"of several parts, one with {what} is dropped",
            [outline([SQUARE, part])],
            [INSIDE],
            adjusted=["polygon_part_dropped"],
        )
        for what, part in (
            ("2 numbers", [1, 2]),
            ("4 numbers", [1, 2, 3, 4]),
            ("5 numbers", [1, 2, 3, 4, 5]),
            ("an odd count", [1, 1, 9, 1, 9, 9, 1]),
            ("no number", []),
            ("NaN", [math.nan, 1, 9, 1, 9, 9]),
            ("Infinity", [1, 1, math.inf, 1, 9, 9]),
            ("words", ["a", "b", "c", "d", "e", "f"]),
            ("no area", [50, 50, 60, 60, 70, 70]),
            ("null", None),
        )
    ),
    *(
        Fact(f"segmentation: {what}", [outline(value), GOOD], [INSIDE], rejected=[f"object:{code}"])
        for what, value, code in (
            ("missing", LEFT_OUT, "missing_segmentation"),
            ("null", None, "missing_segmentation"),
            ("an empty list", [], "missing_segmentation"),
            ("a list of an empty list", [[]], "invalid_polygon"),
            ("a part of 4 numbers", [[1, 2, 3, 4]], "invalid_polygon"),
            ("a part of 7 numbers", [[1, 1, 9, 1, 9, 9, 1]], "invalid_polygon"),
            ("NaN alone", [[math.nan] * 6], "invalid_polygon"),
            ("a text", "polygon", "missing_segmentation"),
            ("coordinates that no image has", [polygon(50, 40, 1e300, 1e300)], "invalid_polygon"),
            ("outside of the image", [polygon(200, 200, 300, 300)], "empty_polygon"),
            ("no area", [[10, 10, 20, 20, 30, 30]], "empty_polygon"),
            ("less than a millionth", [polygon(10, 10, 10 + 1e-6, 10 + 1e-6)], "empty_polygon"),
        )
    ),
]

MASKS = [
    *(
        Fact(
            f"{how} RLE{whose}: {what}",
            [outline(encode(mask), iscrowd=crowd)],
            [mask],
            adjusted=["mask_to_polygon"],
        )
        for how, encode in (("uncompressed", runs), ("compressed", compressed))
        for whose, crowd in (("", 0), (" of a crowd", 1))
        for what, mask in (
            ("a square", INSIDE),
            ("a hole", HOLE),
            ("two parts", APART),
            ("parts that touch at a corner", DIAGONAL),
            ("one pixel", rectangle(42, 24, 43, 25)),
            ("the last pixel", rectangle(99, 79, 100, 80)),
            ("the whole image", rectangle(0, 0, 100, 80)),
        )
    ),
    Fact(
        "polygon, list and text stand in one image, each read by itself",
        [GOOD, outline(runs(HOLE)), outline(compressed(APART))],
        [INSIDE, HOLE, APART],
        adjusted=["mask_to_polygon"] * 2,
    ),
    Fact(
        "run lengths may be whole floats",
        [outline({"size": [80, 100], "counts": [0, 8000.0]})],
        [rectangle(0, 0, 100, 80)],
        adjusted=["mask_to_polygon"],
    ),
    *(
        Fact(f"RLE: {what}", [outline(value), GOOD], [INSIDE], rejected=[f"object:{code}"])
        for what, value, code in (
            ("width before height", {"size": [100, 80], "counts": rle_counts(INSIDE)}, "rle_size_mismatch"),
            ("another image's size", {"size": [40, 50], "counts": [0, 2000]}, "rle_size_mismatch"),
            ("no size", {"counts": [0, 8000]}, "rle_size_mismatch"),
            ("a size of text", {"size": ["80", "100"], "counts": [0, 8000]}, "rle_size_mismatch"),
            ("9 GiB", {"size": [100000, 100000], "counts": [0, 10**10]}, "rle_size_mismatch"),
            ("too few pixels", {"size": [80, 100], "counts": [10, 20]}, "invalid_rle"),
            ("too many pixels", {"size": [80, 100], "counts": [0, 8001]}, "invalid_rle"),
            ("a negative run", {"size": [80, 100], "counts": [8010, -10]}, "invalid_rle"),
            ("half a pixel", {"size": [80, 100], "counts": [0.5, 7999.5]}, "invalid_rle"),
            ("NaN", {"size": [80, 100], "counts": [math.nan, 8000]}, "invalid_rle"),
            ("true", {"size": [80, 100], "counts": [True, 7999]}, "invalid_rle"),
            ("no counts", {"size": [80, 100], "counts": []}, "invalid_rle"),
            ("counts null", {"size": [80, 100], "counts": None}, "invalid_rle"),
            ("more than 64 bits", {"size": [80, 100], "counts": [2**70]}, "invalid_rle"),
            ("a sum that wraps round", {"size": [80, 100], "counts": [2**63 - 1, 2**63 - 1, 8002]}, "invalid_rle"),
            ("text that is no RLE", {"size": [80, 100], "counts": "not run lengths"}, "invalid_rle"),
            ("text that ends inside a number", {"size": [80, 100], "counts": "oo"}, "invalid_rle"),
            ("text without a character", {"size": [80, 100], "counts": ""}, "invalid_rle"),
            ("background only", {"size": [80, 100], "counts": [8000]}, "empty_mask"),
        )
    ),
    Fact(
        "a mask of 9 GiB on an image that declares as much",
        [outline({"size": [100000, 100000], "counts": [0, 10**10]})],
        rejected=["object:mask_too_large", "image:no_valid_object"],
        images=[coco_image(11, "vast.jpg", width=100000, height=100000)],
    ),
]

FACTS = [*POLYGONS, *MASKS]


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(FACTS)


@pytest.fixture(scope="module")
def build(place: Path, table: Table) -> Build:
    source = write_coco(place / "outlines.json", table.images, table.annotations)
    return convert("--source", source, "--image-url", PREFIX, task=SEGMENTATION, output=place / "whole")


@pytest.mark.parametrize("fact", parameters(FACTS))
def test_outline_fills_the_pixels_that_it_should(fact: Fact, build: Build) -> None:
    for path, expected in fact.outcomes().items():
        assert (path in build.records) is (expected is not None)
        found = build.records[path]["label"] if expected is not None else []
        assert len(found) == len(expected or ())
        for item, mask in zip(found, expected or (), strict=True):
            assert (xor_mask(item["polygon"], WIDTH, HEIGHT) == mask.astype(bool)).all()
    crowds = [item.get("iscrowd", 0) for item in fact.objects]
    if not fact.rejected:
        assert [item["isCrowd"] for item in build.records[fact.name]["label"]] == crowds


@pytest.mark.parametrize("fact", parameters(FACTS))
def test_outline_is_rejected_as_it_should(fact: Fact, table: Table, build: Build) -> None:
    assert table.rejected(build).get(fact.says, []) == sorted(fact.rejected)


def test_every_outline_is_accounted_for(table: Table, build: Build) -> None:
    assert build.counts["images"][0] == len(table.images)
    assert build.counts["objects"][0] == len(table.annotations)
    assert build.manifest["rejected_by_reason"] == table.rejected_by_reason()
    assert build.adjusted == table.adjusted()


def test_corners_are_divided_by_the_size_and_kept_as_they_stand(build: Build) -> None:
    (item,) = build.records["one polygon.jpg"]["label"]
    expected = [[0.1, 0.25, 0.3, 0.25, 0.3, 0.5, 0.1, 0.5]]
    assert item == {"label": "cat", "isCrowd": 0, "polygon": expected}


def test_a_file_of_outlines_cut_into_single_records_gives_the_same_bytes(
    place: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_file, "plan_ranges", partial(plan_ranges, target=1, window=64))
    pieces = convert(
        "--source", place / "outlines.json", "--image-url", PREFIX, task=SEGMENTATION, output=place / "pieces"
    )
    assert pieces.files() == build.files()
    assert pieces.adjusted == build.adjusted


@pytest.mark.parametrize("most", [8, 4])
def test_simplified_polygons_keep_to_their_corners_and_near_their_pixels(place: Path, most: int) -> None:
    """A circle traced pixel by pixel has some hundred corners."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    circle = ((x - 50) ** 2 + (y - 40) ** 2 < 30**2).astype(np.uint8)
    source = write_coco(
        place / "circle.json", [coco_image(1)], [{"id": 1, "image_id": 1, "category_id": 1} | outline(runs(circle))]
    )
    built = convert(
        *("--source", source, "--image-url", PREFIX, "--max-polygon-points", str(most)),
        task=SEGMENTATION,
        output=place / f"circle-{most}",
    )
    (item,) = built.records["1.jpg"]["label"]
    assert sum(map(len, item["polygon"])) // 2 <= most
    assert built.adjusted == {"mask_to_polygon": 1, "polygon_simplified": 1}
    filled = xor_mask(item["polygon"], WIDTH, HEIGHT)
    assert (filled & (circle > 0)).sum() / (filled | (circle > 0)).sum() > 0.6


def test_outlines_that_leave_the_image_are_rejected_on_request(place: Path) -> None:
    odd = [outline([polygon(-10, -10, 10, 10)]), outline([SQUARE]), outline([polygon(0, 0, WIDTH, HEIGHT)])]
    annotations = [{"id": number, "image_id": 1, "category_id": 1} | item for number, item in enumerate(odd)]
    source = write_coco(place / "leaving.json", [coco_image(1)], annotations)
    built = convert(
        *("--source", source, "--image-url", PREFIX, "--out-of-bounds", "reject"),
        task=SEGMENTATION,
        output=place / "leaving",
    )
    assert len(built.records["1.jpg"]["label"]) == 2
    assert built.codes("1.jpg") == ["out_of_bounds"]
    assert built.adjusted == {}
