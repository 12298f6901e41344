"""What an annotation file says: its objects, labels, boxes and outlines, in the ways in which tools write them."""

import pytest

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.voc.xml import Annotation, parse_annotation
from tests.transforms.formats.voc.xml_texts import WHOLE, bndbox, error_of, name_in, with_object


def test_the_development_kits_own_file_is_read_whole():
    annotation = parse_annotation(WHOLE)
    assert (annotation.filename, annotation.width, annotation.height) == ("2007_000027.jpg", 486, 500)
    (person,) = annotation.objects
    assert (person.position, person.name, person.box.numbers) == (1, "person", (174.0, 101.0, 349.0, 351.0))
    assert (person.difficult, person.truncated, person.occluded, person.pose) == (True, True, False, "Left")
    assert annotation.adjusted == ()


def test_a_part_lends_the_object_neither_name_nor_box():
    (found,) = parse_annotation(with_object(f"<part><name>head</name>{bndbox()}</part>")).objects
    assert (found.name, found.box, found.box_error) == ("", None, "")


def test_attributes_before_the_name_are_not_the_name():
    attributes = "<attributes><attribute><name>rotation</name><value>0.0</value></attribute></attributes>"
    assert name_in(with_object(f"{attributes}<name>cat</name>")) == "cat"


# Where tools put objects.


def found_in(inside: str, root: str = "annotation") -> list[tuple[str, tuple[float, ...] | None]]:
    found = parse_annotation(f"<{root}>{inside}</{root}>".encode()).objects
    return [(each.name, each.box and each.box.numbers) for each in found]


CAT = f"<object><name>cat</name>{bndbox()}</object>"
DOG = f"<object><name>dog</name>{bndbox(xmin='2')}</object>"
BOTH = [("cat", (1.0, 2.0, 30.0, 40.0)), ("dog", (2.0, 2.0, 30.0, 40.0))]


@pytest.mark.parametrize(
    "inside",
    [
        f"<objects>{CAT}{DOG}</objects>",
        f"<meta><objects>{CAT}</objects></meta>{DOG}",
        f"<object>{CAT}{DOG}</object>",
        (CAT + DOG).replace("object>", "Object>").replace("name>", "Name>").replace("bndbox>", "BndBox>"),
        (CAT + DOG).replace("xmin", "xMin").replace("ymax", "YMAX"),
        (CAT + DOG).replace("object>", "item>"),
        f"<objects>{(CAT + DOG).replace('object>', 'obj>')}</objects>",
        (CAT + DOG).replace("<bndbox>", "<boxes><bndbox>").replace("</bndbox>", "</bndbox></boxes>"),
        (CAT + DOG).replace("bndbox>", "box>"),
        '<object name="cat"><bndbox xmin="1" ymin="2" xmax="30" ymax="40"/></object>' + DOG,
        f"<object><name>cat</name>{bndbox()}<name>dog</name>{bndbox(xmin='2')}</object>",
        (CAT + DOG).replace("name>", "class>"),
        (CAT + DOG).replace("name>", "Label>"),
    ],
)
def test_objects_are_found_wherever_tools_put_them(inside):
    assert found_in(inside) == BOTH


def test_namespaces_are_no_part_of_a_tag():
    data = f'<v:annotation xmlns:v="urn:voc">{CAT}{DOG}</v:annotation>'.replace("<object", '<object xmlns="urn:x"')
    assert [found.name for found in parse_annotation(data.encode()).objects] == ["cat", "dog"]
    inside = f'<annotation xmlns="urn:voc">{CAT}<size><width>5</width><height>6</height></size></annotation>'
    assert parse_annotation(inside.encode()).width == 5


def test_several_boxes_of_an_object_are_objects_of_its_name():
    one, two, three = parse_annotation(with_object(f"<name>cat</name>{bndbox()}{bndbox()}{bndbox(xmin='x')}")).objects
    assert [found.name for found in (one, two, three)] == ["cat"] * 3
    assert [found.locator for found in (one, two, three)] == [
        "object[1] box[1]",
        "object[1] box[2]",
        "object[1] box[3]",
    ]
    assert "xmin is 'x'" in three.box_error


