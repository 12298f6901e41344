"""Pascal VOC: annotation files, masks and lists."""

from __future__ import annotations

import math
import zlib
from typing import Any

import msgspec
import numpy as np
from PIL import Image
from targets.images import PNG_TOKENS, mend_png, saved
from targets.target import SOURCES, Target, writable

from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.masks import MaskError, read_mask
from labelbeam.transforms.formats.voc.plain import plain_annotation
from labelbeam.transforms.formats.voc.sets import read_image_sets
from labelbeam.transforms.formats.voc.xml import parse_annotation

_XML = """<annotation><folder>a</folder><filename>ä &amp; b.jpg</filename><size><width>6</width><height>4</height></size>
<object><name>cat</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1.5</ymin>
<xmax>6</xmax><ymax>4</ymax></bndbox><part><name>head</name><bndbox><xmin>2</xmin></bndbox></part></object></annotation>"""
XML = (
    _XML.encode(),
    b"\xef\xbb\xbf" + _XML.encode(),
    _XML.encode("utf-16"),
    ('<?xml version="1.0" encoding="gbk"?>' + _XML.replace("ä", "猫")).encode("gbk"),
    ('<?xml version="1.0" encoding="iso-8859-1"?>' + _XML).encode("latin-1"),
    _XML.replace("&amp;", "&").encode(),
    _XML.replace(
        "</bndbox><part>", "</bndbox><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>3</xmax><ymax>2</ymax></bndbox><part>"
    ).encode(),
    b"<annotation><!-- & --><![CDATA[ & ]]><?a & ?><object/></annotation>",
    _XML.replace("&amp; ", "").replace("<part><name>head</name><bndbox><xmin>2</xmin></bndbox></part>", "").encode(),
)
XML_TOKENS = (
    *(b"<!DOCTYPE a>", b"<!ENTITY", b"<object>", b"</object>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?", b"?>", b"&", b"&#0;"),
    *(b"&#xD800;", b"&lt;", b"<bndbox>", b"<size>", b"1e999", b"nan", b"\0", b"\x01", b"<a" * 300, b"<a>" * 300, b"xmlns=''"),
    *(b'encoding="utf-7"', b'encoding="rot13"', b'encoding="utf-16"', b'encoding="idna"', b'encoding="cp1252"', b"\xff\xfe", b"1_0"),
    *(b"<!D\0OCTYPE", b"\xfe\xff", b"\xc0\xbc", b"<a:b>", b"xmlns:a='b'", b"\r", b"<name>"),
)  # fmt: skip

_INDICES = Image.frombytes("P", (6, 4), bytes([0, 1, 1, 255, 2, 2] * 4))
_INDICES.putpalette([channel for index in range(256) for channel in (index, 0, 255 - index)])


MASKS = (
    saved(_INDICES, "PNG"),
    saved(_INDICES, "PNG", bits=4, transparency=0),
    saved(_INDICES.convert("L"), "PNG"),
    saved(_INDICES.convert("RGB"), "PNG"),
    saved(Image.new("1", (6, 4), 1), "PNG"),
)

LISTS = (
    b"1\n2\na/b\n1 1\n2 -1\n",
    b"\xef\xbb\xbf1  1\r\n2  0\r\n\xc3\xbc -1\r\n",
    "filename\n1.jpg 1.xml\n2 0\n".encode("utf-16"),
    b"image_id,label\n./a/b.jpg,1\nJPEGImages/2.jpg Annotations/2.xml\n",
    b"1\n" + b"a" * 3000 + b" 2" * 500 + b"\n",  # Once in quadratic time.
)
LIST_TOKENS = (b"1", b" 1", b" -1", b" 0", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xff", b"a/b", b"../1", b".xml", b".jpg", b"/", b"\\", b"\xcc\x88u", b",")  # fmt: skip


def parse_voc_xml(data: bytes) -> None:
    """Corners are finite, sizes positive, and text can be written; a file taken from its text says what the parser finds."""
    plain = plain_annotation(data)
    try:
        found = parse_annotation(data)
    except XmlError as error:
        assert plain is None
        writable(str(error))
        return
    assert plain in (None, found)
    writable(found.filename)
    assert all(side is None or 0 < side < 2**31 for side in (found.width, found.height))
    position = part = 0
    for item in found.objects:
        # The next object, or the next box of one that has several.
        assert (item.position, item.part) in (
            (position + 1, 0),
            (position + 1, 1),
            (position, part + 1 if part else -1),
        )
        position, part = item.position, item.part
        for text in (item.name, item.pose, item.box_error):
            writable(text)
        assert item.box is None or all(map(math.isfinite, (*item.box.numbers, item.box.angle)))


def read_voc_mask(png: bytes) -> None:
    """Instances have the boxes that their pixels have, and can be traced."""
    if zlib.crc32(png) % 8:
        png = mend_png(png)
    size = (6, 4) if zlib.crc32(png) % 3 else None
    try:
        mask = read_mask(png, size)
    except MaskError as error:
        writable(str(error))
        return
    height, width = mask.indices.shape
    assert size in (None, (width, height))
    for box in mask.boxes.values():
        assert 0 <= box[0] < box[2] <= width
        assert 0 <= box[1] < box[3] <= height
    for index in list(mask.boxes)[:3] if width * height <= 10_000 else ():
        corners = np.concatenate(mask.rings(index))
        assert (*corners.min(0), *corners.max(0)) == mask.boxes[index]


def read_lists(data: bytes) -> None:
    """Lists put annotation files that are there into splits that exist."""
    half = len(data) // 2
    parts = (data[:half], data[half:]) if zlib.crc32(data) % 2 else (data, data)
    lists = {"ImageSets/Main/train.txt": parts[0], "ImageSets/Main/cat_val.txt": parts[1]}
    xmls = {name: f"Annotations/{name}.xml" for name in ("1", "2", "a/b", "\u00fc")}
    for task in ("image_object_detection", "image_classification"):
        doubts: list[Any] = []
        found = read_image_sets(list(lists), lists.__getitem__, task, xmls, doubts)
        for doubt in doubts:
            msgspec.json.encode(doubt)
        if found is not None:
            assert {*found.splits} | {*found.labels} <= {*xmls.values()}
            assert {*found.splits.values()} <= {"train", "validation", "test", None}


TARGETS = {
    "voc-xml": Target(parse_voc_xml, XML, XML_TOKENS, SOURCES),
    "voc-masks": Target(read_voc_mask, MASKS, PNG_TOKENS, (*SOURCES, "/PIL/")),
    "voc-lists": Target(read_lists, LISTS, LIST_TOKENS, SOURCES),
}
