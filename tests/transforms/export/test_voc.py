"""Pascal VOC: documents, odd names in them, and the lists of splits."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from labelbeam.schemas.errors import LabelBeamError
from tests.transforms.export.published import DETECTION, ODD, SEGMENTATION, box, export, inside, mask, record


def test_names_are_escaped_and_pixels_count_from_1_in_voc(tmp_path: Path) -> None:
    boxes = [box(label, 0.0, 0.1, 0.5, 1.0, number % 2) for number, label in enumerate(ODD)]
    exported = export(tmp_path, DETECTION, [record("ü <&>/1.png", boxes)], "voc")
    document = ElementTree.parse(tmp_path / "out/Annotations/ü <&>/1.xml")
    assert [name.text for name in document.findall("object/name")] == ODD
    (filename,), (first, *_) = document.findall("filename"), document.findall("object/bndbox")
    assert filename.text == "1.png"
    assert [edge.text for edge in first] == ["1", "11", "100", "100"]
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text("utf-8") == "ü <&>/1\n"
    assert exported.not_held == {"crowds_as_difficult": 2}


def test_a_box_under_a_pixel_is_widened_inside_its_image_and_counted_in_voc(tmp_path: Path) -> None:
    exported = export(tmp_path, DETECTION, [record("1.png", [box("a", 0.998, 0.5, 1.0, 0.75)])], "voc")
    text = (tmp_path / "out/Annotations/1.xml").read_text("utf-8")
    assert "<xmin>200</xmin><ymin>51</ymin><xmax>200</xmax><ymax>75</ymax>" in text
    assert exported.not_held == {"boxes_under_a_pixel": 1}


def test_a_hole_is_kept_as_a_bridged_outline_in_voc(tmp_path: Path) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.5, 0.3, 0.5, 0.5, 0.3, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "voc")
    (polygon,) = ElementTree.parse(tmp_path / "out/Annotations/1.xml").findall("object/polygon")
    numbers = [float(corner.text or "") - 0.5 for corner in polygon]
    assert inside(numbers, 20, 20) and not inside(numbers, 40, 41)
    assert exported.not_held == {"parts_bridged": 1}


def test_a_name_that_xml_cannot_hold_ends_the_export_and_leaves_nothing(tmp_path: Path) -> None:
    said = (
        r"the label 'a\\x01' of 'b/1\.png' holds '\\x01', a character that XML cannot.* rename the label with --labels"
    )
    with pytest.raises(LabelBeamError, match=said):
        export(tmp_path, DETECTION, [record("b/1.png", [box("a\x01", 0, 0, 1, 1)])], "voc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


def test_an_image_with_a_line_break_in_its_name_ends_the_export_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="or control characters; nothing was exported"):
        export(tmp_path, DETECTION, [record("a\nb.png", [])], "voc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


@pytest.mark.parametrize("label", ["]]>", "&amp;", "<b>", "a\rb", "\u00a0", "'\""])
def test_a_label_comes_back_from_its_element(label: str, tmp_path: Path) -> None:
    export(tmp_path, DETECTION, [record("1.png", [box(label, 0, 0, 1, 1)])], "voc")
    (name,) = ElementTree.parse(tmp_path / "out/Annotations/1.xml").findall("object/name")
    assert name.text == label


@pytest.mark.parametrize(("stem", "line"), [("image", "./image"), ("Image ID", "./Image ID"), ("image1", "image1")])
def test_a_name_that_readers_take_for_headings_is_listed_as_a_path(stem: str, line: str, tmp_path: Path) -> None:
    export(tmp_path, DETECTION, [record(f"{stem}.png", [])], "voc")
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text("utf-8") == f"{line}\n"


def test_parts_apart_are_outlines_of_their_own_of_pixel_centres(tmp_path: Path) -> None:
    one, other = [0.1, 0.1, 0.2, 0.1, 0.2, 0.2], [0.5, 0.5, 0.75, 0.5, 0.75, 0.7]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", one, other)], 100, 100)], "voc")
    document = ElementTree.parse(tmp_path / "out/Annotations/1.xml")
    polygons = [[(edge.tag, edge.text) for edge in polygon] for polygon in document.findall("object/polygon")]
    names = ["x1", "y1", "x2", "y2", "x3", "y3"]
    assert polygons == [
        list(zip(names, ["10.5", "10.5", "20.5", "10.5", "20.5", "20.5"], strict=True)),
        list(zip(names, ["50.5", "50.5", "75.5", "50.5", "75.5", "70.5"], strict=True)),
    ]
    assert [edge.text for edge in document.findall("object/bndbox/*")] == ["11", "11", "75", "70"]
    assert document.findtext("segmented") == "1" and not exported.not_held
