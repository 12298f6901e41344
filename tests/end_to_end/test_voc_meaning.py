"""VOC files that mean something else than they seem to: nothing of it is written without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Build,
    attempt,
    convert,
    failed,
    near,
)
from tests.end_to_end.datasets import put, touch, voc_object, voc_xml, write_image, write_voc

Size = tuple[int, int]
Boxes = Sequence[tuple[float, ...]]
VGA, HD, PHOTO = (640, 480), (1920, 1080), (4000, 3000)


def tree(root: Path, files: Mapping[str, tuple[Size, Boxes]]) -> Path:
    return write_voc(
        root,
        {name: voc_xml(*(voc_object(box=box) for box in boxes), size=size) for name, (size, boxes) in files.items()},
    )


def built(source: Path, output: Path, *options: str, task: str = DETECTION) -> Build:
    return convert("--source", source, "--image-url", PREFIX, *options, output=output, task=task)


def doubts(build: Build) -> dict[str, dict[str, Any]]:
    found = build.manifest["doubts"]
    assert len({doubt["code"] for doubt in found}) == len(found)
    return {doubt["code"]: doubt for doubt in found}


# Objects that somebody has deleted.


def labelme(*objects: tuple[str, str], names: str = "") -> str:
    """A file as MIT's LabelMe writes it, of labels and whether they are deleted."""
    corners = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((11, 21), (30, 21), (30, 40)))
    inner = "".join(
        f"<object><name>{label}</name><deleted>{deleted}</deleted><verified>0</verified><occluded>no</occluded><attributes/>"
        f"<parts><hasparts/><ispartof/></parts><id>{at}</id><polygon><username>me</username>{corners}</polygon></object>"
        for at, (label, deleted) in enumerate(objects)
    )
    return f"<annotation><filename>x.jpg</filename>{names}<imagesize><nrows>80</nrows><ncols>100</ncols></imagesize>{inner}</annotation>"


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_deleted_objects_are_skipped_and_counted(task: str, tmp_path: Path) -> None:
    xmls = {"1": labelme(("cat", "0"), ("dog", "1")), "2": labelme(("cat", "1")), "3": labelme(("cat", "no"))}
    build = built(write_voc(tmp_path / "in", xmls), tmp_path / "out", task=task)
    labels = {path: [item["label"] for item in record["label"]] for path, record in build.records.items()}
    assert labels == {"JPEGImages/1.jpg": ["cat"], "JPEGImages/2.jpg": [], "JPEGImages/3.jpg": ["cat"]}
    assert build.manifest["skipped_by_reason"] == {"deleted": 2}
    assert build.counts["objects"] == (4, 2, 0, 2)


def test_a_deleted_box_is_no_label_of_its_image(tmp_path: Path) -> None:
    deleted = "<deleted>1</deleted>"
    xmls = {"1": voc_xml(voc_object("cat"), voc_object("dog", inner=deleted), voc_object("cat", inner=deleted))}
    build = built(write_voc(tmp_path / "in", xmls), tmp_path / "out", task=MULTILABEL)
    assert build.records["JPEGImages/1.jpg"]["label"] == ["cat"]
    assert build.manifest["skipped_by_reason"] == {"deleted": 1}


def test_objects_to_be_ignored_and_crowds_are_crowds(tmp_path: Path) -> None:
    objects = (voc_object(inner=f"<{tag}>1</{tag}>") for tag in ("ignore", "iscrowd", "pose"))
    build = built(write_voc(tmp_path / "in", {"1": voc_xml(*objects)}), tmp_path / "out")
    assert [box[-1] for box in build.boxes("JPEGImages/1.jpg")] == [1, 1, 0]
    assert build.adjusted == {"ignored_as_crowd": 1}


# Fields that stand twice.


@pytest.mark.parametrize(
    ("xml", "codes"),
    [
        (
            voc_xml(voc_object(), filename="1.jpg", inner="<filename>2.jpg</filename>"),
            ["image_rejected", "repeated_field"],
        ),
        (voc_xml(voc_object(), inner="<size><width>50</width></size>"), ["image_rejected", "repeated_field"]),
        (
            voc_xml(voc_object(inner="<difficult>0</difficult><difficult>1</difficult>"), voc_object()),
            ["repeated_field"],
        ),
        (voc_xml(voc_object(inner="<name>dog</name>"), voc_object()), ["invalid_label"]),
        (voc_xml(voc_object().replace("<xmin>", "<xmin>7</xmin><xmin>"), voc_object()), ["invalid_bbox"]),
    ],
)
def test_a_field_that_says_two_things_is_rejected_and_counted(xml: str, codes: list[str], tmp_path: Path) -> None:
    source = write_voc(tmp_path / "in", {"1": xml, "2": voc_xml(voc_object())})
    for task in (DETECTION, MULTILABEL):
        build = built(source, tmp_path / task, task=task)
        expected = [code for code in codes if task == DETECTION or code != "invalid_bbox"]
        assert build.codes("JPEGImages/1.jpg") == expected
        assert "JPEGImages/2.jpg" in build.records


