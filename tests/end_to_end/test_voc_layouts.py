"""Pascal VOC trees: lists of splits and labels, masks, and the options that only VOC has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.builds import CLASSIFICATION, MULTILABEL, PREFIX, SEGMENTATION, convert, near
from tests.end_to_end.datasets import HEIGHT, WIDTH, put, rectangle, touch, voc_object, voc_xml, write_image, write_voc
from tests.end_to_end.trainer import xor_mask

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
ONE = voc_xml(voc_object())


def with_lists(root: Path, lists: dict[str, str]) -> Path:
    for name, text in lists.items():
        put(root / f"ImageSets/{name}.txt", text)
    return root


# Splits. ------------------------------------------------------------------------------------------------------------


def test_lists_say_the_splits_and_what_belongs_to_the_dataset(tmp_path: Path) -> None:
    """Blank lines, ids with spaces and in directories; `val` is validation; what no list names is skipped."""
    root = write_voc(tmp_path / "voc", dict.fromkeys(["1", "2", "3", "with space", "a/1", "unlisted"], ONE))
    with_lists(root, {"Main/train": "1\n\n  \nwith space\n", "Main/val": "2\r\na/1\r\n", "Main/test": "3"})
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.splits == {
        "JPEGImages/1.jpg": "train",
        "JPEGImages/with space.jpg": "train",
        "JPEGImages/2.jpg": "validation",
        "JPEGImages/a/1.jpg": "validation",
        "JPEGImages/3.jpg": "test",
    }
    assert build.manifest["skipped_by_reason"] == {"outside_image_sets": 1}
    assert build.counts["images"] == (6, 5, 0, 1)


def test_shares_go_before_the_lists(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", dict.fromkeys(map(str, range(20)), ONE))
    with_lists(root, {"Main/train": "\n".join(map(str, range(20)))})
    build = convert("--source", root, "--image-url", PREFIX, "--split", "train=0.5,test=0.5", output=tmp_path / "out")
    assert set(build.splits.values()) == {"train", "test"}


def test_an_id_without_an_annotation_file_is_said(tmp_path: Path) -> None:
    root = with_lists(write_voc(tmp_path / "voc", {"1": ONE}), {"Main/train": "1\nlost\n"})
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert any("lost" in warning for warning in build.manifest["warnings"])


@pytest.mark.parametrize("folder", ["valid", "dev", "val"])
def test_folders_are_the_splits_where_there_are_no_lists(folder: str, tmp_path: Path) -> None:
    for split in ("train", folder):
        put(tmp_path / f"voc/{split}/{split}-1.xml", ONE)
        touch(tmp_path / f"voc/{split}/{split}-1.jpg")
    build = convert("--source", tmp_path / "voc", "--image-url", PREFIX, output=tmp_path / "out")
    assert build.splits == {"train/train-1.jpg": "train", f"{folder}/{folder}-1.jpg": "validation"}


# Labels. ------------------------------------------------------------------------------------------------------------


def test_lists_of_classes_give_labels(tmp_path: Path) -> None:
    """1 is the class, -1 is none of it, 0 is difficult objects only: neither."""
    root = write_voc(tmp_path / "voc", dict.fromkeys(["1", "2", "3"], ONE))
    with_lists(
        root,
        {
            "Main/train": "1\n2\n",
            "Main/val": "3\n",
            "Main/cat_train": "1  1\n2 -1\n",
            "Main/cat_val": "3  0\n",
            "Main/traffic_light_train": "1  1\n2  1\n",
            "Main/traffic_light_val": "3 -1\n",
        },
    )
    build = convert("--source", root, "--image-url", PREFIX, task=MULTILABEL, output=tmp_path / "out")
    labels = {path: record["label"] for path, record in build.records.items()}
    assert labels == {"JPEGImages/1.jpg": ["cat", "traffic_light"], "JPEGImages/2.jpg": ["traffic_light"]}
    assert build.manifest["skipped_by_reason"] == {"difficult_only": 2}, "the class of image 3, and with it the image"


def test_without_lists_of_classes_the_objects_give_labels(tmp_path: Path) -> None:
    hard = voc_object("dog", inner="<difficult>1</difficult>")
    xmls = {
        "1": voc_xml(voc_object(), voc_object(), hard),
        "2": voc_xml(voc_object(), voc_object("dog")),
        "3": voc_xml(hard),
    }
    root = write_voc(tmp_path / "voc", xmls)
    build = convert("--source", root, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out")
    assert {path: record["label"] for path, record in build.records.items()} == {"JPEGImages/1.jpg": "cat"}
    assert build.codes("JPEGImages/2.jpg", "image") == ["several_labels"]
    assert build.counts["images"] == (3, 1, 1, 1)


# Options. -----------------------------------------------------------------------------------------------------------


def test_pixels_count_from_0_on_request(tmp_path: Path) -> None:
    root = write_voc(
        tmp_path / "voc", {"1": voc_xml(voc_object(box=(10, 20, 30, 40)), voc_object(box=(0, 0, 100, 80)))}
    )
    build = convert("--source", root, "--image-url", PREFIX, "--voc-origin", "0", output=tmp_path / "out")
    found = build.boxes("JPEGImages/1.jpg")
    assert near(found[0], CAT) and near(found[1], ("cat", 0, 0, 1, 1, 0))
    assert build.adjusted == {} and build.manifest["warnings"] == []


@pytest.mark.parametrize(("options", "crowd"), [([], 0), (["--difficult-as-crowd"], 1)])
def test_difficult_objects_are_crowds_on_request(options: list[str], crowd: int, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": voc_xml(voc_object(inner="<difficult>1</difficult>"), voc_object())})
    build = convert("--source", root, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert [box[-1] for box in build.boxes("JPEGImages/1.jpg")] == [crowd, 0]


def test_objects_that_leave_the_image_are_rejected_on_request(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": voc_xml(voc_object(box=(91, 73, 130, 99)), voc_object())})
    build = convert("--source", root, "--image-url", PREFIX, "--out-of-bounds", "reject", output=tmp_path / "out")
    assert build.codes("JPEGImages/1.jpg") == ["out_of_bounds"]
    assert len(build.boxes("JPEGImages/1.jpg")) == 1


def test_images_may_lie_elsewhere(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"a/1": voc_xml(voc_object(), size=None)}, [])
    write_image(tmp_path / "photos/a/1.png", format_name="PNG")
    build = convert("--source", root, "--images", tmp_path / "photos", "--image-url", PREFIX, output=tmp_path / "out")
    assert build.records["a/1.png"]["image_details"] == {"format": "png", "width": 100, "height": 80}


def test_an_archive_made_on_a_mac_has_no_second_dataset(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": ONE})
    put(root / "__MACOSX/Annotations/._1.xml", b"\x00\x05")
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.counts["images"] == (1, 1, 0, 0)


def test_images_without_an_annotation_file_are_said(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": ONE}, ["1.jpg", "2.jpg", "3.jpg"])
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["JPEGImages/1.jpg"]
    assert any("no annotation file: 2 images" in warning for warning in build.manifest["warnings"])


# Masks. -------------------------------------------------------------------------------------------------------------

VOID = 255


def write_mask(path: Path, indices: Any) -> None:
    image = Image.fromarray(indices.astype(np.uint8), "L").convert("P")
    image.putdata(indices.astype(np.uint8).ravel().tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def test_masks_are_paired_with_objects_and_the_void_border_is_none(tmp_path: Path) -> None:
    """The instances stand in another order than the objects, and a border of 255 around them."""
    dog, cat = rectangle(60, 10, 90, 30), rectangle(11, 21, 29, 39)
    indices = rectangle(10, 20, 30, 40) * VOID
    indices[cat == 1] = 2
    indices[dog == 1] = 1
    indices[15:18, 70:80] = 0
    root = write_voc(tmp_path / "voc", {"1": voc_xml(voc_object(), voc_object("dog", (61, 11, 90, 30)))})
    write_mask(root / "SegmentationObject/1.png", indices)
    build = convert("--source", root, "--image-url", PREFIX, task=SEGMENTATION, output=tmp_path / "out")
    masks = {
        item["label"]: xor_mask(item["polygon"], WIDTH, HEIGHT) for item in build.records["JPEGImages/1.jpg"]["label"]
    }
    assert masks.keys() == {"cat", "dog"}
    assert (masks["cat"] == cat.astype(bool)).all()
    assert (masks["dog"] == (indices == 1)).all()
    assert build.adjusted == {"mask_to_polygon": 2}


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("no mask", "missing_segmentation"),
        ("another size", "mask_size_mismatch"),
        ("a web page", "unreadable_mask"),
        ("colours", "unreadable_mask"),
    ],
)
def test_objects_without_a_usable_mask_are_rejected(what: str, code: str, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": ONE, "2": ONE})
    write_mask(root / "SegmentationObject/2.png", rectangle(10, 20, 30, 40))
    path = root / "SegmentationObject/1.png"
    if what == "another size":
        write_mask(path, rectangle(1, 1, 5, 5, 50, 40))
    elif what == "a web page":
        put(path, "<html>")
    elif what == "colours":
        write_image(path, format_name="PNG")
    build = convert("--source", root, "--image-url", PREFIX, task=SEGMENTATION, output=tmp_path / "out")
    assert build.codes("JPEGImages/1.jpg", "object") == [code]
    assert list(build.records) == ["JPEGImages/2.jpg"]


def test_an_instance_that_no_object_fits_is_rejected_as_found(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"1": ONE})
    indices = rectangle(10, 20, 30, 40) + 2 * rectangle(60, 60, 90, 75)
    write_mask(root / "SegmentationObject/1.png", indices)
    build = convert("--source", root, "--image-url", PREFIX, task=SEGMENTATION, output=tmp_path / "out")
    assert build.counts["objects"] == (2, 1, 1, 0)
