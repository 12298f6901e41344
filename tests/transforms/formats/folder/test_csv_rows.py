"""Rows of CSV: which column holds labels or is a class, and what stands between the labels of a cell."""

from __future__ import annotations

import pytest

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.tables import LabelTable
from tests.transforms.formats.folder.read_tables import (
    SINGLE,
    labels,
    read,
    refused,
)


def test_the_fridge_sample_separates_labels_at_spaces_and_has_its_images_beside_it() -> None:
    content = read(
        "filename,labels\n1.jpg,can carton\n2.jpg,can\n3.jpg,carton milk_bottle\n4.jpg,milk_bottle\n",
        files=frozenset({f"images/{number}.jpg" for number in range(1, 5)}),
        table=LabelTable("labels.csv", "images"),
    )
    assert labels(content) == {
        "images/1.jpg": ["can", "carton"],
        "images/2.jpg": ["can"],
        "images/3.jpg": ["carton", "milk_bottle"],
        "images/4.jpg": ["milk_bottle"],
    }
    assert (content.rejected, content.warnings) == ([], [])


def test_an_image_says_where_it_stands_and_has_no_size() -> None:
    (image,) = read("filename,label\n\n1.jpg,can\n", table=LabelTable("a/labels.csv", "a", "test")).images
    assert (image.path, image.source, image.locator, image.split) == ("a/1.jpg", "a/labels.csv", "line 3", "test")
    assert (image.width, image.height, image.skipped, image.adjusted) == (None, None, [], [])
    assert [(item.label, item.locator) for item in image.objects] == [("can", "line 3")]


@pytest.mark.parametrize("mark", [";", "|"])
def test_a_semicolon_or_bar_anywhere_keeps_the_spaces_of_all_labels(mark: str) -> None:
    content = read(f"filename,labels\n1.jpg,milk bottle{mark} can\n2.jpg,water bottle\n")
    assert labels(content) == {"1.jpg": ["milk bottle", "can"], "2.jpg": ["water bottle"]}
    assert content.warnings == []


def test_the_more_frequent_of_semicolon_and_bar_separates() -> None:
    assert labels(read("filename,labels\n1.jpg,a|b;c\n2.jpg,a;d\n"))["1.jpg"] == ["a|b", "c"]


def test_a_comma_inside_quotes_separates_and_keeps_spaces() -> None:
    assert labels(read('filename,labels\n1.jpg,"milk bottle, can"\n2.jpg,water bottle\n')) == {
        "1.jpg": ["milk bottle", "can"],
        "2.jpg": ["water bottle"],
    }


def test_words_that_occur_only_together_are_warned_of_when_spaces_separate() -> None:
    content = read("filename,labels\n1.jpg,milk bottle\n2.jpg,can\n")
    assert labels(content)["1.jpg"] == ["milk", "bottle"]
    assert len(content.warnings) == 1
    assert "'milk bottle'" in content.warnings[0] and "--label-separator" in content.warnings[0]


@pytest.mark.parametrize(
    ("separator", "expected"), [("", ["a b;c/d"]), ("/", ["a b;c", "d"]), (" ", ["a", "b;c/d"]), (";", ["a b", "c/d"])]
)
def test_a_given_separator_overrides_the_evidence(separator: str, expected: list[str]) -> None:
    assert labels(read("filename,labels\n1.jpg,a b;c/d\n", separator=separator)) == {"1.jpg": expected}


@pytest.mark.parametrize("cell", ["\"['milk bottle', 'can']\"", '"[""milk bottle"", ""can""]"'])
def test_a_list_written_into_a_cell_is_a_list(cell: str) -> None:
    assert labels(read(f"filename,labels\n1.jpg,{cell}\n2.jpg,[]\n")) == {"1.jpg": ["milk bottle", "can"], "2.jpg": []}


def test_a_label_of_several_words_stays_whole_where_an_image_has_one_label() -> None:
    content = read('filename,label\n1.jpg,milk bottle\n2.jpg,"tench, Tinca tinca"\n', task=SINGLE)
    assert labels(content) == {"1.jpg": ["milk bottle"], "2.jpg": ["tench, Tinca tinca"]}
    assert content.warnings == []


def test_a_cell_whose_words_are_labels_too_is_warned_of_where_an_image_has_one_label() -> None:
    content = read("filename,label\n1.jpg,can carton\n2.jpg,can\n3.jpg,carton\n", task=SINGLE)
    assert labels(content)["1.jpg"] == ["can carton"]
    assert len(content.warnings) == 1 and "'can carton'" in content.warnings[0]


def test_a_label_twice_in_a_cell_is_one_object() -> None:
    assert labels(read("filename,labels\n1.jpg,can can;can\n", separator=" ")) == {"1.jpg": ["can", "can;can"]}


@pytest.mark.parametrize("file", ["filename", "file_name", "File Name", "IMAGE", "image_path", "image-id"])
@pytest.mark.parametrize("label", ["label", "Labels", "class", "category", "tags", "class_name"])
def test_columns_are_recognised_by_their_usual_names_in_any_order(file: str, label: str) -> None:
    assert labels(read(f"width,{label},{file}\n640,can,1.jpg\n")) == {"1.jpg": ["can"]}


def test_of_several_label_columns_the_name_goes_before_the_number_with_a_warning() -> None:
    content = read("filename,label,label_name\n1.jpg,3,can\n")
    assert labels(content) == {"1.jpg": ["can"]}
    assert "'label_name', 'label'" in content.warnings[0]


