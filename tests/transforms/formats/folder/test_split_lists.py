"""Lists beside images that say which split each is of, and what is told where they contradict each other."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.folder.split_lists import (
    SplitLists,
    doubt_of_unlisted,
    read_split_lists,
    split_list_candidates,
)

IMAGES = [f"images/{n}.jpg" for n in "abcd"]


def read(given: dict[str, str] | None = None, **texts: str) -> SplitLists:
    contents = {name.replace("__", "/").replace("_dot_", "."): text for name, text in texts.items()}
    return read_split_lists(contents, ImageNames(frozenset(IMAGES)), given)


def by_name(found: SplitLists) -> dict[str, str]:
    return {path[7:-4]: split for path, split in found.splits.items()}


def codes(found: SplitLists) -> list[str]:
    return [str(doubt.code) for doubt in found.doubts]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        *(
            ("train.txt", True),
            ("meta/test.txt", True),
            ("ImageSets/Main/val.txt", True),
            ("Eval/list_eval_partition.txt", True),
        ),
        *(("train_test_split.txt", True), ("images/train.csv", True), ("notes.txt", False), ("a/b/train.txt", False)),
        *((".train.txt", False), ("train.json", False), ("crash_test.txt", False)),
    ],
)
def test_a_list_is_called_and_placed_as_lists_are(path: str, is_one: bool) -> None:
    assert split_list_candidates([path, *IMAGES], IMAGES) == ([path] if is_one else [])


def test_very_many_lists_are_files_of_labels() -> None:
    assert split_list_candidates([f"splits/{n}_train.txt" for n in range(41)], IMAGES) == []


def test_lists_of_names_with_or_without_folders_and_extensions_are_splits() -> None:
    found = read(train_dot_txt="images/a.jpg\nb\n", test_dot_txt="d.jpg\n")
    assert by_name(found) == {"a": "train", "b": "train", "d": "test"}
    assert (codes(found), found.lists) == (["split_lists"], 2)


def test_one_list_alone_says_nothing_of_the_others() -> None:
    found = read(train_dot_txt="a\nb\n")
    assert (found.splits, codes(found)) == ({}, ["lists_not_read"])
    assert codes(read(train_dot_txt="a\nb\nc\nd\n")) == []


def test_a_list_of_trainval_is_what_there_is_to_train_on_unless_others_say_more() -> None:
    found = read(train_val_list_dot_txt="a.jpg\nb.jpg\nc.jpg\n", test_list_dot_txt="d.jpg\n")
    assert by_name(found) == {"a": "train", "b": "train", "c": "train", "d": "test"}
    found = read(trainval_dot_txt="a 1\nb 2\nc 1\n", val_dot_txt="c 1\n", test_dot_txt="d 2\n")
    assert by_name(found) == {"a": "train", "b": "train", "c": "validation", "d": "test"}
    assert codes(found) == ["split_lists"]


def test_a_list_of_rows_is_read_by_its_last_column_and_below_its_headings() -> None:
    rows = "4\nimage_id partition\n" + "".join(f"{n}.jpg {code}\n" for n, code in zip("abcd", "0012", strict=True))
    found = read(list_eval_partition_dot_txt=rows)
    assert by_name(found) == {"a": "train", "b": "train", "c": "validation", "d": "test"}


def test_what_a_person_says_of_the_codes_goes_before() -> None:
    rows = "".join(f"{n}.jpg {code}\n" for n, code in zip("abcd", "0012", strict=True))
    found = read({"0": "test", "1": "train", "2": "train"}, partition_dot_txt=rows)
    assert by_name(found) == {"a": "test", "b": "test", "c": "train", "d": "train"}


def test_ids_are_those_of_the_list_that_explains_them_and_one_is_train_where_it_is_called_so() -> None:
    found = read(images_dot_txt="1 a.jpg\n2 b.jpg\n3 c.jpg\n", train_test_split_dot_txt="1 1\n2 0\n3 1\n")
    assert by_name(found) == {"a": "train", "b": "test", "c": "train"}


def test_an_image_of_two_lists_is_held_out_and_told() -> None:
    found = read(train_dot_txt="a\nb\nc\n", val_dot_txt="c\nd\n", test_dot_txt="b\nc\n")
    assert by_name(found) == {"a": "train", "b": "test", "c": "validation", "d": "validation"}
    assert codes(found) == ["split_lists", "listed_in_two_splits"]
    assert found.doubts[-1].count == 2


def test_a_list_that_mostly_names_something_else_is_none() -> None:
    assert read(train_dot_txt="cat\ndog\na\n", test_dot_txt="b\n").splits == {}


def test_images_of_no_list_are_told() -> None:
    assert doubt_of_unlisted([]) == []
    (doubt,) = doubt_of_unlisted(["a.jpg", "b.jpg"])
    assert (doubt.code, doubt.count, doubt.example) == ("listed_in_no_split", 2, "a.jpg")


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("food-101/meta/train.txt", True), ("food-101/train_test_split.txt", True), ("other/meta/train.txt", False)],
)
def test_lists_are_looked_for_in_the_folder_around_everything(path: str, is_one: bool) -> None:
    images = ["food-101/images/pizza/1.jpg", "food-101/images/sushi/2.jpg"]
    assert split_list_candidates([path, *images], images) == ([path] if is_one else [])


def test_names_of_lists_begin_in_the_folder_around_everything() -> None:
    images = ImageNames(frozenset(f"food-101/images/{name}.jpg" for name in ("a/1", "b/1", "b/2")))
    found = read_split_lists({"food-101/meta/train.txt": "a/1\nb/2\n", "food-101/meta/test.txt": "b/1\n"}, images)
    assert {path[16:]: split for path, split in found.splits.items()} == {
        "a/1.jpg": "train",
        "b/2.jpg": "train",
        "b/1.jpg": "test",
    }


def test_lists_of_folds_are_not_read() -> None:
    found = read(
        labels__train1_dot_txt="a\nb\nc", labels__test1_dot_txt="d", labels__train2_dot_txt="a\nd", labels__test2_dot_txt="b\nc"
    )  # fmt: skip
    assert (found.splits, codes(found)) == ({}, ["lists_not_read"])
    assert "labels/train2.txt" in found.doubts[0].message


def test_parts_of_one_list_are_read() -> None:
    found = read(train1_dot_txt="a\nb", train2_dot_txt="c", test1_dot_txt="d")
    assert by_name(found) == {"a": "train", "b": "train", "c": "train", "d": "test"}