def test_names_that_do_not_count_as_the_boxes_do_are_nobodys():
    inside = f"<name>cat</name><name>dog</name>{bndbox()}{bndbox()}{bndbox()}"
    assert [found.name for found in parse_annotation(with_object(inside)).objects] == ["", "", ""]
    assert "2 names for 3 boxes" in parse_annotation(with_object(inside)).objects[0].name_error


@pytest.mark.parametrize(
    ("inside", "tags"),
    [
        (bndbox() + bndbox(), ("bndbox", "bndbox")),
        (f"<name>1.jpg</name>{bndbox()}", ("bndbox",)),
        (f"<regions>{bndbox()}</regions>", ("bndbox",)),
        ("<box><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></box>", ("box",)),
        ("<polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3></polygon>", ("polygon",)),
        ('<objects>[{"name": "dog", "bbox": [1, 2, 3, 4]}]</objects>', ("objects",)),
    ],
)
def test_what_has_a_box_and_belongs_to_no_object_is_counted(inside, tags):
    annotation = parse_annotation(f"<annotation>{inside}{CAT}</annotation>".encode())
    assert annotation.strange == tags
    assert len(annotation.objects) == 1


@pytest.mark.parametrize(
    "text", [f"<![CDATA[{CAT}]]>", CAT.replace("<", "&lt;"), f"<objects><![CDATA[{CAT}]]></objects>"]
)
def test_objects_that_are_text_are_counted(text):
    assert len(parse_annotation(f"<annotation>{text}</annotation>".encode()).strange) == 1


def test_objects_that_are_commented_out_are_none():
    assert parse_annotation(f"<annotation><!-- {CAT} --></annotation>".encode()) == Annotation("", None, None, ())


@pytest.mark.parametrize("tag", ["size", "source", "folder", "segmented", "attributes"])
def test_objects_in_an_element_for_something_else_are_found(tag):
    assert found_in(f"<{tag}><width>5</width>{CAT}</{tag}>{DOG}") == BOTH


def test_an_element_of_an_object_with_a_name_and_a_box_is_an_object_but_for_parts():
    part = f"<part><name>ear</name>{bndbox(xmin='3')}</part>"
    wheel = f"<subcomponent><name>dog</name>{bndbox(xmin='2')}{part}</subcomponent>"
    assert found_in(CAT.replace("</object>", f"{wheel}{part}</object>")) == BOTH


# Labels.


@pytest.mark.parametrize("name", [" caf\u00e9 ", "cafe\u0301", "\n caf\u00e9\t", "\u00a0cafe\u0301"])
def test_a_label_has_one_form(name):
    (found,) = parse_annotation(with_object(f"<name>{name}</name>")).objects
    assert (found.name, found.name_normalized) == ("caf\u00e9", True)


def test_labels_that_differ_in_case_stay_apart():
    names = [
        found.name
        for found in parse_annotation(f"<annotation>{CAT}{CAT.replace('cat', 'Cat')}</annotation>".encode()).objects
    ]
    assert names == ["cat", "Cat"]


# Other boxes.


@pytest.mark.parametrize(
    ("shape", "kind", "numbers"),
    [
        (
            "<bndbox><xmin>1</xmin><ymin>2</ymin><width>3</width><height>4</height></bndbox>",
            "corner_and_size",
            (1, 2, 3, 4),
        ),
        ("<bndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h></bndbox>", "centre_and_size", (5, 6, 3, 4)),
        (
            "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><angle>0.5</angle></robndbox>",
            "centre_and_size",
            (5, 6, 3, 4),
        ),
    ],
)
def test_boxes_by_their_size_are_known_by_their_tags(shape, kind, numbers):
    (found,) = parse_annotation(with_object(f"<name>cat</name>{shape}")).objects
    assert (found.box.kind, found.box.numbers) == (kind, numbers)
    assert found.box.angle == (0.5 if "angle" in shape else 0)


@pytest.mark.parametrize(
    "names",
    ["x1 y1 x2 y2", "left top right bottom", "x_min y_min x_max y_max", "minX minY maxX maxY", "xtl ytl xbr ybr"],
)
@pytest.mark.parametrize("around", ["bndbox", "rectangle", ""])
def test_two_corners_are_known_by_their_names(names, around):
    sides = "".join(f"<{name}>{text}</{name}>" for name, text in zip(names.split(), (1, 2, 30, 40), strict=True))
    box = f"<{around}>{sides}</{around}>" if around else sides
    (found,) = parse_annotation(with_object(f"<name>cat</name>{box}")).objects
    assert (found.name, found.box and found.box.numbers) == ("cat", (1.0, 2.0, 30.0, 40.0))


