"""Columns beside those that are read: what they say is read where it is plain, and told where it is not."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import read_rows
from tests.transforms.formats.folder.read_columns import IMAGES, SEVERAL, codes, labels, read

SINGLE = "image_classification"


def table(column: str, *cells: str, labels: str = "cat dog cat") -> str:
    rows = (f"{at}.jpg,{label},{cell}\n" for at, (label, cell) in enumerate(zip(labels.split(), cells, strict=True), 1))
    return f"image,label,{column}\n{''.join(rows)}"


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("status", ("approved", "rejected", "approved")),
        ("Review Status", ("done", "Pending", "done")),
        ("approved", ("TRUE", "FALSE", "TRUE")),
        ("is_deleted", ("0", "1", "0")),
        ("exclude", ("", "x", "")),
        ("quality", ("good", "poor", "good")),
    ],
)
def test_rows_that_a_column_speaks_against_are_read_and_told(column: str, cells: tuple[str, ...]) -> None:
    content = read(table(column, *cells), task=SINGLE)
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": ["cat"]}
    (doubt,) = content.doubts
    assert (doubt.code, doubt.count, doubt.example) == ("flags_not_read", 1, "2.jpg")


@pytest.mark.parametrize(
    ("column", "cells"),
    [("status", ("ok", "done", "")), ("deleted", ("0", "no", "")), ("state", ("Ohio", "Iowa", "Utah"))],
)
def test_rows_that_nothing_speaks_against_are_not_doubted(column: str, cells: tuple[str, ...]) -> None:
    assert codes(read(table(column, *cells), task=SINGLE)) == []


def test_a_column_of_verdicts_that_holds_the_labels_is_no_doubt() -> None:
    assert codes(read("image,label\n1.jpg,rejected\n2.jpg,approved\n")) == []
    assert codes(read("image,status\n1.jpg,rejected\n2.jpg,approved\n")) == ["label_column"]


def test_json_lines_tell_the_same() -> None:
    lines = '{"image": "1.jpg", "label": "a", "deleted": true}\n{"image": "2.jpg", "label": "b", "deleted": false}\n'
    assert [doubt.code for doubt in read_rows("a.jsonl", lines.encode(), SINGLE, FolderOptions()).doubts] == [
        "flags_not_read"
    ]


@pytest.mark.parametrize("column", ["ml_use", "type", "train_test", "mode"])
def test_a_column_of_nothing_but_words_for_splits_is_the_split_whatever_it_is_called(column: str) -> None:
    content = read(table(column, "training", "TEST", "validation"), task=SINGLE)
    assert [image.split for image in content.images] == ["train", "test", "validation"]
    assert codes(content) == ["split_codes"]


@pytest.mark.parametrize("cells", [("train", "train", "train"), ("train", "tram", "test"), ("val", "test", "test")])
def test_a_column_that_may_be_something_else_is_none(cells: tuple[str, ...]) -> None:
    assert {image.split for image in read(table("type", *cells), task=SINGLE).images} == {None}


def test_labels_that_are_words_for_splits_are_labels() -> None:
    content = read("image,label\n1.jpg,train\n2.jpg,test\n", task=SINGLE)
    assert (labels(content), {image.split for image in content.images}) == (
        {"1.jpg": ["train"], "2.jpg": ["test"]},
        {None},
    )


@pytest.mark.parametrize("column", ["fold", "kfold", "CV Fold", "fold_id"])
def test_folds_are_told_with_the_options_that_read_them(column: str) -> None:
    (doubt,) = read(table(column, "0", "1", "0"), task=SINGLE).doubts
    assert (doubt.code, doubt.count) == ("split_column", 2)
    assert doubt.option.endswith("--split-values 0=validation,1=train")
    options = {"split_column": column, "split_values": "0=validation,1=train"}
    content = read(table(column, "0", "1", "0"), task=SINGLE, **options)
    assert ([image.split for image in content.images], codes(content)) == (["validation", "train", "validation"], [])


def test_a_class_that_is_called_like_a_split_is_told() -> None:
    content = read("image,cat,train\n1.jpg,1,1\n2.jpg,1,0\n")
    assert labels(content) == {"1.jpg": ["cat", "train"], "2.jpg": ["cat"]}
    assert codes(content) == ["split_column"]


@pytest.mark.parametrize(
    ("flags", "told"), [(("1,0", "0,1", "1,0"), False), (("1,0", "1,0", "1,0"), True), (("0,0",) * 3, False)]
)
def test_columns_of_flags_beside_one_of_labels_have_to_say_the_same(flags: tuple[str, ...], told: bool) -> None:
    content = read(table("cat,dog", *flags), task=SINGLE)
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": ["cat"]}
    assert [(doubt.code, doubt.option) for doubt in content.doubts] == (
        [("label_column", "--label-columns cat,dog")] if told else []
    )


def test_a_column_of_corrected_labels_is_told() -> None:
    (doubt,) = read(table("Corrected Label", "", "cat", ""), task=SINGLE).doubts
    assert (doubt.code, doubt.option) == ("label_column", "--label-columns 'Corrected Label'")


@pytest.mark.parametrize("cells", [("0,9", "0,0", "1,0"), ("0.9", "0", "1.0")])
def test_a_point_may_be_a_comma(cells: tuple[str, ...]) -> None:
    rows = "".join(f"{at}.jpg;{label};{cell}\n" for at, (label, cell) in enumerate(zip("aba", cells, strict=True), 1))
    content = read(f"image;label;confidence\n{rows}")
    assert labels(content) == {"1.jpg": ["a"], "2.jpg": [], "3.jpg": ["a"]}
    assert codes(content) == ["labels_absent", "confidences_below_one"]


def test_scores_are_confidences_where_all_are_fractions() -> None:
    assert codes(read(table("score", "0.9", "0.2", "1.0"), task=SINGLE)) == ["confidences_below_one"]
    assert codes(read(table("score", "7", "0", "9"), task=SINGLE)) == []


def test_labels_that_are_measures_are_told() -> None:
    assert codes(read("image,label\n1.jpg,0.13\n2.jpg,1.7\n3.jpg,0.9\n", task=SINGLE)) == ["labels_are_numbers"]
    assert codes(read("image,label\n1.jpg,0.0\n2.jpg,1.0\n3.jpg,1.0\n", task=SINGLE)) == []


def test_a_first_row_that_names_an_image_without_its_extension_is_no_header() -> None:
    content = read("a,cat\nb,dog\nc,cat\n", frozenset({"a.jpg", "b.jpg", "c.jpg"}), task=SINGLE)
    assert labels(content) == {"a.jpg": ["cat"], "b.jpg": ["dog"], "c.jpg": ["cat"]}
    assert codes(content) == ["header_missing"]
    with_header = read("image,class\na,dog\nb,cat\n", frozenset({"image.jpg", "a.jpg", "b.jpg"}), task=SINGLE)
    assert (labels(with_header), codes(with_header)) == ({"a.jpg": ["dog"], "b.jpg": ["cat"]}, [])


def test_rows_that_are_utf8_by_accident_are_told() -> None:
    text = "image,label\n1.jpg,猫\n2.jpg,狗\n3.jpg,bird\n".encode("gbk")
    found = read_rows("labels.csv", text, SEVERAL, FolderOptions(), None)
    assert [(doubt.code, doubt.count) for doubt in found.doubts] == [("table_charset", 1)]
    assert not read_rows("labels.csv", "image,label\n1.jpg,猫\n".encode(), SEVERAL).doubts


@pytest.mark.parametrize(
    "cell",
    [
        "array(['cat', 'dog'], dtype=object)",
        "np.array(['cat', 'dog'])",
        "Index(['cat', 'dog'], dtype='object')",
        "{'cat', 'dog'}",
        "set(['cat', 'dog'])",
        "frozenset({'cat', 'dog'})",
    ],
)
def test_a_list_is_read_as_the_function_that_makes_it_is_written(cell: str) -> None:
    content = read(f'image,labels\n1.jpg,"{cell}"\n2.jpg,set()\n3.jpg,()\n')
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": [], "3.jpg": []}


def test_a_name_with_parentheses_is_no_list() -> None:
    assert labels(read("image,labels\n1.jpg,Index (car)\n2.jpg,set(2)\n", IMAGES, SINGLE)) == {
        "1.jpg": ["Index (car)"],
        "2.jpg": ["set(2)"],
    }
