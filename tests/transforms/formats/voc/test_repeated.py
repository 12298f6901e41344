"""Fields that stand more than once in an annotation file: read where all of them are told apart, else never the first alone."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.voc.objects import VocObject
from labelbeam.transforms.formats.voc.xml import Annotation, parse_annotation


def sides(*numbers: float) -> str:
    tags = ("xmin", "ymin", "xmax", "ymax") * (len(numbers) // 4)
    return "".join(f"<{tag}>{number}</{tag}>" for tag, number in zip(tags, numbers, strict=True))


def box(inner: str) -> str:
    return f"<bndbox>{inner}</bndbox>"


def parsed(inside: str) -> Annotation:
    return parse_annotation(f"<annotation>{inside}</annotation>".encode())


def objects(inner: str) -> tuple[VocObject, ...]:
    return parsed(f"<object>{inner}</object>").objects


ONE, TWO = (1, 2, 30, 40), (51, 2, 70, 40)
CENTRES = "<cx>{}</cx><cy>20</cy><w>10</w><h>8</h>"


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        (f"<name>cat</name>{box(sides(*ONE, *TWO))}", [("cat", ONE), ("cat", TWO)]),
        (
            f"<name>cat</name><name>dog</name>{box(sides(*ONE, *TWO))}",
            [("cat", ONE), ("dog", TWO)],
        ),
        (
            f"<name>cat</name>{box(CENTRES.format(20) + CENTRES.format(50))}",
            [("cat", (20, 20, 10, 8)), ("cat", (50, 20, 10, 8))],
        ),
        (f"<name>cat</name>{sides(*ONE)}<name>dog</name>{sides(*TWO)}", [("cat", ONE), ("dog", TWO)]),
        (f"<name>cat</name>{box(sides(*ONE, *ONE))}", [("cat", ONE)]),
        (f"<name>cat</name>{box('<xmin>1</xmin>' + sides(*ONE))}", [("cat", ONE)]),
    ],
)
def test_boxes_whose_fields_follow_each_other_in_one_element_are_all_read(inner, found):
    assert [(each.name, each.box and each.box.numbers) for each in objects(inner)] == found


@pytest.mark.parametrize(
    ("inner", "count"),
    [
        ("<xmin>9</xmin>" + sides(*ONE), 1),
        (sides(*ONE) + "<ymax>99</ymax>", 1),
        (
            "<xmin>1</xmin><xmin>51</xmin><ymin>2</ymin><ymin>3</ymin><xmax>3</xmax><xmax>60</xmax><ymax>4</ymax><ymax>5</ymax>",
            2,
        ),
        (CENTRES.format(20) + "<angle>0</angle><angle>1</angle>", 1),
    ],
)
def test_a_field_of_a_box_that_says_two_things_is_named(inner, count):
    found = objects(f"<name>cat</name>{box(inner)}")
    assert [each.box for each in found] == [None] * count
    assert "occurs 2 times" in found[0].box_error


def test_an_attribute_that_contradicts_a_field_is_named():
    (found,) = objects(f'<name>cat</name><bndbox xmin="7">{sides(*ONE)}</bndbox>')
    assert found.box is None and "('1', '7')" in found.box_error


def test_rotated_boxes_beside_fewer_upright_ones_are_not_lost():
    rotated = "".join(f"<robndbox>{CENTRES.format(at)}<angle>0</angle></robndbox>" for at in (20, 50))
    found = objects(f"<name>cat</name>{box(sides(*ONE))}{rotated}")
    assert len(found) == 2
    assert all("1 and 2 times" in each.box_error for each in found)


@pytest.mark.parametrize("flag", ["difficult", "deleted", "ignore", "iscrowd"])
def test_flags_are_one_a_box_or_contradict_each_other(flag: str):
    flags = [f"<{flag}>{value}</{flag}>" for value in (0, 1)]
    paired = objects(f"<name>cat</name>{flags[0]}{box(sides(*ONE))}{flags[1]}{box(sides(*TWO))}")
    name = {"ignore": "ignored", "iscrowd": "crowd"}.get(flag, flag)
    assert [getattr(each, name) for each in paired] == [False, True]
    assert [each.repeated for each in paired] == ["", ""]
    (odd,) = objects(f"<name>cat</name>{flags[0]}{flags[1]}{box(sides(*ONE))}")
    assert f"{flag} occurs 2 times" in odd.repeated
    (alike,) = objects(f"<name>cat</name>{flags[1] * 2}{box(sides(*ONE))}")
    assert getattr(alike, name) and not alike.repeated


def test_a_second_angle_beside_a_box_counts_as_well():
    (found,) = objects(f"<name>cat</name><angle>0</angle><angle>30</angle>{box(sides(*ONE))}")
    assert found.box is None and "'30'" in found.box_error


def size(width: object, height: object) -> str:
    return f"<size><width>{width}</width><height>{height}</height></size>"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<filename>a.jpg</filename><filename>b.jpg</filename>", "filename is 'a.jpg' and 'b.jpg'"),
        (size(100, 80) + size(50, 80), "width is 100 and 50"),
        ("<size><width>100</width><height>80</height><height>90</height></size>", "height is 80 and 90"),
        (size(100, 80) + "<imagesize><nrows>70</nrows><ncols>100</ncols></imagesize>", "height is 80 and 70"),
        (
            "".join(
                f"<image><filename>{name}.jpg</filename><object><name>cat</name></object></image>" for name in "ab"
            ),
            "filename is 'a.jpg' and 'b.jpg'",
        ),
    ],
)
def test_what_is_said_twice_of_the_image_is_told(inside: str, said: str):
    assert parsed(inside).repeated == said


@pytest.mark.parametrize(
    "inside",
    [
        "<filename>a.jpg</filename><filename> a.jpg </filename>" + size(100, 80) + size("100.0", 80),
        "<filename/><filename>a.jpg</filename>" + size(0, 0) + size(100, 80),
        "<filename>a.jpg</filename><source><filename>old.tif</filename></source>" + size(100, 80),
        "<filename>a.jpg</filename><meta><filename>old.tif</filename></meta>" + size(100, 80),
    ],
)
def test_what_is_said_twice_and_alike_is_no_contradiction(inside: str):
    annotation = parsed(inside)
    assert (annotation.filename, annotation.width, annotation.height) == ("a.jpg", 100, 80)
    assert annotation.repeated == ""


def test_the_size_is_read_as_labelme_writes_it():
    annotation = parsed("<imagesize><nrows>80</nrows><ncols>100</ncols></imagesize>")
    assert (annotation.width, annotation.height) == (100, 80)


TRIANGLE = "<x1>1</x1><y1>2</y1><x2>30</x2><y2>2</y2><x3>30</x3><y3>40</y3>"


@pytest.mark.parametrize(
    "outline",
    [
        f"<polygon>{TRIANGLE}{TRIANGLE.replace('30', '60')}</polygon>",
        "<polygon><pt><x>1</x><y>2</y></pt><pt><x>3</x><y>2</y><x>9</x></pt><pt><x>3</x><y>4</y></pt></polygon>",
    ],
)
def test_a_corner_that_stands_twice_is_no_outline(outline: str):
    (found,) = objects(f"<name>cat</name>{outline}")
    assert found.outline == () and found.outline_error


def test_outlines_of_as_many_boxes_belong_to_one_each():
    outlines = [f"<polygon>{TRIANGLE}</polygon>", f"<polygon>{TRIANGLE.replace('30', '60')}</polygon>"]
    one, two = objects(f"<name>cat</name>{box(sides(*ONE))}{outlines[0]}{box(sides(*TWO))}{outlines[1]}")
    assert (one.outline, two.outline) == (
        (((1, 2), (30, 2), (30, 40)),),
        (((1, 2), (60, 2), (60, 40)),),
    )


def test_an_outline_around_another_is_read_with_it():
    inner = f"<polygon>{TRIANGLE}</polygon>"
    outer = "<pt><x>0</x><y>0</y></pt><pt><x>90</x><y>0</y></pt><pt><x>90</x><y>70</y></pt>"
    (found,) = objects(f"<name>cat</name><polygon>{outer}{inner}</polygon>")
    assert len(found.outline) == 2


@pytest.mark.parametrize(
    ("text", "deleted"), [("1", True), ("1.0", True), ("yes", True), ("0", False), ("no", False), ("", False)]
)
def test_a_flag_is_set_in_the_ways_that_tools_write_it(text: str, deleted: bool):
    (found,) = objects(f"<name>cat</name><deleted>{text}</deleted>")
    assert found.deleted is deleted
