"""Annotation files as text, and what is read of them."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.xml import parse_annotation


def with_object(inner: str) -> bytes:
    return f"<annotation><object>{inner}</object></annotation>".encode()


def bndbox(xmin: str = "1", ymin: str = "2", xmax: str = "30", ymax: str = "40") -> str:
    sides = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    return "<bndbox>" + "".join(f"<{side}>{text}</{side}>" for side, text in sides.items()) + "</bndbox>"


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
