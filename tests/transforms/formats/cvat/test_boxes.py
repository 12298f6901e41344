"""Stretches of images that have boxes alone: what is in columns is what each image has by itself, and anything else is no such stretch."""

from __future__ import annotations

import time

import pytest

from labelbeam.transforms.formats.cvat.boxes import READ, WrittenBoxes, written_boxes

BOX = '    <box label="a" source="x>y" occluded="0" xtl="1.50" ytl="2.00" xbr="3.00" ybr="4.00" z_order="0">\n    </box>\n'
CLOSED = BOX.replace(">\n    </box>", "/>")


def image(number: int, *shapes: str) -> str:
    return f'<image id="{number}" name="{number}.jpg" width="9" height="8">\n{"".join(shapes)}  </image>\n'


@pytest.mark.parametrize(
    "box", [BOX, CLOSED, BOX.replace("/></box>", " />"), BOX.replace("z_order", 'rotation="0.0" z_order')]
)
def test_images_of_boxes_are_taken_together(box: str) -> None:
    text = image(0, box, box.replace('"a"', '"ä>"')) + image(1) + image(2, box)
    taken = written_boxes(f"text {text} <", 5)
    assert taken is not None
    found, end = taken
    assert end == 5 + len(text) - 1
    assert found.images == {
        "id": ("0", "1", "2"),
        "name": ("0.jpg", "1.jpg", "2.jpg"),
        "width": ("9",) * 3,
        "height": ("8",) * 3,
    }
    assert found.counts == [2, 0, 1]
    assert found.boxes == dict(
        zip(READ, [("a", "ä>", "a"), ("1.50",) * 3, ("2.00",) * 3, ("3.00",) * 3, ("4.00",) * 3], strict=True)
    )
    each = list(found.one_by_one())
    assert [written.fields["id"] for written in each] == ["0", "1", "2"]
    assert [len(written.boxes) + len(written.shapes) for written in each] == [2, 0, 1]


ODD = [
    image(0),
    image(0, BOX, CLOSED),
    image(0, BOX, "text", BOX),
    image(0, "text", BOX),
    image(0, BOX, "text"),
    image(0, BOX) + "text" + image(1, BOX),
    image(0, BOX) + '<image id="1" name="1.jpg" width="9" height="8"/>' + image(2, BOX),
    image(0, BOX) + image(1, BOX).replace("width", 'height="1" width', 1),
    image(0, BOX) + image(1, BOX).replace('width="9" ', ""),
    image(0, BOX, image(1, BOX)),
    image(0, BOX) + "</image>",
    image(0, BOX).replace("</image>", "") + image(1, BOX),
    image(0, BOX, "</box>"),
    image(0, CLOSED, "</box>"),
    image(0, BOX.replace("</box>", "")),
    image(0, BOX, BOX.replace('source="x>y" ', "")),
    image(0, BOX, BOX.replace('"x>y"', '"x&amp;y"')),
    image(0, BOX, BOX.replace('"x>y"', '"x\ny"')),
    image(0, BOX, BOX.replace('"x>y"', '"x\x01y"')),
    image(0, BOX, BOX.replace('"x>y"', '"x\uffffy"')),
    image(0, BOX, BOX.replace('"x>y"', '"<box "')),
    image(0, BOX, BOX.replace('"x>y"', '"</box>"')),
    image(0, BOX, BOX.replace('"x>y"', '"</image>"')),
    image(0, BOX, BOX.replace("occluded", "label")),
    image(0, BOX).replace("source", "label"),
    image(0, BOX.replace("label", "name")),
    image(0, '<box ytl="1" xtl="1" xbr="1" ybr="1" label="a"/>'),
    image(0, BOX.replace("z_order", 'rotation="9" z_order')),
    image(0, BOX.replace("z_order", 'group_id="7" z_order')),
    image(0, BOX, BOX.replace("box", "tag")),
    image(0, BOX, "<!-- -->"),
    image(0, BOX).replace("9", "9\t"),
    image(0, BOX).replace("id=", "xmlns="),
    image(0, BOX).replace(" width", "  width"),
    image(0, BOX).removesuffix("  </image>\n"),
    "<image",
    "",
]


@pytest.mark.parametrize("text", ODD)
def test_what_is_other_than_that_is_taken_one_by_one(text: str) -> None:
    assert written_boxes(text, 0) is None


def test_none_of_a_stretch_is_taken_where_one_of_its_images_is_odd() -> None:
    for text in ODD[1:-3]:
        assert written_boxes(image(8, BOX) + text + image(9, BOX), 0) is None, text


@pytest.mark.parametrize(
    "text",
    [
        "<image" + ' a="b"' * 100_000 + "></image>",
        image(0, BOX, " " * 500_000),
        image(0, "<box" + ' a="b"' * 100_000 + "/>"),
        image(0, BOX) * 1_000 + "<image " * 100_000,
        image(0, BOX, '<box label="' * 50_000),
    ],
)
def test_a_hostile_text_takes_no_longer_than_it_is(text: str) -> None:
    began = time.process_time()
    written_boxes(text, 0)
    assert time.process_time() - began < 2


def test_columns_have_an_item_for_each() -> None:
    taken = written_boxes(image(0, BOX) * 3, 0)
    assert taken is not None and isinstance(taken[0], WrittenBoxes)
    assert {len(column) for column in (*taken[0].images.values(), *taken[0].boxes.values(), taken[0].counts)} == {3}
