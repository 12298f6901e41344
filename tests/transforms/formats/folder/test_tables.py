from __future__ import annotations

import contextlib
import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import RAW_LIMIT, SourceImage
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import is_label_table
from labelbeam.transforms.formats.folder.tables import LabelTable, TableContent, read_table

SINGLE = "image_classification"
SEVERAL = "image_classification_multilabel"


class Everything(frozenset[str]):
    """A listing in which every file exists."""

    def __contains__(self, path: object) -> bool:
        return True


def read(
    text: str | bytes,
    name: str = "labels.csv",
    files: frozenset[str] | None = None,
    task: str = SEVERAL,
    separator: str | None = None,
    table: LabelTable | None = None,
) -> TableContent:
    data = text if isinstance(text, bytes) else text.encode()
    return read_table(table or LabelTable(name), data, files, task, FolderOptions(label_separator=separator))


def read_jsonl(*records: object, separator: str | None = None) -> TableContent:
    return read("\n".join(map(json.dumps, records)), "metadata.jsonl", separator=separator)


def labels(content: TableContent) -> dict[str, list[str]]:
    return {image.path: [item.label for item in image.objects] for image in content.images}


def codes(image: SourceImage) -> list[tuple[str, Rejected]]:
    return [(rejection.kind, rejection.code) for rejection in image.rejected]


def refused(content: TableContent) -> list[tuple[str, Rejected]]:
    return [(rejection.locator, rejection.code) for rejection in content.rejected]


# labels.csv


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


# One-hot


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


# Hugging Face metadata


def test_metadata_csv_ignores_other_columns() -> None:
    content = read('file_name,text,label\n1.jpg,"A cat,\nasleep",cat\n2.jpg,,dog\n', "metadata.csv")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"]}
    assert [image.locator for image in content.images] == ["line 2", "line 4"]


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


# Splits


def test_a_column_of_split_names_splits_the_images() -> None:
    content = read("filename,label,split\n1.jpg,a,Train\n2.jpg,a,val\n3.jpg,a,\n")
    assert [image.split for image in content.images] == ["train", "validation", None]
    content = read_jsonl({"file_name": "1.jpg", "label": "a", "split": "dev"}, {"file_name": "2.jpg", "split": None})
    assert [image.split for image in content.images] == ["validation", None]


@pytest.mark.parametrize(
    "text",
    ["filename,label,split\n1.jpg,a,train\n2.jpg,a,fold 2\n", "filename,split,a\n1.jpg,fold 1,1\n2.jpg,fold 2,1\n"],
)
def test_a_split_column_with_other_words_is_not_used_and_warned_of(text: str) -> None:
    content = read(text)
    assert labels(content) == {"1.jpg": ["a"], "2.jpg": ["a"]}
    assert [image.split for image in content.images] == [None, None]
    assert any("fold 2" in warning for warning in content.warnings)


def test_a_split_column_in_jsonl_with_other_words_is_not_used_and_warned_of() -> None:
    content = read_jsonl(
        {"file_name": "1.jpg", "label": "a", "split": "train"}, {"file_name": "2.jpg", "split": "extra"}
    )
    assert [image.split for image in content.images] == [None, None]
    assert any("extra" in warning for warning in content.warnings)


def test_a_one_hot_class_called_set_is_a_class() -> None:
    content = read("filename,set,cat\n1.jpg,1,0\n2.jpg,0,1\n")
    assert (labels(content), content.warnings) == ({"1.jpg": ["set"], "2.jpg": ["cat"]}, [])


def test_without_a_split_of_its_own_an_image_has_that_of_its_folder() -> None:
    table = LabelTable("labels.csv", "", None, {"train": "train", "a/dev": "validation"})
    content = read("filename,label\ntrain/x/1.jpg,a\na/dev/2.jpg,a\na/3.jpg,a\n", table=table)
    assert [image.split for image in content.images] == ["train", "validation", None]


# Rows of one image


