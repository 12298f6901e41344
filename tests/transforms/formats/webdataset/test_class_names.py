"""Names of classes beside shards, in the forms that tools write."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.webdataset.class_names import is_names_file, names_in


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("labels.json", b'["a", "b"]', {0: "a", 1: "b"}),
        ("labels.json", b'{"0": "a", "7": "b"}', {0: "a", 7: "b"}),
        ("labels.json", b'{"a": 3, "b": 1}', {3: "a", 1: "b"}),
        ("labels.json", b'{"a": 3, "b": 3}', {}),
        ("labels.json", b'{"a": true}', {}),
        ("labels.json", b'{"images": [], "0": "a"}', {}),
        ("labels.json", b"[1, 2]", {}),
        ("labels.json", b"no JSON", {}),
        ("labels.json", b'{"9999999999999999": "a"}', {}),
        ("classnames.txt", "\ufeffa\r\nü b\n\n\n".encode(), {0: "a", 1: "ü b"}),
        ("classnames.txt", b"\xff\xfe", {}),
    ],
)
def test_names_are_by_number_or_none(path: str, data: bytes, expected: dict[int, str]) -> None:
    assert names_in(path, data) == expected


def test_files_of_names_are_known_by_what_they_are_called() -> None:
    assert [is_names_file(name) for name in ("a/classnames.txt", "Labels.json", "notes.txt")] == [True, True, False]
