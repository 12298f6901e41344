"""Which picture a record of a COCO file means, where its image lies, and what it is called there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import PREFIX, convert
from tests.end_to_end.coco_builds import doubts
from tests.end_to_end.datasets import coco, coco_box, coco_image, touch, write_coco, write_image, write_json

# Which picture. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("video_id", 1, 2),
        ("frame_id", 66, 466),
        ("date_captured", "2020-01-01 10:00", "2021-02-03 11:00"),
        ("path", "/home/ann/1.jpg", "/home/bob/1.jpg"),
        ("coco_url", "http://host/a/1.jpg", "http://host/b/1.jpg"),
    ],
)
def test_records_of_one_name_that_say_different_things_are_two_pictures(
    field: str, one: Any, other: Any, tmp_path: Path
) -> None:
    images = [
        coco_image(1, "f.jpg", **{field: one}),
        coco_image(2, "g.jpg", **{field: one}),
        coco_image(51, "f.jpg", **{field: other}),
    ]
    source = write_coco(tmp_path / "d.json", images, [coco_box(1, 1), coco_box(2, 2), coco_box(3, 51)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["g.jpg"]
    assert build.codes("f.jpg", "image") == ["ambiguous_image"] * 2
    assert build.counts["objects"] == (3, 1, 2, 0)


@pytest.mark.parametrize("more", [{}, {"license": 2}, {"date_captured": None}, {"flickr_url": "http://x/"}])
def test_records_of_one_name_that_do_not_contradict_are_one_picture(more: dict[str, Any], tmp_path: Path) -> None:
    images = [coco_image(1, "f.jpg", license=1, date_captured="2020"), coco_image(51, "f.jpg", **more)]
    source = write_coco(tmp_path / "d.json", images, [coco_box(1, 1), coco_box(3, 51)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert len(build.boxes("f.jpg")) == 2


def test_one_name_in_two_files_whose_images_nobody_saw_is_ambiguous(tmp_path: Path) -> None:
    for day in ("day1", "day2"):
        write_coco(tmp_path / f"{day}.json", [coco_image(1, "0001.jpg"), coco_image(2, f"{day}.jpg")], [coco_box(1, 1)])
    sources = ("--source", tmp_path / "day1.json", "--source", tmp_path / "day2.json")
    build = convert(*sources, "--image-url", PREFIX, output=tmp_path / "out")
    assert sorted(build.records) == ["day1.jpg", "day2.jpg"]
    assert build.manifest["rejected_by_reason"] == {"ambiguous_image": 2, "image_rejected": 2}
    touch(tmp_path / "0001.jpg")
    build = convert(*sources, "--image-url", PREFIX, output=tmp_path / "seen")
    assert len(build.boxes("0001.jpg")) == 2


# Where images are, and what they are called. ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("json_at", "image_at"),
    [
        ("annotations/instances_default.json", "images/default/1.jpg"),
        ("annotations/instances_Train.json", "images/Train/1.jpg"),
        ("annotations/instances_Day 2.json", "images/Day 2/1.jpg"),
        ("annotations/train.json", "images/Train/1.jpg"),
        ("annotations/instances_train.json", "train/images/1.jpg"),
        ("train/labels.json", "train/data/1.jpg"),
        ("labels/instances_val2017.json", "val2017/1.jpg"),
        ("result.json", "1.jpg"),
    ],
)
def test_images_are_found_where_tools_put_them(json_at: str, image_at: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / json_at, [coco_image(1)], [coco_box(1, 1)])
    write_image(tmp_path / image_at)
    build = convert("--source", source, "--check-images", "header", output=tmp_path / "out")
    assert len(build.records) == 1
    assert build.manifest["source"]["images"].endswith(str((tmp_path / image_at).parent))


def test_images_of_one_name_in_two_usual_places_are_told(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1)], [coco_box(1, 1)])
    write_image(tmp_path / "images/1.jpg")
    write_image(tmp_path / "data/1.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert "--images" in doubts(build)["images_in_several_places"]["option"]


@pytest.mark.parametrize(
    ("named", "stored"),
    [
        ("IMG_1.JPG", "IMG_1.jpg"),
        ("Capture_d%C3%A9cran%201.png", "Capture_d\u00e9cran 1.png"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("photo.jpeg", "photo.jpg"),
        ("Sub\\\\A.jpg".replace("\\\\", "\\"), "sub/a.jpg"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--check-images", "header")])
def test_the_store_decides_what_an_image_is_called(
    named: str, stored: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1, named), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    for name in (stored, "2.jpg"):
        write_image(tmp_path / name, format_name="PNG" if name.endswith("png") else "JPEG")
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert sorted(build.records) == sorted([stored, "2.jpg"])
    assert build.adjusted["image_by_other_name"] == 1


def test_a_name_that_may_mean_two_files_is_ambiguous(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1, "A.jpg"), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    for name in ("a.jpg", "a.JPG", "2.jpg"):
        write_image(tmp_path / name)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["2.jpg"]
    assert build.codes("A.jpg", "image") == ["ambiguous_image"]


def test_images_that_are_not_where_the_others_are_are_told(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    write_image(tmp_path / "2.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert len(build.records) == 2
    doubt = doubts(build)["images_not_found"]
    assert (doubt["count"], doubt["example"], doubt["option"]) == (1, "1.jpg", "--check-images exists")


@pytest.mark.parametrize("declared", [(80, 100), (200, 160), (101, 80)])
def test_a_declared_size_that_is_not_the_images_is_told(declared: tuple[int, int], tmp_path: Path) -> None:
    image = coco_image(1, width=declared[0], height=declared[1])
    source = write_coco(tmp_path / "d.json", [image, coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    write_image(tmp_path / "1.jpg")
    write_image(tmp_path / "2.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert doubts(build)["declared_size_differs"]["option"] == "--check-images header"
    assert not doubts(
        convert("--source", source, "--image-url", PREFIX, "--check-images", "none", output=tmp_path / "no")
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://images.cocodataset.org/val2017/000000397133.jpg", "val2017/000000397133.jpg"),
        ("http://images.cocodataset.org/train2017/1.jpg", "train2017/1.jpg"),
        ("https://host/1.jpg?signature=x/y", "1.jpg"),
    ],
)
def test_images_of_lvis_are_named_by_their_url(url: str, path: str, tmp_path: Path) -> None:
    image = coco_image(1, coco_url=url, neg_category_ids=[1], not_exhaustive_category_ids=[])
    del image["file_name"]
    document = coco([image, coco_image(2)], [coco_box(1, 1)])
    write_image(tmp_path / path)
    build = convert("--source", write_json(tmp_path / "lvis_v1_val.json", document), output=tmp_path / "out")
    assert build.splits.popitem()[1] == "validation"
    assert any(record.endswith(path) for record in build.records)


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({"coco_url": "http://images.cocodataset.org/val2017/1.jpg"}, "http://images.cocodataset.org/val2017/1.jpg"),
        (
            {"coco_url": "AmlDatastore://d/a/1.jpg", "absolute_url": "https://a.blob.core.windows.net/c/a/1.jpg"},
            "https://a.blob.core.windows.net/c/a/1.jpg",
        ),
        ({"coco_url": "AmlDatastore://d/a/1.jpg"}, "AmlDatastore://d/a/1.jpg"),
        ({"absolute_url": "https://a.blob.core.windows.net/c/1.jpg?sig=x"}, None),
        ({"coco_url": "s3://bucket/1.jpg"}, None),
        ({}, None),
    ],
)
def test_images_that_are_not_found_are_named_by_the_url_of_their_record(
    urls: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    document = coco([coco_image(1, "a/1.jpg", **urls)], [coco_box(1, 1)])
    source = write_json(tmp_path / "annotations/export.json", document)
    build = convert("--source", source, output=tmp_path / "out")
    (line,) = build.lines["train"]
    assert line["image_url"] == (expected or f"file://{tmp_path}/annotations/a/1.jpg")
    assert ("named_by_url" in doubts(build)) == (expected is not None)
    assert ("image_url_not_read" in doubts(build)) == (expected is not None and expected.startswith("AmlDatastore"))
    named = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "named")
    assert [line["image_url"] for line in named.lines["train"]] == [f"{PREFIX}a/1.jpg"]
    write_image(tmp_path / "annotations/a/1.jpg")
    found = convert("--source", source, output=tmp_path / "found")
    assert found.lines["train"][0]["image_url"] == f"file://{tmp_path}/annotations/a/1.jpg"


@pytest.mark.parametrize(
    ("name", "split", "told"),
    [
        ("crash-test-dummies", "test", True),
        ("stress_test", "test", True),
        ("latest", "train", False),
        ("contest", "train", False),
        ("training_data_v2", "train", False),
        ("testset", "test", False),
        ("instances_val2017", "validation", False),
    ],
)
def test_a_split_from_a_word_of_the_subject_is_told(name: str, split: str, told: bool, tmp_path: Path) -> None:
    source = write_coco(tmp_path / f"{name}.json", [coco_image(1)], [coco_box(1, 1)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.splits == {"1.jpg": split}
    assert ("no_train_split" in doubts(build)) is told


# Images that are named by a URL, and lie flat. ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "options", "paths"),
    [
        ("images/{name}", [], ["1.jpg", "2.jpg", "3.jpg"]),
        ("all/pictures/{name}", ["--images", "all/pictures"], ["1.jpg", "2.jpg", "3.jpg"]),
        ("pictures/{name}", ["--images", "pictures", "--check-images", "exists"], ["1.jpg", "2.jpg", "3.jpg"]),
        ("{subset}/{name}", [], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
        ("images/{subset}/{name}", [], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
        ("images/{subset}/{name}", ["--images", "images"], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
    ],
)
def test_images_that_a_url_names_are_found_in_folders_of_subsets_and_without(
    place: str, options: list[str], paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = []
    for number, subset in enumerate(["train2017", "train2017", "val2017"], 1):
        images.append(coco_image(number, coco_url=f"http://images.cocodataset.org/{subset}/{number}.jpg"))
        del images[-1]["file_name"]
        write_image(tmp_path / place.format(subset=subset, name=f"{number}.jpg"), (100, 80))
    source = write_coco(tmp_path / "annotations/lvis_v1_train.json", images, [coco_box(1, 1), coco_box(2, 3)])
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert sorted(build.records) == paths
    assert build.manifest["doubts"] == []


# Folders that the store does not have. ------------------------------------------------------------------------------


def test_images_in_other_folders_than_their_names_say_are_found_and_told(tmp_path: Path) -> None:
    images = [coco_image(number, f"images\\1/{number}.jpg") for number in (1, 2, 3)]
    source = write_coco(tmp_path / "result.json", images, [coco_box(number, number) for number in (1, 2, 3)])
    for name in ("images/1.jpg", "images/2.jpg", "a/3.jpg", "b/3.jpg"):
        write_image(tmp_path / name)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert sorted(build.records) == ["images/1.jpg", "images/2.jpg"]
    assert build.adjusted["image_by_other_name"] == 2
    assert build.codes("images/1/3.jpg", "image") == ["ambiguous_image"]
    assert doubts(build)["images_in_other_folders"]["count"] == 2


@pytest.mark.parametrize("split", [(), ("--split", "train=0.5,validation=0.5")])
def test_augmented_copies_are_told_in_several_splits_and_drawn_into_one(split: tuple[str, ...], tmp_path: Path) -> None:
    hashes = ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "1a1b2c3d4e5f60718293a4b5c6d7e8f9")
    for folder, part in zip(("train", "valid"), hashes, strict=True):
        images = [coco_image(number, f"{number}_jpg.rf.{part}.jpg") for number in range(8)]
        write_coco(tmp_path / folder / "_annotations.coco.json", images, [coco_box(n, n) for n in range(8)])
        for image in images:
            touch(tmp_path / folder / image["file_name"])
    build = convert("--source", tmp_path, "--image-url", PREFIX, *split, output=tmp_path / "out")
    of_image = [
        {
            build.splits[f"{folder}/{number}_jpg.rf.{part}.jpg"]
            for folder, part in zip(("train", "valid"), hashes, strict=True)
        }
        for number in range(8)
    ]
    assert [len(splits) for splits in of_image] == [1 if split else 2] * 8
    assert ("copies_in_splits" in doubts(build)) is not bool(split)
