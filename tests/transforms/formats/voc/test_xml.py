import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.voc.xml import LARGEST_XML, Annotation, XmlError, parse_annotation


def with_object(inner: str) -> bytes:
    return f"<annotation><object>{inner}</object></annotation>".encode()


def bndbox(xmin: str = "1", ymin: str = "2", xmax: str = "30", ymax: str = "40") -> str:
    sides = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    return "<bndbox>" + "".join(f"<{side}>{text}</{side}>" for side, text in sides.items()) + "</bndbox>"


def declared(charset: str, name: str, written_as: str | None = None) -> bytes:
    text = f'<?xml version="1.0" encoding="{charset}"?><annotation><object><name>{name}</name></object></annotation>'
    return text.encode(written_as or charset)


def name_in(data: bytes) -> str:
    return parse_annotation(data).objects[0].name


def error_of(data: bytes) -> XmlError:
    with pytest.raises(XmlError) as caught:
        parse_annotation(data)
    return caught.value


WHOLE = f"""<annotation>
    <folder>VOC2012</folder>
    <filename>2007_000027.jpg</filename>
    <source><database>The VOC2007 Database</database></source>
    <size><width>486</width><height>500</height><depth>3</depth></size>
    <segmented>0</segmented>
    <object>
        <name>person</name><pose>Left</pose><truncated>1</truncated><occluded>0</occluded><difficult>1</difficult>
        <bndbox><xmax>349</xmax><xmin>174</xmin><ymax>351</ymax><ymin>101</ymin></bndbox>
        <part><name>head</name>{bndbox("169", "104", "209", "146")}</part>
    </object>
</annotation>""".encode()


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
    ],
)
def test_what_has_a_box_and_belongs_to_no_object_is_counted(inside, tags):
    annotation = parse_annotation(f"<annotation>{inside}{CAT}</annotation>".encode())
    assert annotation.strange == tags
    assert len(annotation.objects) == 1


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


def test_a_rotated_box_beside_an_upright_one_is_the_same_object():
    rotated = "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><angle>0.5</angle></robndbox>"
    (found,) = parse_annotation(with_object(f"<name>cat</name>{rotated}{bndbox()}")).objects
    assert found.box.kind == "corners"


