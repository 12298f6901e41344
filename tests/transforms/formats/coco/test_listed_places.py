"""Images that lie in no usual place: in the directory of the source that holds them, never in one of another split."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transforms.formats.coco.planned import coco, fill, plan


@pytest.mark.parametrize(
    ("files", "root", "prefixes"),
    [
        (["train_images/1.jpg", "val_images/1.jpg"], "", ["train_images/", "val_images/"]),
        (["images_train/1.jpg", "images_val/1.jpg"], "", ["images_train/", "images_val/"]),
        (["VisDrone2019-DET-train/images/1.jpg", "VisDrone2019-DET-val/images/1.jpg"], "", ["VisDrone2019-DET-train/images/", "VisDrone2019-DET-val/images/"]),
        (["photos/1.jpg"], "photos", ["", ""]),
        (["a/b/c/1.jpg"], "a/b/c", ["", ""]),
    ],
)  # fmt: skip
def test_images_are_found_wherever_the_source_has_them(
    files: list[str], root: str, prefixes: list[str], tmp_path: Path, memory: str
) -> None:
    for store in (str(tmp_path), memory):
        names = {"annotations/train.json": coco(), "annotations/val.json": coco(), **dict.fromkeys(files, "")}
        top = fill(store, names)
        made = plan(top)
        assert made.images_root == f"{top}/{root}".rstrip("/")
        assert [index.prefix for index in made.indexes] == prefixes
        assert made.warnings == []


def test_the_directory_with_most_of_the_images_counts_and_several_are_told(tmp_path: Path) -> None:
    files = {"x.json": coco("1.jpg", "2.jpg"), "few/1.jpg": "", "most/1.jpg": "", "most/2.jpg": ""}
    top = fill(str(tmp_path), files)
    assert plan(top).images_root == f"{top}/most"
    made = plan(fill(str(tmp_path), {"few/2.jpg": "b"}))
    assert [str(doubt.code) for doubt in made.doubts] == ["images_in_several_places"]


def test_images_of_another_split_are_never_taken(tmp_path: Path) -> None:
    top = fill(str(tmp_path), {"val.json": coco(), "set_train/1.jpg": ""})
    made = plan(top)
    assert made.images_root == top and [str(doubt.code) for doubt in made.doubts][:1] == ["images_not_found"]


def test_names_with_folders_and_hidden_copies(tmp_path: Path) -> None:
    files = {"x.json": coco("a/1.jpg", "b/1.jpg"), "raw/a/1.jpg": "", "raw/b/1.jpg": "", "__MACOSX/a/1.jpg": "", "c/1.jpg": ""}  # fmt: skip
    top = fill(str(tmp_path), files)
    assert plan(top).images_root == f"{top}/raw"
