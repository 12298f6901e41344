"""Entries of data.yaml and lines of lists: what of a tree they lead to, whatever machine they were written for."""

from __future__ import annotations

import time

import pytest

from labelbeam.transforms.formats.yolo.entries import ImageNames, find_entry, folders_above, lines_of_list


def test_the_folders_above_a_file_end_at_the_root() -> None:
    assert list(folders_above("a/b/1.jpg")) == ["a/b", "a", ""]
    assert list(folders_above("1.jpg")) == [""]
    assert list(folders_above("")) == []


@pytest.mark.parametrize(
    ("path", "bases", "place"),
    [
        ("images", ["train", ""], "train/images"),
        ("../val/images", ["train"], "val/images"),
        ("/home/me/set/train/images", [""], "train/images"),
        ("data/val/images", [""], "val/images"),
        ("images", [""], None),
        ("../../etc", [""], None),
    ],
)
def test_an_entry_is_what_is_known_by_its_path_or_by_its_last_names(
    path: str, bases: list[str], place: str | None
) -> None:
    assert find_entry(path, bases, {"train/images", "val/images", "train"}) == place


IMAGES = ImageNames(["train/images/1.jpg", "val/images/2.jpg", "a/x.jpg", "b/x.jpg"])


@pytest.mark.parametrize(
    ("path", "image"),
    [
        ("train/images/1.jpg", "train/images/1.jpg"),
        ("/home/me/images/1.jpg", "train/images/1.jpg"),
        ("C:\\set\\1.JPG", "train/images/1.jpg"),
        ("2.jpg", "val/images/2.jpg"),
        ("train/2.jpg", None),
        ("x.jpg", None),
        ("a/x.jpg", "a/x.jpg"),
        ("3.jpg", None),
    ],
)
def test_a_line_is_the_one_image_that_ends_so_and_never_of_another_split(path: str, image: str | None) -> None:
    assert IMAGES.find(path, [""]) == image


def test_lines_lose_blanks_and_quotes() -> None:
    assert lines_of_list(' a b.jpg \n\n"c.jpg"\n\'d.jpg\'\n""') == ["a b.jpg", "c.jpg", "d.jpg"]


def test_a_hostile_line_takes_no_longer_than_it_is() -> None:
    line, began = "a/" * 50_000 + "1.jpg", time.process_time()
    assert IMAGES.find(line, [""]) == "train/images/1.jpg"
    assert find_entry(line, [""], {"b"}) is None
    assert time.process_time() - began < 2
