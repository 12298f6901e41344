"""Rows of JSON Lines: an object a line, of which a string is one label and a list several."""

from __future__ import annotations

import pytest

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.reasons import Adjusted, Rejected
from tests.transforms.formats.folder.read_tables import (
    codes,
    labels,
    read,
    read_jsonl,
    refused,
)


def test_metadata_jsonl_takes_a_string_as_one_label_and_a_list_as_several() -> None:
    content = read_jsonl(
        {"file_name": "1.jpg", "label": "milk bottle"},
        {"label": ["can", "milk bottle"], "file_name": "2.jpg", "objects": {"bbox": [[1, 2, 3, 4]]}},
        {"file_name": "3.jpg", "label": None},
        {"file_name": "4.jpg"},
        {"file_name": "5.jpg", "label": ["can", "", None, "can"]},
    )
    assert labels(content) == {
        "1.jpg": ["milk bottle"],
        "2.jpg": ["can", "milk bottle"],
        "3.jpg": [],
        "4.jpg": [],
        "5.jpg": ["can"],
    }
    assert [image.locator for image in content.images] == [f"line {number}" for number in range(1, 6)]


def test_a_given_separator_applies_to_strings_in_jsonl() -> None:
    assert labels(read_jsonl({"file_name": "1.jpg", "labels": "a b;c"}, separator=";")) == {"1.jpg": ["a b", "c"]}


def test_a_number_as_label_becomes_text_and_is_counted_as_adjusted() -> None:
    (image,) = read_jsonl({"file_name": "1.jpg", "label": [3, "cat"]}).images
    assert ([item.label for item in image.objects], image.adjusted) == (["3", "cat"], [Adjusted.LABEL_FROM_NUMBER])


@pytest.mark.parametrize("label", ["true", "0.5", "NaN", '{"a": 1}', "[[1]]", '"\\u0000"', '"\\ud800"'])
def test_a_label_that_is_no_text_is_an_object_rejected(label: str) -> None:
    (image,) = read(f'{{"file_name": "1.jpg", "label": {label}}}', "metadata.jsonl").images
    assert (image.objects, codes(image)) == ([], [("object", Rejected.INVALID_LABEL)])


def test_nan_in_a_key_that_nobody_needs_does_no_harm() -> None:
    content = read('{"file_name": "1.jpg", "label": "cat", "score": NaN}', "metadata.jsonl")
    assert labels(content) == {"1.jpg": ["cat"]}


@pytest.mark.parametrize(
    "line",
    [
        "[1, 2]",
        '"text"',
        "3",
        "null",
        "{",
        "not json",
        '{"label": "cat"}',
        '{"file_name": 3, "label": "cat"}',
        '{"file_name": " ", "label": "cat"}',
        '{"file_name": null, "label": "cat"}',
        '{"file_name": ["1.jpg"], "label": "cat"}',
        '{"file_name": "\\ud800.jpg", "label": "cat"}',
        '{"file_name": "1.jpg", "label": "cat", "label": "dog"}',
        '{"file_name": "1.jpg", "label": ' + "9" * 5000 + "}",
        '{"file_name": "1.jpg", "label": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_a_jsonl_line_that_cannot_be_read_is_rejected_and_costs_no_other(line: str) -> None:
    content = read(f'{{"file_name": "0.jpg", "label": "cat"}}\n\n{line}\r\n', "metadata.jsonl")
    assert (labels(content), refused(content)) == ({"0.jpg": ["cat"]}, [("line 3", Rejected.INVALID_RECORD)])
    (rejection,) = content.rejected
    assert (rejection.kind, rejection.image, rejection.source) == ("image", None, "metadata.jsonl")
    assert rejection.raw == line[:RAW_LIMIT]


def test_a_line_separator_inside_a_json_string_does_not_end_the_line() -> None:
    content = read('{"file_name": "1.jpg", "label": "a\u2028b"}\n{"file_name": "2.jpg"}', "metadata.jsonl")
    assert [image.locator for image in content.images] == ["line 1", "line 2"]


def test_a_split_column_in_jsonl_with_other_words_is_not_used_and_warned_of() -> None:
    content = read_jsonl(
        {"file_name": "1.jpg", "label": "a", "split": "train"}, {"file_name": "2.jpg", "split": "extra"}
    )
    assert [image.split for image in content.images] == [None, None]
    assert any("extra" in warning for warning in content.warnings)