def test_two_boxes_in_one_element_are_two_objects(tmp_path: Path) -> None:
    second = "<xmin>51</xmin><ymin>21</ymin><xmax>70</xmax><ymax>40</ymax></bndbox>"
    source = write_voc(tmp_path / "in", {"1": voc_xml(voc_object().replace("</bndbox>", second))})
    boxes = built(source, tmp_path / "out").boxes("JPEGImages/1.jpg")
    assert near(boxes[0], ("cat", 0.1, 0.25, 0.3, 0.5, 0)) and near(boxes[1], ("cat", 0.5, 0.25, 0.7, 0.5, 0))


# A grid of 1000 steps.

SPREAD: Boxes = [(20, 30, 480, 500), (100, 620, 930, 990), (510, 140, 890, 380)]


@pytest.mark.parametrize(
    "files",
    [
        {"1": (VGA, SPREAD)},
        {"1": (VGA, SPREAD[:2]), "2": (HD, SPREAD[1:])},
        {str(at): (PHOTO, SPREAD) for at in range(3)},
        {str(at): ((500, 333), [(16, 48, 1024, 700), (900, 0, 1008, 1024)]) for at in range(2)},
        {str(at): (HD, SPREAD) for at in range(8)},
    ],
)
def test_boxes_on_a_grid_are_asked_about(files: dict[str, tuple[Size, Boxes]], tmp_path: Path) -> None:
    source = tree(tmp_path / "in", files)
    failed(attempt(source, tmp_path / "out"), 2, "grid", "normalised", "--voc-boxes pixels", "--voc-boxes relative")
    assert "fixed_grid" not in doubts(built(source, tmp_path / "out", "--voc-boxes", "pixels"))


@pytest.mark.parametrize(
    "files",
    [
        {"1": (HD, SPREAD), "2": (HD, SPREAD)},
        {"1": (VGA, [(100, 100, 950, 300)]), "2": (HD, [(100, 100, 300, 300)])},
        {str(at): (PHOTO, [(20, 30, 480, 500), (300, 300, 700, 800)]) for at in range(8)},
    ],
)
def test_boxes_that_may_be_on_a_grid_are_told(files: dict[str, tuple[Size, Boxes]], tmp_path: Path) -> None:
    doubt = doubts(built(tree(tmp_path / "in", files), tmp_path / "out"))["fixed_grid"]
    assert doubt["option"] == "--voc-boxes pixels" and "none of" in doubt["message"]
    assert doubt["count"] == sum(len(boxes) for _, boxes in files.values())


@pytest.mark.parametrize(
    "files",
    [
        {str(at): ((1000, 1000), SPREAD) for at in range(9)},
        {str(at): (PHOTO, [*SPREAD, (2000, 100, 3900, 2900)]) for at in range(9)},
        {str(at): ((1100, 1100), [(400, 400, 700, 700)]) for at in range(60)},
        {str(at): (VGA, [(20, 30, 640, 480), (300, 200, 400, 400)]) for at in range(9)},
        {"1": (PHOTO, [(900, 800, 1000, 1000)])},
    ],
)
def test_boxes_in_pixels_are_no_grid(files: dict[str, tuple[Size, Boxes]], tmp_path: Path) -> None:
    assert doubts(built(tree(tmp_path / "in", files), tmp_path / "out")) == {}


# Sizes in place of corners, in a few files.

CORNERS = {f"c{at}": (VGA, [(20, 30, 300, 260), (310, 210, 640, 480)]) for at in range(30)}


@pytest.mark.parametrize(
    "boxes",
    [[(400, 300, 100, 50)], [(20, 30, 300, 260), (300, 200, 90, 95)], [(600, 400, 60, 90), (300, 300, 310, 120)]],
)
def test_a_file_whose_boxes_fit_as_sizes_is_told(boxes: Boxes, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {**CORNERS, "s": (VGA, boxes)})
    doubt = doubts(built(source, tmp_path / "out"))["corners_or_sizes"]
    assert (doubt["count"], doubt["example"]) == (1, "Annotations/s.xml")
    assert doubt["option"] == "--voc-boxes pixels"
    assert doubts(built(source, tmp_path / "pixels", "--voc-boxes", "pixels")) == {}


