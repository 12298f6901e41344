"""Names of images in tables of real datasets, where none is called so: found where one file fits, and never guessed."""

from __future__ import annotations

import pytest

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.lookup import ImageNames, Lookup
from labelbeam.transforms.formats.folder.tables import LabelTable, read_table
from tests.transforms.formats.folder.read_columns import SEVERAL, labels, read


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("a", "b"), ("validation/a.jpg", "validation/b.jpg")),
        (("a", "b"), ("x/a.png", "y/b.JPG")),
        (("a.png", "B.PNG"), ("a.jpg", "b.jpg")),
        (("v1.2", "v1.3"), ("x/v1.2.jpg", "x/v1.3.jpg")),
        (("x/a", "x/b"), ("x/a.jpg", "x/b.jpg")),
        (("/home/me/set/x/a.jpg", "/home/me/set/y/b.jpg"), ("x/a.jpg", "y/b.jpg")),
        (("C:\\set\\x\\a.jpg", "C:\\set\\x\\b.jpg"), ("x/a.jpg", "x/b.jpg")),
        (("../input/set/a.jpg", "../input/set/b.jpg"), ("images/a.jpg", "images/b.jpg")),
        (("set/x/a.jpg", "set/x/b"), ("x/A.jpg", "x/b.jpg")),
        (("train/cat/a.jpg", "train/dog/b.jpg"), ("all/a.jpg", "all/b.jpg")),
    ],
)
def test_images_are_found_in_the_one_other_way_that_fits(names: tuple[str, str], files: tuple[str, str]) -> None:
    content = read(f"filename,label\n{names[0]},cat\n{names[1]},dog\n", frozenset(files))
    assert labels(content) == {files[0]: ["cat"], files[1]: ["dog"]}
    assert {reason for image in content.images for reason in image.adjusted} >= {Adjusted.IMAGE_BY_OTHER_NAME}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("a", ("x/a.jpg", "y/a.jpg")),
        ("a.jpg", ("x/a.jpg", "y/a.jpg")),
        ("a", ("a.jpg", "a.png")),
        ("train/a.jpg", ("val/a.jpg", "val/b.jpg")),
        ("/set/train/a.jpg", ("val/a.jpg",)),
    ],
)
def test_names_that_may_mean_several_files_or_another_split_are_not_guessed(name: str, files: tuple[str, ...]) -> None:
    (image,) = read(f"filename,label\n{name},cat\n", frozenset(files)).images
    assert image.rejected[0].code in (Rejected.MISSING_IMAGE, Rejected.UNSAFE_PATH)


def test_a_missing_image_is_not_found_elsewhere_where_others_are_in_their_place() -> None:
    content = read("filename,label\nx/a.jpg,cat\nx/b.jpg,dog\n", frozenset({"x/a.jpg", "y/b.jpg"}))
    assert [len(image.rejected) for image in content.images] == [0, 1]


def test_of_two_images_of_one_name_the_row_s_split_tells() -> None:
    table = LabelTable("labels.csv", split_folders={"train": "train", "val": "validation"})
    data = b"filename,label,split\na.jpg,cat,train\na.jpg,dog,val\n"
    content = read_table(table, data, {"train/a.jpg", "val/a.jpg"}, SEVERAL)
    assert labels(content) == {"train/a.jpg": ["cat"], "val/a.jpg": ["dog"]}


@pytest.mark.parametrize("name", ["../../etc/passwd.jpg", "/etc/passwd.jpg", "..\\..\\x.jpg"])
def test_no_name_leads_out(name: str) -> None:
    (image,) = read(f"filename,label\n{name},cat\n").images
    assert image.rejected[0].code == Rejected.UNSAFE_PATH


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("my%20a.jpg", "my a.jpg"),
        ("caf%C3%A9/1.jpg", "café/1.jpg"),
        ("caf%C3%A9.jpg", "cafe\u0301.jpg"),
        ("a%20b.JPG", "x/a b.jpg"),
        ("a%23b.jpg", "a#b.jpg"),
        ("a+b.jpg", "a b.jpg"),
        ("a+b%2B.jpg", "a b+.jpg"),
    ],
)
def test_a_percent_encoded_name_is_the_one_that_it_encodes(name: str, path: str) -> None:
    found, adjusted, problem = Lookup(["", "x"], ImageNames({path, "other.jpg"}), {}).find(name)
    assert (found, adjusted, problem) == (path, [Adjusted.IMAGE_BY_OTHER_NAME], None)


@pytest.mark.parametrize("name", ["%2e%2e/1.jpg", "a%20b.jpg", "50%.jpg"])
def test_the_letter_of_a_name_with_percent_counts_first_and_none_leads_out(name: str) -> None:
    _, _, problem = Lookup([""], ImageNames({"1.jpg", "../1.jpg"}), {}).find(name)
    assert problem is not None
    assert name.startswith("%") or Lookup([""], ImageNames({name, "a b.jpg"}), {}).find(name) == (name, [], None)
