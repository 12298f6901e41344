"""CVAT's XML in ranges: however a file is cut, its images are the same; and nothing of a hostile one is expanded."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from labelbeam.transforms.formats.cvat import xml as module
from labelbeam.transforms.formats.cvat.boxes import WrittenBoxes
from labelbeam.transforms.formats.cvat.plain import WrittenImage
from labelbeam.transforms.formats.cvat.xml import CvatError, UnsafeCutError, images_in
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><images>no</images></meta>\n'
IMAGES = [
    f'  <image id="{n}" name="ä{n}.jpg" width="9" height="8">\n    <box label="a" xtl="{n}"/>\n  </image>\n'
    for n in range(7)
]
TEXT = (HEAD + "".join(IMAGES) + '  <image id="7"/>\n  <track id="0"/>\n</annotations>\n').encode()
ALL = [*(f"{n} 1" for n in range(7)), "7 0", "track"]


def read(data: bytes, start: int = 0, end: int | None = None) -> list[str]:
    def part(first: int, last: int) -> bytes:
        assert 0 <= first <= last <= len(data)
        return data[first:last]

    found = one_by_one(images_in(part, start, len(data) if end is None else end, len(data)))
    return ["track" if image is None else f"{image.fields['id']} {len(image.shapes)}" for image in found]


def one_by_one(found: Iterable[WrittenImage | WrittenBoxes | None]) -> Iterator[WrittenImage | None]:
    """The same without images that are given together."""
    for each in found:
        yield from [None] if each is None else each.one_by_one()


@pytest.mark.parametrize("block", [64, 100, 2**20])
@pytest.mark.parametrize("step", [1, 13, 100, 333, len(TEXT)])
def test_however_a_file_is_cut_its_images_are_read_once(step: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    parts = [item for at in range(0, len(TEXT), step) for item in read(TEXT, at, min(len(TEXT), at + step))]
    assert parts == read(TEXT) == ALL


def test_an_image_is_forgotten_once_it_was_read() -> None:
    kept = []
    for element in module._Parser().elements(TEXT):
        parent = element.getparent()
        assert parent is not None
        kept.append(parent.index(element))
    assert kept == [2, *[1] * 8], "version and meta are before the first, one image before each of the others"


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("block", [40, 300, 2**20])
def test_images_are_the_same_taken_from_the_text_and_as_the_parser_reads_them(
    block: int, boxes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    draw, taken = random.Random(0), 0
    for _ in range(300):
        data = "".join(draw.choice(PARTS) for _ in range(draw.randint(1, 9)))
        data = f"<annotations>{data}</annotations>" if draw.random() < 0.9 else data + "<annotations/>" + data
        with pytest.MonkeyPatch.context() as context:
            for taken_from_text in ("plain_image", "written_boxes"):
                context.setattr(module, taken_from_text, lambda *_: None)
            expected = all_in(data.encode(), False)
        found = all_in(data.encode(), boxes)
        if isinstance(found, str) or isinstance(expected, str):
            assert found == expected, data
            continue
        taken += found != expected
        assert [as_shapes(image) for image in found] == expected, data
    assert bool(taken) == (boxes and block > 40), (
        "boxes were taken together, where an image was not longer than a block"
    )


BOX = '<box label="a" source="manual" occluded="0" xtl="1.50" ytl="2.00" xbr="3.00" ybr="4.00" z_order="0">\n</box>\n'
PARTS = (
    f'<image id="1" name="1.jpg" width="9" height="8">\n{BOX}</image>',
    f'<image id="2" name="2.jpg">{BOX}{BOX.replace("z_order", "group_id")} \t\r\n</image>',
    f'<image id="3">{BOX.replace("0.00", "0.1")}{BOX.replace("z_order=", "rotation=")}</image>\n',
    f'<image id="4">{BOX}text{BOX}</image>',
    f'<image id="5">{BOX.replace("</box>", "")}</image>',
    f'<image id="6">{BOX}<image id="7">{BOX}</image></image>',
    f'<track><image id="8">{BOX}</image></track>',
    f'<image id="9">{BOX.replace("manual", "a&amp;b")}</image>',
    f'<image id="10">{BOX.replace("occluded", "label")}</image>',
    f'<image id="11">{BOX.replace("1.50", "1_0")}{BOX.replace("1.50", "nan")}{BOX.replace(chr(34) + "a", chr(34))}</image>',
    '<image id="12"><box label="a"><attribute name="n">x\ny</attribute><attribute>z</attribute></box><tag label="b"/></image>',
    '<image id="13"><skeleton label="a"><points label="b" points="1,2"/></skeleton></image>',
    "<image id='14'><box label='a'/></image>",
    '<image xmlns="u" id="15"/>',
    '<x xmlns="u">',
    "</x>",
    '<image id="16" />',
    '<image id="17"/>',
    f'<image id="18">{BOX.replace(chr(34) + "a", chr(34) + chr(0xE4) + chr(0x2028))}</image>',
    '<image id="19"><box label="a\tb"/></image>',
    '<image id="20"><box label="\x01"/></image>',
    '<image id="21"><box label="a">]]></box></image>',
    "<!-- <image /> -->",
    "<![CDATA[<image >]]>",
    f"<meta><images>{BOX}</images></meta>",
    "</annotations>",
    "<annotations>",
    "\ufffd",
)


def all_in(data: bytes, boxes: bool) -> list[WrittenImage | None] | str:
    """The images of a file; what is wrong with it makes all of them void."""
    try:
        return list(one_by_one(images_in(lambda start, end: data[start:end], 0, len(data), len(data), boxes)))
    except CvatError:
        return "error"


def as_shapes(image: WrittenImage | None) -> WrittenImage | None:
    """The same with boxes as the shapes that they are."""
    if image is None or not image.boxes:
        return image
    together = f"<annotations><image>{''.join(row[0] for row in image.boxes)}</image></annotations>".encode()
    (parsed,) = all_in(together, False)
    assert isinstance(parsed, WrittenImage)
    names = ("label", "xtl", "ytl", "xbr", "ybr")
    assert [tuple(shape.fields[name] for name in names) for shape in parsed.shapes] == [row[1:] for row in image.boxes]
    return WrittenImage(image.fields, parsed.shapes)


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
