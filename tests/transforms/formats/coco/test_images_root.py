"""Where the images of COCO files lie: found by the first of them, assumed with a warning, or told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco import images_root
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.location import Location
from tests.transforms.formats.coco.planned import coco, fill, plan, shown


@pytest.mark.parametrize(
    ("annotations", "image", "root"),
    [
        ("x.json", "1.jpg", ""),
        ("x.json", "images/1.jpg", "images"),
        ("x.json", "JPEGImages/1.jpg", "JPEGImages"),
        ("x.json", "data/1.jpg", "data"),
        ("val.json", "val/1.jpg", "val"),
        ("val.json", "valid/1.jpg", "valid"),
        ("train.json", "images/train/1.jpg", "images/train"),
        ("annotations/x.json", "1.jpg", ""),
        ("annotations/x.json", "annotations/1.jpg", "annotations"),
        ("annotations/x.json", "images/1.jpg", "images"),
        ("annotations/instances_train2017.json", "train2017/1.jpg", "train2017"),
        ("annotations/instances_val2017.json", "images/val2017/1.jpg", "images/val2017"),
        ("annotations/val.json", "val/1.jpg", "val"),
    ],
)
def test_images_are_found_in_the_usual_places(
    annotations: str, image: str, root: str, tmp_path: Path, memory: str
) -> None:
    for store in (str(tmp_path), memory):
        top = fill(store, {annotations: coco(), image: ""})
        made = plan(f"{top}/{annotations}")
        assert made.images_root == f"{top}/{root}".rstrip("/")
        assert made.indexes[0].prefix == ""
        assert made.warnings == []


def test_the_places_of_its_own_split_go_before_those_of_all(memory: str) -> None:
    root = fill(memory, {"val.json": coco(), "images/1.jpg": "", "val/1.jpg": "", "train/1.jpg": ""})
    assert plan(f"{root}/val.json").images_root == f"{root}/val"


@pytest.mark.parametrize("name", ["a b/50% #1.jpg", "[x]/1.jpg", "a\\b.jpg", "./1.jpg", "é/猫.jpg"])
def test_names_are_looked_for_as_they_are_read(name: str, tmp_path: Path) -> None:
    top = fill(str(tmp_path), {"x.json": coco(name), f"images/{name.replace(chr(92), '/').removeprefix('./')}": ""})
    assert plan(f"{top}/x.json").images_root == f"{top}/images"


def test_images_in_subdirectories_belong_to_the_directory_above(memory: str) -> None:
    root = fill(memory, {"x.json": coco("batch_1/1.jpg"), "images/batch_1/1.jpg": "", "1.jpg": ""})
    assert plan(f"{root}/x.json").images_root == f"{root}/images"


def test_a_first_image_that_is_missing_does_not_hide_the_others(memory: str) -> None:
    root = fill(memory, {"x.json": coco("gone.jpg", "../unsafe.jpg", "there.jpg"), "img/there.jpg": ""})
    made = plan(f"{root}/x.json")
    assert (made.images_root, made.warnings) == (f"{root}/img", [])


def test_images_that_are_nowhere_are_assumed_by_convention_with_a_warning(memory: str) -> None:
    root = fill(
        memory, {"annotations/instances_val2017.json": coco(), "x.json": coco(), "y/instances_val2017.json": coco()}
    )
    made = plan(f"{root}/annotations/instances_val2017.json")
    assert made.images_root == f"{root}/val2017"
    assert [warning for warning in made.warnings if "'1.jpg' was not found" in warning and "--images" in warning]
    made = plan(f"{root}/x.json")
    assert (made.images_root, len(made.warnings)) == (root, 1)
    made = plan(f"{root}/y/instances_val2017.json")
    assert (made.images_root, len(made.warnings)) == (f"{root}/y", 1)


def test_no_warning_is_due_where_the_trainer_finds_the_images_elsewhere(memory: str) -> None:
    root = fill(memory, {"x.json": coco(), "urls.json": coco("https://host/1.jpg")})
    assert plan(f"{root}/x.json", image_url="https://host/c/").warnings == []
    assert plan(f"{root}/urls.json").warnings == []


def test_the_images_option_goes_before_every_guess(memory: str) -> None:
    root = fill(
        memory, {"train.json": coco(), "val.json": coco("2.jpg"), "1.jpg": "", "else/1.jpg": "", "else/2.jpg": ""}
    )
    made = plan(f"{root}/train.json", f"{root}/val.json", images=f"{root}/else")
    assert made.images_root == f"{root}/else"
    assert [file.prefix for file in made.indexes] == ["", ""]
    assert made.warnings == []
    (warning,) = plan(f"{root}/train.json", images=f"{root}/none").warnings
    assert f"not found below {root}/none" in warning


def test_files_with_different_roots_get_a_common_one_and_prefixes(tmp_path: Path, memory: str) -> None:
    official = {f"annotations/instances_{split}2017.json": coco() for split in ("train", "val")}
    roboflow = {f"{split}/_annotations.coco.json": coco() for split in ("train", "valid")}
    for store in (str(tmp_path), memory):
        top = fill(
            store,
            {f"a/{name}": text for name, text in official.items()} | {"a/train2017/1.jpg": "", "a/val2017/1.jpg": ""},
        )
        made = plan(f"{top}/a")
        assert made.images_root == f"{top}/a"
        assert [(file.prefix, file.split) for file in made.indexes] == [
            ("train2017/", "train"),
            ("val2017/", "validation"),
        ]
        top = fill(
            store, {f"b/{name}": text for name, text in roboflow.items()} | {"b/train/1.jpg": "", "b/valid/1.jpg": ""}
        )
        made = plan(f"{top}/b")
        assert (made.images_root, [file.prefix for file in made.indexes]) == (f"{top}/b", ["train/", "valid/"])


def test_a_root_inside_another_is_its_prefix(memory: str) -> None:
    root = fill(memory, {"all.json": coco("val/2.jpg"), "val/x.json": coco(), "val/1.jpg": "", "val/2.jpg": ""})
    made = plan(f"{root}/all.json", f"{root}/val/x.json", check_images="exists")
    assert (made.images_root, [file.prefix for file in made.indexes]) == (root, ["", "val/"])
    assert shown(made, "1.jpg", "val/1.jpg", "val/2.jpg", "val/val/1.jpg") == ["val/1.jpg", "val/2.jpg"]


def test_names_that_begin_alike_are_not_one_directory(memory: str) -> None:
    root = fill(memory, {"d/a.json": coco(), "d-2/b.json": coco(), "d/1.jpg": "", "d-2/1.jpg": ""})
    made = plan(f"{root}/d/a.json", f"{root}/d-2/b.json")
    assert (made.images_root, sorted(file.prefix for file in made.indexes)) == (root, ["d-2/", "d/"])


def test_images_in_two_stores_have_no_common_root(tmp_path: Path, memory: str) -> None:
    files: dict[str, str | bytes] = {"x.json": coco(), "1.jpg": ""}
    with pytest.raises(UsageError, match=r"no one directory holds; name it with --images"):
        plan(f"{fill(str(tmp_path), files)}/x.json", f"{fill(memory, files)}/x.json")


def test_a_place_that_cannot_be_looked_at_is_passed_over(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, {"x.json": coco(), "data/1.jpg": ""})
    ask = images_root.kind

    def refuse(location: Location) -> str | None:
        if "/images/" in location.path:
            raise StoreError("permission denied")
        return ask(location)

    monkeypatch.setattr(images_root, "kind", refuse)
    assert plan(f"{root}/x.json").images_root == f"{root}/data"


def test_a_file_in_a_store_without_directories_needs_to_be_told_where_its_images_are(memory: str) -> None:
    class Drawer(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "type": "file", "size": len(coco()), "ETag": "1"}

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            return coco().encode()[start:end]

    fsspec.register_implementation("drawer", Drawer, clobber=True)
    with pytest.raises(UsageError, match=r"drawer://x: has no directory around it; .* --images"):
        plan("drawer://x")
    with pytest.raises(UsageError, match=r"drawer://x\.csv: .* no directory around it"):
        plan("drawer://x.csv", task="image_classification")
    fill(memory, {"1.jpg": ""})
    assert plan("drawer://x", images=memory).images_root == memory


def test_a_directory_of_images_that_is_a_link_serves_one_source(tmp_path: Path) -> None:
    fill(str(tmp_path), {"far/1.jpg": "", "d/annotations/instances_train2017.json": coco()})
    (tmp_path / "d" / "train2017").symlink_to("../far")
    source = f"{tmp_path}/d/annotations/instances_train2017.json"
    made = plan(source, check_images="exists")
    assert (made.images_root, made.warnings) == (f"file://{tmp_path}/d/train2017", [])
    assert shown(made, "1.jpg", "train2017/1.jpg") == ["1.jpg"]
    fill(str(tmp_path), {"d/annotations/instances_val2017.json": coco(), "d/val2017/1.jpg": ""})
    made = plan(f"{tmp_path}/d", check_images="exists")
    assert shown(made, "1.jpg", "train2017/1.jpg", "val2017/1.jpg") == ["train2017/1.jpg", "val2017/1.jpg"]
    assert "d/train2017/ is a link out of" in made.warnings[0]


@pytest.mark.parametrize(
    ("names", "files", "root", "told"),
    [
        (["images/1/a.jpg", "images/1/b.jpg"], ["images/a.jpg", "images/b.jpg"], "", "'images/1/a.jpg'; 2 lie below"),
        (["upload/a.jpg", "upload/b.jpg"], ["images/a.jpg"], "images", "1 lie below"),
        (["x/y/a.jpg"], ["y/a.jpg"], "", "as 'y/a.jpg'"),
        (["COCO_val2014_000000000139.jpg"], ["val2017/000000000139.jpg"], "val2017", ""),
        (["images/1/a.jpg", "images/b.jpg"], ["images/a.jpg", "images/b.jpg"], "", ""),
        (["x/a.jpg"], ["b.jpg"], "", "was not found"),
    ],
)
def test_images_are_found_in_other_folders_where_none_lies_in_its_own(
    names: list[str], files: list[str], root: str, told: str, memory: str
) -> None:
    top = fill(memory, {"x.json": coco(*names), **dict.fromkeys(files, "")})
    made = plan(f"{top}/x.json")
    assert made.images_root == f"{top}/{root}".rstrip("/")
    assert [told in warning for warning in made.warnings] == [True] * bool(told)
    (index,) = made.indexes
    by_last = index.images is not None and index.images.by_last
    assert by_last is (names[-1] not in files and "not found" not in told)


@pytest.mark.parametrize(
    ("names", "stored"),
    [
        (["my%20images/a%201.jpg", "my%20images/b.jpg"], ["my images/a 1.jpg", "my images/b.jpg"]),
        (["img_1.JPG", "img_2.JPG"], ["images/IMG_1.jpg", "images/IMG_2.jpg"]),
        (["1.jpg", "2.jpg"], ["images/1.png", "images/2.png"]),
        (["1", "2"], ["images/1.png", "images/2.png"]),
        (["a+b.jpg", "c+d.jpg"], ["images/a b.jpg", "images/c d.jpg"]),
        (["cafe\u0301.jpg", "the\u0301.jpg"], ["café.jpg", "thé.jpg"]),
    ],
)
def test_images_that_are_all_called_otherwise_are_compared_with_the_store(
    names: list[str], stored: list[str], tmp_path: Path
) -> None:
    top = fill(str(tmp_path), {"x.json": coco(*names), **dict.fromkeys(stored, "")})
    made = plan(f"{top}/x.json", image_url="https://x/")
    assert made.images_root == f"{top}/{'images' if stored[0].startswith('images') else ''}".rstrip("/")
    paths = [path.removeprefix("images/") for path in stored]
    assert (shown(made, *paths), made.warnings) == (sorted(paths), [])