def test_rows_of_one_image_are_joined_and_their_new_labels_counted_as_adjusted() -> None:
    content = read("filename,label\n1.jpg,cat\n2.jpg,dog\n1.jpg,dog\n1.jpg,cat\n./1.jpg,cat\n")
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": ["dog"]}
    assert content.images[0].adjusted == [Adjusted.OBJECT_OF_DUPLICATE_IMAGE]
    assert [item.locator for item in content.images[0].objects] == ["line 2", "line 4"]
    assert content.rejected == []


def test_identical_rows_are_one_image_without_a_trace() -> None:
    content = read("filename,label\n1.jpg,cat\n1.jpg,cat\n")
    assert (labels(content), content.images[0].adjusted, content.rejected) == ({"1.jpg": ["cat"]}, [], [])


def test_a_row_that_puts_its_image_into_another_split_is_rejected_and_the_image_kept() -> None:
    content = read("filename,label,split\n1.jpg,cat,train\n1.jpg,dog,test\n")
    assert [(image.split, image.rejected) for image in content.images] == [("train", [])]
    assert labels(content) == {"1.jpg": ["cat", "dog"]}
    assert refused(content) == [("line 3", Rejected.DUPLICATE_IMAGE)]


# Names of files


@pytest.mark.parametrize("name", ["sub\\1.jpg", ".\\sub/1.jpg", "./sub/1.jpg", "sub//1.jpg"])
def test_backslashes_and_empty_parts_are_normalised_and_counted(name: str) -> None:
    (image,) = read(f"filename,label\n{name},cat\n").images
    assert (image.path, image.adjusted, image.rejected) == ("sub/1.jpg", [Adjusted.PATH_NORMALIZED], [])


@pytest.mark.parametrize("name", ["/1.jpg", "C:\\1.jpg", "\\\\host\\1.jpg", "../1.jpg", "a/../../1.jpg", "a\0.jpg"])
def test_a_path_out_of_the_folder_is_rejected_and_its_label_kept_for_the_count(name: str) -> None:
    (image,) = read(f"filename,label\n{name},cat\n", files=Everything()).images
    assert codes(image) == [("image", Rejected.UNSAFE_PATH)]
    assert [item.label for item in image.objects] == ["cat"]


@pytest.mark.parametrize(
    "name", ["/1.jpg", "//1.jpg", "/data/train/1.jpg", "https://example.org/train/1.jpg", "../1.jpg"]
)
def test_a_path_that_is_not_below_the_root_lies_in_no_split_folder_and_does_not_hang(name: str) -> None:
    table = LabelTable("labels.csv", split_folders={"train": "train", "val": "validation"})
    assert [image.split for image in read(f"filename,label\n{name},cat\n", table=table).images] == [None]


def test_a_file_that_does_not_exist_is_missing_and_the_message_says_where_it_was_expected() -> None:
    table = LabelTable("t/labels.csv", "t/images")
    (image,) = read("filename,label\n1.jpg,cat\n", files=frozenset({"t/2.jpg"}), table=table).images
    assert (image.path, codes(image)) == ("t/images/1.jpg", [("image", Rejected.MISSING_IMAGE)])
    for expected in ("'t/images/1.jpg'", "'t/1.jpg'", "'1.jpg'"):
        assert expected in image.rejected[0].message
    assert image.rejected[0].raw == "1.jpg,cat"


@pytest.mark.parametrize("name", ["1.jpg", "images/1.jpg", "t/images/1.jpg"])
def test_a_name_may_be_relative_to_the_images_to_the_table_or_to_the_root(name: str) -> None:
    table = LabelTable("t/labels.csv", "t/images")
    (image,) = read(f"filename,label\n{name},cat\n", files=frozenset({"t/images/1.jpg"}), table=table).images
    assert (image.path, image.rejected, image.adjusted) == ("t/images/1.jpg", [], [])


