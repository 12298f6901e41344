"""Columns of tables: what they say of images, labels and splits, as tables of real datasets have them."""

from __future__ import annotations

import shlex

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, read_table
from tests.transforms.formats.folder.read_columns import IMAGES, SEVERAL, codes, labels, read

# Flags.


@pytest.mark.parametrize("column", ["is_verified", "fold", "source", "Confidence", "valid", "Index"])
def test_columns_of_facts_are_no_classes(column: str) -> None:
    content = read(f"filename,{column},cat,dog\n1.jpg,1,1,0\n2.jpg,0,1,1\n")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["cat", "dog"]}
    told = [doubt.message for doubt in content.doubts if doubt.code == "columns_of_facts"]
    assert len(told) == 1 and f"'{column}'" in told[0]
    assert "--label-columns" in told[0]
    assert labels(read(f"filename,{column},cat\n1.jpg,1,0\n2.jpg,0,1\n", label_columns=f"{column},cat")) == {
        "1.jpg": [column],
        "2.jpg": ["cat"],
    }


@pytest.mark.parametrize(("column", "code"), [("split", "split_column"), ("is_train", "split_codes")])
def test_columns_of_splits_are_no_classes(column: str, code: str) -> None:
    content = read(f"filename,{column},cat,dog\n1.jpg,1,1,0\n2.jpg,0,1,1\n")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["cat", "dog"]}
    assert code in codes(content)
    named = read(f"filename,{column},cat\n1.jpg,1,0\n2.jpg,0,1\n", label_columns=f"{column},cat")
    assert (labels(named), codes(named)) == ({"1.jpg": [column], "2.jpg": ["cat"]}, [])


@pytest.mark.parametrize("index", ["Unnamed: 0", "", "Unnamed: 0.1", "level_0"])
def test_an_index_that_was_saved_is_no_class(index: str) -> None:
    content = read(f"{index},filename,cat,dog\n0,1.jpg,1,0\n1,2.jpg,0,1\n")
    assert (labels(content), codes(content)) == ({"1.jpg": ["cat"], "2.jpg": ["dog"]}, [])


# A row for each label.


@pytest.mark.parametrize("column", ["Confidence", "presence", "is_present", "exists"])
@pytest.mark.parametrize("no", ["0", "0.0", "-1"])
def test_a_label_of_confidence_zero_is_absent_and_told(column: str, no: str) -> None:
    rows = f"1.jpg,cat,1\n1.jpg,dog,{no}\n2.jpg,dog,1\n2.jpg,cat,{no}\n3.jpg,cat,{no}\n"
    content = read(f"ImageID,LabelName,{column}\n{rows}")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": []}
    assert [(doubt.code, doubt.count) for doubt in content.doubts] == [("labels_absent", 3)]


def test_confidences_between_are_labels_and_told_until_it_is_said_which_are_enough() -> None:
    text = "ImageID,LabelName,Confidence\n1.jpg,cat,0.9\n1.jpg,dog,0.3\n2.jpg,dog,1\n3.jpg,dog,\n"
    content = read(text)
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": ["dog"], "3.jpg": ["dog"]}
    assert [(doubt.code, doubt.count) for doubt in content.doubts] == [("confidences_below_one", 2)]
    content = read(text, min_confidence=0.5)
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": ["dog"]}
    assert codes(content) == ["labels_absent"]


@pytest.mark.parametrize(
    "text",
    [
        "filename,cat,dog\n1.jpg,1,0\n1.jpg,0,1\n2.jpg,1,0\n",
        "filename,labels\n1.jpg,cat;dog\n1.jpg,cat\n2.jpg,cat\n",
        "ImageID,LabelName,Confidence\n1.jpg,cat,1\n1.jpg,cat,0\n2.jpg,dog,1\n",
    ],
)
def test_rows_that_contradict_each_other_are_told(text: str) -> None:
    content = read(text)
    assert [(doubt.count, doubt.example) for doubt in content.doubts if doubt.code == "labels_conflict"] == [
        (1, "1.jpg")
    ]


def test_where_an_image_has_one_label_two_rows_contradict_each_other() -> None:
    text = "filename,label\n1.jpg,cat\n1.jpg,dog\n2.jpg,dog\n2.jpg,dog\n"
    assert codes(read(text, task="image_classification")) == ["labels_conflict"]
    assert codes(read(text)) == []


# Which column it is.


@pytest.mark.parametrize("label", ["diagnosis", "species", "dx", "Finding Labels", "y"])
@pytest.mark.parametrize("file", ["id_code", "image_id", "photo", "Image Index", "asset"])
def test_columns_of_unusual_names_are_told_by_what_they_hold(file: str, label: str) -> None:
    content = read(f"{file},{label}\na1,cat\na2,dog\na3,dog\n", frozenset({"x/a1.jpg", "x/a2.jpg", "x/a3.jpg"}))
    assert labels(content) == {"x/a1.jpg": ["cat"], "x/a2.jpg": ["dog"], "x/a3.jpg": ["dog"]}
    assert codes(content) == ["label_column"]


