"""COCO files that are odd as a whole: their order, their encoding, the frame of their coordinates, other kinds of files."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Build,
    convert,
    labelbeam,
    near,
)
from tests.end_to_end.datasets import (
    CATEGORIES,
    SQUARE,
    coco,
    coco_box,
    coco_image,
    put,
    touch,
    write_coco,
    write_image,
    write_json,
)

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
PLAIN = coco(
    [coco_image(1), coco_image(2), coco_image(3)],
    [
        coco_box(1, 1, segmentation=[SQUARE]),
        coco_box(2, 2, category=2, segmentation=[SQUARE]),
        coco_box(3, 1, segmentation=[SQUARE]),
    ],
)


@pytest.fixture(scope="module")
def plain(place: Path) -> Build:
    return convert("--source", write_json(place / "plain.json", PLAIN), "--image-url", PREFIX, output=place / "plain")


# How a file is written. ---------------------------------------------------------------------------------------------


def spelled(name: str) -> bytes:
    if name in ("-".join(keys) for keys in permutations(PLAIN)):
        return json.dumps({key: PLAIN[key] for key in name.split("-")}).encode()
    return {
        "indented over many lines": json.dumps(PLAIN, indent=4).encode(),
        "lines end in CR LF": json.dumps(PLAIN, indent=1).replace("\n", "\r\n").encode(),
        "without a space": json.dumps(PLAIN, separators=(",", ":")).encode(),
        "a byte order mark in front": b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(),
        "blank lines around": b"\n\n" + json.dumps(PLAIN).encode() + b"\n \n",
        "info, licenses and lists that nobody reads": json.dumps(
            {"info": {"images": [1]}, "licenses": [], **PLAIN, "videos": [{"images": "]}"}], "year": 2020}
        ).encode(),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        *("-".join(keys) for keys in permutations(PLAIN) if list(keys) != list(PLAIN)),
        "indented over many lines",
        "lines end in CR LF",
        "without a space",
        "a byte order mark in front",
        "blank lines around",
        "info, licenses and lists that nobody reads",
    ],
)
def test_how_a_file_is_written_does_not_matter(name: str, place: Path, plain: Build, tmp_path: Path) -> None:
    """Keys in any order, too: annotations may stand before the images that they name."""
    build = convert(
        "--source", put(tmp_path / "coco.json", spelled(name)), "--image-url", PREFIX, output=tmp_path / "out"
    )
    assert build.files() == plain.files()


@pytest.mark.parametrize("annotations", [None, [], "null"])
def test_a_test_set_without_annotations_is_background(annotations: Any, tmp_path: Path) -> None:
    document = coco([coco_image(1), coco_image(2)], None if annotations is None else [])
    if annotations == "null":
        document["annotations"] = None
    source = write_json(tmp_path / "image_info.json", document)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert {path: record["label"] for path, record in build.records.items()} == {"1.jpg": [], "2.jpg": []}


def test_background_is_dropped_on_request_and_counted(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", PLAIN)
    build = convert("--source", source, "--image-url", PREFIX, "--background", "drop", output=tmp_path / "out")
    assert sorted(build.records) == ["1.jpg", "2.jpg"]
    assert build.counts["images"] == (3, 2, 0, 1)
    assert build.manifest["skipped_by_reason"] == {"background": 1}


@pytest.mark.parametrize("categories", [{}, {"categories": None}, {"categories": []}], ids=["missing", "null", "empty"])
def test_without_categories_no_annotation_has_a_label(categories: dict[str, Any], tmp_path: Path) -> None:
    document = {key: value for key, value in PLAIN.items() if key != "categories"} | categories
    build = convert(
        "--source", write_json(tmp_path / "coco.json", document), "--image-url", PREFIX, output=tmp_path / "out"
    )
    assert build.manifest["rejected_by_reason"] == {"no_valid_object": 2, "unknown_category": 3}
    assert list(build.records) == ["3.jpg"]


def test_coordinates_are_within_a_millionth_of_the_exact_quotient(tmp_path: Path) -> None:
    draw = random.Random(1)
    images, annotations = [], []
    for number in range(200):
        width, height = draw.randint(1, 9999), draw.randint(1, 9999)
        left, top = draw.uniform(0, width * 0.7), draw.uniform(0, height * 0.7)
        bbox = [left, top, draw.uniform(0.1, width - left), draw.uniform(0.1, height - top)]
        images.append(coco_image(number, f"{number:03}.jpg", width=width, height=height))
        annotations.append(coco_box(number, number, bbox))
    build = convert(
        "--source", write_coco(tmp_path / "c.json", images, annotations), "--image-url", PREFIX, output=tmp_path / "out"
    )
    assert build.counts["objects"][1] > 190
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in images}
    exact = {image["file_name"]: item["bbox"] for image, item in zip(images, annotations, strict=True)}
    for path, record in build.records.items():
        width, height = sizes[path]
        x, y, across, down = map(Fraction, exact[path])
        quotients = (x / width, y / height, (x + across) / width, (y + down) / height)
        for item in record["label"]:
            found = [Fraction(item[side]) for side in ("topX", "topY", "bottomX", "bottomY")]
            assert all(abs(a - b) <= Fraction(1, 10**6) for a, b in zip(found, quotients, strict=True))


# Frames. ------------------------------------------------------------------------------------------------------------


def exported(*boxes: list[Any]) -> dict[str, Any]:
    """What Azure's labelling exports: fractions, no area, no iscrowd, sizes as floats, a datastore's URL beside the name."""
    images = [
        coco_image(number, width=100.0, height=80.0, coco_url=f"AmlDatastore://images/{number}.jpg")
        for number in range(1, len(boxes) + 1)
    ]
    items = [coco_box(number, number, bbox, area=0.0) for number, bbox in enumerate(boxes, 1)]
    return coco(images, items)


ONE_PIXEL, WHOLE = [0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]
IN_PIXELS = ("cat", 0, 0, 0.01, 0.0125, 0)
ALL_OF_IT = ("cat", 0, 0, 1, 1, 0)


@pytest.mark.parametrize(
    ("boxes", "option", "expected", "relative"),
    [
        pytest.param([[0.1, 0.25, 0.2, 0.25], WHOLE], (), [CAT, ALL_OF_IT], True, id="fractions are found"),
        pytest.param(
            [[10, 20, 20, 20], ONE_PIXEL], (), [CAT, IN_PIXELS], False, id="once for the file, not for each box"
        ),
        pytest.param([ONE_PIXEL, ONE_PIXEL], (), [IN_PIXELS, IN_PIXELS], False, id="boxes of one pixel are pixels"),
        pytest.param([ONE_PIXEL, WHOLE], ("relative",), [ALL_OF_IT] * 2, True, id="an option overrules: relative"),
        pytest.param(
            [[0.5, 0.5, 0.5, 0.5], ONE_PIXEL],
            ("pixels",),
            [("cat", 0.005, 0.00625, 0.01, 0.0125, 0), IN_PIXELS],
            False,
            id="an option overrules: pixels",
        ),
    ],
)
def test_the_frame_of_coordinates_is_decided_for_a_file_and_said(
    boxes: list[Any], option: tuple[str, ...], expected: list[Any], relative: bool, tmp_path: Path
) -> None:
    source = write_json(tmp_path / "export.json", exported(*boxes))
    options = ("--coco-boxes", *option) if option else ()
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    found = [build.boxes("1.jpg")[0], build.boxes("2.jpg")[0]]
    assert all(map(near, found, expected)), found
    said = [warning for warning in build.manifest["warnings"] if "fractions of the image" in warning]
    assert len(said) == relative
    assert ("fractions of the image" in build.said) is relative


def test_each_file_of_a_build_has_a_frame_of_its_own(tmp_path: Path) -> None:
    shares = write_json(tmp_path / "train.json", exported([0.1, 0.25, 0.2, 0.25]))
    pixels = write_coco(tmp_path / "val.json", [coco_image(1, "val.jpg")], [coco_box(1, 1)])
    build = convert("--source", shares, "--source", pixels, "--image-url", PREFIX, output=tmp_path / "out")
    assert near(build.boxes("1.jpg")[0], CAT) and near(build.boxes("val.jpg")[0], CAT)
    assert build.splits == {"1.jpg": "train", "val.jpg": "validation"}


def test_outlines_in_fractions_are_scaled_like_boxes(tmp_path: Path) -> None:
    document = exported([0.1, 0.25, 0.2, 0.25])
    document["annotations"][0]["segmentation"] = [[0.1, 0.25, 0.3, 0.25, 0.3, 0.5]]
    source = write_json(tmp_path / "export.json", document)
    build = convert("--source", source, "--image-url", PREFIX, task=SEGMENTATION, output=tmp_path / "out")
    assert build.records["1.jpg"]["label"][0]["polygon"] == [[0.1, 0.25, 0.3, 0.25, 0.3, 0.5]]


# Labels from annotations. -------------------------------------------------------------------------------------------

LABELLED = coco(
    [coco_image(1), coco_image(2), coco_image(3)],
    [
        # As classification exports have them: no box.
        {"id": 1, "image_id": 1, "category_id": 1},
        {"id": 2, "image_id": 1, "category_id": 1},
        {"id": 3, "image_id": 2, "category_id": 1},
        {"id": 4, "image_id": 2, "category_id": 2},
        {"id": 5, "image_id": 2, "category_id": 77},
    ],
)


def test_labels_of_a_multilabel_build_are_the_distinct_categories(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", LABELLED)
    build = convert("--source", source, "--image-url", PREFIX, task=MULTILABEL, output=tmp_path / "out")
    assert {path: record["label"] for path, record in build.records.items()} == {
        "1.jpg": ["cat"],
        "2.jpg": ["cat", "dog"],
    }
    assert build.manifest["skipped_by_reason"] == {"background": 1}
    assert build.manifest["rejected_by_reason"] == {"unknown_category": 1}


def test_a_multilabel_build_keeps_background_on_request(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", LABELLED)
    build = convert(
        "--source", source, "--image-url", PREFIX, "--background", "keep", task=MULTILABEL, output=tmp_path / "out"
    )
    assert build.records["3.jpg"]["label"] == []


def test_a_classification_build_takes_images_of_one_category_alone(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", LABELLED)
    build = convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out")
    assert {path: record["label"] for path, record in build.records.items()} == {"1.jpg": "cat"}
    assert build.codes("2.jpg", "image") == ["several_labels"]
    assert build.manifest["skipped_by_reason"] == {"background": 1}


def test_a_classification_build_cannot_keep_background(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", LABELLED)
    build = convert(
        "--source", source, "--image-url", PREFIX, "--background", "keep", task=CLASSIFICATION, output=tmp_path / "out"
    )
    assert build.codes("3.jpg") == ["no_label"]


# Other kinds of files. ----------------------------------------------------------------------------------------------

KEYPOINTS = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2], "num_keypoints": 1}


@pytest.mark.parametrize(
    ("annotation", "named"),
    [
        ({"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 1, "category_id": 1}]}, "panoptic"),
        ({"id": 1, "image_id": 1, "caption": "a cat"}, "caption"),
        (KEYPOINTS, "keypoint"),
    ],
)
def test_other_kinds_of_annotations_are_refused_by_name(annotation: dict[str, Any], named: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "other.json", [coco_image(1)], [annotation])
    answer = labelbeam(
        "convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out", "--image-url", PREFIX
    )
    assert answer.status == 2
    assert named in answer.err and "instances_" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("task", "annotation"), [(CLASSIFICATION, KEYPOINTS), (DETECTION, KEYPOINTS | {"bbox": [10, 20, 20, 20]})]
)
def test_keypoints_are_no_obstacle_where_the_rest_is_there(
    task: str, annotation: dict[str, Any], tmp_path: Path
) -> None:
    source = write_coco(tmp_path / "keypoints.json", [coco_image(1)], [annotation])
    build = convert("--source", source, "--image-url", PREFIX, task=task, output=tmp_path / "out")
    assert build.counts["objects"] == (1, 1, 0, 0)


# Where the images are, and what split they are of. ------------------------------------------------------------------


def test_splits_come_from_the_names_of_files_and_folders(tmp_path: Path) -> None:
    """As in the official data, and as Roboflow exports it."""
    for name in (
        "annotations/instances_train2017",
        "annotations/instances_val2017",
        "test/_annotations.coco",
        "dev/labels",
    ):
        write_coco(tmp_path / f"data/{name}.json", [coco_image(1, f"{name.replace('/', '-')}.jpg")])
    build = convert(
        "--source", tmp_path / "data/**/*.json", "--format", "coco", "--image-url", PREFIX, output=tmp_path / "out"
    )
    assert sorted(build.splits.values()) == ["test", "train", "validation", "validation"]


@pytest.mark.parametrize(
    "folder", ["", "images", "train2017", "images/train2017", "../images", "../train2017", "../train"]
)
def test_images_are_found_beside_the_source(folder: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "data/annotations/instances_train2017.json", [coco_image(1)], [coco_box(1, 1)])
    image = (source.parent / folder / "1.jpg").resolve()
    touch(image)
    build = convert("--source", source, output=tmp_path / "out")
    assert list(build.records) == [f"file://{image}"]
    assert build.manifest["warnings"] == []


def test_images_elsewhere_are_named_with_an_option(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "a.json", [coco_image(1, "x/1.jpg", width=None)], [coco_box(1, 1)])
    write_image(tmp_path / "elsewhere/x/1.jpg", (50, 40))
    build = convert("--source", source, "--images", tmp_path / "elsewhere", output=tmp_path / "out")
    (record,) = build.records.values()
    assert record["image_url"] == f"file://{tmp_path}/elsewhere/x/1.jpg"
    assert record["image_details"] == {"format": "jpg", "width": 50, "height": 40}


def test_images_that_are_nowhere_are_said(tmp_path: Path) -> None:
    source = write_json(tmp_path / "coco.json", PLAIN)
    build = convert("--source", source, output=tmp_path / "out")
    assert any("was not found" in warning for warning in build.manifest["warnings"])


def test_several_files_share_images_and_say_so(tmp_path: Path) -> None:
    """Another file's record of the same image lends it its objects, so that no image stands in two splits."""
    train = write_coco(tmp_path / "train.json", [coco_image(1, "shared.jpg")], [coco_box(1, 1)])
    val = write_coco(tmp_path / "val.json", [coco_image(1, "shared.jpg"), coco_image(2)], [coco_box(1, 1)], CATEGORIES)
    sources = ("--source", train, "--source", val, "--images", tmp_path)
    build = convert(*sources, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.splits == {"shared.jpg": "train", "2.jpg": "validation"}
    assert len(build.boxes("shared.jpg")) == 2
    assert build.codes("shared.jpg") == ["duplicate_image"]
    assert build.adjusted == {"object_of_duplicate_image": 1}
