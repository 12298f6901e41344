"""Image folders and label tables on their way through a build: layouts, names, splits, labels."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.disks import any_bytes_as_names
from tests.end_to_end.builds import CLASSIFICATION, MULTILABEL, PREFIX, Build, convert, labelbeam
from tests.end_to_end.datasets import encoded, put, touch, write_image

IMAGE = encoded(size=(20, 10))


def pictures(root: Path, *names: str) -> Path:
    """A folder of images of 20×10 pixels."""
    for name in names:
        put(root / name, IMAGE)
    return root


def labels(build: Build) -> dict[str, str | list[str]]:
    return {path: record["label"] for path, record in build.records.items()}


def folder(root: Path, *options: str, task: str = CLASSIFICATION) -> Build:
    return convert("--source", root, "--image-url", PREFIX, *options, task=task, output=root.parent / "out")


# Folders. -----------------------------------------------------------------------------------------------------------


def test_folders_name_the_classes_and_headers_give_the_sizes(tmp_path: Path) -> None:
    build = folder(pictures(tmp_path / "set", "cat/1.jpg", "cat/2.JPEG", "traffic light/1.jpg", "狗/1.jpg"))
    assert labels(build) == {
        "cat/1.jpg": "cat",
        "cat/2.JPEG": "cat",
        "traffic light/1.jpg": "traffic light",
        "狗/1.jpg": "狗",
    }
    details = {json.dumps(record["image_details"], sort_keys=True) for record in build.records.values()}
    assert details == {
        '{"format": "jpg", "height": 10, "width": 20}',
        '{"format": "jpeg", "height": 10, "width": 20}',
    }


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "val"), ("train", "validation")),
        (("train", "valid", "test"), ("train", "validation", "test")),
        (("Training", "Validation"), ("train", "validation")),
        (("dev", "testing"), ("validation", "test")),
    ],
)
def test_folders_called_like_splits_are_splits(
    folders: tuple[str, ...], splits: tuple[str, ...], tmp_path: Path
) -> None:
    root = pictures(tmp_path / "set", *(f"{name}/{label}/1.jpg" for name in folders for label in ("cat", "dog")))
    build = folder(root)
    assert build.splits == {
        f"{name}/{label}/1.jpg": split for name, split in zip(folders, splits, strict=True) for label in ("cat", "dog")
    }
    assert build.manifest["labels"] == ["cat", "dog"]


def test_split_folders_of_an_unusual_place_are_a_note_that_strict_lets_pass(tmp_path: Path) -> None:
    root = pictures(
        tmp_path / "set", *(f"x/seg_{part}/{label}/{label}.jpg" for part in ("train", "test") for label in "ab")
    )
    build = folder(root, "--strict")
    assert build.splits == {f"x/seg_{part}/{label}/{label}.jpg": part for part in ("train", "test") for label in "ab"}
    assert [doubt["code"] for doubt in build.manifest["doubts"]] == ["split_folders"]


def test_what_a_folder_beside_splits_is_can_be_said(tmp_path: Path) -> None:
    root = pictures(
        tmp_path / "set", *(f"{part}/{label}/1.jpg" for part in ("train", "test", "extra") for label in "ab")
    )
    answer = labelbeam("convert", "--task", CLASSIFICATION, "--source", root, "--output", tmp_path / "out")
    assert answer.status == 1 and "--split-folders extra=train" in answer.err
    build = folder(root, "--split-folders", "extra=train", "--strict")
    assert build.splits["extra/a/1.jpg"] == "train"
    assert folder(root, "--split-folders", "none").manifest["labels"] == ["extra", "test", "train"]


def test_labels_in_two_forms_are_one_and_in_two_cases_are_told_with_both_counts(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", "café/1.jpg", "cafe\u0301 /2.jpg", "Café/3.jpg")
    build = folder(root)
    assert build.manifest["labels"] == ["Café", "café"]
    assert build.adjusted == {"label_normalized": 1}
    (doubt,) = (doubt for doubt in build.manifest["doubts"] if doubt["code"] == "labels_alike")
    assert "'Café' (1), 'café' (2)" in doubt["message"]


def test_a_folder_called_test_beside_classes_is_a_class_and_that_is_said(tmp_path: Path) -> None:
    build = folder(pictures(tmp_path / "set", "cat/1.jpg", "test/1.jpg"))
    assert labels(build) == {"cat/1.jpg": "cat", "test/1.jpg": "test"}
    assert any("'test'" in warning for warning in build.manifest["warnings"])


@pytest.mark.parametrize(("level", "expected"), [("top", ["2020", "cat"]), ("parent", ["cat", "day"])])
def test_the_class_of_a_deep_image_is_an_option(level: str, expected: list[str], tmp_path: Path) -> None:
    build = folder(pictures(tmp_path / "set", "cat/1.jpg", "2020/may/day/1.jpg"), "--class-level", level)
    assert build.manifest["labels"] == expected
    assert any("--class-level" in warning for warning in build.manifest["warnings"])


def test_what_is_no_image_is_left_alone_and_what_is_no_picture_of_the_schema_is_rejected(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", "cat/1.jpg", "cat/2.webp", "cat/3.gif", "loose.jpg")
    for name in (
        ".DS_Store",
        "cat/.hidden.jpg",
        "cat/Thumbs.db",
        ".ipynb_checkpoints/1.jpg",
        "cat/.ipynb_checkpoints/1.jpg",
    ):
        touch(root / name)
    for name in ("cat/notes.txt", "README.md"):
        put(root / name, "text")
    build = folder(root)
    assert list(labels(build)) == ["cat/1.jpg"]
    assert {line["image"]: line["code"] for line in build.rejected if line["kind"] == "image"} == {
        "cat/2.webp": "unsupported_format",
        "cat/3.gif": "unsupported_format",
        "loose.jpg": "no_label",
    }
    assert build.counts["images"] == (4, 1, 3, 0)
    assert any("files are neither images nor tables" in warning for warning in build.manifest["warnings"])


def test_links_that_lead_in_circles_or_out_are_not_followed_and_said(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", "cat/1.jpg")
    pictures(tmp_path / "elsewhere", "2.jpg")
    (root / "cat/loop").symlink_to(root)
    (root / "cat/out").symlink_to(tmp_path / "elsewhere")
    (root / "cat/nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    build = folder(root)
    assert labels(build) == {"cat/1.jpg": "cat"}
    said = " ".join(build.manifest["warnings"])
    assert all(f"cat/{name}" in said for name in ("loop", "out", "nowhere.jpg"))


ODD_NAMES = ["[a]", "*", "what?", "#1", "100%", "%41", "a b", "ü", "a,b", "'q\"", "{x}", "~", "-rf", "$HOME"]


def test_names_are_text_and_never_patterns(tmp_path: Path) -> None:
    build = folder(pictures(tmp_path / "se[t]s", *(f"{name}/{name}.jpg" for name in ODD_NAMES)))
    decoded = {path.replace("%3F", "?").replace("%25", "%"): label for path, label in labels(build).items()}
    assert decoded == {f"{name}/{name}.jpg": name for name in ODD_NAMES}


@any_bytes_as_names
def test_a_name_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", "cat/1.jpg")
    with open(os.fsencode(root / "cat") + b"/\xff.jpg", "wb") as file:
        file.write(IMAGE)
    build = folder(root)
    assert build.manifest["rejected_by_reason"] == {"image_rejected": 1, "unsafe_path": 1}


def test_images_elsewhere_name_the_classes(tmp_path: Path) -> None:
    pictures(tmp_path / "photos", "cat/1.jpg")
    (tmp_path / "set").mkdir()
    build = folder(tmp_path / "set", "--images", str(tmp_path / "photos"), "--format", "folder")
    assert labels(build) == {"cat/1.jpg": "cat"}


def test_a_folder_has_no_boxes_and_says_so(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", "cat/1.jpg")
    answer = labelbeam("convert", "--task", "image_object_detection", "--source", root, "--output", tmp_path / "out")
    assert answer.status == 2 and "no boxes" in answer.err


# Tables. ------------------------------------------------------------------------------------------------------------


def table(root: Path, name: str, text: str | bytes, *images: str) -> Path:
    put(root / name, text)
    return pictures(root, *images)


FOUR = ("images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg")
EXPECTED = {"images/1.jpg": ["can", "carton"], "images/2.jpg": ["can"], "images/3.jpg": ["milk bottle"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "labels.csv",
            "filename,labels\n1.jpg,can carton\n2.jpg,can\n3.jpg,carton\n",
            id="labels separated at spaces",
        ),
        pytest.param(
            "labels.csv", "filename,labels\n1.jpg,can;carton\n2.jpg,can\n3.jpg,milk bottle\n", id="at semicolons"
        ),
        pytest.param("labels.csv", "filename,labels\n1.jpg,can|carton\n2.jpg,can\n3.jpg,milk bottle\n", id="at bars"),
        pytest.param(
            "labels.csv", 'filename,labels\n1.jpg,"can,carton"\n2.jpg,can\n3.jpg,milk bottle\n', id="at commas"
        ),
        pytest.param(
            "labels.csv",
            "filename;labels\n1.jpg;can|carton\n2.jpg;can\n3.jpg;milk bottle\n",
            id="semicolons between columns",
        ),
        pytest.param(
            "labels.csv",
            "filename\tlabels\n1.jpg\tcan|carton\n2.jpg\tcan\n3.jpg\tmilk bottle\n",
            id="tabs between columns",
        ),
        pytest.param(
            "labels.csv",
            "\ufefffilename,labels\r\n1.jpg,can|carton\r\n\r\n2.jpg,can\r\n3.jpg,milk bottle\r\n",
            id="as Excel saves it",
        ),
        pytest.param(
            "labels.csv",
            "file,can,carton,milk bottle\n1.jpg,1,1,0\n2.jpg,1,0,0\n3.jpg,0,0,1\n",
            id="one column a class",
        ),
        pytest.param(
            "labels.csv",
            "file,can,carton,milk bottle\n1.jpg,True,True,\n2.jpg,1.0,0.0,\n3.jpg,,,1\n",
            id="flags of any kind",
        ),
        pytest.param(
            "labels.csv",
            "image,label\n1.jpg,can\n1.jpg,carton\n2.jpg,can\n3.jpg,milk bottle;\n",
            id="a row for each label",
        ),
        pytest.param(
            "metadata.csv",
            "file_name,labels\nimages/1.jpg,can;carton\nimages/2.jpg,can\nimages/3.jpg,milk bottle\n",
            id="metadata.csv",
        ),
        pytest.param(
            "metadata.jsonl",
            '{"file_name": "images/1.jpg", "labels": ["can", "carton"]}\n{"file_name": "images/2.jpg", "labels": "can"}\n'
            '{"file_name": "images/3.jpg", "labels": ["milk bottle"], "score": NaN}\n',
            id="metadata.jsonl",
        ),
    ],
)
def test_a_table_gives_several_labels_an_image(
    name: str, text: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    build = folder(table(tmp_path / "set", name, text, *FOUR), task=MULTILABEL)
    expected: dict[str, list[str]] = dict(EXPECTED)
    if "spaces" in request.node.callspec.id:
        expected["images/3.jpg"] = ["carton"]
    assert {path: sorted(label) for path, label in labels(build).items()} == expected
    assert build.manifest["skipped_by_reason"] == {"background": 1}, "the image that no row names"


@pytest.mark.parametrize("option", ["--label-separator=", "--label-separator"])
def test_one_label_a_cell_is_an_option(option: str, tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,labels\n1.jpg,milk bottle\n2.jpg,can\n", *FOUR[:2])
    build = folder(root, *([option] if option.endswith("=") else [option, ""]), "--strict", task=MULTILABEL)
    assert labels(build) == {"images/1.jpg": ["milk bottle"], "images/2.jpg": ["can"]}


def test_columns_and_confidences_are_options(tmp_path: Path) -> None:
    rows = "asset,kind,Confidence\n1.jpg,cat,0.9\n1.jpg,dog,0.2\n2.jpg,dog,1\n"
    root = table(tmp_path / "set", "labels.csv", rows, *FOUR[:2])
    options = ("--image-column", "asset", "--label-columns", "kind", "--min-confidence", "0.5", "--strict")
    build = folder(root, *options, task=MULTILABEL)
    assert labels(build) == {"images/1.jpg": ["cat"], "images/2.jpg": ["dog"]}
    assert [(doubt["code"], doubt["count"]) for doubt in build.manifest["doubts"]] == [("labels_absent", 1)]


def test_an_image_with_a_label_that_is_absent_only_is_background(tmp_path: Path) -> None:
    rows = "ImageID,LabelName,Confidence\n1,cat,1\n2,cat,0\n"
    build = folder(table(tmp_path / "set", "labels.csv", rows, *FOUR[:2]), task=MULTILABEL)
    assert build.counts == {"images": (2, 1, 0, 1), "objects": (1, 1, 0, 0)}


def test_another_separator_is_an_option(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,labels\n1.jpg,milk bottle/can\n", *FOUR[:1])
    build = folder(root, "--label-separator", "/", task=MULTILABEL)
    assert labels(build) == {"images/1.jpg": ["can", "milk bottle"]}


def test_words_that_may_be_one_label_are_doubted(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,labels\n1.jpg,milk bottle\n2.jpg,can\n", *FOUR[:2])
    build = folder(root, task=MULTILABEL)
    assert any("--label-separator" in warning for warning in build.manifest["warnings"])


def test_a_table_with_one_label_an_image_keeps_its_words_together(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,label\n1.jpg,milk bottle\n2.jpg,7\n", *FOUR[:2])
    assert labels(folder(root)) == {"images/1.jpg": "milk bottle", "images/2.jpg": "7"}


ODD_ROWS = """\
filename,labels
1.jpg,can
missing.jpg,can
../up.jpg,can
IMAGES/2.JPG,can;carton
http://example.org/5.jpg,can
,can
"broken,can
3.jpg,
"""


def test_odd_rows_are_rejected_by_line(tmp_path: Path) -> None:
    build = folder(table(tmp_path / "set", "labels.csv", ODD_ROWS, *FOUR[:3]), task=MULTILABEL)
    assert {line["locator"]: line["code"] for line in build.rejected if line["kind"] == "image"} == {
        "line 3": "missing_image",
        "line 4": "unsafe_path",
        "line 6": "missing_size",
        "line 7": "invalid_record",
        "line 8": "invalid_record",
    }
    assert labels(build) == {"images/1.jpg": ["can"], "images/2.jpg": ["can", "carton"]}
    assert build.adjusted == {"image_by_other_name": 1}
    assert build.counts == {"images": (8, 2, 5, 1), "objects": (6, 3, 3, 0)}


def test_a_name_in_another_case_is_found(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,label\nIMAGES\\1.JPG,can\n", *FOUR[:1])
    build = folder(root)
    assert labels(build) == {"images/1.jpg": "can"}
    assert build.adjusted == {"image_by_other_name": 1, "path_normalized": 1}


def test_each_split_may_have_a_table_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for split, label in (("train", "can"), ("validation", "carton"), ("test", "can")):
        table(root, f"{split}/metadata.csv", f"file_name,label\n1.jpg,{label}\n", f"{split}/1.jpg")
    build = folder(root)
    assert labels(build) == {"train/1.jpg": "can", "validation/1.jpg": "carton", "test/1.jpg": "can"}
    assert build.splits == {f"{split}/1.jpg": split for split in ("train", "validation", "test")}


def test_a_column_may_name_the_split(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,label,split\n1.jpg,can,train\n2.jpg,can,val\n", *FOUR[:2])
    assert folder(root).splits == {"images/1.jpg": "train", "images/2.jpg": "validation"}


def test_a_table_itself_may_be_the_source(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "odd name.csv", "file,label\n1.jpg,can\n", *FOUR[:1])
    put(root / "other.csv", "file,label\n1.jpg,carton\n")
    build = convert(
        "--source", root / "odd name.csv", "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out"
    )
    assert labels(build) == {"images/1.jpg": "can"}


def test_a_label_that_is_a_number_is_text(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "metadata.jsonl", '{"file_name": "images/1.jpg", "label": 3}\n', *FOUR[:1])
    build = folder(root)
    assert labels(build) == {"images/1.jpg": "3"}
    assert build.adjusted == {"label_from_number": 1}


def test_an_image_that_a_table_names_is_looked_at_like_any_other(tmp_path: Path) -> None:
    root = table(tmp_path / "set", "labels.csv", "file,label\n1.jpg,can\n2.jpg,can\n", "images/1.jpg")
    put(root / "images/2.jpg", "<html>")
    write_image(root / "images/1.jpg", (7, 5))
    build = folder(root)
    assert build.records["images/1.jpg"]["image_details"] == {"format": "jpg", "width": 7, "height": 5}
    assert build.codes("images/2.jpg", "image") == ["not_an_image"]
