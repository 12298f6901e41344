"""Keywords become the values that the command line and YAML know."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from labelbeam.options import builtin, storage_of
from labelbeam.schemas.errors import UsageError


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Path("a") / "b", "a/b"),
        ([Path("a"), "b"], ["a", "b"]),
        (("a", 1), ["a", 1]),
        (MappingProxyType({"train": 0.5, "x": Path("a")}), {"train": 0.5, "x": "a"}),
        ("text", "text"),
        (None, None),
        (True, True),
    ],
)
def test_paths_are_text_and_mappings_and_sequences_plain(value: Any, plain: Any) -> None:
    assert builtin(value) == plain
    assert type(builtin(value)) is type(plain)


def test_options_of_stores_are_mappings_or_what_the_command_line_takes() -> None:
    assert storage_of(None) == {}
    assert storage_of(MappingProxyType({"s3": MappingProxyType({"anon": True})})) == {"s3": {"anon": True}}
    assert storage_of('{"s3": {"anon": true}}') == {"s3": {"anon": True}}
    with pytest.raises(UsageError):
        storage_of({"s3": True})  # type: ignore[dict-item]