def test_a_rotated_box_beside_an_upright_one_is_the_same_object():
    rotated = "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><angle>0.5</angle></robndbox>"
    (found,) = parse_annotation(with_object(f"<name>cat</name>{rotated}{bndbox()}")).objects
    assert found.box.kind == "corners"


@pytest.mark.parametrize(
    "shape",
    [
        "<bndbox><x>1</x><y>2</y><w>3</w><h>4</h></bndbox>",
        "<bndbox><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3><x4>1</x4><y4>8</y4></bndbox>",
        bndbox() + "<angle>0.5</angle>",
        bndbox().replace("</bndbox>", "<angle>90</angle></bndbox>"),
        "<robndbox><cx>5</cx><cy>6</cy><w>-3</w><h>4</h><angle>0</angle></robndbox>",
        "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><angle>?</angle></robndbox>",
        "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><theta>0.5</theta></robndbox>",
        "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><rotation>90</rotation></robndbox>",
        bndbox() + "<theta>0.5</theta>",
    ],
)
def test_a_box_that_may_be_meant_in_two_ways_is_none(shape):
    (found,) = parse_annotation(with_object(f"<name>cat</name>{shape}")).objects
    assert found.box is None
    assert found.box_error


def test_a_rotation_among_the_attributes_is_kept_in_degrees():
    attributes = "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
    (found,) = parse_annotation(with_object(f"<name>cat</name>{bndbox()}{attributes}")).objects
    assert found.turned == 90.0


# Outlines.

TRIANGLE = (((1.0, 2.0), (30.0, 2.0), (30.0, 40.0)),)


@pytest.mark.parametrize(
    "outline",
    [
        "<polygon><x1>1</x1><y1>2</y1><x2>30</x2><y2>2</y2><x3>30</x3><y3>40</y3></polygon>",
        "<polygon><x2>30</x2><y2>2</y2><x1>1</x1><x3>30</x3><y3>40</y3><y1>2</y1></polygon>",
        "<polygon><pt><x>1</x><y>2</y></pt><pt><x>30</x><y>2</y></pt><pt><x>30</x><y>40</y></pt></polygon>",
        '<polygon><point x="1" y="2"/><point x="30" y="2"/><point x="30" y="40"/></polygon>',
        "<polygon><username>me</username><point>1,2</point><point>30,2</point><point>30,40</point></polygon>",
        "<segm>1,2 30,2 30,40</segm>",
        "<segm>[[1, 2, 30, 2, 30, 40]]</segm>".replace("[[", "[").replace("]]", "]"),
        "<segmentation><polygon><x>1</x><y>2</y><x>30</x><y>2</y><x>30</x><y>40</y></polygon></segmentation>",
        "<polygon><points>1;2;30;2;30;40</points></polygon>",
    ],
)
def test_an_outline_is_read_in_the_ways_that_tools_write_it(outline):
    (found,) = parse_annotation(with_object(f"<name>cat</name>{outline}{bndbox()}")).objects
    assert (found.outline, found.outline_error) == (TRIANGLE, "")
    assert found.box.numbers == (1.0, 2.0, 30.0, 40.0)


def test_an_object_may_have_several_outlines_or_an_empty_one():
    part = "<polygon><x1>1</x1><y1>2</y1><x2>30</x2><y2>2</y2><x3>30</x3><y3>40</y3></polygon>"
    (found,) = parse_annotation(with_object(f"<name>cat</name>{part}{part}<polygon/>")).objects
    assert found.outline == TRIANGLE * 2


@pytest.mark.parametrize("outline", ["<segm>1,2,3</segm>", "<polygon><x1>1</x1></polygon>", "<segm>a b</segm>"])
def test_an_outline_that_is_none_says_why(outline):
    (found,) = parse_annotation(with_object(f"<name>cat</name>{outline}")).objects
    assert found.outline == ()
    assert found.outline_error


