"""Markers of exports: what is read back, what is refused, and which files are an export's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.export.marker import (
    MARKER,
    UNFINISHED,
    Marker,
    Note,
    Unfinished,
    check_ours,
    encode_marker,
    is_note,
    note_name,
    read_marker,
    read_note,
    read_unfinished,
)
from labelbeam.transforms.stores.locate import locate

WHOLE = Marker(1, "csv", "b", "0", "image_classification", {"train": {"images": 1, "objects": 2}}, {}, {"ü/1.csv": 3})


def test_markers_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    dest = locate(str(tmp_path), {})
    assert read_marker(dest) is None and read_unfinished(dest) is None
    under_way = Unfinished("run", {"a/1.txt": 4}, ["a/2.txt"])
    (tmp_path / MARKER).write_bytes(encode_marker(WHOLE))
    (tmp_path / UNFINISHED).write_bytes(encode_marker(under_way))
    assert read_marker(dest) == WHOLE
    assert read_unfinished(dest) == under_way


def test_a_note_has_a_name_of_its_own_and_one_that_is_gone_names_nothing(tmp_path: Path) -> None:
    dest, name = locate(str(tmp_path), {}), note_name()
    assert is_note(name) and name != note_name() and not is_note(UNFINISHED) and not is_note(f"a/{name}")
    assert read_note(dest, name) == Note([])
    (tmp_path / name).write_bytes(encode_marker(Note(["ü/1.txt"])))
    assert read_note(dest, name) == Note(["ü/1.txt"])
    (tmp_path / name).write_bytes(b'{"files":["../1.txt"]}')
    with pytest.raises(UsageError, match="is no marker of an export by labelbeam"):
        read_note(dest, name)


def test_a_marker_is_lines_of_json_that_people_can_read() -> None:
    text = encode_marker(WHOLE).decode()
    assert text.startswith('{\n  "format_version": 1,\n  "format": "csv",\n') and text.endswith("}\n")
    assert json.loads(text)["files"] == {"ü/1.csv": 3}


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"../x": 1}},
        {"files": {"/etc/passwd": 1}},
        {"files": {"a//b": 1}},
        {"files": {"": 1}},
        {"files": {"a": "1"}},
        {"files": ["a"]},
        {"build": None},
    ],
)
def test_a_marker_that_names_no_files_below_its_directory_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(json.dumps(json.loads(encode_marker(WHOLE)) | changed))
    with pytest.raises(UsageError, match="is no marker of an export by labelbeam"):
        read_marker(locate(str(tmp_path), {}))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[" * 100_000, b'{"run":"r","before":{"../x":1}}', b'{"run":"r","begun":["../x"]}']
)
def test_a_marker_of_an_export_under_way_that_is_none_of_ours_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / UNFINISHED).write_bytes(data)
    with pytest.raises(UsageError, match="is no marker of an export by labelbeam"):
        read_unfinished(locate(str(tmp_path), {}))


def test_files_of_an_export_and_its_markers_are_its_own(tmp_path: Path) -> None:
    check_ours(
        locate(str(tmp_path), {}), [("a", 1), (MARKER, 9), (UNFINISHED, 9), (note_name(), 9)], {"a": 1, "gone": 2}
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([("a", 1), ("z", 1), ("b", 1)], r"b is not of an export by labelbeam \(2 such files\); nothing was removed"),
        ([("a", 2)], r"a has another size than the export before gave it \(1 such file\)"),
        ([("\udcff.txt", 1)], r"\\udcff\.txt is not of an export"),
    ],
)
def test_the_first_file_of_others_is_named_with_their_number(
    found: list[tuple[str, int]], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        check_ours(locate(str(tmp_path), {}), found, {"a": 1})
