"""CVAT's XML in ranges: however a file is cut, its images are the same; and nothing of a hostile one is expanded."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.cvat import xml as module
from labelbeam.transforms.formats.cvat.xml import CvatError, UnsafeCutError, images_in
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><images>no</images></meta>\n'
IMAGES = [
    f'  <image id="{n}" name="ä{n}.jpg" width="9" height="8">\n    <box label="a" xtl="{n}"/>\n  </image>\n'
    for n in range(7)
]
TEXT = (HEAD + "".join(IMAGES) + '  <image id="7"/>\n  <track id="0"/>\n</annotations>\n').encode()
ALL = [*(f"image {n} 1" for n in range(7)), "image 7 0", "track 0 0"]


def read(data: bytes, start: int = 0, end: int | None = None) -> list[str]:
    def part(first: int, last: int) -> bytes:
        assert 0 <= first <= last <= len(data)
        return data[first:last]

    elements = images_in(part, start, len(data) if end is None else end, len(data))
    return [f"{element.tag} {element.get('id')} {len(element)}" for element in elements]


@pytest.mark.parametrize("block", [64, 100, 2**20])
@pytest.mark.parametrize("step", [1, 13, 100, 333, len(TEXT)])
def test_however_a_file_is_cut_its_images_are_read_once(step: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    parts = [item for at in range(0, len(TEXT), step) for item in read(TEXT, at, min(len(TEXT), at + step))]
    assert parts == read(TEXT) == ALL


def test_an_image_is_forgotten_once_it_was_read() -> None:
    def part(first: int, last: int) -> bytes:
        return TEXT[first:last]

    kept = []
    for element in images_in(part, 0, len(TEXT), len(TEXT)):
        parent = element.getparent()
        assert parent is not None
        kept.append(parent.index(element))
    assert kept == [2, *[1] * 8], "version and meta are before the first, one image before each of the others"


@pytest.mark.parametrize(
    "odd",
    ["<!-- <image/> -->", "<![CDATA[<image/>]]>", "<?odd <image/> ?>", "</annotations>"],
)
def test_what_could_make_a_cut_wrong_has_the_file_read_whole(odd: str) -> None:
    data = TEXT.replace(b"  <track", odd.encode() + b"  <track")
    half = len(data) // 2
    with pytest.raises(UnsafeCutError):
        read(data, 0, half), read(data, half, len(data))


def test_comments_and_cdata_are_no_images_where_a_file_is_read_whole() -> None:
    assert read(TEXT.replace(b"  <track", b"<!-- <image/> --><![CDATA[<image/>]]><track")) == ALL


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + TEXT.partition(b"\n")[2], "DOCTYPE or <!ENTITY"),
        (TEXT.replace(b"utf-8", b"cp1252"), "another charset than UTF-8"),
        (TEXT.replace(b"utf-8", b"utf-8", 1).replace("ä".encode(), b"\xe4"), "no well-formed XML in UTF-8"),
        (TEXT[:-9], "no well-formed XML in UTF-8"),
        (TEXT.replace(b'id="3"', b'id="3" id="4"'), "no well-formed XML in UTF-8"),
        (b"", "no well-formed XML in UTF-8"),
        (TEXT.replace(b"</meta>", b"<a>" * 300 + b"</a>" * 300 + b"</meta>"), "no well-formed XML in UTF-8"),
    ],
)
def test_what_is_no_xml_of_cvat_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CvatError, match=message):
        read(data)


def test_a_doctype_is_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 5)
    with pytest.raises(CvatError, match="DOCTYPE"):
        read(b"<!DOCTYPE annotations><annotations/>")


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert read(b"\xef\xbb\xbf" + TEXT) == read(b"\xef\xbb\xbf" + TEXT.partition(b"\n")[2]) == ALL


@pytest.mark.parametrize("before", [b"", b'<image id="0" name="a.jpg">'])
def test_elements_that_are_never_forgotten_end_in_words_before_memory_does(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "memory_left", lambda: 2**27)
    image = b'<image id="0" name="a.jpg"><box label="x"/></image>'
    many = b"<annotations>" + image * 100_000 + b"</annotations>"
    assert sum(1 for _ in images_in(lambda start, end: many[start:end], 0, len(many), len(many))) == 100_000
    odd = b"<annotations>" + before + b"<box/>" * 1_000_000 + b"</annotations>"
    with pytest.raises(ShortageError, match="an element of a CVAT file: needs"):
        list(images_in(lambda start, end: odd[start:end], 0, len(odd), len(odd)))
