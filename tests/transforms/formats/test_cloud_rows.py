"""Rows of AutoML Vision and Vertex AI: uses, URLs, labels and boxes."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.cloud_rows import cloud_rows, is_of_cloud


@pytest.mark.parametrize(
    ("line", "use", "split", "labels", "box"),
    [
        ("TRAIN,gs://b/1.jpg,cat", "TRAIN", "train", ("cat",), None),
        ("VALIDATE,gs://b/1.jpg,cat,dog", "VALIDATE", "validation", ("cat", "dog"), None),
        ("gs://b/1.jpg", "", None, (), None),
        (",gs://b/1.jpg,cat", "", None, ("cat",), None),
        ('test,"gs://b/a, b.jpg","big, red"', "test", "test", ("big, red",), None),
        ("UNASSIGNED,gs://b/1.jpg,cat,0.1,0.2,,,0.3,0.4,,", "UNASSIGNED", None, ("cat",), (0.1, 0.2, 0.3, 0.4)),
        ("TRAIN,gs://b/1.jpg,cat,0.3,0.2,0.1,0.2,0.1,0.4,0.3,0.4", "TRAIN", "train", ("cat",), (0.1, 0.2, 0.3, 0.4)),
        ("TRAIN,gs://b/1.jpg,cat,.1,0,,,1,1e-1", "TRAIN", "train", ("cat",), (0.1, 0.0, 1.0, 0.1)),
        ("TEST,gs://b/1.jpg,,,,,,,,,", "TEST", "test", (), None),
    ],
)
def test_a_row_is_read(
    line: str, use: str, split: str | None, labels: tuple[str, ...], box: tuple[float, ...] | None
) -> None:
    (row,) = cloud_rows(f"{line}\r\n")
    assert (row.use, row.split, row.labels, row.box, row.wrong) == (use, split, labels, box, "")


@pytest.mark.parametrize(
    "line",
    [
        *("TRAIN,cat/1.jpg,cat", "gs://b/1.jpg,cat,0.1,0.2,,,0.3,,,", 'TRAIN,"gs://b/1.jpg,cat'),
        "TRAIN,gs://b/1.jpg,caf\udce9",
    ],
)
def test_a_row_that_cannot_be_read_says_why(line: str) -> None:
    (row,) = cloud_rows(line)
    assert row.wrong and row.raw.encode()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("TRAIN,gs://b/1.jpg,cat\n\nTEST,s3://b/2.jpg,dog", True),
        ("image,label\ngs://b/1.jpg,cat", False),
        ("1.jpg,cat", False),
        ("", False),
    ],
)
def test_such_tables_are_known_by_their_rows(text: str, is_one: bool) -> None:
    assert is_of_cloud(text) is is_one
