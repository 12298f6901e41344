"""Tables by their bytes: charsets, what cannot be read as a whole, and what is known for a table of labels."""

from __future__ import annotations

import pytest

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.rows import is_label_table
from tests.transforms.formats.folder.read_tables import (
    codes,
    labels,
    read,
    refused,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters_read_alike(encoding: str, end: str, delimiter: str) -> None:
    rows = [["filename", "label"], ["1.jpg", "größe"], [], ["", ""], ["2.jpg", "猫"], []]
    content = read(end.join(map(delimiter.join, rows)).encode(encoding))
    assert labels(content) == {"1.jpg": ["größe"], "2.jpg": ["猫"]}
    assert [image.locator for image in content.images] == ["line 2", "line 5"]


def test_a_row_that_is_not_utf_8_is_rejected_and_can_be_printed() -> None:
    content = read("filename,label,note\n1.jpg,größe,\n".encode("latin-1") + "2.jpg,größe,\n".encode())
    assert (labels(content), refused(content)) == ({"2.jpg": ["größe"]}, [("line 2", Rejected.INVALID_RECORD)])
    content.rejected[0].raw.encode()


def test_bytes_that_are_not_utf_8_in_other_columns_are_no_harm() -> None:
    assert labels(read("filename,label,note\n1.jpg,cat,größe\n".encode("latin-1"))) == {"1.jpg": ["cat"]}


def test_nul_in_a_label_is_an_object_rejected() -> None:
    (image,) = read("filename,label\n1.jpg,c\0t\n").images
    assert codes(image) == [("object", Rejected.INVALID_LABEL)]


def test_cells_of_megabytes_are_read_and_excerpts_stay_short() -> None:
    content = read(f"filename,label,note\n1.jpg,cat,{'x' * 3_000_000}\n{'y' * 2_000_000}\n")
    assert labels(content) == {"1.jpg": ["cat"]}
    assert len(content.rejected[0].raw) == RAW_LIMIT


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl"])
def test_an_empty_table_is_an_error_that_names_it(name: str, data: bytes) -> None:
    with pytest.raises(TableError, match=f"{name}: found an empty file"):
        read(data, name)


@pytest.mark.parametrize("text", ["filename,label\n", "filename,cat,dog", "filename,label\r\n\r\n,\r\n"])
def test_a_header_without_rows_is_no_error_and_warned_of(text: str) -> None:
    content = read(text)
    assert (content.images, content.rejected) == ([], [])
    assert content.warnings == ["labels.csv: holds a header and no rows"]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("file_name,text\n1.jpg,A cat.\n", "metadata.csv", ["'file_name', 'text'", "label, labels, class"]),
        ("1.jpg,cat,red\n2.jpg,dog,red\n", "labels.csv", ["'1.jpg', 'cat', 'red'", "file_name", "first line"]),
        ("id,label\n1,cat\n", "labels.csv", ["'id', 'label'", "file_name"]),
        ("filename\n1.jpg\n", "labels.csv", ["'filename'", "label"]),
        ('"filename,label\n', "labels.csv", ["none", "file_name"]),
        (",,,\n;;\n", "labels.csv", ["columns", "file_name"]),
        ('{"file_name": "1.jpg", "text": "A cat."}', "metadata.jsonl", ["'file_name', 'text'", "labels"]),
        ('{"label": "cat"}', "metadata.jsonl", ["'label'", "file_name"]),
        ("[1]\n{", "metadata.jsonl", ["JSON object"]),
        ('[\n{"file_name": "1.jpg", "label": "cat"},\n{"file_name": "2.jpg"}\n]', "metadata.jsonl", ["keys"]),
    ],
)
def test_unrecognised_columns_are_an_error_that_names_them(text: str, name: str, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read(text, name)
    assert str(caught.value).startswith(f"{name}: ")
    for word in words:
        assert word in str(caught.value)


def test_utf_16_without_its_mark_is_named_as_the_likely_cause() -> None:
    with pytest.raises(TableError, match="UTF-16"):
        read("filename,label\n1.jpg,cat\n".encode("utf-16-le"))


def test_broken_utf_16_is_an_error() -> None:
    with pytest.raises(TableError, match="UTF-16"):
        read(b"\xff\xfea")


def test_a_one_hot_header_that_is_not_utf_8_is_an_error() -> None:
    with pytest.raises(TableError, match="UTF-8"):
        read("filename,größe\n1.jpg,1\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"filename,label\n1.jpg,cat\n2.jp", True),
        ("a.csv", b"filename;labels", True),
        ("a.csv", b"filename,cat,dog\n1.jpg,1,0\n2.jpg,", True),
        ("a.csv", b"filename,cat,dog\n", False),
        ("a.csv", b"filename,width,height\n1.jpg,640,480\n", False),
        ("a.csv", b"id,name\n0,cat\n", False),
        ("a.csv", "filename,label\n1.jpg,cat\n".encode("utf-16")[:-1], True),
        ("a.csv", b"", False),
        ("a.jsonl", b'{"file_name": "1.jpg", "label": "cat"}\n{"file_na', True),
        ("METADATA.JSONL", b'{"file_name": "1.jpg", "label": "cat"}', True),
        ("a.jsonl", b'{"image_id": 1, "caption": "A cat."}\n', False),
    ],
)
def test_a_label_table_is_recognised_by_its_first_bytes(name: str, head: bytes, expected: bool) -> None:
    assert is_label_table(name, head) is expected
