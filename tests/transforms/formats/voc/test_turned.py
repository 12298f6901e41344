"""Turned boxes beside upright ones in objects of VOC files."""

from __future__ import annotations

import pytest
from lxml import etree

from labelbeam.transforms.formats.voc.turned import is_turned_beside

UPRIGHT = "<bndbox><xmin>100</xmin><ymin>100</ymin><xmax>200</xmax><ymax>150</ymax></bndbox>"


def turned(inner: str) -> bool:
    return is_turned_beside(etree.fromstring(f"<object><name>cat</name>{UPRIGHT}{inner}</object>"))


def robndbox(x: float, y: float, width: float, height: float, angle: float, tag: str = "robndbox") -> str:
    return f"<{tag}><cx>{x}</cx><cy>{y}</cy><w>{width}</w><h>{height}</h><angle>{angle}</angle></{tag}>"


@pytest.mark.parametrize(
    "inner",
    [
        "<rotated_bndbox><x1>1</x1><y1>2</y1><x2>3</x2><y2>4</y2></rotated_bndbox>",
        "<obb>1 2 3 4 0.5</obb>",
        "<box_angle>30</box_angle>",
        "<attributes><attribute><name>angle</name><value>30</value></attribute></attributes>",
        "<attributes><theta>0.3</theta></attributes>",
        robndbox(400, 400, 50, 50, 0.5),
        robndbox(400, 400, 50, 50, 0.5, tag="rotated_bbox"),
    ],
)
def test_what_says_that_the_object_is_turned_is_seen(inner: str) -> None:
    assert turned(inner)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<pose>Left</pose>",
        "<angle>30</angle>",  # The object is rejected for it.
        "<attributes><attribute><name>rotation</name><value>30</value></attribute></attributes>",  # It is read.
        "<attributes><attribute><name>angle</name><value>0</value></attribute></attributes>",
        robndbox(150, 125, 100, 50, 0.0),
        robndbox(150, 125, 50, 100, 1.5708),
        robndbox(150, 125, 50, 100, 90),  # Of an angle in another unit nothing can be said.
    ],
)
def test_what_fits_or_is_read_is_not(inner: str) -> None:
    assert not turned(inner)
