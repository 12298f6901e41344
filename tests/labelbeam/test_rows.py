"""Records and rejections as rows of plain values, the same as their lines."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.rows import ROWS, rejection_row, rows_of
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Rejected
from labelbeam.schemas.records import RECORDS
from labelbeam.schemas.tasks import TASKS
from tests.schemas.test_records import LABELS, record


def plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_its_record_with_sizes_as_numbers(task: str) -> None:
    (row,) = rows_of([msgspec.convert(record(task), RECORDS[task])], "train")
    assert type(row) is ROWS[task]
    assert plain(row) == {
        "image_url": "https://h/1.jpg",
        "split": "train",
        "format": "jpg",
        "width": 640,
        "height": 480,
        "label": LABELS[task],
    }


def test_a_rejection_has_its_code_as_text() -> None:
    row = rejection_row(Rejection("s", "l", None, "image", Rejected.UNSAFE_PATH, "m", "r"))
    assert row == ("s", "l", None, "image", "unsafe_path", "m", "r")
    assert type(row.code) is str
