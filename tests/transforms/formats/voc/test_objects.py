"""Objects that hold what nearly all do: read on a way of their own, to what the usual way makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from labelbeam.transforms.formats.voc import xml
from labelbeam.transforms.formats.voc.shapes import plain_object
from labelbeam.transforms.formats.voc.xml import Annotation, parse_annotation

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox>"
USUAL = f"<object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>{BOX}</object>"

TEXTS = st.sampled_from(
    ["1", "0", "dog", " cafe\u0301 ", "", " ", "true", "1.0", "1e400", "nan", "-3", "1_0", "\u0663", "9" * 400]
)
TAGS = [
    "name",
    "pose",
    "truncated",
    "difficult",
    "occluded",
    "Name",
    "score",
    "angle",
    "xmin",
    "polygon",
    "part",
    "status",
    "object",
]
LEAVES = st.builds(
    lambda tag, text, attribute: f"<{tag}{attribute}>{text}</{tag}>",
    st.sampled_from(TAGS),
    TEXTS,
    st.sampled_from(["", "", "", ' id="1"']),
)
SIDES = ["xmin", "ymin", "xmax", "ymax"]
BOXES = st.one_of(
    st.just(BOX),
    st.builds(
        lambda sides, texts, tag: (
            f"<{tag}>{''.join(f'<{s}>{t}</{s}>' for s, t in zip(sides, texts, strict=False))}</{tag}>"
        ),
        st.one_of(st.permutations(SIDES), st.lists(st.sampled_from([*SIDES, "angle", "XMIN"]), max_size=5)),
        st.lists(TEXTS, min_size=5, max_size=5),
        st.sampled_from(["bndbox", "bndbox", "BndBox", "robndbox"]),
    ),
)
OBJECTS = st.builds(
    lambda tag, attribute, parts: f"<{tag}{attribute}>{''.join(parts)}</{tag}>",
    st.sampled_from(["object", "object", "Object", "obj"]),
    st.sampled_from(["", "", "", ' name="cat"', ' status="rejected"']),
    st.one_of(
        st.lists(st.one_of(LEAVES, BOXES), max_size=6),
        st.tuples(st.just("<name>dog</name>"), BOXES, LEAVES).map(list),
    ),
)


def usually(data: bytes) -> Annotation:
    """What is made of a file where no object is plain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml, "plain_object", lambda _: None)
        return parse_annotation(data)


def test_an_object_as_voc_writes_it_is_plain() -> None:
    found = plain_object(etree.fromstring(USUAL))
    assert found is not None
    assert (found.name, found.box.numbers, found.box.decimal) == ("dog", (1, 2, 30, 40.5), True)
    assert found.texts == {"pose": "Left", "truncated": "1", "difficult": "0"}


@pytest.mark.parametrize(
    "odd",
    [
        USUAL.replace("<object>", '<object id="1">'),
        USUAL.replace("</object>", "<name>cat</name></object>"),
        USUAL.replace("</object>", f"{BOX}</object>"),
        USUAL.replace("</object>", "<score>0.5</score></object>"),
        USUAL.replace("<xmin>1</xmin>", ""),
        USUAL.replace("<xmin>1</xmin>", "<xmin>one</xmin>"),
        USUAL.replace("dog", " "),
    ],
)
def test_any_other_is_not(odd: str) -> None:
    assert odd != USUAL
    assert plain_object(etree.fromstring(odd)) is None


@given(st.lists(OBJECTS, max_size=3))
def test_both_ways_make_the_same_of_it(objects: list[str]) -> None:
    data = f"<annotation><filename>1.jpg</filename>{''.join(objects)}</annotation>".encode()
    assert parse_annotation(data) == usually(data)