def test_an_empty_label_cell_is_no_label_and_no_rejection() -> None:
    (image,) = read("filename,labels\n1.jpg,\n").images
    assert (image.objects, image.rejected) == ([], [])


def test_one_hot_columns_give_their_names_as_labels_whole() -> None:
    content = read("filename,milk bottle,can\n1.jpg,1,0\n2.jpg,1,1\n3.jpg,0,0\n")
    assert labels(content) == {"1.jpg": ["milk bottle"], "2.jpg": ["milk bottle", "can"], "3.jpg": []}


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("true", "false"), ("TRUE", "False"), ("1", "")])
def test_one_hot_cells_may_be_numbers_truths_or_empty(yes: str, no: str) -> None:
    assert labels(read(f"filename,a,b\n1.jpg,{yes},{no}\n2.jpg,{no},{yes}\n")) == {"1.jpg": ["a"], "2.jpg": ["b"]}


def test_one_hot_headers_and_cells_may_have_spaces_around_them() -> None:
    assert labels(read("filename, Milk bottle, Can \n1.jpg, 0 , 1 \n")) == {"1.jpg": ["Can"]}


def test_one_hot_rows_of_the_single_label_task_keep_all_their_labels_for_the_task_to_judge() -> None:
    assert labels(read("filename,a,b\n1.jpg,1,0\n2.jpg,1,1\n", task=SINGLE)) == {"1.jpg": ["a"], "2.jpg": ["a", "b"]}


def test_a_stray_cell_costs_its_row_and_not_the_class() -> None:
    content = read("filename,a,b\n1.jpg,1,0\n2.jpg,x,1\n3.jpg,1,1\n")
    assert labels(content) == {"1.jpg": ["a"], "3.jpg": ["a", "b"]}
    assert refused(content) == [("line 3", Rejected.INVALID_RECORD)]
    assert "'x'" in content.rejected[0].message


def test_columns_without_flags_and_without_a_name_are_no_classes() -> None:
    content = read(",filename,width,caption,cat\n0,1.jpg,640,A cat.,1\n1,2.jpg,512,Nothing.,0\n")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": []}
    assert "'width', 'caption'" in content.warnings[0]


def test_a_column_is_a_class_if_more_than_half_of_its_filled_cells_are_flags() -> None:
    content = read("filename,a,grade\n1.jpg,1,1\n2.jpg,1,\n3.jpg,0,B\n")
    assert labels(content) == {"1.jpg": ["a"], "2.jpg": ["a"], "3.jpg": []}
    assert "'grade'" in content.warnings[0]


def test_columns_that_are_empty_in_every_row_are_not_taken_for_one_hot() -> None:
    with pytest.raises(TableError, match="column of 0 and 1"):
        read("filename,notes\n1.jpg,\n2.jpg,\n")


def test_probabilities_and_minus_one_are_not_taken_for_zero_and_one() -> None:
    for cells in ("0.8,0.2", "-1,-1"):
        with pytest.raises(TableError, match="column of 0 and 1"):
            read(f"filename,a,b\n1.jpg,{cells}\n")


def test_a_one_hot_row_that_ends_early_is_unreadable_rather_than_all_zeros() -> None:
    content = read("filename,a,b\n1.jpg,1,0\n2.jpg,1\n")
    assert (list(labels(content)), refused(content)) == (["1.jpg"], [("line 3", Rejected.INVALID_RECORD)])


def test_metadata_csv_ignores_other_columns() -> None:
    content = read('file_name,text,label\n1.jpg,"A cat,\nasleep",cat\n2.jpg,,dog\n', "metadata.csv")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}
    assert [image.locator for image in content.images] == ["line 2", "line 4"]


def test_a_semicolon_table_may_hold_commas_in_its_cells() -> None:
    assert labels(read("filename;labels\n1.jpg;milk bottle,can\n")) == {"1.jpg": ["milk bottle", "can"]}


def test_quoted_cells_hold_delimiters_quotes_and_line_ends() -> None:
    content = read('filename,label\n"a,1.jpg","5"" screw"\n"2.jpg","a\nb"\n"3.jpg","c"\n', task=SINGLE)
    assert labels(content) == {"a,1.jpg": ['5" screw'], "2.jpg": ["a\nb"], "3.jpg": ["c"]}
    assert [image.locator for image in content.images] == ["line 2", "line 3", "line 5"]


def test_a_quote_that_is_never_closed_costs_its_row_only() -> None:
    content = read('filename,label\n1.jpg,cat\n2.jpg,"dog\n3.jpg,cat\n4.jpg,"x"y\n5.jpg,cat\n')
    assert labels(content) == {"1.jpg": ["cat"], "3.jpg": ["cat"], "5.jpg": ["cat"]}
    assert refused(content) == [("line 3", Rejected.INVALID_RECORD), ("line 5", Rejected.INVALID_RECORD)]


@pytest.mark.parametrize(
    ("row", "words"),
    [("2.jpg", "1 cell"), ("2.jpg,cat,dog", "need quotes"), (",cat", "names no file"), ('" ",cat', "names no file")],
)
def test_a_row_with_missing_or_extra_cells_is_rejected_with_what_was_expected(row: str, words: str) -> None:
    content = read(f"filename,label\n1.jpg,cat\n{row}\n")
    assert (list(labels(content)), refused(content)) == (["1.jpg"], [("line 3", Rejected.INVALID_RECORD)])
    assert words in content.rejected[0].message


def test_empty_cells_past_the_header_are_no_harm() -> None:
    assert labels(read("filename,label\n1.jpg,cat,,\n")) == {"1.jpg": ["cat"]}
