"""A tree is VOC where one of its XML files is an annotation, by how it begins."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.voc.annotations import holds_voc
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_range
from tests.transforms.formats.planned_trees import fill

XML = "<annotation><filename>1.jpg</filename></annotation>"


def holds(root: str, texts: dict[str, str], gone: tuple[str, ...] = ()) -> bool:
    files = list_files(locate(fill(root, texts), {})).files if texts else []

    def head_of(file: StoredFile) -> bytes:
        return read_range(locate(root, {}).below(file.path), 0, file.size)

    return holds_voc(head_of, [*(StoredFile(path, 10, "") for path in gone), *files])


@pytest.mark.parametrize(
    "text",
    [
        XML,
        f'<?xml version="1.0"?><!-- {"x" * 900} -->{XML}',
        "<Annotation verified='yes'>",
        '<v:annotation xmlns:v="urn:v">',
        "\0".join("<annotation>"),
    ],
)
def test_an_annotation_is_known_however_it_is_written(text: str) -> None:
    assert holds("memory://known", {"1.xml": text})


@pytest.mark.parametrize("text", ["", "<svg/>", "<annotations/>", "annotation", " " * 5000 + XML])
def test_other_xml_is_none(text: str) -> None:
    assert not holds("memory://other", {"1.xml": text})


def test_one_of_them_is_enough() -> None:
    assert holds("memory://one", {"1.xml": "<svg/>", "2.xml": "<svg/>", "3.xml": XML})
    assert not holds("memory://none", {})


def test_one_that_cannot_be_read_counts_only_where_no_other_tells() -> None:
    assert holds("memory://unread", {"1.xml": XML}, gone=("gone.xml",))
    with pytest.raises(StoreError):
        holds("memory://unread", {"1.xml": "<svg/>"}, gone=("gone.xml",))
