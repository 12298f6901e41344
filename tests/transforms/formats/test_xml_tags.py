"""Elements of more attributes than a parser compares in time, wherever they stand and however the text is cut."""

from __future__ import annotations

import time

import pytest

from labelbeam.transforms.formats.cvat.xml import CvatError, images_in
from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.markup import parse
from labelbeam.transforms.formats.xml_tags import MOST_ATTRIBUTES, TagWatch, has_too_many_attributes

MANY = " ".join(f"a{number}='>'" for number in range(200_000))
FEW = " ".join(f'a{number}="{number}"' for number in range(MOST_ATTRIBUTES))


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_an_annotation_file_of_a_hundred_thousand_attributes_is_refused_at_once(charset: str) -> None:
    began = time.process_time()
    with pytest.raises(XmlError, match="more than 1,000 attributes"):
        parse(f"<annotation><object/><size {MANY}/></annotation>".encode(charset))
    assert time.process_time() - began < 5
    text = 'a="b" ' * 5000
    root, _ = parse(f"<annotation {FEW}>{text}</annotation>".encode(charset))
    assert len(root.attrib) == MOST_ATTRIBUTES


def test_a_file_of_cvat_with_such_an_element_is_refused_at_once() -> None:
    data = f"<annotations><version>1.1</version><image id='0' {MANY}/></annotations>".encode()
    with pytest.raises(CvatError, match="more than 1,000 attributes"):
        list(images_in(lambda start, end: data[start:end], 0, len(data), len(data)))


@pytest.mark.parametrize("size", [100, 4099, 10**6])
def test_a_tag_is_known_wherever_it_is_cut(size: int) -> None:
    def exceeded(text: bytes) -> bool:
        watch = TagWatch()
        return any(watch.exceeded(text[at : at + size]) for at in range(0, len(text), size))

    many = b"<a " + b"b='1' " * (MOST_ATTRIBUTES + 1) + b">"
    assert has_too_many_attributes(many)
    assert exceeded(b"<x>" + many)
    assert not exceeded(b"<x y='" + b'="" ' * 2000 + b"'>" + b"b='1' " * 3000 + b"</x>")
    assert not exceeded(b"<!-- " + b"b='1' " * 3000 + b"-->")