def test_without_a_listing_names_are_taken_below_the_images() -> None:
    (image,) = read("filename,label\na/1.jpg,cat\n", table=LabelTable("labels.csv", "images")).images
    assert (image.path, image.rejected) == ("images/a/1.jpg", [])


@pytest.mark.parametrize(("name", "file"), [("IMG_1.JPG", "img_1.jpg"), ("cafe\u0301.jpg", "caf\u00e9.jpg")])
def test_a_file_in_another_case_or_unicode_form_is_found_and_counted(name: str, file: str) -> None:
    (image,) = read(f"filename,label\n{name},cat\n", files=frozenset({file})).images
    assert (image.path, image.adjusted) == (file, [Adjusted.IMAGE_BY_OTHER_NAME])


def test_two_files_that_differ_in_case_are_not_guessed_between() -> None:
    (image,) = read("filename,label\nA.JPG,cat\n", files=frozenset({"a.jpg", "A.jpg"})).images
    assert codes(image) == [("image", Rejected.MISSING_IMAGE)]


def test_a_file_of_another_format_is_rejected_by_name() -> None:
    images = read("filename,label\n1.webp,cat\n2,cat\n3.TIF,cat\n", files=Everything()).images
    assert [codes(image) for image in images] == [[("image", Rejected.UNSUPPORTED_FORMAT)]] * 2 + [[]]
    assert ".webp" in images[0].rejected[0].message


def test_a_url_that_the_trainer_opens_is_a_name_and_another_is_rejected() -> None:
    images = read(
        "filename,label\nhttps://h/1.jpg?sig=a.b,cat\nftp://h/2.jpg,cat\nhttps://h/3.gif,cat\n", files=frozenset()
    ).images
    assert images[0].path == "https://h/1.jpg?sig=a.b"
    assert [[code for _, code in codes(image)] for image in images] == [
        [],
        [Rejected.UNSUPPORTED_URL],
        [Rejected.UNSUPPORTED_FORMAT],
    ]


@pytest.mark.parametrize("name", ["a[1]*?.jpg", "100% #1.jpg", "a b.jpg", "猫/кот.jpg"])
def test_names_with_pattern_and_url_characters_are_kept_to_the_letter(name: str) -> None:
    assert list(labels(read(f"filename,label\n{name},cat\n", files=frozenset({name})))) == [name]


# Bytes and dialects


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters_read_alike(encoding: str, end: str, delimiter: str) -> None:
    rows = [["filename", "label"], ["1.jpg", "größe"], [], ["", ""], ["2.jpg", "猫"], []]
    content = read(end.join(map(delimiter.join, rows)).encode(encoding))
    assert labels(content) == {"1.jpg": ["größe"], "2.jpg": ["猫"]}
    assert [image.locator for image in content.images] == ["line 2", "line 5"]


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
    [("2.jpg", "1 cells"), ("2.jpg,cat,dog", "need quotes"), (",cat", "names no file"), ('" ",cat', "names no file")],
)
def test_a_row_with_missing_or_extra_cells_is_rejected_with_what_was_expected(row: str, words: str) -> None:
    content = read(f"filename,label\n1.jpg,cat\n{row}\n")
    assert (list(labels(content)), refused(content)) == (["1.jpg"], [("line 3", Rejected.INVALID_RECORD)])
    assert words in content.rejected[0].message


def test_empty_cells_past_the_header_are_no_harm() -> None:
    assert labels(read("filename,label\n1.jpg,cat,,\n")) == {"1.jpg": ["cat"]}


def test_a_row_that_is_not_utf_8_is_rejected_and_can_be_printed() -> None:
    content = read("filename,label,note\n1.jpg,größe,\n".encode("latin-1") + "2.jpg,größe,\n".encode())
    assert (labels(content), refused(content)) == ({"2.jpg": ["größe"]}, [("line 2", Rejected.INVALID_RECORD)])
    content.rejected[0].raw.encode()


def test_bytes_that_are_not_utf_8_in_other_columns_are_no_harm() -> None:
    assert labels(read("filename,label,note\n1.jpg,cat,größe\n".encode("latin-1"))) == {"1.jpg": ["cat"]}