def test_corners_that_were_drawn_backwards_and_fit_as_nothing_else_are_mended_without_a_doubt(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {**CORNERS, "s": (VGA, [(600, 400, 301, 201), (400, 300, 100, 50)])})
    build = built(source, tmp_path / "out")
    assert doubts(build) == {} and build.adjusted == {"bbox_corners_swapped": 2}


# Boxes that leave their images.


@pytest.mark.parametrize(
    ("boxes", "outside"),
    [
        ([(700, 500, 900, 700)], 1),
        ([(20, 30, 1100, 470)], 0),
        ([(-400, 30, 300, 260)], 0),
        ([(20, 30, 300, 260), (20, 530, 300, 860), (100, 100, 900, 200)], 1),
    ],
)
def test_boxes_far_outside_of_their_image_are_told(boxes: Boxes, outside: int, tmp_path: Path) -> None:
    others = {name: CORNERS[name] for name in list(CORNERS)[:20]} | {"w": (HD, [(30, 30, 1900, 1000)])}
    build = built(tree(tmp_path / "in", {**others, "s": (VGA, boxes)}), tmp_path / "out")
    doubt = doubts(build)["boxes_leave_images"]
    assert (doubt["example"], doubt["option"]) == ("Annotations/s.xml", "--check-images header")
    assert f"{outside} lie outside" in doubt["message"]


def test_boxes_a_little_over_the_border_are_cut_without_a_doubt(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"1": (VGA, [(20, 30, 646, 470)]), "2": (VGA, [(-3, 10, 300, 480)])})
    assert doubts(built(source, tmp_path / "out")) == {}


def test_many_boxes_over_the_border_are_told(tmp_path: Path) -> None:
    files = {str(at): (VGA, [(20, 30, 300, 300), (400, 200, 670, 400)]) for at in range(4)}
    doubt = doubts(built(tree(tmp_path / "in", files), tmp_path / "out"))["boxes_leave_images"]
    assert doubt["count"] == 4


def test_where_all_images_are_looked_at_no_option_settles_boxes_that_leave_them(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"1": (VGA, [(700, 500, 900, 700), (20, 30, 300, 260)])})
    write_image(source / "JPEGImages/1.jpg", VGA)
    doubt = doubts(built(source, tmp_path / "out", "--check-images", "header"))["boxes_leave_images"]
    assert doubt["option"] == ""


# Files without a size.


@pytest.mark.parametrize("size", [None, (0, 0), ("", "")])
@pytest.mark.parametrize(
    ("boxes", "status", "word"),
    [
        ([(20, 30, 1100, 470), (20, 30, 300, 260)], 0, "boxes_leave_images"),
        ([(25.5, 25, 75, 50), (50, 50, 100, 100)], 2, "percent"),
        ([*SPREAD], 2, "grid"),
        ([(320, 240, 100, 50), (500, 300, 40, 80)], 2, "end before they begin"),
    ],
)
def test_boxes_of_files_without_a_size_tell_what_they_mean_as_well(
    size: Any, boxes: Boxes, status: int, word: str, tmp_path: Path
) -> None:
    source = write_voc(tmp_path / "in", {"1": voc_xml(*(voc_object(box=box) for box in boxes), size=size)})
    write_image(source / "JPEGImages/1.jpg", VGA)
    if status:
        failed(attempt(source, tmp_path / "out"), status, word, "--voc-boxes")
    else:
        assert word in doubts(built(source, tmp_path / "out"))


# Outlines.


def outline(*corners: float) -> str:
    points = zip(corners[::2], corners[1::2], strict=True)
    return "<polygon>" + "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points) + "</polygon>"


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
@pytest.mark.parametrize(
    ("inner", "word"),
    [
        (outline(60, 50, 80, 50, 80, 70), "lie outside of their own box"),
        (outline(21, 11, 40, 11, 40, 30, 21, 30), "if x and y were exchanged"),
        (outline(0.11, 0.26, 0.3, 0.26, 0.3, 0.5), "lie outside of their own box"),
    ],
)
def test_outlines_away_from_their_boxes_are_told(inner: str, word: str, task: str, tmp_path: Path) -> None:
    good = voc_object(inner=outline(11, 21, 30, 21, 30, 40))
    box = (11, 41, 30, 60) if "exchanged" in word else (11, 21, 30, 40)
    inner = outline(41, 11, 60, 11, 60, 30, 41, 30) if "exchanged" in word else inner
    xmls = {"1": voc_xml(good, good), "2": voc_xml(good, voc_object("dog", box, inner))}
    doubt = doubts(built(write_voc(tmp_path / "in", xmls), tmp_path / "out", task=task))["outlines_off_boxes"]
    assert (doubt["count"], doubt["example"]) == (1, "Annotations/2.xml")
    assert word in doubt["message"]