@pytest.mark.parametrize(
    "shape",
    [
        "<bndbox><x>1</x><y>2</y><w>3</w><h>4</h></bndbox>",
        bndbox() + "<angle>0.5</angle>",
        bndbox().replace("</bndbox>", "<angle>90</angle></bndbox>"),
        "<robndbox><cx>5</cx><cy>6</cy><w>-3</w><h>4</h><angle>0</angle></robndbox>",
        "<robndbox><cx>5</cx><cy>6</cy><w>3</w><h>4</h><angle>?</angle></robndbox>",
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


# Charsets.


@pytest.mark.parametrize("charset", ["gbk", "GB2312", "gb18030", "big5", "utf-8", "utf-16", "UTF-16LE", "utf-32"])
def test_chinese_is_read_right_in_the_declared_charset(charset):
    assert name_in(declared(charset, "行人")) == "行人"


@pytest.mark.parametrize("charset", ["iso-8859-1", "latin-1", "windows-1252"])
def test_western_text_is_read_right_in_the_declared_charset(charset):
    assert name_in(declared(charset, "Fußgänger")) == "Fußgänger"


@pytest.mark.parametrize(("charset", "name"), [("shift_jis", "歩行者"), ("euc-jp", "歩行者"), ("koi8-r", "кот")])
def test_other_old_charsets_are_read_right(charset, name):
    assert name_in(declared(charset, name)) == name


def test_gb2312_files_hold_characters_that_only_gbk_has():
    assert name_in(declared("gb2312", "镕", written_as="gbk")) == "镕"


def test_a_byte_order_mark_beats_the_declaration():
    assert name_in(b"\xef\xbb\xbf" + declared("gbk", "行人", written_as="utf-8")) == "行人"


def test_utf16_without_a_byte_order_mark_is_recognised():
    assert name_in("<annotation><object><name>é</name></object></annotation>".encode("utf-16-be")) == "é"


def test_utf8_that_declares_utf16_is_read_since_the_declaration_could_not_be():
    assert name_in(declared("utf-16", "行人", written_as="utf-8")) == "行人"


def test_latin1_bytes_that_declare_utf8_are_an_error_that_says_where():
    data = declared("utf-8", "Fußgänger", written_as="latin-1")
    error = error_of(data)
    assert error.code is Rejected.INVALID_XML
    assert f"byte {data.index(0xDF)}" in str(error)
    assert "utf-8" in str(error)


def test_bytes_that_declare_nothing_and_are_not_utf8_are_an_error():
    assert "no charset" in str(error_of("<annotation><filename>é</filename></annotation>".encode("latin-1")))


@pytest.mark.parametrize(("charset", "name"), [("iso-8859-1", "é"), ("cp1252", "ж"), ("gbk", "行人"), ("big5", "车")])
def test_utf8_bytes_that_declare_another_charset_never_become_other_letters(charset, name):
    error = error_of(declared(charset, name, written_as="utf-8"))
    assert error.code is Rejected.INVALID_XML
    assert "UTF-8" in str(error)


def test_two_byte_text_that_happens_to_be_utf8_is_still_read_as_declared():
    name = b"\xc4\xa3".decode("gbk")
    assert name_in(declared("gbk", name)) == name


@pytest.mark.parametrize("charset", ["klingon", "utf-7", "unicode_escape", "idna", "zlib", "hex", "hz"])
def test_charsets_that_are_none_or_hide_markup_are_refused(charset):
    error = error_of(f'<?xml version="1.0" encoding="{charset}"?><annotation>é</annotation>'.encode())
    assert error.code is Rejected.INVALID_XML
    assert charset in str(error)


# Bare ampersands.


@pytest.mark.parametrize("name", ["R&B", "a & b", "a&", "x&y=1;", "&&", "&#;", "&#xZZ;"])
def test_a_bare_ampersand_is_read_as_text(name):
    annotation = parse_annotation(with_object(f"<name>{name}</name>"))
    assert annotation.objects[0].name == name
    assert annotation.adjusted == (Adjusted.XML_REPAIRED,)


def test_references_beside_a_bare_ampersand_keep_their_meaning():
    assert name_in(with_object("<name>a & &lt;b&gt; &amp; &#233;&#xe9;</name>")) == "a & <b> & éé"


def test_ampersands_in_cdata_and_comments_are_right_as_they_are():
    assert name_in(with_object("<!-- & --><name><![CDATA[a & b]]> & c</name>")) == "a & b & c"
    assert parse_annotation(with_object("<!-- & --><name><![CDATA[a & b]]></name>")).adjusted == ()


def test_a_bare_ampersand_in_gbk_is_repaired():
    assert name_in(declared("gbk", "人&车")) == "人&车"


def test_a_file_with_a_bare_ampersand_and_worse_is_refused_for_the_worse():
    assert "mismatch" in str(error_of(b"<annotation><filename>a & b</file></annotation>"))


def test_an_undefined_entity_is_an_error_not_a_guess():
    error = error_of(with_object("<name>caf&eacute;</name>"))
    assert error.code is Rejected.INVALID_XML
    assert "eacute" in str(error)


# Hostile files.

BILLION_LAUGHS = (
    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;">]>'
    '<annotation><object a="&d;"><name>&d;</name></object></annotation>'
)
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gbk"])
@pytest.mark.parametrize("text", [BILLION_LAUGHS, EXTERNAL, "<!DOCTYPE annotation><annotation/>"])
def test_a_dtd_is_refused_in_every_charset(text, charset):
    assert error_of(text.encode(charset)).code is Rejected.UNSAFE_XML


def test_a_dtd_in_a_declared_charset_is_refused():
    data = '<?xml version="1.0" encoding="gbk"?><!-- 人 -->'.encode("gbk") + EXTERNAL.encode()
    assert error_of(data).code is Rejected.UNSAFE_XML


def test_a_dtd_smuggled_in_utf7_reaches_no_parser():
    data = b'<?xml version="1.0" encoding="utf-7"?>+ADw-!DOCTYPE a+AD4-<annotation/>'
    assert error_of(data).code is Rejected.INVALID_XML


def test_a_dtd_is_refused_wherever_it_stands():
    assert error_of(b"<annotation>" + b" " * 100_000 + b"<!ENTITY a 'b'></annotation>").code is Rejected.UNSAFE_XML


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\0" * 64,
        b"\xff\xfe",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\0\0<\0a\0\0\0",
        b"\x4c\x6f\xa7\x94\x93",
        b'{"images": []}',
        b"<annotation>",
        b"<annotation></annotation><annotation/>",
        b"<annotation><object></annotation>",
        b"<annotation>\x01</annotation>",
        b'<annotation a="1" a="2"/>',
        b"<annotation>&#0;</annotation>",
        b"<" * 100_000,
        b"<a>" * 100_000,
        b"<annotation>" + b"<object>" * 300 + b"</object>" * 300 + b"</annotation>",
        b"<annotation>" + b"x" * 11_000_000 + b"</annotation>",
    ],
    ids=lambda data: repr(data[:16]),
)
def test_what_is_no_annotation_is_invalid_xml(data):
    assert error_of(data).code is Rejected.INVALID_XML


def test_a_file_too_large_is_refused_unread():
    assert "bytes" in str(error_of(b"<annotation>" + b" " * LARGEST_XML + b"</annotation>"))


@pytest.mark.parametrize("opening", [b"<!--", b"<![CDATA[", b"<?x ", b"&", b"&#", b"&aaaaaaaaaaaaaaaa"])
def test_repeated_openings_take_linear_time(opening):
    started = time.process_time()
    with pytest.raises(XmlError):
        parse_annotation(b"<annotation>" + opening * (1_000_000 // len(opening)))
    assert time.process_time() - started < 2


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_damaged_files_are_read_or_refused_and_nothing_else(patch, start, end):
    try:
        parse_annotation(WHOLE[:start] + patch + WHOLE[end:])
    except XmlError as error:
        assert error.code in (Rejected.INVALID_XML, Rejected.UNSAFE_XML)
        assert str(error)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&\ufffe\uffff"), min_size=1))
@example("\uf900")  # Composed, it is another character.
def test_every_name_survives_every_unicode_charset(name):
    for charset in ("utf-8", "utf-16", "utf-32"):
        assert name_in(declared(charset, name)) == unicodedata.normalize("NFC", name.strip())


def test_an_ordinary_file_takes_under_150_microseconds():
    runs = 200
    times = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(runs):
            parse_annotation(WHOLE)
        times.append((time.process_time() - started) / runs)
    assert min(times) < 150e-6