def test_nul_in_a_label_is_an_object_rejected() -> None:
    (image,) = read("filename,label\n1.jpg,c\0t\n").images
    assert codes(image) == [("object", Rejected.INVALID_LABEL)]


def test_cells_of_megabytes_are_read_and_excerpts_stay_short() -> None:
    content = read(f"filename,label,note\n1.jpg,cat,{'x' * 3_000_000}\n{'y' * 2_000_000}\n")
    assert labels(content) == {"1.jpg": ["cat"]}
    assert len(content.rejected[0].raw) == RAW_LIMIT


def test_tables_are_read_alike_in_threads() -> None:
    found: list[dict[str, list[str]]] = []
    data = f'filename,label,note\n1.jpg,cat,"{"x" * 500_000}"\n'

    def work() -> None:
        found.append(labels(read(data)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"1.jpg": ["cat"]}] * 4


# Tables that cannot be read


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl"])
def test_an_empty_table_is_an_error_that_names_it(name: str, data: bytes) -> None:
    with pytest.raises(TableError, match=f"{name}: found an empty file"):
        read(data, name)


@pytest.mark.parametrize("text", ["filename,label\n", "filename,cat,dog", "filename,label\r\n\r\n,\r\n"])
def test_a_header_without_rows_is_no_error_and_warned_of(text: str) -> None:
    content = read(text)
    assert (content.images, content.rejected) == ([], [])
    assert content.warnings == ["labels.csv: holds a header and no rows"]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("file_name,text\n1.jpg,A cat.\n", "metadata.csv", ["'file_name', 'text'", "label, labels, class"]),
        ("1.jpg,cat,red\n2.jpg,dog,red\n", "labels.csv", ["'1.jpg', 'cat', 'red'", "file_name", "first line"]),
        ("id,label\n1,cat\n", "labels.csv", ["'id', 'label'", "file_name"]),
        ("filename\n1.jpg\n", "labels.csv", ["'filename'", "label"]),
        ('"filename,label\n', "labels.csv", ["none", "file_name"]),
        (",,,\n;;\n", "labels.csv", ["columns", "file_name"]),
        ('{"file_name": "1.jpg", "text": "A cat."}', "metadata.jsonl", ["'file_name', 'text'", "labels"]),
        ('{"label": "cat"}', "metadata.jsonl", ["'label'", "file_name"]),
        ("[1]\n{", "metadata.jsonl", ["JSON object"]),
        ('[\n{"file_name": "1.jpg", "label": "cat"},\n{"file_name": "2.jpg"}\n]', "metadata.jsonl", ["keys"]),
    ],
)
def test_unrecognised_columns_are_an_error_that_names_them(text: str, name: str, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read(text, name)
    assert str(caught.value).startswith(f"{name}: ")
    for word in words:
        assert word in str(caught.value)


def test_utf_16_without_its_mark_is_named_as_the_likely_cause() -> None:
    with pytest.raises(TableError, match="UTF-16"):
        read("filename,label\n1.jpg,cat\n".encode("utf-16-le"))


def test_broken_utf_16_is_an_error() -> None:
    with pytest.raises(TableError, match="UTF-16"):
        read(b"\xff\xfea")


def test_a_one_hot_header_that_is_not_utf_8_is_an_error() -> None:
    with pytest.raises(TableError, match="UTF-8"):
        read("filename,größe\n1.jpg,1\n".encode("latin-1"))


# Recognition


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"filename,label\n1.jpg,cat\n2.jp", True),
        ("a.csv", b"filename;labels", True),
        ("a.csv", b"filename,cat,dog\n1.jpg,1,0\n2.jpg,", True),
        ("a.csv", b"filename,cat,dog\n", False),
        ("a.csv", b"filename,width,height\n1.jpg,640,480\n", False),
        ("a.csv", b"id,name\n0,cat\n", False),
        ("a.csv", "filename,label\n1.jpg,cat\n".encode("utf-16")[:-1], True),
        ("a.csv", b"", False),
        ("a.jsonl", b'{"file_name": "1.jpg", "label": "cat"}\n{"file_na', True),
        ("METADATA.JSONL", b'{"file_name": "1.jpg", "label": "cat"}', True),
        ("a.jsonl", b'{"image_id": 1, "caption": "A cat."}\n', False),
    ],
)
def test_a_label_table_is_recognised_by_its_first_bytes(name: str, head: bytes, expected: bool) -> None:
    assert is_label_table(name, head) is expected


