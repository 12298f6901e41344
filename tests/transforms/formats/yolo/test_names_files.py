"""Files of class names that say more than names, or contradict a labelling tool's notes."""

from __future__ import annotations

import json

import pytest

from labelbeam.transforms.formats.yolo.description import parse_names
from labelbeam.transforms.formats.yolo.names_files import doubts_of_names, doubts_of_notes
from labelbeam.transforms.formats.yolo.tree import plan_yolo


@pytest.mark.parametrize(
    ("text", "example"),
    [
        *(
            ("0 cat\n1 dog\n", "0 cat"),
            ("1: cat\n2: dog", "1: cat"),
            ("1 dog\n0 cat\n", "1 dog"),
            ("0,cat\n1,dog", "0,cat"),
        ),
        *(("# my classes\ncat\ndog\n", "# my classes"), ("cat\n// dog\n", "// dog"), ("#\ncat", "#")),
        *(("names:\ncat\ndog\n", "names:"), ("class_name\ncat\n", "class_name"), ("cat, dog\n", "cat, dog")),
    ],
)
def test_lines_that_say_more_than_a_name_are_told(text: str, example: str) -> None:
    (doubt,) = doubts_of_names("classes.txt", parse_names(text.encode(), "classes.txt"))
    assert (doubt.code, doubt.example) == ("class_names_differ", example)


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\n",
        "3 series\n5 series\n",
        "0\n1\n2\n",
        "#1\nC#\n",
        "names\n",
        "cat, tabby\ndog\n",
        "7up\ncola\n",
        "",
        "10 km\n",
    ],
)
def test_names_leave_no_doubt(text: str) -> None:
    assert doubts_of_names("classes.txt", parse_names(text.encode(), "classes.txt")) == []


NOTES = {"categories": [{"id": 0, "name": "cat"}, {"id": "1", "name": "dog"}]}


@pytest.mark.parametrize(("text", "count"), [("dog\ncat\n", 2), ("cat\n", 1), ("cat\ndog\n", 0)])
def test_notes_beside_a_file_of_names_that_number_otherwise_are_told(text: str, count: int) -> None:
    tables = {"a/classes.txt": parse_names(text.encode(), "")}
    found = doubts_of_notes(["a/notes.json"], tables, lambda path: json.dumps(NOTES).encode())
    assert [(doubt.code, doubt.count) for doubt in found] == ([("class_names_differ", count)] if count else [])


@pytest.mark.parametrize("notes", [b"[", b"[]", b"{}", b'{"categories": [{"id": "x"}]}', b'{"categories": 1}'])
def test_notes_of_another_kind_say_nothing(notes: bytes) -> None:
    tables = {"classes.txt": parse_names(b"dog\ncat\n", "")}
    assert doubts_of_notes(["notes.json"], tables, lambda path: notes) == []
    assert doubts_of_notes(["b/notes.json"], tables, lambda path: json.dumps(NOTES).encode()) == []


def test_a_plan_has_these_doubts() -> None:
    contents = {
        "classes.txt": b"1: dog\n2: cat\n",
        "notes.json": json.dumps(NOTES).encode(),
        "1.jpg": b"",
        "1.txt": b"",
    }
    found = plan_yolo(list(contents), contents.__getitem__)
    assert [doubt.code for doubt in found.doubts].count("class_names_differ") == 2
