"""What belongs together, by path or by column."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.split_group import group_column, parse_split_group


@pytest.mark.parametrize(
    ("given", "path", "group"),
    [
        ("folder", "a/b/1.jpg", "a/b"),
        ("folder", "1.jpg", ""),
        (r"^[^/]+/", "a/b/1.jpg", "a/"),
        (r"clip(\d+)_(\d+)", "x/clip7_0001.jpg", "7\x000001"),
        (r"(?P<video>\w+?)_(\d+)", "x/clip7_0001.jpg", "clip7"),
        (r"(a)|(b)", "b", "\0b"),
        (r"^patient(\d+)", "x/patient1.jpg", None),
    ],
)
def test_the_group_of_a_path_is_what_the_expression_names(given: str, path: str, group: str | None) -> None:
    assert parse_split_group(given).group(path, "of a column") == group


@pytest.mark.parametrize(
    ("given", "column"),
    [("patient_id", "patient_id"), ("Patient ID", "Patient ID"), ("column:a.b", "a.b"), ("folder", ""), ("a.b", "")],
)
def test_a_plain_word_is_a_column(given: str, column: str) -> None:
    config = ConvertConfig(task="image_object_detection", source=["s"], output="o", split_group=given)
    assert group_column(config) == column
    if column:
        assert [parse_split_group(given).group("a/1.jpg", value) for value in ("p1", "")] == ["p1", None]


@pytest.mark.parametrize("given", ["(", "[a", "column:", "(?P<a>x)(?P<a>y)", " "])
def test_what_is_none_of_these_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--split-group: "):
        parse_split_group(given)
