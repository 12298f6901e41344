"""Files that a table names: found as they are named, or in the one other way that fits."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.lookup import ImageNames, Lookup, fold
from labelbeam.transforms.formats.folder.tables import LabelTable
from tests.transforms.formats.folder.read_tables import (
    Everything,
    codes,
    labels,
    read,
)


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


NAMES = ImageNames(frozenset({"a/1.jpg", "a/v1.2.png", "b/Caf\u00e9.JPG"}))


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        *(
            ("1.jpg", True),
            (" a/1.jpg ", True),
            ("1", True),
            ("v1.2", True),
            ("x\\y\\1.png", True),
            ("cafe\u0301", True),
        ),
        *(("", False), ("a/", False), ("2.jpg", False), ("v1", False), ("1.jpg.gz", False)),
    ],
)
def test_a_cell_is_an_image_s_name_with_or_without_folders_and_extension(cell: str, known: bool) -> None:
    assert NAMES.names(cell) is known


@given(st.text())
def test_case_and_unicode_form_make_no_other_name(name: str) -> None:
    assert fold(name) == fold(unicodedata.normalize("NFD", name)) or fold(name) == fold(
        unicodedata.normalize("NFC", name)
    )


def test_what_a_lookup_finds_says_how() -> None:
    lookup = Lookup(["a", ""], NAMES, {}, ["1.jpg"])
    assert lookup.find("1.jpg") == ("a/1.jpg", [], None)
    assert lookup.find("b/caf\u00e9.jpg") == ("b/Caf\u00e9.JPG", [Adjusted.IMAGE_BY_OTHER_NAME], None)
    path, adjusted, problem = lookup.find("3.jpg")
    assert (path, adjusted) == ("a/3.jpg", [])
    assert problem is not None and problem[0] is Rejected.MISSING_IMAGE and "'a/3.jpg' or '3.jpg'" in problem[1]


def test_without_a_listing_a_name_lies_in_the_likeliest_folder() -> None:
    assert Lookup(["images", ""], None, {}).find("x/1.jpg") == ("images/x/1.jpg", [], None)
