"""Plain images of CVAT's text: what CVAT writes is one, and anything else is left to the parser, in time that grows with the text."""

from __future__ import annotations

import time

import pytest

from labelbeam.transforms.formats.cvat.plain import WrittenShape, plain_image

BOX = '    <box label="a" source="manual" occluded="0" xtl="1.50" ytl="2.00" xbr="3.00" ybr="4.00" z_order="0">\n    </box>\n'
ROW = ("a", "1.50", "2.00", "3.00", "4.00")


def image(*shapes: str) -> str:
    return f'<image id="0" name="1.jpg">\n{"".join(shapes)}  </image>'


def test_boxes_are_taken_together_where_an_image_has_nothing_else() -> None:
    text = image(BOX, BOX)
    found = plain_image(text + "<", 0, boxes=True)
    assert found is not None
    written, end = found
    assert (written.fields, written.shapes, end) == ({"id": "0", "name": "1.jpg"}, [], len(text))
    assert [row[1:] for row in written.boxes] == [ROW] * 2
    assert "".join(row[0] for row in written.boxes) == f"{BOX}{BOX}  ".lstrip()


@pytest.mark.parametrize("fields", ['rotation="0.00" ', 'outside="0" ', 'group_id="0" ', 'group_id="" ', 'odd="x" '])
def test_boxes_with_fields_that_say_nothing_are_taken_together(fields: str) -> None:
    found = plain_image(image(BOX.replace("z_order", f"{fields}z_order")), 0, boxes=True)
    assert found is not None and [row[1:] for row in found[0].boxes] == [ROW]


@pytest.mark.parametrize(
    "box",
    [
        *(BOX.replace("z_order", f"{field} z_order") for field in ('rotation="9"', 'outside="1"', 'group_id="7"')),
        BOX.replace("1.50", "1e3"),
        BOX.replace("1.50", "\u0661"),
        BOX.replace("1.50", "999999999"),
        BOX.replace('"a"', '" "'),
        BOX.replace("box", "rect"),
        BOX.replace("\n    </box>", '<attribute name="n">1</attribute></box>'),
        '<box ytl="1" xtl="1" xbr="1" ybr="1" label="a"/>',
        '<box label="a"/>',
    ],
)
def test_boxes_that_say_more_are_shapes(box: str) -> None:
    found = plain_image(image(BOX, box), 0, boxes=True)
    assert found is not None
    assert found[0].boxes == () and [type(shape) for shape in found[0].shapes] == [WrittenShape] * 2


@pytest.mark.parametrize(
    "text",
    [
        image("<box label='a'/>"),
        image('<box label="a" label="b"/>'),
        image('<box label="&amp;"/>'),
        image('<box label="a"><points label="b"/></box>'),
        image('<image id="1"/>'),
        image('<box xmlns="a"/>'),
        image('<box label="a"></bax>'),
        image("text"),
        image(BOX)[:-9],
        '<image  id="0"/>',
        '<image id="0"\n/>',
        '<image id="0',
    ],
)
def test_what_cvat_does_not_write_is_not_plain(text: str) -> None:
    assert plain_image(text, 0) is None
    assert plain_image(text, 0, boxes=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "<image" + ' a="b"' * 100_000,
        image(" " * 500_000 + "<"),
        image("<box" + ' a="b"' * 100_000),
        image(BOX, " " * 500_000, "x"),
    ],
)
def test_a_hostile_text_takes_no_longer_than_it_is(text: str) -> None:
    began = time.process_time()
    assert plain_image(text, 0, boxes=True) is None
    assert time.process_time() - began < 2