@pytest.mark.parametrize(
    ("outlines", "status", "word"),
    [
        ([outline(20, 30, 480, 30, 480, 500), outline(100, 620, 930, 620, 930, 990)], 2, "grid"),
        ([outline(25.5, 25, 75, 25, 75, 50), outline(50, 50, 100, 50, 100, 99)], 2, "percent"),
        ([outline(20, 30, 1100, 30, 1100, 470)], 0, "boxes_leave_images"),
        ([outline(0.25, 0.25, 0.75, 0.25, 0.75, 0.5)], 0, "relative_coordinates"),
    ],
)
def test_outlines_without_boxes_tell_what_they_mean_as_well(
    outlines: list[str], status: int, word: str, tmp_path: Path
) -> None:
    xml = voc_xml(*(voc_object(box=None, inner=inner) for inner in outlines), size=VGA)
    source = write_voc(tmp_path / "in", {"1": xml})
    for task in (DETECTION, SEGMENTATION):
        if status:
            failed(attempt(source, tmp_path / "out", task=task), status, word, "--voc-boxes")
        else:
            assert word in doubts(built(source, tmp_path / task, task=task))


def test_outlines_in_their_boxes_are_no_doubt(tmp_path: Path) -> None:
    inner = outline(11, 21, 30, 21, 30, 40)
    centred = voc_object(box=None, inner=f"<bndbox><cx>20</cx><cy>30</cy><w>20</w><h>20</h></bndbox>{inner}")
    xmls = {
        "1": voc_xml(voc_object(inner=inner)),
        "2": voc_xml(voc_object(box=(30, 40, 11, 21), inner=inner)),
        "3": voc_xml(centred),
    }
    found = doubts(built(write_voc(tmp_path / "in", xmls), tmp_path / "out", task=SEGMENTATION))
    assert "outlines_off_boxes" not in found


# Names of other images.


@pytest.mark.parametrize("task", [DETECTION, CLASSIFICATION])
@pytest.mark.parametrize(
    ("names", "images"),
    [
        ({"a": "a.jpg", "a_flip": "a.jpg"}, ["a.jpg", "a_flip.jpg"]),
        ({"a": "b.png", "c": "c.jpg"}, ["a.jpg", "b.png", "c.jpg"]),
        ({"a": "C:\\photos\\b", "b": "b.jpg"}, ["a.jpg", "b.jpg"]),
    ],
)
def test_a_filename_of_another_image_that_is_there_is_told(
    names: dict[str, str], images: list[str], task: str, tmp_path: Path
) -> None:
    xmls = {name: voc_xml(voc_object(), filename=filename) for name, filename in names.items()}
    build = built(write_voc(tmp_path / "in", xmls, images), tmp_path / "out", task=task)
    doubt = doubts(build)["voc_filename"]
    (example,) = [name for name, filename in names.items() if not filename.startswith(f"{name}.")]
    assert (doubt["count"], doubt["example"]) == (1, f"Annotations/{example}.xml")
    assert f"JPEGImages/{example}.jpg" in build.records


def test_a_filename_that_leads_nowhere_is_no_doubt(tmp_path: Path) -> None:
    xmls = {"a": voc_xml(voc_object(), filename="old.jpg"), "B": voc_xml(voc_object(), filename="b.JPG")}
    assert doubts(built(write_voc(tmp_path / "in", xmls), tmp_path / "out")) == {}


@pytest.mark.parametrize(
    ("xmls", "images"),
    [
        ({"Annotations/a": "a.jpg", "Annotations/a_flip": "a.jpg"}, ["a"]),
        ({"Annotations/x1": "a.jpg", "Annotations/x2": "a.jpg"}, ["a"]),
        ({"Annotations/train/a": "a.jpg", "Annotations/val/a": "a.jpg"}, ["a"]),
        ({"Annotations/a": "a.jpg", "Annotations/A": "a.jpg"}, ["a"]),
    ],
)
def test_files_that_lead_to_one_image_are_told(xmls: dict[str, str], images: list[str], tmp_path: Path) -> None:
    for name, filename in xmls.items():
        put(tmp_path / "in" / f"{name}.xml", voc_xml(voc_object(), filename=filename))
    for name in images:
        touch(tmp_path / "in" / "JPEGImages" / f"{name}.jpg")
    build = built(tmp_path / "in", tmp_path / "out")
    assert "image_of_several_files" in doubts(build)
    assert build.manifest["rejected_by_reason"] == {"duplicate_image": 1}