# Anything at all

SCRAPS = st.sampled_from(
    [
        *(
            b"filename",
            b"label",
            b"labels",
            b"split",
            b"file_name",
            b"a.jpg",
            b"../b.png",
            b"https://h/c.jpg",
            b"train",
        ),
        *(b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n", b" ", b"0", b"1", b"{", b"}", b"[", b"]", b":", b"NaN"),
        *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\\ud800", b"'", b"\\", b'{"file_name":"a.jpg","label":'),
    ]
)


def csv_of(rows: list[list[str]]) -> bytes:
    return ("filename,labels,c\n" + "\n".join(map(",".join, rows))).encode("utf-8", "surrogatepass")


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=60)
    | st.lists(SCRAPS, max_size=30).map(b"".join)
    | st.lists(SCRAPS, max_size=20).map(lambda scraps: b"filename,label,x\n" + b"".join(scraps))
    | st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=6).map(csv_of),
    name=st.sampled_from(["labels.csv", "metadata.jsonl"]),
    task=st.sampled_from([SINGLE, SEVERAL]),
    separator=st.sampled_from([None, "", " ", ";"]),
    files=st.sampled_from([None, frozenset[str](), frozenset({"a.jpg", "1", "images/A.JPG"})]),
)
def test_whatever_the_bytes_a_table_is_read_or_refused_and_what_it_says_can_be_written(
    data: bytes, name: str, task: str, separator: str | None, files: frozenset[str] | None
) -> None:
    with contextlib.suppress(TableError):
        content = read(data, name, files, task, separator)
        paths = [image.path for image in content.images]
        assert len(paths) == len(set(paths))
        for image in content.images:
            image.path.encode()
            found = [item.label for item in image.objects]
            assert len(found) == len(set(found)) and all(label.strip() for label in found)
            "".join(found).encode()
        for rejection in [*content.rejected, *(one for image in content.images for one in image.rejected)]:
            (rejection.message + rejection.raw + (rejection.image or "")).encode()
            assert len(rejection.raw) <= RAW_LIMIT
        "".join(content.warnings).encode()
    is_label_table(name, data)


# No word of these letters is the name of a column.
LABELS = st.text("bcdf hé", min_size=1, max_size=6).map(str.strip).filter(lambda label: len(label) > 0)


@given(st.dictionaries(st.integers(0, 99), st.lists(LABELS, min_size=1, max_size=4, unique=True), min_size=1))
def test_labels_written_in_any_of_the_forms_come_back_as_they_were(truth: dict[int, list[str]]) -> None:
    expected = {f"{number}.jpg": found for number, found in truth.items()}
    classes = sorted({label for found in truth.values() for label in found})
    jsonl = "\n".join(json.dumps({"file_name": name, "labels": found}) for name, found in expected.items())
    cells = "filename,labels\n" + "\n".join(f"{name},{';'.join(found)};" for name, found in expected.items())
    assert labels(read(jsonl, "metadata.jsonl")) == expected
    assert labels(read(cells)) == expected
    one_hot = "\n".join(
        ",".join([name, *("01"[label in found] for label in classes)]) for name, found in expected.items()
    )
    read_back = labels(read(f"filename,{','.join(classes)}\n{one_hot}\n"))
    assert {name: sorted(found) for name, found in read_back.items()} == {
        name: sorted(found) for name, found in expected.items()
    }