def test_a_hole_in_an_element_of_its_own_costs_the_outline():
    hole = "<hole><x1>3</x1><y1>3</y1><x2>9</x2><y2>3</y2><x3>9</x3><y3>9</y3></hole>"
    polygon = "<polygon><x1>1</x1><y1>2</y1><x2>30</x2><y2>2</y2><x3>30</x3><y3>40</y3></polygon>"
    (found,) = parse_annotation(with_object(f"<name>cat</name>{polygon}{hole}{bndbox()}")).objects
    assert (found.outline, "hole" in found.outline_error, found.box is None) == ((), True, False)


def test_everything_optional_may_be_missing():
    assert parse_annotation(b"<annotation/>") == Annotation("", None, None, ())
    (found,) = parse_annotation(with_object("<name>cat</name>")).objects
    assert (found.difficult, found.truncated, found.occluded, found.pose) == (False, False, False, "")


def test_everything_optional_may_be_empty():
    data = (
        b"<annotation><filename/><size><width/><height> </height></size><object><name>cat</name><pose/><truncated/>"
        b"<difficult></difficult></object></annotation>"
    )
    annotation = parse_annotation(data)
    assert (annotation.filename, annotation.width, annotation.height) == ("", None, None)
    assert annotation.objects[0].difficult is False


@pytest.mark.parametrize("text", ["0", "-5", "486.5", "wide", "nan", "inf", "1e400", "99999999999"])
def test_a_size_that_cannot_be_one_counts_as_missing(text):
    size = f"<annotation><size><width>{text}</width><height>500.0</height></size></annotation>"
    annotation = parse_annotation(size.encode())
    assert (annotation.width, annotation.height) == (None, 500)


def test_floats_keep_their_digits_and_spaces_around_numbers_are_nothing():
    (found,) = parse_annotation(with_object(bndbox("45.70000076293945", " 2 ", "\n30\t", "4e1"))).objects
    assert found.box.numbers == (45.70000076293945, 2.0, 30.0, 40.0)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "", "one", "1,5", "1_0"])
def test_a_coordinate_that_is_no_finite_number_costs_only_its_object(text):
    data = f"<annotation><object>{bndbox(ymax=text)}</object><object>{bndbox()}</object></annotation>"
    bad, good = parse_annotation(data.encode()).objects
    assert bad.box is None
    assert bad.box_error == f"ymax is {text!r}, expected a finite number"
    assert good.box.numbers == (1.0, 2.0, 30.0, 40.0)


def test_a_missing_coordinate_is_named():
    (found,) = parse_annotation(with_object("<bndbox><xmin>1</xmin></bndbox>")).objects
    assert "ymin" in found.box_error


def test_a_coordinate_of_a_million_digits_is_no_number_and_its_message_is_short():
    (found,) = parse_annotation(with_object(bndbox(xmin="9" * 1_000_000))).objects
    assert found.box is None
    assert len(found.box_error) < 200


def test_a_comment_inside_a_name_does_not_cut_it():
    assert name_in(with_object("<name>ca<!-- really --><?editor x?>t</name>")) == "cat"


def test_another_root_is_refused_by_name():
    error = error_of(b"<html><object/></html>")
    assert error.code is Rejected.INVALID_XML
    assert "<html>" in str(error)


# What is not read.


@pytest.mark.parametrize(
    ("beside", "flagged", "scored"),
    [
        ("<status>rejected</status>", True, False),
        ("<is_deleted>1</is_deleted>", True, False),
        ("<attributes><attribute><name>status</name><value>to do</value></attribute></attributes>", True, False),
        ("<attributes><ignore>1</ignore></attributes>", True, False),
        ("<deleted>1</deleted><ignore>1</ignore>", False, False),  # These are read.
        ("<status>done</status><confidence>1.0</confidence><score>87</score>", False, False),
        ("<confidence>0.25</confidence>", False, True),
    ],
)
def test_what_speaks_against_an_object_is_noted(beside, flagged, scored):
    (found,) = parse_annotation(with_object(f"<name>cat</name>{bndbox()}{beside}")).objects
    assert (found.flagged, found.scored) == (flagged, scored)


def test_what_speaks_against_an_image_is_noted():
    annotations = [b'<annotation verified="no"/>', b"<annotation><deleted>1</deleted></annotation>", b"<annotation/>"]
    assert [parse_annotation(data).flagged for data in annotations] == [True, True, False]
