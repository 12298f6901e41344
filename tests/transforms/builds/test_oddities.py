"""Doubts that all objects and labels of a build leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Counts, Oddity, Receipt
from labelbeam.transforms.builds.oddities import corners_option, label_doubts, object_doubts
from labelbeam.transforms.formats.coco.format import CocoOptions
from labelbeam.transforms.images.facts import DEEP, FRAMES, TURNED, UNTURNED
from labelbeam.transforms.write.oddities import (
    ALIGNED,
    BACKWARDS,
    COPIED,
    CORNER,
    CROWDS,
    EXCHANGED,
    HUNDREDTH,
    LEAVING,
    LEAVING_AS_SIZES,
    MISREAD,
    TINY,
    TWICE,
)
from labelbeam.transforms.write.percent import DECIMAL, DOWN, ODDS, PERCENT, RIGHT, WHOLE
from tests.end_to_end.builds import DETECTION, PREFIX, SEGMENTATION, attempt, convert
from tests.end_to_end.datasets import coco_box, coco_image, put, voc_object, voc_xml, write_coco, write_image

NOTHING = Receipt(0, {}, [], None, Counts(), {}, {}, {}, {}, 0)


def told(*parts: dict[str, Oddity], before: tuple[Doubt, ...] = ()) -> list[tuple[str, int, str]]:
    receipts = [msgspec.structs.replace(NOTHING, oddities=part) for part in parts]
    return [(doubt.code, doubt.count, doubt.example) for doubt in object_doubts(receipts, before)]


def test_a_few_are_told_by_nobody() -> None:
    assert told({LEAVING: Oddity(9, 100, "a"), CROWDS: Oddity(50, 100, "a"), TWICE: Oddity(9, 10_000, "a")}) == []
    assert told({LEAVING: Oddity(1, 1, "a")}) == []
    assert told({}) == []


@pytest.mark.parametrize(
    ("sized", "option", "code"),
    [
        (19, "--coco-corners", "corners_or_sizes"),
        (18, "--coco-corners", "boxes_leave_images"),
        (20, "", "boxes_leave_images"),
    ],
)
def test_boxes_that_would_fit_as_corners_are_told_with_the_option_that_reads_them(
    sized: int, option: str, code: str
) -> None:
    found = {LEAVING: Oddity(20, 100, "a"), LEAVING_AS_SIZES: Oddity(sized, 100, "a"), EXCHANGED: Oddity(20, 100, "a")}
    receipts = [msgspec.structs.replace(NOTHING, oddities=found)]
    (doubt,) = object_doubts(receipts, (), as_corners=option)
    assert (doubt.code, doubt.count, doubt.option) == (code, 20, option if code == "corners_or_sizes" else "")


def test_sizes_are_read_as_corners_by_an_option_where_the_format_has_them() -> None:
    config = ConvertConfig(task="image_object_detection", source=["s"], output="o")
    given = msgspec.structs.replace(config, of_formats=(CocoOptions(coco_corners=True),))
    assert [corners_option(name, config) for name in ("huggingface", "voc")] == ["--coco-corners", ""]
    assert corners_option("huggingface", given) == ""


def test_many_are_told_once_for_all_buckets() -> None:
    parts = (
        {LEAVING: Oddity(1, 5, "b"), CROWDS: Oddity(3, 5, "c"), TWICE: Oddity()},
        {LEAVING: Oddity(1, 5, "a"), TWICE: Oddity(1, 5, "d")},
    )
    assert told(*parts) == [("boxes_leave_images", 2, "a"), ("mostly_crowds", 3, "c"), ("objects_twice", 1, "d")]


def test_images_that_the_trainer_reads_otherwise_are_told_however_few_they_are() -> None:
    parts = [{name: Oddity(1, 10**6, name)} for name in (TURNED, UNTURNED, FRAMES, DEEP, MISREAD)]
    assert told(*parts, {DEEP: Oddity(2, 9, "b")}) == [
        ("image_url_misread", 1, "misread"),
        ("decoded_otherwise", 3, "b"),
        ("decoded_otherwise", 1, "frames"),
        ("boxes_turned", 1, "turned"),
        ("boxes_unturned", 1, "unturned"),
    ]


def test_a_format_that_knows_more_closely_why_boxes_leave_images_is_not_contradicted() -> None:
    known = Doubt(Doubted.CORNERS_OR_SIZES, "m")
    assert told({LEAVING: Oddity(9, 9, "a")}, before=(known,)) == []
    assert told({LEAVING: Oddity(9, 9, "a")}, before=(Doubt(Doubted.LISTING, "m"),)) == [("boxes_leave_images", 9, "a")]


def test_objects_of_no_size_or_all_in_a_corner_are_told_where_no_format_has_told_of_units() -> None:
    assert told({TINY: Oddity(2, 20, "a")}) == [("smaller_than_a_pixel", 2, "a")]
    assert told({CORNER: Oddity(20, 20, "a")}) == [("all_in_a_corner", 20, "a")]
    assert told({TINY: Oddity(20, 20, "a"), CORNER: Oddity(20, 20, "b")}) == [("smaller_than_a_pixel", 20, "a")]
    for few in (
        {TINY: Oddity(1, 1, "a")},
        {TINY: Oddity(2, 21, "a")},
        {CORNER: Oddity(19, 19, "a")},
        {CORNER: Oddity(99, 100, "a")},
    ):
        assert told(few) == []
    for code in (Doubted.FRAMES_DISAGREE, Doubted.FIXED_GRID):
        assert told({TINY: Oddity(9, 9, "a"), CORNER: Oddity(30, 30, "b")}, before=(Doubt(code, "m"),)) == []


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("R&amp;D", "labels_escaped"),
        ("caf&eacute;", "labels_escaped"),
        ("cat &#128008;", "labels_escaped"),
        ("hex%20bolt", "labels_escaped"),
        ("caf\u00c3\u00a9", "labels_escaped"),
        ("cat\ufffd", "labels_escaped"),
        ("background", "label_of_background"),
        ("_Background_", "label_of_background"),
        ("no objects", "label_of_background"),
        ("--bg--", "label_of_background"),
        ("DontCare", "label_says_nothing"),
        ("ignored-regions", "label_says_nothing"),
        ("nan", "label_says_nothing"),
        ("Unlabeled", "label_says_nothing"),
        ("#cat", "label_before_background"),
    ],
)
def test_labels_that_say_something_else_than_what_is_there_are_told(label: str, code: str) -> None:
    (doubt,) = label_doubts({"cat": 5, label: 3}, DETECTION)
    assert doubt.code == code
    assert label in doubt.message
    assert doubt.example == label


@pytest.mark.parametrize(
    "label",
    [
        "cat",
        "backgrounds",
        "Nancy",
        "voided",
        "emptying",
        "R&D",
        "a & b;",
        "100% wool",
        "caf\u00e9",
        "\U0001f408",
        "\u732b",
    ],
)
def test_other_labels_are_not(label: str) -> None:
    assert not list(label_doubts({label: 3}, DETECTION))


def test_images_may_have_a_class_of_those_that_show_nothing() -> None:
    assert not list(label_doubts({"background": 3, "cat": 2}, "image_classification"))


@pytest.mark.parametrize(
    ("leaving", "exchanged", "codes"),
    [
        (1, 0, ["boxes_leave_images"]),
        (7, 6, ["boxes_leave_images"]),
        (1, 1, []),  # As in images that are square.
        (3, 40, []),
    ],
)
def test_more_boxes_that_leave_than_would_if_x_and_y_were_exchanged_are_told(
    leaving: int, exchanged: int, codes: list[str]
) -> None:
    found = {LEAVING: Oddity(leaving, 1000, "a"), EXCHANGED: Oddity(exchanged, 1000, "b")}
    assert [code for code, _, _ in told(found)] == codes
    before = (Doubt(Doubted.DECLARED_SIZE_DIFFERS, "of another size"),)
    assert told(found, before=before) == []


@pytest.mark.parametrize(("count", "codes"), [(1, []), (2, ["corners_or_sizes"]), (20, ["corners_or_sizes"])])
def test_boxes_that_end_before_they_begin_are_told_where_they_are_several(count: int, codes: list[str]) -> None:
    found = {BACKWARDS: Oddity(count, 5 * count, "a")}
    assert [code for code, _, _ in told(found)] == codes
    assert told({BACKWARDS: Oddity(count, 6 * count, "a")}) == []
    assert told(found, before=(Doubt(Doubted.CORNERS_OR_SIZES, "sizes"),)) == []


def test_objects_that_all_lie_in_the_first_hundredth_are_told() -> None:
    assert [code for code, _, _ in told({HUNDREDTH: Oddity(1, 1, "a")})] == ["smaller_than_a_pixel"]
    assert told({HUNDREDTH: Oddity(9, 10, "a")}) == []


def signs(
    count: int = 2, of: int = 2, right: int = 1, odds: int = 90, decimal: tuple[int, int] = (0, 0)
) -> dict[str, Oddity]:
    """Signs of percent: of so many boxes, so many lie in the first hundred pixels; and of those with decimals."""
    return {
        PERCENT: Oddity(count, of, "a"),
        RIGHT: Oddity(right, of, "a"),
        DOWN: Oddity(1, of, "a"),
        ODDS: Oddity(odds, of),
        DECIMAL: Oddity(*decimal, "a"),
        WHOLE: Oddity(count - decimal[0], of - decimal[1], "a"),
    }


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (signs(), ["all_in_a_corner"]),
        (signs(odds=60), []),  # It may well be chance.
        (signs(odds=60, decimal=(2, 2)), ["all_in_a_corner"]),
        (signs(right=0), []),  # Small objects.
        (signs(of=3), []),
        (signs(2, 40, decimal=(1, 1)), ["frames_disagree"]),
        (signs(20, 40, decimal=(1, 1)), []),  # Many in whole numbers lie there as well.
        (signs(20, 60, decimal=(5, 5)), ["frames_disagree"]),
        (signs(3, 40, decimal=(1, 2)), []),  # Others with decimals lie elsewhere.
        (signs(3, 8, decimal=(1, 1)), []),
    ],
)
def test_boxes_that_may_be_percent_are_told_where_that_is_no_chance(found: dict[str, Oddity], codes: list[str]) -> None:
    assert [code for code, _, _ in told(found)] == codes
    receipts = [msgspec.structs.replace(NOTHING, oddities=found)]
    assert not list(object_doubts(receipts, (), unit_known=True))


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (["0", "1"], "labels_are_numbers"),
        (["17"], "labels_are_numbers"),
        ([*"0123456789", "10"], "labels_are_numbers"),
        (list("0123456789"), ""),  # A dataset that shows digits.
        (["1", "cat"], ""),
        (["n02084071", "n02121808"], "labels_are_codes"),
        (["/m/0cmf2"], "labels_are_codes"),
        (["5f3c0a9e8b7d6c5a4f3e2d1c"], "labels_are_codes"),
        (["7d9f1c5e-2b3a-4c5d-8e9f-0a1b2c3d4e5f"], "labels_are_codes"),
        (["n02084071", "cat"], ""),
    ],
)
def test_labels_of_objects_that_are_ids_are_told(labels: list[str], code: str) -> None:
    counts = dict.fromkeys(labels, 2)
    assert [doubt.code for doubt in label_doubts(counts, DETECTION)] == [code] * bool(code)
    assert not list(label_doubts(counts, "image_classification"))
    if code:
        assert not list(label_doubts(counts, DETECTION, [Doubt(Doubted(code), "told")]))


# Through the command. -----------------------------------------------------------------------------------------------


def doubts(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {doubt["code"]: doubt for doubt in manifest["doubts"]}


def test_boxes_that_leave_images_of_which_no_size_is_declared_are_told_and_keep_strict_from_publishing(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        write_image(tmp_path / f"{number}.jpg", (100, 80))
    images = [coco_image(number, f"{number}.jpg", width=None, height=None) for number in (1, 2)]
    found = [coco_box(1, 1, bbox=[60, 40, 90, 70]), coco_box(2, 2, bbox=[50, 50, 95, 75])]
    source = write_coco(tmp_path / "d.json", images, found)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    doubt = doubts(build.manifest)["corners_or_sizes"]
    assert (doubt["count"], doubt["example"], doubt["option"]) == (2, "1.jpg", "--coco-corners")
    assert attempt(source, tmp_path / "strict", "--strict").status == 3
    assert attempt(source, tmp_path / "strict", "--strict", "--accept", "corners_or_sizes").status == 0
    assert attempt(source, tmp_path / "corners", "--strict", "--coco-corners").status == 0


def test_voc_boxes_that_leave_images_are_told(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / f"d/Annotations/{number}.xml", voc_xml(f"{number}.jpg", voc_object(box=(50, 30, 180, 70))))
        write_image(tmp_path / f"d/JPEGImages/{number}.jpg", (100, 80))
    build = convert("--source", tmp_path / "d", "--image-url", PREFIX, output=tmp_path / "out")
    assert doubts(build.manifest)["boxes_leave_images"]["count"] == 3


def test_objects_of_an_annotation_list_that_was_joined_with_itself_are_told(tmp_path: Path) -> None:
    found = [coco_box(1, 1), coco_box(2, 1, bbox=[1, 2, 3, 4])]
    source = write_coco(tmp_path / "d.json", [coco_image(1, "1.jpg")], [*found, *found])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert (doubts(build.manifest)["objects_twice"]["count"], build.manifest["counts"]["objects"]["written"]) == (2, 4)
    assert json.loads((build.root / "manifest.json").read_bytes())["doubts"] == build.manifest["doubts"]


def test_a_tool_that_calls_every_mask_a_crowd_is_told(tmp_path: Path) -> None:
    mask = {"size": [80, 100], "counts": [805, 20, 60, 20, 7095]}
    found = [coco_box(1, 1, segmentation=mask, iscrowd=1), coco_box(2, 2, segmentation=mask, iscrowd=1)]
    source = write_coco(tmp_path / "d.json", [coco_image(1, "1.jpg"), coco_image(2, "2.jpg")], found)
    build = convert("--source", source, "--image-url", PREFIX, task=SEGMENTATION, output=tmp_path / "out")
    assert doubts(build.manifest)["mostly_crowds"]["count"] == 2


@pytest.mark.parametrize(("copied", "aligned", "of", "codes"), [(3, 0, 3, ["sides_copied"]), (3, 2, 5, ["sides_copied"]), (2, 0, 2, []), (3, 4, 7, []), (9, 0, 10, [])])  # fmt: skip
def test_one_number_for_two_sides_is_told_of_nearly_all_boxes(
    copied: int, aligned: int, of: int, codes: list[str]
) -> None:
    found = {COPIED: Oddity(copied, of, "a"), ALIGNED: Oddity(aligned, of, "b")}
    assert [code for code, *_ in told(found)] == codes