@pytest.mark.parametrize(
    "text", ["id,label\n1,cat\n2,dog\n", "uid,label\n1,cat\n2,dog\n", "name,label\n1.jpg,cat\n2.jpg,dog\n"]
)
def test_ids_that_are_numbers_name_images_where_the_column_is_called_so(text: str) -> None:
    assert labels(read(text)) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}


def test_numbers_under_another_name_are_no_images_by_accident() -> None:
    with pytest.raises(TableError, match="--image-column"):
        read("age,label\n1,cat\n2,dog\n")
    assert labels(read("age,label\n1,cat\n2,dog\n", image_column="age")) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}


def test_the_column_that_fits_the_files_goes_before_one_of_a_better_name() -> None:
    assert labels(read("image,where,label\n17,1.jpg,cat\n18,2.jpg,dog\n")) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}


@pytest.mark.parametrize(
    "rows", ["1.jpg,cat\n2.jpg,dog\n", "1.jpg,cat,train\n2.jpg,dog,test\n", "cat,1.jpg\ndog,2.jpg\n"]
)
def test_without_a_header_the_first_row_is_one_of_an_image_and_that_is_told(rows: str) -> None:
    content = read(rows)
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}
    assert codes(content) == ["header_missing"]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=\t", "sep=|", "sep=,"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_for_a_spreadsheet_is_no_header(first: str, end: str) -> None:
    mark = first.strip('"')[-1]
    content = read(end.join([first, f"filename{mark}label", f"1.jpg{mark}cat", ""]))
    assert labels(content) == {"1.jpg": ["cat"]}
    assert content.images[0].locator == "line 3"


def test_of_numbers_and_names_the_names_are_the_labels_without_a_doubt() -> None:
    content = read("filename,class_id,class_name\n1.jpg,0,cat\n2.jpg,1,dog\n")
    assert (labels(content), codes(content)) == ({"1.jpg": ["cat"], "2.jpg": ["dog"]}, ["names_before_numbers"])


@pytest.mark.parametrize("names", ["species", "name", "human readable"])
def test_labels_that_are_numbers_are_told_where_a_column_names_them(names: str) -> None:
    text = f"filename,label,{names}\n1.jpg,0,cat\n2.jpg,1,dog\n3.jpg,0,cat\n"
    content = read(text)
    assert (labels(content)["1.jpg"], codes(content)) == (["0"], ["labels_are_numbers"])
    assert content.doubts[0].option == f"--label-columns {shlex.quote(names)}"
    assert labels(read(text, label_columns=names)) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": ["cat"]}


@pytest.mark.parametrize(
    "options", [{"label_columns": "kind"}, {"label_columns": "label,kind"}, {"image_column": "kind"}]
)
def test_a_column_that_an_option_names_and_the_table_has_not_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"labels\.csv has no column 'kind', expected some of 'filename', 'label'"):
        read("filename,label\n1.jpg,cat\n", **options)


@pytest.mark.parametrize("label", ["Finding Labels", "image_label", "true class", "diagnosis", "Species"])
def test_the_only_column_called_like_labels_holds_them(label: str) -> None:
    content = read(f"Image Index,{label},Follow-up #,Age\n1.jpg,cat|dog,0,58\n2.jpg,dog,1,60\n")
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": ["dog"]}
    assert codes(content) == ["label_column"]


def test_one_column_of_flags_among_many_others_is_doubted() -> None:
    content = read("filename,cat,camera,place\n1.jpg,1,Sony,Rome\n2.jpg,0,Leica,Oslo\n")
    assert (labels(content), codes(content)) == ({"1.jpg": ["cat"], "2.jpg": []}, ["label_column"])


@pytest.mark.parametrize("text", ["caption", "description", "notes"])
def test_prose_is_no_label(text: str) -> None:
    with pytest.raises(TableError):
        read(f"filename,{text}\n1.jpg,cat\n2.jpg,cat\n")


# Names of images.


def test_labels_in_two_unicode_forms_are_one() -> None:
    content = read("filename,label\n1.jpg,café\n2.jpg,cafe\u0301\n")
    assert labels(content) == {"1.jpg": ["café"], "2.jpg": ["café"]}
    assert [image.adjusted for image in content.images] == [[], [Adjusted.LABEL_NORMALIZED]]


# Grades, flags in cells, and what contradicts itself.

SINGLE = "image_classification"


@pytest.mark.parametrize("name", ["level", "diagnosis", "grade"])
def test_one_column_of_grades_is_labels_although_most_are_0_and_1(name: str) -> None:
    content = read(f"image,{name}\n1.jpg,0\n2.jpg,1\n3.jpg,4\n", task=SINGLE)
    assert labels(content) == {"1.jpg": ["0"], "2.jpg": ["1"], "3.jpg": ["4"]}
    assert codes(content) == ["label_column"]
    given = read(f"image,{name}\n1.jpg,0\n2.jpg,1\n3.jpg,4\n", task=SINGLE, label_columns=name)
    assert labels(given) == labels(content) and codes(given) == []


