"""Annotation files become UTF-8, or an error that says what was declared; never wrong letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.voc.charsets import XmlError, as_utf8


def declared(charset: str, text: str, codec: str) -> bytes:
    return f'<?xml version="1.0" encoding="{charset}"?><a>{text}</a>'.encode(codec)


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("UTF-8", "utf-8", "žluťoučký"),
        ("ISO-8859-1", "latin-1", "café"),
        ("ISO-8859-1", "cp1252", "5 €"),
        ("iso-8859-2", "iso8859-2", "kůň"),
        ("GB2312", "gb18030", "狗㐀"),
        ("GBK", "gbk", "狗"),
        ("Shift_JIS", "cp932", "①犬"),
        ("EUC-KR", "cp949", "갂"),
        ("Big5", "big5", "狗"),
        ("koi8-r", "koi8-r", "собака"),
        ("windows-1251", "cp1251", "собака"),
        ("UTF-16", "utf-16", "ž"),
        ("UTF-16", "utf-16-le", "ž"),
        ("UTF-16", "utf-16-be", "ž"),
        ("UTF-32", "utf-32", "ž"),
        ("UTF-32", "utf-32-le", "ž"),
        ("UTF-32", "utf-32-be", "ž"),
        ("anything", "utf-8-sig", "ž"),
        # .NET writes this declaration into texts that it then saves otherwise.
        ("utf-16", "utf-8", "ž"),
    ],
)
def test_letters_are_those_that_were_written(charset: str, codec: str, text: str) -> None:
    assert as_utf8(declared(charset, text, codec)).decode() == declared(charset, text, "utf-8").decode()


def test_ascii_needs_no_charset() -> None:
    data = declared("no-such-charset", "cat", "ascii")
    assert as_utf8(data) is data
    assert as_utf8(b"") == b""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("<a>é</a>".encode("latin-1"), "declares no charset, which means utf-8, but byte 3 is not in it"),
        (declared("utf-8", "é", "latin-1"), "declares utf-8, but byte"),
        (declared("rot13", "é", "latin-1"), "declares the charset rot13, which is not read; save it as UTF-8"),
        (declared("unknown-1", "é", "latin-1"), "declares the charset unknown-1, which is not read"),
        (declared("utf-7", "é", "latin-1"), "declares the charset utf-7, which is not read"),
        (declared("ISO-8859-1", "é", "utf-8"), "declares ISO-8859-1, but its bytes are UTF-8; correct the declaration"),
        (declared("GBK", "狗", "utf-8"), "declares GBK, but its bytes are UTF-8"),
        (b"\xff\xfe<", "begins with utf-16, but byte"),
        (b"\xef\xbb\xbf\xff", "begins with utf-8-sig, but byte"),
    ],
)
def test_what_is_not_what_it_declares_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(XmlError) as caught:
        as_utf8(data)
    assert words in str(caught.value)
    assert caught.value.code == Rejected.INVALID_XML


@given(st.binary(max_size=60))
def test_whatever_the_bytes_it_is_utf_8_or_an_error(data: bytes) -> None:
    try:
        as_utf8(data).decode()
    except XmlError as error:
        assert error.code == Rejected.INVALID_XML
