"""Odd Pascal VOC annotation files on their way through a build: each is written, adjusted or rejected, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import PREFIX, Build, convert, near
from tests.end_to_end.datasets import put, touch, voc_object, voc_xml, write_image, write_voc

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
"""What the usual box, pixels 11 to 30 and 21 to 40 counted from 1, is written as."""

OBJECT = voc_object()


@dataclass(frozen=True)
class Xml:
    """An annotation file called like what it `says`, and what comes of it.

    `image` is the path below the root of the image that it belongs to: by default the `.jpg` of its name, an empty file.
    `listed` are the image files that there are, if they are others.
    """

    says: str
    xml: str | bytes
    written: Sequence[tuple[Any, ...]] | None = (CAT,)
    rejected: Sequence[str] = ()
    adjusted: Sequence[str] = ()
    image: str = ""
    listed: Sequence[str] | None = None
    name: str = ""

    @property
    def path(self) -> str:
        return self.image or f"JPEGImages/{self.name or self.says}.jpg"


def declared(charset: str, label: str, encoding: str | None = None) -> bytes:
    """An annotation file that says which charset it is in, and that is in `encoding` or else in that charset."""
    text = f'<?xml version="1.0" encoding="{charset}"?>' + voc_xml(voc_object(label))
    return text.encode(encoding or charset)


BOMB = '<!DOCTYPE a [<!ENTITY b0 "bbbbbbbb">' + "".join(
    f'<!ENTITY b{number} "{f"&b{number - 1};" * 10}">' for number in range(1, 10)
)
DEEP = 100_000

BOXES = [
    Xml("pixels count from 1 and the last one is inside", voc_xml(OBJECT)),
    Xml("an image of another size than the others", voc_xml(OBJECT, size=(50, 40)), [("cat", 0.2, 0.5, 0.6, 1, 0)]),
    Xml("the whole image", voc_xml(voc_object(box=(1, 1, 100, 80))), [("cat", 0, 0, 1, 1, 0)]),
    Xml("one pixel", voc_xml(voc_object(box=(1, 1, 1, 1))), [("cat", 0, 0, 0.01, 0.0125, 0)]),
    Xml(
        "floats",
        voc_xml(voc_object(box=("45.70000076293945", "21.5", "60.25", "40"))),
        [("cat", 0.447, 0.25625, 0.6025, 0.5, 0)],
    ),
    Xml("corners in the wrong order", voc_xml(voc_object(box=(30, 40, 11, 21))), adjusted=["bbox_corners_swapped"]),
    Xml(
        "past the border",
        voc_xml(voc_object(box=(91, 73, 130, 99))),
        [("cat", 0.9, 0.9, 1, 1, 0)],
        adjusted=["bbox_clipped"],
    ),
    Xml(
        "a 0 though pixels count from 1",
        voc_xml(voc_object(box=(0, 0, 30, 40))),
        [("cat", 0, 0, 0.3, 0.5, 0)],
        adjusted=["bbox_clipped"],
    ),
    *(
        Xml(f"a box {what}", voc_xml(voc_object(box=box), OBJECT), rejected=[f"object:{code}"])
        for what, box, code in (
            ("outside", (200, 21, 230, 40), "bbox_outside"),
            ("of words", ("a", "b", "c", "d"), "invalid_bbox"),
            ("of NaN", ("nan", 1, 2, 3), "invalid_bbox"),
            ("with an empty side", ("", 1, 2, 3), "invalid_bbox"),
            ("that is missing", None, "missing_bbox"),
        )
    ),
]

CHILDREN = [
    *(
        Xml(f"{tag} may be {what}", voc_xml(voc_object(inner=inner)))
        for tag in ("difficult", "truncated", "occluded", "pose")
        for what, inner in (
            ("empty", f"<{tag}/>"),
            ("1", f"<{tag}>1</{tag}>"),
            ("a word", f"<{tag}>Unspecified</{tag}>"),
        )
    ),
    Xml(
        "a part has a name and a box of its own",
        voc_xml(
            "<object><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
            + OBJECT.removeprefix("<object>")
        ),
    ),
    Xml(
        "attributes have names of their own",
        voc_xml(
            "<object><attributes><attribute><name>colour</name><value>red</value></attribute></attributes>"
            + OBJECT.removeprefix("<object>")
        ),
    ),
    Xml("folder and path lead nowhere", voc_xml(OBJECT, inner="<folder>../..</folder><path>/etc/passwd</path>")),
    Xml("a name with spaces", voc_xml(voc_object("traffic light")), [("traffic light", *CAT[1:])]),
    Xml("a name with entities", voc_xml(voc_object("cat & <dog>")), [("cat & <dog>", *CAT[1:])]),
    Xml("no name", voc_xml(voc_object(None), OBJECT), rejected=["object:invalid_label"]),
    Xml("an empty name", voc_xml(voc_object("  "), OBJECT), rejected=["object:invalid_label"]),
    Xml(
        "nothing but an object without a name",
        voc_xml(voc_object(None)),
        None,
        rejected=["object:invalid_label", "image:no_valid_object"],
    ),
    Xml("an empty filename and no depth", voc_xml(OBJECT, filename="").replace("<depth>3</depth>", "")),
    Xml("no object at all is background", voc_xml(), []),
]

SIZES = [
    Xml(f"a size {what}", voc_xml(OBJECT, size=size), name=f"sized-{number}")
    for number, (what, size) in enumerate(
        (("that is missing", None), ("of 0", (0, 0)), ("that is empty", ("", "")), ("of words", ("wide", "high")))
    )
] + [Xml("a size of floats", voc_xml(OBJECT, size=("100.0", "80.0")))]

IMAGES = [
    Xml("the name of the file decides, not filename", voc_xml(OBJECT, filename="one pixel.jpg")),
    Xml(
        "filename decides where no image is called like the file",
        voc_xml(OBJECT, filename="photo 7.jpg"),
        image="JPEGImages/photo 7.jpg",
    ),
    Xml(
        "filename without extension",
        voc_xml(OBJECT, filename="photo 8"),
        image="JPEGImages/photo 8.jpg",
        adjusted=["image_by_other_name"],
    ),
    Xml(
        "filename in another case",
        voc_xml(OBJECT, filename="PHOTO 9.JPG"),
        image="JPEGImages/photo 9.jpg",
        adjusted=["image_by_other_name"],
    ),
    Xml(
        "filename with another extension",
        voc_xml(OBJECT, filename="photo 10.png"),
        image="JPEGImages/photo 10.jpg",
        adjusted=["image_by_other_name"],
    ),
    Xml(
        "filename of another machine",
        voc_xml(OBJECT, filename="C:\\data\\photo 11.jpg"),
        image="JPEGImages/photo 11.jpg",
    ),
    Xml("an image in upper case", voc_xml(OBJECT), image="JPEGImages/an image in upper case.JPEG"),
    Xml("a png", voc_xml(OBJECT), image="JPEGImages/a png.png"),
    Xml("in a directory", voc_xml(OBJECT), name="a b/1"),
    Xml("the same name in another directory", voc_xml(), [], name="c/1"),
    Xml(
        "an image that does not exist",
        voc_xml(OBJECT),
        None,
        ["image:missing_image", "object:image_rejected"],
        listed=[],
    ),
    Xml(
        "a gif",
        voc_xml(OBJECT),
        None,
        ["image:unsupported_format", "object:image_rejected"],
        image="JPEGImages/a gif.gif",
    ),
]

XML = [
    Xml(
        "a bare ampersand",
        voc_xml(voc_object("salt")).replace("salt", "salt & pepper"),
        [("salt & pepper", *CAT[1:])],
        adjusted=["xml_repaired"],
    ),
    Xml("a byte order mark", b"\xef\xbb\xbf" + voc_xml(OBJECT).encode()),
    Xml("a comment and CDATA", voc_xml("<!-- & -->", voc_object().replace("cat", "<![CDATA[cat]]>"))),
    Xml("latin-1 as it says", declared("iso-8859-1", "Bär"), [("Bär", *CAT[1:])]),
    Xml("GBK as it says", declared("gbk", "猫"), [("猫", *CAT[1:])]),
    Xml("Shift JIS as it says", declared("shift_jis", "ねこ"), [("ねこ", *CAT[1:])]),
    Xml("UTF-16 as it says", declared("utf-16", "猫"), [("猫", *CAT[1:])]),
    *(
        Xml(what, xml, None, [f"image:{code}"])
        for what, xml, code in (
            ("another charset than it says", declared("utf-8", "Bär", "latin-1"), "invalid_xml"),
            (
                "a charset that nobody knows",
                b'<?xml version="1.0" encoding="x-odd"?>' + voc_xml(voc_object("Bär")).encode(),
                "invalid_xml",
            ),
            ("truncated", voc_xml(OBJECT)[:-30], "invalid_xml"),
            ("an empty file", b"", "invalid_xml"),
            ("JSON called xml", b'{"shapes": []}', "invalid_xml"),
            ("a web page", "<html><body>404</body></html>", "invalid_xml"),
            ("nested deeply", voc_xml(inner="<a>" * DEEP + "</a>" * DEEP), "invalid_xml"),
            ("an entity bomb", f"{BOMB}]>{voc_xml(voc_object('x')).replace('x<', '&b9;<')}", "unsafe_xml"),
            (
                "an external entity",
                '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + voc_xml(OBJECT),
                "unsafe_xml",
            ),
        )
    ),
]

FACTS = [*BOXES, *CHILDREN, *SIZES, *IMAGES, *XML]


@pytest.fixture(scope="module")
def build(place: Path) -> Build:
    root = place / "voc"
    write_voc(root, {fact.name or fact.says: fact.xml for fact in FACTS}, [])
    for fact in FACTS:
        for path in (fact.path,) if fact.listed is None else fact.listed:
            touch(root / path)
        if fact in SIZES:
            write_image(root / fact.path)
    put(root / "Annotations/._hidden.xml", b"\x00\x05\x16\x07")
    put(root / "Annotations/.ipynb_checkpoints/old.xml", voc_xml(OBJECT))
    return convert("--source", root, "--image-url", PREFIX, output=place / "out")


@pytest.mark.parametrize("fact", [pytest.param(fact, id=fact.says) for fact in FACTS])
def test_annotation_file_comes_out_as_it_should(fact: Xml, build: Build) -> None:
    assert (fact.path in build.records) is (fact.written is not None)
    if fact.written is not None:
        found = build.boxes(fact.path)
        assert len(found) == len(fact.written) and all(map(near, found, fact.written)), found
    rejected = [line for line in build.rejected if line["image"] == fact.path]
    assert sorted(f"{line['kind']}:{line['code']}" for line in rejected) == sorted(fact.rejected)


def test_each_image_has_the_size_that_its_own_file_says(build: Build) -> None:
    details = build.records["JPEGImages/an image of another size than the others.jpg"]["image_details"]
    assert (details["width"], details["height"]) == (50, 40)


def test_every_annotation_file_is_accounted_for(build: Build) -> None:
    assert build.counts["images"][0] == len(FACTS)
    reasons = Counter(item.partition(":")[2] for fact in FACTS for item in fact.rejected)
    assert build.manifest["rejected_by_reason"] == dict(sorted(reasons.items()))
    assert build.adjusted == dict(sorted(Counter(item for fact in FACTS for item in fact.adjusted).items()))


def test_zeros_are_said_to_be_evidence_of_the_other_origin(build: Build) -> None:
    assert any("--voc-origin 0" in warning for warning in build.manifest["warnings"])


def test_rejected_object_is_found_by_file_and_position(build: Build) -> None:
    (line,) = (line for line in build.rejected if line["image"] == "JPEGImages/no name.jpg")
    assert line["locator"] == "Annotations/no name.xml object[1]"
