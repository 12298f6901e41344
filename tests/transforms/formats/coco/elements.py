"""Elements of COCO files, as text, and what is read of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.transforms.formats.coco.records import (
    BadElement,
    CocoImage,
    LabelOnly,
    Outlined,
    decode_range,
)


def image(fields: str) -> CocoImage:
    """Return the image of an element with these fields beside `file_name`, or beside `file_name` and `id`."""
    fields = fields if '"id"' in fields else f'"id": 1, {fields}'
    (record,) = decode_range(f'{{"file_name": "a.jpg", {fields}}}'.encode(), CocoImage).records
    return record


def annotation(fields: str, record: type[LabelOnly] = Outlined) -> Any:
    decoded = decode_range(element(fields), record)
    assert not decoded.bad
    return decoded.records[0]


def element(fields: str) -> bytes:
    return f'{{"id": 7, "image_id": 1, "category_id": 2, {fields}}}'.encode()


def bad(block: bytes | str, record: type[msgspec.Struct]) -> BadElement:
    decoded = decode_range(block if isinstance(block, bytes) else block.encode(), record)
    assert not decoded.records
    assert not decoded.adjusted
    (found,) = decoded.bad
    return found


HUGE = pytest.param("9" * 5000, id="5000 digits")


LONG = "9" * 300
