"""Plain annotation files: what VOC and most tools write is one, and says the same as the parser finds in it; anything else is left to that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.plain import plain_annotation, read_annotation
from labelbeam.transforms.formats.voc.xml import parse_annotation

HEAD = "<folder>VOC2012</folder>\n\t<filename>1.jpg</filename>\n\t<segmented>0</segmented>"
SOURCE = "<source>\n\t<database>The VOC2007 Database</database><annotation>PASCAL VOC2007</annotation></source>"
SIZE = "<size>\r\n\t<width>500</width>\r\n\t<height>375</height>\r\n\t<depth>3</depth>\r\n</size>"
BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox>"
OTHER_ORDER = "<bndbox>\n<xmin>1</xmin>\n<xmax>30</xmax>\n<ymin>-2</ymin>\n<ymax>40</ymax>\n</bndbox>"
USUAL = f"<object>\n<name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>{BOX}</object>"
LATE = f"<object><name>caf\u00e9</name>{OTHER_ORDER}<difficult>1</difficult><occluded>0</occluded></object>"


def annotation(*parts: str, before: str = "", behind: str = "\n") -> bytes:
    return f"{before}<annotation>\n{''.join(parts)}</annotation>{behind}".encode()


@pytest.mark.parametrize(
    "data",
    [
        annotation(HEAD, SOURCE, SIZE, USUAL, USUAL),
        annotation(HEAD, SIZE, USUAL, LATE, LATE, USUAL),
        annotation(SIZE),
        annotation(),
        annotation(USUAL, before='<?xml version="1.0" encoding="utf-8"?>\n', behind=""),
        annotation(USUAL, before='<?xml version="1.0"?>'),
        annotation(LATE.replace("\u00e9", "e\u0301"), before="\n"),
        annotation("<owner><flickrid>1</flickrid><name>me</name></owner>", USUAL.replace("dog", " dog ")),
        annotation(SIZE.replace("500", " 0 ").replace("375", "wide"), USUAL),
    ],
)
def test_what_tools_write_is_plain_and_says_what_the_parser_finds(data: bytes) -> None:
    assert plain_annotation(data) == parse_annotation(data)


@pytest.mark.parametrize(
    "data",
    [
        annotation(HEAD, HEAD),
        annotation(SIZE, SIZE),
        annotation(HEAD.replace("1.jpg", "1&amp;2.jpg")),
        annotation(HEAD.replace("1.jpg", "1\r.jpg")),
        annotation(HEAD.replace("<filename", '<filename id="1"')),
        annotation("<!-- seen -->", USUAL),
        annotation("text", USUAL),
        annotation(USUAL, "text"),
        annotation(USUAL, HEAD),
        annotation("<status>rejected</status>", USUAL),
        annotation("<source><object>1</object></source>"),
        annotation(SOURCE.replace("database", "width")),
        annotation(USUAL.replace("dog", " ")),
        annotation(USUAL.replace("dog", "a]]>b")),
        annotation(USUAL.replace("dog", "a\ufffe")),
        annotation(USUAL.replace("<pose>", "<score>0.5</score><pose>")),
        annotation(USUAL.replace("<pose>", "<name>cat</name><pose>")),
        annotation(USUAL.replace("<pose>", f"{BOX}<pose>")),
        annotation(USUAL.replace("<xmin>1<", "<xmin>1e3<")),
        annotation(USUAL.replace("<xmin>1<", "<xmin>\u0661<")),
        annotation(USUAL.replace("<xmin>1</xmin>", "")),
        annotation(USUAL.replace("</name>", "</nane>")),
        annotation(USUAL, behind="<annotation/>"),
        annotation(USUAL)[:-14],
        annotation(USUAL, before='<?xml version="1.0" encoding="latin-1"?>'),
        annotation(USUAL, before='\n<?xml version="1.0"?>'),
        annotation(USUAL, before="\ufeff"),
        annotation(LATE).decode().encode("latin-1"),
        annotation("<folder>", "a" * 2**20, "</folder>"),
        b"",
    ],
)
def test_what_is_written_otherwise_is_the_parsers(data: bytes) -> None:
    assert plain_annotation(data) is None


def test_a_file_that_is_not_plain_is_parsed() -> None:
    data = annotation("<!-- seen -->", USUAL)
    assert read_annotation(data) == parse_annotation(data)
    with pytest.raises(XmlError):
        read_annotation(b"<annotation>")


PLAIN_PARTS = st.sampled_from([HEAD, SOURCE, SIZE, USUAL, LATE, "\n", "  "])
CHANGES = st.tuples(
    st.sampled_from(["dog", "1.jpg", "500", ">1<", "<pose>", "<name>", "</object>", "<annotation>", "40", "\n", "375"]),
    st.one_of(
        st.text(max_size=3),
        st.sampled_from(
            ["&lt;", "&", "<", "]]>", "<pose/>", "<object>", "</name>", ">1e9<", ">-1.5<", "> 2 <", "_1", "\x85"]
        ),
    ),
)


@given(st.lists(PLAIN_PARTS, max_size=4), st.lists(CHANGES, max_size=2))
def test_whatever_is_plain_says_what_the_parser_finds(parts: list[str], changes: list[tuple[str, str]]) -> None:
    text = annotation(*sorted(parts, key=lambda part: part.startswith("<object>"))).decode()
    for old, new in changes:
        text = text.replace(old, new, 1)
    data = text.encode("utf-8", "surrogatepass")
    if (found := plain_annotation(data)) is not None:
        assert found == parse_annotation(data)


@pytest.mark.parametrize(
    "data",
    [
        annotation(" " * 500_000, "<"),
        annotation(USUAL, " " * 500_000, "x"),
        annotation("<object>" * 100_000),
        annotation("<object><name>" * 50_000, "</object>"),
        annotation(*[USUAL.replace("<pose>", f"<pose{number}>") for number in range(5_000)]),
        annotation(HEAD, "<source>" * 100_000),
    ],
)
def test_a_hostile_text_takes_no_longer_than_it_is(data: bytes) -> None:
    began = time.process_time()
    assert plain_annotation(data) is None
    assert time.process_time() - began < 2
