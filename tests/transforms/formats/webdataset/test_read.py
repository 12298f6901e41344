"""Samples of a shard as images: labels by their order, objects, and every way in which a sample is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.webdataset import read as module
from labelbeam.transforms.formats.webdataset.read import Shard, WebDatasetImages, content_of, read_shard
from labelbeam.transforms.stores.shards.tars import TarShard
from tests.transforms.stores.archives_made import tarred
from tests.transforms.stores.shards_made import sample, shard

ONE, SEVERAL = "image_classification", "image_classification_multilabel"
DETECTION, SEGMENTATION = "image_object_detection", "image_instance_segmentation"
NAMES = {0: "cat", 1: "dog"}
OBJECTS = {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "category": ["cat", 1], "iscrowd": [0, 1]}


def read(folder: Path, data: bytes, task: str = ONE, names: Any = NAMES, chosen: str | None = None) -> WebDatasetImages:
    (folder / "a.tar").write_bytes(data)
    contents, found = TarShard(LocalFileSystem(), str(folder / "a.tar"), "a.tar").scan(content_of)
    return read_shard(Shard("memory://x", "t/a.tar", "train", contents, found), names, task, chosen)


def one(folder: Path, task: str = ONE, names: Any = NAMES, **files: Any) -> SourceImage:
    (image,) = read(folder, shard(sample("k", jpg=b"x", **files)), task, names).samples.images
    assert image.path == "t/a.tar/k.jpg" and image.split == "train" and image.locator == "t/a.tar k"
    return image


def labels(image: SourceImage) -> list[str]:
    return [item.label for item in image.objects]


def codes(image: SourceImage) -> list[str]:
    return [item.code.value for item in image.rejected]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cls": "1"}, ["dog"]),
        ({"cls": " 0\n"}, ["cat"]),
        ({"cls": "bird"}, ["bird"]),
        ({"txt": "big cat\n"}, ["big cat"]),
        ({"json": {"label": "bird"}, "cls": "0", "txt": "dog"}, ["bird"]),
        ({"json": {"label": 1}}, ["dog"]),
        ({"json": {"labels": ["a", "b"]}}, ["a", "b"]),
        ({"json": {"url": "x", "__key__": "k", "__url__": "u"}, "cls": "1"}, ["dog"]),
        ({"json": {"url": "x"}, "txt": "cat"}, ["cat"]),
        ({"json": {"objects": OBJECTS}}, ["cat", "dog"]),
        ({"json": "bird"}, []),
        ({"json": '"bird"'}, ["bird"]),
        ({"json": ["a"]}, ["a"]),
        ({"label_txt": "bird"}, ["bird"]),
    ],
)
def test_a_label_is_that_of_the_json_else_the_number_else_the_text(
    files: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    assert labels(one(tmp_path, **files)) == expected


def test_lines_of_text_are_labels_each(tmp_path: Path) -> None:
    assert labels(one(tmp_path, SEVERAL, txt="a\n\n b \na")) == ["a", "b"]
    assert labels(one(tmp_path, SEVERAL, json={"labels": []})) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "no_label"),
        ({"json": {"url": "x"}}, "no_label"),
        ({"json": {"caption": "a cat on a mat"}, "txt": "a cat on a mat"}, "no_label"),
        ({"cls": "7"}, "unknown_category"),
        ({"cls": ""}, "invalid_label"),
        ({"cls": b"\xff"}, "invalid_label"),
        ({"txt": "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1"}, "invalid_label"),
        ({"json": "{"}, "invalid_record"),
        ({"json": {"label": {"a": 1}}}, "invalid_label"),
    ],
)
def test_a_sample_without_a_label_that_can_be_read_is_rejected(
    files: dict[str, Any], code: str, tmp_path: Path
) -> None:
    image = one(tmp_path, **files)
    assert (codes(image), labels(image)) == ([code], [])


def test_numbers_that_nothing_names_are_labels_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, shard(sample("k", jpg=b"x", cls="4")), names={})
    assert labels(found.samples.images[0]) == ["4"] and found.samples.unnamed == 1


@pytest.mark.parametrize(
    "content",
    [
        {"objects": OBJECTS, "width": 100, "height": 60},
        {
            "annotations": [
                {"bbox": [1, 2, 3, 4], "label": "cat"},
                {"bbox": [5, 6, 7, 8], "category_id": 1, "iscrowd": 1},
            ]
        },
        {"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "labels": ["cat", "dog"], "iscrowd": [0, 1]},
        {"boxes": [{"box": [1, 2, 3, 4], "class": "cat"}, {"box": [5, 6, 7, 8], "class": "dog", "is_crowd": True}]},
        [{"bbox": [1, 2, 3, 4], "name": "cat"}, {"bbox": [5, 6, 7, 8], "name": "dog", "iscrowd": 1}],
    ],
)
def test_objects_are_lists_side_by_side_or_a_list(content: Any, tmp_path: Path) -> None:
    image = one(tmp_path, DETECTION, json=content)
    assert [(item.label, item.bbox, item.crowd) for item in image.objects] == [
        ("cat", (1, 2, 4, 6), False),
        ("dog", (5, 6, 12, 14), True),
    ]
    assert (image.width, image.height) in ((100, 60), (None, None))


def test_no_objects_are_background_and_no_word_of_objects_is_none(tmp_path: Path) -> None:
    for value in (None, [], {"bbox": [], "category": []}):
        image = one(tmp_path, DETECTION, json={"objects": value})
        assert image.objects == [] and image.rejected == []
    for files in ({}, {"json": {"label": "cat"}}, {"cls": "1"}):
        assert codes(one(tmp_path, DETECTION, **files)) == ["no_label"]
    assert codes(one(tmp_path, DETECTION, json={"objects": {"bbox": [[1, 2, 3, 4]], "category": []}})) == [
        "invalid_record"
    ]


def test_outlines_combine_by_xor_where_an_export_of_ours_says_so(tmp_path: Path) -> None:
    rings = [[0, 0, 9, 0, 9, 9], [2, 1, 5, 1, 5, 3]]
    content = {"objects": {"bbox": [[0, 0, 9, 9]], "category": ["a"], "segmentation": [rings]}}
    (tmp_path / "a.tar").write_bytes(shard(sample("k", jpg=b"x", json=content)))
    contents, data = TarShard(LocalFileSystem(), str(tmp_path / "a.tar"), "a.tar").scan(content_of)
    for by_xor in (True, False):
        found = read_shard(Shard("x", "a.tar", None, contents, data), {}, SEGMENTATION, by_xor=by_xor)
        (item,) = found.samples.images[0].objects
        assert item.rings is not None and len(item.rings) == 2 and item.by_xor == by_xor


def test_files_that_are_no_whole_sample_are_rejected_or_counted(tmp_path: Path) -> None:
    data = tarred(
        {
            "good.jpg": b"x",
            "apart.cls": b"1",
            "good.cls": b"0",
            "apart.jpg": b"x",
            "two.left.jpg": b"x",
            "two.right.jpg": b"x",
            "alone.cls": b"1",
            "notes": b"",
            "sound.mp3": b"",
            "__meta__.json": b"{}",
            "seg.jpg": b"x",
            "seg.mask.png": b"x",
            "seg.cls": b"0",
        }
    )
    found = read(tmp_path, data)
    assert {image.path: codes(image) or labels(image) for image in found.samples.images} == {
        "t/a.tar/good.jpg": ["cat"],
        "t/a.tar/apart.jpg": ["dog"],
        "t/a.tar/two": ["ambiguous_image"],
        "t/a.tar/alone": ["missing_image"],
        "t/a.tar/seg.jpg": ["cat"],
    }
    assert {name: count for name, (count, _) in found.counts.found.items()} == {
        "others": 3,
        "apart": 2,
        "companions": 1,
    }


def test_the_image_that_is_chosen_is_read_in_every_sample(tmp_path: Path) -> None:
    samples = (sample("a", left_jpg=b"x", right_jpg=b"y", cls="0"), sample("b", jpg=b"x", cls="1"))
    found = read(tmp_path, shard(*samples), chosen="right.jpg").samples.images
    assert [(image.path, codes(image), labels(image)) for image in found] == [
        ("t/a.tar/a.right.jpg", [], ["cat"]),
        ("t/a.tar/b", ["missing_image"], []),
    ]


def test_a_file_that_stands_twice_makes_a_sample_ambiguous(tmp_path: Path) -> None:
    first, second = tarred({"a.jpg": b"x", "a.cls": b"0"}), tarred({"a.jpg": b"y", "b.jpg": b"z", "b.cls": b"1"})
    found = read(tmp_path, first[: first.index(bytes(1024))].ljust(2048, b"\0")[:2048] + second).samples.images
    assert [(image.path, codes(image)) for image in found] == [
        ("t/a.tar/a.jpg", ["ambiguous_image"]),
        ("t/a.tar/b.jpg", []),
    ]


@pytest.mark.parametrize("name", ["../up.jpg", "/etc/up.jpg", "a/../../up.jpg", "a\nb.jpg", "%2e%2e%2fup.jpg"])
def test_a_hostile_name_is_rejected_and_counted(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, tarred({name: b"x", "good.jpg": b"x", "good.cls": b"0"}))
    images = {tuple(codes(image)) for image in found.samples.images}
    assert images == {("unsafe_path",), ()}


def test_an_empty_file_of_labels_is_said_to_be_so(tmp_path: Path) -> None:
    for files in ({"cls": ""}, {"txt": "\n"}):
        (rejection,) = one(tmp_path, **files).rejected
        assert rejection.code == "invalid_label" and "''" in rejection.message


def test_labels_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 100)
    assert codes(one(tmp_path, json={"label": "a" * 200})) == ["invalid_record"]
    assert codes(one(tmp_path, txt="a" * 200)) == ["invalid_label"]
