"""What the numbers of VOC files mean: decided once by all of them, told, or asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, SEGMENTATION, Build, attempt, convert, failed, near
from tests.end_to_end.datasets import put, voc_object, voc_xml, write_image, write_voc

LARGE = (640, 480)
Boxes = Sequence[tuple[float | str, ...]]


def tree(root: Path, files: Mapping[str, Boxes], size: tuple[int, int] = LARGE) -> Path:
    return write_voc(
        root, {name: voc_xml(*(voc_object(box=box) for box in boxes), size=size) for name, boxes in files.items()}
    )


def built(source: Path, output: Path, *options: str, task: str = DETECTION) -> Build:
    return convert("--source", source, "--image-url", PREFIX, *options, output=output, task=task)


def agree(found: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected), found
    assert all(near(one, other) for one, other in zip(found, expected, strict=True)), found


def codes(build: Build) -> list[str]:
    return [doubt["code"] for doubt in build.manifest["doubts"]]


# Fractions.

QUARTERS: dict[str, Boxes] = {"1": [(0.25, 0.25, 0.75, 0.5)], "2": [(0.1, 0.2, 0.4, 0.6)]}
WRITTEN = {"1": [("cat", 0.25, 0.25, 0.75, 0.5, 0)], "2": [("cat", 0.1, 0.2, 0.4, 0.6, 0)]}


@pytest.mark.parametrize(
    ("extra", "written"),
    [
        ([], []),
        ([(0, 0, 1, 1)], [("cat", 0, 0, 1, 1, 0)]),
        ([(0.5, 0.5, 1.02, 1.0)], [("cat", 0.5, 0.5, 1, 1, 0)]),
        ([(-0.01, 0.5, 0.25, 1.000001)], [("cat", 0, 0.5, 0.25, 1, 0)]),
    ],
)
def test_fractions_are_read_as_such_with_a_word(extra, written, tmp_path: Path) -> None:
    build = built(tree(tmp_path / "in", {**QUARTERS, "3": [(0.5, 0.25, 0.75, 0.75), *extra]}), tmp_path / "out")
    for name, boxes in {**WRITTEN, "3": [("cat", 0.5, 0.25, 0.75, 0.75, 0), *written]}.items():
        agree(build.boxes(f"JPEGImages/{name}.jpg"), boxes)
    assert codes(build) == ["relative_coordinates"]


def test_one_file_in_another_frame_is_asked_about(tmp_path: Path) -> None:
    source = tree(
        tmp_path / "in", {"1": [(11, 21, 110, 120)], "2": [(201, 21, 300, 120)], "3": [(0.25, 0.25, 0.75, 0.5)]}
    )
    failed(attempt(source, tmp_path / "out"), 2, "1 of 3 boxes", "Annotations/3.xml", "--voc-boxes")


def test_a_single_box_under_a_pixel_among_many_is_told(tmp_path: Path) -> None:
    many = {"1": [(11 + at, 21, 310 + at, 320) for at in range(150)], "2": [(0.25, 0.25, 0.75, 0.5)]}
    build = built(tree(tmp_path / "in", many), tmp_path / "out")
    (doubt,) = build.manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["example"]) == ("frames_disagree", 1, "Annotations/2.xml")


def test_the_option_outweighs_the_evidence(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", QUARTERS)
    pixels = built(source, tmp_path / "pixels", "--voc-boxes", "pixels", "--voc-origin", "0")
    agree(pixels.boxes("JPEGImages/1.jpg"), [("cat", 0.25 / 640, 0.25 / 480, 0.75 / 640, 0.5 / 480, 0)])
    whole = tree(tmp_path / "whole", {"1": [(0, 0, 1, 1)]})
    relative = built(whole, tmp_path / "relative", "--voc-boxes", "relative")
    agree(relative.boxes("JPEGImages/1.jpg"), [("cat", 0, 0, 1, 1, 0)])
    assert codes(relative) == [], "what was asked for is no doubt"


# Percent.


@pytest.mark.parametrize(
    "files",
    [
        {"1": [(25.0, 25.0, 75.5, 50.0)], "2": [(10.0, 20.0, 40.0, 60.0)]},
        {"1": [(25, 25, 75, 50), (50, 50, 100, 100)], "2": [(10, 20, 40, 60)]},
        {"1": [("12.5", "33.333", "100.0", "99.9")]},
    ],
)
def test_percent_is_asked_about(files, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", files)
    failed(attempt(source, tmp_path / "out"), 2, "percent", "--voc-boxes pixels", "relative")
    assert built(source, tmp_path / "out", "--voc-boxes", "pixels").records


def test_small_boxes_at_the_border_or_in_small_images_are_pixels(tmp_path: Path) -> None:
    border = {"1": [(1, 1, 100, 100)], "2": [(1, 1, 100, 100)]}
    # From the border on they count from 1, as pixels do; that all keep to the first hundred of them is told all the same.
    assert codes(built(tree(tmp_path / "border", border), tmp_path / "1")) == ["all_in_a_corner"]
    small = {"1": [(25, 25, 75, 50)], "2": [(10, 20, 40, 60)]}
    assert codes(built(tree(tmp_path / "small", small, (100, 80)), tmp_path / "2")) == []


# Centres and sizes.


@pytest.mark.parametrize(
    "files",
    [
        {"1": [(320, 240, 100, 50), (500, 300, 40, 80)], "2": [(100, 200, 60, 30)]},
        {"1": [(0.5, 0.5, 0.2, 0.3), (0.3, 0.4, 0.1, 0.6)]},
        {"1": [(400, 300, 200, 100)], "2": [(300, 20, 200, 400)], "3": [(10, 200, 300, 100)]},
    ],
)
def test_centres_and_sizes_are_no_corners(files, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", files)
    failed(attempt(source, tmp_path / "out"), 2, "end before they begin", "--voc-boxes pixels")
    assert built(source, tmp_path / "out", "--voc-boxes", "pixels" if files["1"][0][0] > 1 else "relative").records


def test_corners_in_the_wrong_order_are_mended_where_they_do_not_fit_as_sizes(tmp_path: Path) -> None:
    files = {"1": [(600, 400, 301, 201), (301, 400, 600, 201)], "2": [(600, 201, 301, 400)]}
    build = built(tree(tmp_path / "in", files), tmp_path / "out")
    agree(build.boxes("JPEGImages/2.jpg"), [("cat", 300 / 640, 200 / 480, 600 / 640, 400 / 480, 0)])
    assert build.manifest["adjusted_by_reason"] == {"bbox_corners_swapped": 3}


# Origin.


def test_the_evidence_of_the_origin_is_told_in_numbers(tmp_path: Path) -> None:
    files = {"1": [(0, 21, 110, 120), (1, 21, 640, 300)], "2": [(11, 21, 641, 120)], "3": [(201, 21, 300, 120)]}
    (doubt,) = built(tree(tmp_path / "in", files), tmp_path / "out").manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["example"]) == ("voc_origin", 1, "Annotations/1.xml")
    assert doubt["option"] == "--voc-origin 0"
    assert (
        "1 of 4 objects, in 1 of 3 files, have a coordinate below 1, 1 begin at 1, 1 end at the width or height, 1 one past it, "
        "0 lie between whole pixels" in doubt["message"]
    )


WHOLE: Boxes = [(11 + at, 21, 110, 120 + at) for at in range(10)]


@pytest.mark.parametrize(
    "box", [("0.0", "10.5", "100.25", "200"), (33.5, 0.25, 100, 200), (33.25, 20.5, 100.75, 199.125)]
)
def test_coordinates_before_or_between_pixels_that_count_from_1_are_told(box: tuple[Any, ...], tmp_path: Path) -> None:
    """As labelme2voc writes them, which counts from 0: the first pixel of 1 has no half before it."""
    source = tree(tmp_path / "in", {"1": [box], "2": WHOLE[:9]})
    (doubt,) = built(source, tmp_path / "out").manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["option"]) == ("voc_origin", 1, "--voc-origin 0")
    assert doubt["example"] == "Annotations/1.xml"
    build = built(source, tmp_path / "again", "--voc-origin", "0")
    assert codes(build) == []
    left, top, right, bottom = map(float, box)
    agree(build.boxes("JPEGImages/1.jpg"), [("cat", left / 640, top / 480, right / 640, bottom / 480, 0)])


def test_a_few_boxes_between_pixels_as_voc_itself_has_them_are_no_doubt(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"1": [(33.25, 20.5, 100.75, 199.125)], "2": WHOLE})
    assert codes(built(source, tmp_path / "out")) == []


def test_a_box_one_past_the_border_speaks_against_either_origin(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"1": [(11, 21, 641, 120)]})
    for origin in ("0", "1"):
        build = built(source, tmp_path / origin, "--voc-origin", origin)
        assert codes(build) == ["voc_origin"]
    inside = tree(tmp_path / "inside", {"1": [(1, 1, 640, 480)], "2": [(11, 21, 110, 120)]})
    assert codes(built(inside, tmp_path / "out")) == []


# Declared sizes.


def test_swapped_width_and_height_are_told_by_the_boxes(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"1": [(501, 21, 600, 120)], "2": [(11, 21, 110, 120)]}, (480, 640))
    (doubt,) = built(source, tmp_path / "out").manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["option"]) == ("boxes_leave_images", 1, "--check-images header")


def test_swapped_width_and_height_are_told_by_a_look_at_a_few_images(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {str(number): [(11, 21, 110, 120)] for number in range(6)}, (480, 640))
    for number in range(6):
        write_image(source / "JPEGImages" / f"{number}.jpg", LARGE)
    (doubt,) = built(source, tmp_path / "out").manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["option"]) == ("declared_size_differs", 4, "--check-images header")
    assert codes(built(source, tmp_path / "none", "--check-images", "none")) == []
    failed(attempt(source, tmp_path / "out2", "--check-images", "header"), 3, "size_mismatch 6")


# Rotated boxes.


def rotated(cx: float, cy: float, w: float, h: float, angle: float) -> str:
    sides = {"cx": cx, "cy": cy, "w": w, "h": h, "angle": angle}
    inner = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
    return voc_object(box=None, inner=f"<type>robndbox</type><robndbox>{inner}</robndbox>")


@pytest.mark.parametrize(
    ("angle", "width", "height"),
    [
        (0, 200, 20),
        (math.pi / 2, 20, 200),
        (-math.pi / 2, 20, 200),
        (math.pi, 200, 20),
        (math.pi / 6, 183.205081, 117.320508),
    ],
)
def test_a_rotated_box_becomes_the_one_around_it(angle: float, width: float, height: float, tmp_path: Path) -> None:
    source = write_voc(tmp_path / "in", {"1": voc_xml(rotated(300, 200, 200, 20, angle), size=LARGE)})
    build = built(source, tmp_path / "out", "--voc-origin", "0")
    left, top, right, bottom = 300 - width / 2, 200 - height / 2, 300 + width / 2, 200 + height / 2
    agree(build.boxes("JPEGImages/1.jpg"), [("cat", left / 640, top / 480, right / 640, bottom / 480, 0)])
    assert build.manifest["adjusted_by_reason"] == ({"bbox_turned": 1} if angle else {})


def test_a_rotation_beside_the_box_turns_it(tmp_path: Path) -> None:
    attributes = "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
    xml = voc_xml(voc_object(box=(200, 190, 400, 210), inner=attributes), size=LARGE)
    build = built(write_voc(tmp_path / "in", {"1": xml}), tmp_path / "out", "--voc-origin", "0")
    agree(build.boxes("JPEGImages/1.jpg"), [("cat", 290 / 640, 100 / 480, 310 / 640, 300 / 480, 0)])


def test_angles_of_more_than_a_turn_are_rejected_by_name(tmp_path: Path) -> None:
    xml = voc_xml(rotated(300, 200, 200, 20, 90), rotated(300, 200, 200, 20, 1.5), size=LARGE)
    build = built(write_voc(tmp_path / "in", {"1": xml}), tmp_path / "out")
    assert build.manifest["rejected_by_reason"] == {"invalid_bbox": 1}
    assert codes(build) == ["voc_angles"]
    assert "robndbox" in build.rejected[0]["message"]


# Objects that are not understood, and outlines.


def test_a_box_of_no_object_is_rejected_and_counted(tmp_path: Path) -> None:
    loose = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    source = write_voc(tmp_path / "in", {"1": voc_xml(voc_object(), inner=loose), "2": voc_xml(inner=loose * 2)})
    build = built(source, tmp_path / "out", "--max-rejected", "1")
    assert build.manifest["rejected_by_reason"] == {"no_valid_object": 1, "unknown_element": 3}
    assert build.manifest["counts"]["objects"] == {"found": 4, "written": 1, "rejected": 3, "skipped": 0}


@pytest.mark.parametrize(
    ("outline", "origin"),
    [
        ("<polygon><x1>10</x1><y1>20</y1><x2>30</x2><y2>20</y2><x3>30</x3><y3>40</y3></polygon>", "0"),
        (
            "<polygon><pt><x>10.5</x><y>20.5</y></pt><pt><x>30.5</x><y>20.5</y></pt><pt><x>30.5</x><y>40.5</y></pt></polygon>",
            "1",
        ),
        ("<segm>0.1,0.25,0.3,0.25,0.3,0.5</segm>", "1"),
    ],
)
def test_outlines_are_used_for_segmentation(outline: str, origin: str, tmp_path: Path) -> None:
    box = (0.1, 0.25, 0.3, 0.5) if "segm" in outline else (11, 21, 30, 40)
    xmls = {"1": voc_xml(voc_object(box=box, inner=outline)), "2": voc_xml(voc_object(box=None, inner=outline))}
    build = built(write_voc(tmp_path / "in", xmls), tmp_path / "out", "--voc-origin", origin, task=SEGMENTATION)
    for name in xmls:
        (found,) = build.records[f"JPEGImages/{name}.jpg"]["label"]
        (polygon,) = found["polygon"]
        ring = list(zip(polygon[::2], polygon[1::2], strict=True))
        assert sorted(ring) == [(0.1, 0.25), (0.3, 0.25), (0.3, 0.5)]
    assert "voc_without_outline" not in codes(build)


def test_an_outline_without_a_box_gives_one(tmp_path: Path) -> None:
    outline = "<polygon><x1>10</x1><y1>20</y1><x2>30</x2><y2>20</y2><x3>30</x3><y3>40</y3></polygon>"
    source = write_voc(tmp_path / "in", {"1": voc_xml(voc_object(box=None, inner=outline))})
    build = built(source, tmp_path / "out", "--voc-origin", "0")
    agree(build.boxes("JPEGImages/1.jpg"), [("cat", 0.1, 0.25, 0.3, 0.5, 0)])
    assert build.manifest["adjusted_by_reason"] == {"bbox_from_segmentation": 1}


def test_objects_without_any_outline_are_told(tmp_path: Path) -> None:
    outline = "<polygon><x1>10</x1><y1>20</y1><x2>30</x2><y2>20</y2><x3>30</x3><y3>40</y3></polygon>"
    source = write_voc(tmp_path / "in", {"1": voc_xml(voc_object(inner=outline)), "2": voc_xml(voc_object())})
    (doubt,) = built(source, tmp_path / "out", task=SEGMENTATION).manifest["doubts"]
    assert (doubt["code"], doubt["count"], doubt["example"]) == ("voc_without_outline", 1, "Annotations/2.xml")


# Names.


@pytest.mark.parametrize(
    "filename",
    [
        "../../../etc/passwd.jpg",
        "..\\..\\secret.jpg",
        "a/../../b.jpg",
        "file:///etc/passwd.jpg",
        "ftp://host/x.jpg",
        "a\tb/../../c.jpg",
    ],
)
def test_a_filename_never_leads_out_of_the_root(filename: str, tmp_path: Path) -> None:
    source = write_voc(
        tmp_path / "in", {"1": voc_xml(voc_object(), filename=filename), "2": voc_xml(voc_object())}, images=[]
    )
    build = built(source, tmp_path / "out", "--max-rejected", "1")
    assert list(build.records) == ["JPEGImages/2.jpg"]
    (code,) = build.manifest["rejected_by_reason"].keys() - {"image_rejected"}
    assert code == ("unsupported_url" if "://" in filename else "unsafe_path")


@pytest.mark.parametrize(
    "filename", ["/etc/passwd.jpg", "C:\\secret\\passwd.jpg", "//host/share/passwd.jpg", "./passwd.jpg"]
)
def test_of_an_absolute_filename_only_the_name_is_taken(filename: str, tmp_path: Path) -> None:
    source = write_voc(tmp_path / "in", {"1": voc_xml(voc_object(), filename=filename)}, images=[])
    assert list(built(source, tmp_path / "out").records) == ["JPEGImages/passwd.jpg"]


def test_images_need_not_be_there_where_they_are_not_checked(tmp_path: Path) -> None:
    xmls = {name: voc_xml(voc_object(), filename=f"{name}.png") for name in "123"}
    source = write_voc(tmp_path / "in", xmls, images=["1.png"])
    rejected = built(source, tmp_path / "rejected", "--max-rejected", "1")
    assert rejected.manifest["rejected_by_reason"]["missing_image"] == 2
    believed = built(source, tmp_path / "believed", "--check-images", "none")
    assert sorted(believed.records) == [f"JPEGImages/{name}.png" for name in "123"]


def test_images_that_are_not_there_are_believed_to_lie_where_the_others_do(tmp_path: Path) -> None:
    for name in "12":
        put(tmp_path / "in" / "train" / "labels" / f"{name}.xml", voc_xml(voc_object()))
    put(tmp_path / "in" / "train" / "images" / "1.jpg", b"")
    build = built(tmp_path / "in", tmp_path / "out", "--check-images", "none")
    assert sorted(build.records) == ["train/images/1.jpg", "train/images/2.jpg"]


def test_labels_with_blanks_and_in_two_unicode_forms_are_one_label(tmp_path: Path) -> None:
    names = ["caf\u00e9", " cafe\u0301 ", "Caf\u00e9"]
    xml = voc_xml(*(voc_object(name, (11, 21, 30 + at, 40)) for at, name in enumerate(names)))
    build = built(write_voc(tmp_path / "in", {"1": xml}), tmp_path / "out")
    assert build.manifest["labels"] == ["Caf\u00e9", "caf\u00e9"]
    assert build.adjusted == {"label_normalized": 1}
    assert codes(build) == ["labels_alike"]


@pytest.mark.parametrize("percent", [[(10.5, 20.5, 90.2, 60.1)], [(2, 3, 20, 20), (40, 50, 99, 99)], [(5, 5, 86, 30)]])
def test_files_that_seem_to_be_percent_beside_others_are_counted(percent: Boxes, tmp_path: Path) -> None:
    files: dict[str, Boxes] = {f"p{at}": [(20, 30, 300, 260), *WHOLE] for at in range(6)}
    files |= {f"q{at}": percent for at in range(3)}
    build = built(tree(tmp_path / "in", files), tmp_path / "out")
    (doubt,) = [doubt for doubt in build.manifest["doubts"] if doubt["code"] == "frames_disagree"]
    assert (doubt["count"], doubt["example"], doubt["option"]) == (3, "Annotations/q0.xml", "--voc-boxes pixels")
    assert codes(built(tmp_path / "in", tmp_path / "again", "--voc-boxes", "pixels")) == []
