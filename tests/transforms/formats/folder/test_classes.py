"""Doubts that folders of classes leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.transforms.formats.folder.classes import copies_in_classes, explains, is_read_me, numbers_for_names
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import plan_folder
from tests.end_to_end.builds import CLASSIFICATION, PREFIX, attempt, convert
from tests.end_to_end.datasets import write_image


def codes(*files: str) -> list[str]:
    return [doubt.code for doubt in plan_folder(files, CLASSIFICATION).doubts]


@pytest.mark.parametrize(
    "files",
    [
        ("images/1.jpg", "masks/1.png"),
        ("images/1.jpg", "images/2.jpg", "masks/1.png", "other/9.jpg"),
        ("train/images/1.jpg", "train/masks/1.png", "val/images/2.jpg", "val/masks/2.png"),
        ("a/JPEGImages/1.jpg", "a/SegmentationClass/1.png"),
        ("rgb/1.png", "depth/1.png"),
        ("photo/1.jpg", "photo/2.jpg", "Ground_Truth/1.png", "Ground_Truth/2.png"),  # A file for each of another.
        ("original/1.jpg", "cat/2.jpg", "dog/3.jpg"),
    ],
)
def test_folders_that_are_called_like_kinds_of_files_are_doubted(files: tuple[str, ...]) -> None:
    assert "folders_of_files" in codes(*files)


@pytest.mark.parametrize(
    "files",
    [
        ("mask/1.jpg", "no_mask/2.jpg"),
        ("mask/1.jpg", "mask/2.jpg", "no_mask/1.jpg"),
        ("label/7.jpg", "price/8.jpg"),
        ("cat/1.jpg", "dog/1.jpg"),
        ("images/cat/1.jpg", "images/dog/1.jpg"),
        ("masked/1.jpg", "edge/1.jpg"),
    ],
)
def test_classes_that_only_sound_like_it_are_not(files: tuple[str, ...]) -> None:
    assert "folders_of_files" not in codes(*files)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cat/1.jpg": 700, "all/1.jpg": 700, "dog/2.jpg": 800, "all/2.jpg": 800}, 4),
        ({"train/cat/1.jpg": 700, "test/dog/1.jpg": 700}, 2),
        ({"cat/1.jpg": 700, "cat/more/1.jpg": 700}, 0),  # In one class.
        ({"cat/1.jpg": 700, "dog/1.jpg": 701}, 0),
        ({"cat/1.jpg": 700, "dog/2.jpg": 700}, 0),
        ({"cat/1.ppm": 700, "dog/1.ppm": 700}, 0),  # All pictures of one size have as many bytes.
        ({"cat/1.jpg": 0, "dog/1.jpg": 0}, 0),
        ({**{f"cat/{number}.jpg": number for number in range(1, 400)}, "dog/7.jpg": 7}, 0),  # One in two hundred.
    ],
)
def test_copies_of_an_image_in_another_class_are_noted(files: dict[str, int], count: int) -> None:
    labelled = [(path, next(part for part in path.split("/") if part not in ("train", "test"))) for path in files]
    assert [doubt.count for doubt in copies_in_classes(labelled, files)] == [count] * bool(count)


def test_numbers_are_doubted_where_a_file_may_hold_their_names() -> None:
    assert [doubt.example for doubt in numbers_for_names({"0", "1"}, ["classes.txt"])] == ["0"]
    assert numbers_for_names({"0", "cat"}, ["classes.txt"]) == numbers_for_names({"0"}, []) == []


def test_strict_asks_about_masks_and_only_notes_copies(tmp_path: Path) -> None:
    for name in ("images/1.jpg", "images/2.jpg", "masks/1.jpg", "masks/2.jpg"):
        write_image(tmp_path / "masks" / name)
        write_image(tmp_path / "copies" / name.replace("images", "cat").replace("masks", "dog"))
    answer = attempt(tmp_path / "masks", tmp_path / "out", "--strict", task=CLASSIFICATION)
    assert answer.status == 3
    assert "--accept folders_of_files" in answer.err
    build = convert(
        "--source", tmp_path / "copies", "--image-url", PREFIX, "--strict", task=CLASSIFICATION, output=tmp_path / "out"
    )
    assert {"copies_in_classes"} <= {doubt["code"] for doubt in build.manifest["doubts"]}


@pytest.mark.parametrize(
    "files",
    [
        ("benign/1.png", "benign/2.png", "benign/1_mask.png", "malignant/3.png"),
        ("a/1.jpg", "a/1-mask.png", "b/2.jpg"),
        ("train/a/1 (1).png", "train/a/1 (1)_mask_1.png", "train/b/2.png", "val/a/3.png"),
    ],
)
def test_images_that_are_called_like_masks_of_others_are_doubted(files: tuple[str, ...]) -> None:
    assert "folders_of_files" in codes(*files)


@pytest.mark.parametrize(
    "files",
    [
        ("a/1_mask.png", "b/1.png"),
        ("mask/1.png", "no_mask/2.png"),
        ("a/gas_mask.png", "b/2.png"),
        ("a/mask.png", "b/1.png"),
    ],
)
def test_images_that_are_called_like_masks_of_nothing_are_not(files: tuple[str, ...]) -> None:
    assert "folders_of_files" not in codes(*files)


def test_what_explains_a_dataset_is_known_by_its_name_and_by_a_line_for_each_number() -> None:
    assert [is_read_me(path) for path in ("README.md", "a/Read_me.txt", "readme", "reader.md")] == [
        True,
        True,
        True,
        False,
    ]
    assert explains({"0", "10"}, "# Classes\r\n- 0 = T-shirt\r\n- 10 = Café\r\n")
    assert not explains({"0", "1"}, "0: cat\n1: 5 images\n")
    assert not explains({"3"}, "3. Train it.")


def test_folders_of_one_name_in_several_are_one_class_with_a_doubt() -> None:
    files = ["animal/mouse/1.jpg", "electronic/mouse/2.jpg", "electronic/cup/3.jpg"]
    found = plan_folder(files, CLASSIFICATION, FolderOptions(class_level="parent"))
    assert "several_supercategories" in {str(doubt.code) for doubt in found.doubts}
    files[1] = "electronic/fan/2.jpg"
    found = plan_folder(files, CLASSIFICATION, FolderOptions(class_level="parent"))
    assert "several_supercategories" not in {str(doubt.code) for doubt in found.doubts}
