"""Whole COCO files as bytes, how they are cut, and what the json module reads in the parts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from labelbeam.transforms.formats.coco.cut import plan_ranges
from labelbeam.transforms.formats.coco.records import decode_range
from labelbeam.transforms.formats.coco.scan import (
    SECTIONS,
    ElementRange,
    MalformedJsonError,
)


class Anything(msgspec.Struct):
    """A record that every JSON object is."""


class File:
    """A file in memory that counts what is read of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes_read = 0

    def read(self, start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(self.content)
        self.bytes_read += end - start
        return self.content[start:end]


def plan(content: bytes, target: int = 64, window: int = 16, exact: bool = False) -> list[ElementRange]:
    return plan_ranges(File(content).read, len(content), target, window, exact)


def malformed(content: bytes, **options: Any) -> str:
    with pytest.raises(MalformedJsonError) as caught:
        plan(content, **options)
    return str(caught.value)


def elements(content: bytes, ranges: list[ElementRange]) -> dict[str, list[Any]]:
    """Return what the ranges hold, as the json module reads it."""
    found: dict[str, list[Any]] = {}
    for part in ranges:
        block = content[part.start : part.end].strip(b" \t\r\n,")
        found.setdefault(part.section, []).extend(json.loads(b"[%b]" % block))
    return found


def lists_of(content: bytes) -> dict[str, list[Any]]:
    """Return the lists of a file that are not empty, as the json module reads them."""
    return {key: value for key, value in json.loads(content).items() if isinstance(value, list) and value}


def prove(content: bytes, ranges: list[ElementRange]) -> None:
    """Parse the ranges that are read, as workers do; UnsafeSplitError where a guess was wrong."""
    for part in ranges:
        if part.section in SECTIONS:
            decode_range(content[part.start : part.end], Anything)
