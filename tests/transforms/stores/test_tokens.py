"""Tokens of files: what tells that one has changed."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.transforms.stores.tokens import content_token, may_be_same


def test_a_file_without_any_mark_counts_as_changed() -> None:
    assert content_token({"ETag": "a", "mtime": 1}) == "a"
    assert content_token({"mtime": 1}) == "1"
    assert content_token({"size": 5}) != content_token({"size": 5})


@pytest.mark.parametrize(
    ("info", "token"),
    [
        ({"ETag": '"x"', "LastModified": 5}, '"x"'),
        ({"md5Hash": "m", "updated": 5}, "m"),
        ({"etag": "", "last_modified": 7}, "7"),
        ({"CRC": 0, "created": "c"}, "c"),
    ],
)
def test_a_hash_tells_more_than_a_time_and_what_is_empty_tells_nothing(info: dict[str, Any], token: str) -> None:
    assert content_token(info) == token


def test_what_cannot_be_known_to_have_changed_may_be_the_same() -> None:
    unknown, other = content_token({}), content_token({})
    assert unknown != other
    assert may_be_same(unknown, other)
    assert may_be_same("a", "a")
    assert not may_be_same("a", "b")
    assert not may_be_same(unknown, "a")
