"""Annotation files as bytes: their charset, bare ampersands, and what hostile or damaged ones cost."""

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.markup import LARGEST_XML
from labelbeam.transforms.formats.voc.xml import parse_annotation
from tests.transforms.formats.voc.xml_texts import WHOLE, error_of, name_in, with_object


def declared(charset: str, name: str, written_as: str | None = None) -> bytes:
    text = f'<?xml version="1.0" encoding="{charset}"?><annotation><object><name>{name}</name></object></annotation>'
    return text.encode(written_as or charset)


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


def test_an_ordinary_file_takes_some_hundred_microseconds():
    runs = 50
    times = []
    for _ in range(20):  # Short ones, of which some are undisturbed also where other tests run beside.
        started = time.process_time()
        for _ in range(runs):
            parse_annotation(WHOLE)
        times.append((time.process_time() - started) / runs)
    assert min(times) < 500e-6  # 100 to 180, by machine.