def test_of_several_columns_of_flags_a_stray_number_still_costs_its_row_alone() -> None:
    content = read("image,cat,dog\n1.jpg,0,1\n2.jpg,1,0\n3.jpg,2,1\n")
    assert [rejection.code for rejection in content.rejected] == [Rejected.INVALID_RECORD]


@pytest.mark.parametrize(
    "cells", [("[0, 1, 0]", "[1, 0, 0]"), ("0 1 1", "1 0 1"), ("010", "100"), ("0;1", "1;1"), ("[0. 1.]", "[1. 1.]")]
)
def test_cells_of_as_many_0_and_1_each_may_be_flags(cells: tuple[str, str]) -> None:
    content = read('image,labels\n1.jpg,"{}"\n2.jpg,"{}"\n3.jpg,\n'.format(*cells))
    assert "flags_as_labels" in codes(content)
    lines = "".join(f'{{"file_name": "{at}.jpg", "labels": "{cell}"}}\n' for at, cell in enumerate(cells, 1))
    found = read_table(LabelTable("metadata.jsonl"), lines.encode(), IMAGES, SEVERAL, FolderOptions())
    assert "flags_as_labels" in codes(found)


@pytest.mark.parametrize(
    "cells",
    [("[0, 1]", "[1]"), ("0", "1"), ("10", "01"), ("[0, 1, 2]", "[1, 0, 0]"), ("[0, 1]", "[0, 1]"), ("110", "7")],
)
def test_other_cells_of_numbers_leave_no_such_doubt(cells: tuple[str, str]) -> None:
    assert "flags_as_labels" not in codes(read('image,labels\n1.jpg,"{}"\n2.jpg,"{}"\n'.format(*cells)))


@pytest.mark.parametrize("cell", ["{'cat': 1, 'dog': 0}", '{""cat"": 1}', "{'cat': 'a, b'}"])
def test_a_mapping_in_a_cell_is_no_label(cell: str) -> None:
    content = read(f'image,labels\n1.jpg,"{cell}"\n2.jpg,cat\n')
    assert [found.code for image in content.images for found in image.rejected] == [Rejected.INVALID_LABEL]
    assert [item.label for image in content.images for item in image.objects] == ["cat"]


def test_a_sole_column_of_flags_is_one_class_and_told_where_an_image_takes_one_label() -> None:
    table = "image,has_cactus\n1.jpg,1\n2.jpg,0\n3.jpg,1\n"
    assert codes(read(table, task=SINGLE)) == ["one_class"]
    assert codes(read(table)) == []


def test_two_columns_of_labels_by_one_name_are_told() -> None:
    assert codes(read("image,label,label\n1.jpg,cat,dog\n2.jpg,dog,cat\n", task=SINGLE)) == ["label_column"]


FOLDERS = frozenset({"cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"})


@pytest.mark.parametrize(
    ("given", "told"),
    [("ddcc", True), ("ccdd", False), ("dcdd", False), ("ddcd", True), ("xxyy", False), ("ddxx", True)],
)
def test_labels_that_contradict_the_folders_called_like_them_are_told(given: str, told: bool) -> None:
    names = {"c": "cat", "d": "dog", "x": "red", "y": "blue"}
    rows = "".join(f"{path},{names[label]}\n" for path, label in zip(sorted(FOLDERS), given, strict=True))
    content = read(f"image,label\n{rows}", FOLDERS, task=SINGLE)
    assert codes(content) == (["labels_conflict"] if told else [])


@pytest.mark.parametrize("group", ["Patient", "patient", "column"])
def test_a_column_may_say_what_an_image_belongs_to_and_is_no_class(group: str) -> None:
    table = "image,Patient,cat,dog\n1.jpg,1,1,0\n2.jpg,0, 1,1\n2.jpg,1,1,1\n3.jpg,,0,1\n".replace(
        "Patient", group.title()
    )
    content = read_table(LabelTable("l.csv"), table.encode(), IMAGES, SEVERAL, FolderOptions(), group)
    assert {image.path: image.group for image in content.images} == {"1.jpg": "1", "2.jpg": "0", "3.jpg": ""}
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["cat", "dog"], "3.jpg": ["dog"]}


def test_json_lines_may_say_what_an_image_belongs_to() -> None:
    lines = '{"file_name": "1.jpg", "label": "a", "video": 7}\n{"file_name": "2.jpg", "label": "a", "video": null}'
    content = read_table(LabelTable("m.jsonl"), lines.encode(), IMAGES, SEVERAL, FolderOptions(), "video")
    assert [image.group for image in content.images] == ["7", ""]


def test_a_column_of_groups_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(
        UsageError, match=r"--split-group: l.csv has no column 'Patient', expected one of 'image', 'label'"
    ):
        read_table(LabelTable("l.csv"), b"image,label\n1.jpg,a\n", IMAGES, SEVERAL, FolderOptions(), "Patient")
