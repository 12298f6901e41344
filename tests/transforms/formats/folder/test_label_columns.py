"""Several columns of labels in one table."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import TableRow, read_rows

SEVERAL = "image_classification_multilabel"


def labels(text: str, options: FolderOptions | None = None) -> list[list[str]]:
    found = read_rows("labels.csv", text.encode(), SEVERAL, options)
    assert found.doubts == []
    return [row.labels for row in found.rows if isinstance(row, TableRow)]


@pytest.mark.parametrize("names", ["label1,label2,label3", "Label_1,Label_2,Label_3", "tag 1,tag 2,tag 3", "class-1,class-2,class-3"])  # fmt: skip
def test_columns_with_numbers_are_labels_of_one_image(names: str) -> None:
    text = f"file,{names}\na.jpg,big cat,dog,\nb.jpg,dog,,nan\nc.jpg,cat,cat,dog\n"
    assert labels(text) == [["big cat", "dog"], ["dog"], ["cat", "dog"]]


def test_columns_of_words_that_a_person_names_are_labels_of_one_image() -> None:
    given = FolderOptions(label_columns="colour,kind")
    assert labels("file,colour,kind\na.jpg,red,cup\nb.jpg,blue,cup\n", given) == [["red", "cup"], ["blue", "cup"]]


def test_columns_of_flags_are_classes_whatever_they_are_called() -> None:
    text = "file,label1,label2\na.jpg,1,0\nb.jpg,0,1\n"
    assert labels(text) == [["label1"], ["label2"]]
    assert labels("file,x,y\na.jpg,1,0\nb.jpg,0,1\n", FolderOptions(label_columns="x,y")) == [["x"], ["y"]]


def test_one_column_of_labels_goes_before_those_with_numbers() -> None:
    assert labels("file,label,label2\na.jpg,cat,x\nb.jpg,dog,y\n") == [["cat"], ["dog"]]
