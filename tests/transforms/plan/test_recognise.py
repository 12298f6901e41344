"""Recognising a source: what each layout is taken for, what is asked, and what is refused with a reason."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.coco import files as module
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.plan.recognise import Recognised, recognise
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location

COCO = json.dumps(
    {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
)
XML = "<annotation><filename>1.jpg</filename></annotation>"


def fill(root: str, files: dict[str, str | bytes]) -> str:
    for name, content in files.items():
        put(locate(root, {}).below(name), content.encode() if isinstance(content, str) else content)
    return root


def found(*sources: str, task: Any = "image_classification", **options: Any) -> Recognised:
    options.setdefault("output", "memory://nowhere")
    return recognise(ConvertConfig(task=task, source=list(sources), **options), {})


def found_in(recognised: Recognised) -> list[Location]:
    """The files of COCO, the root of the others."""
    return sorted(recognised.claim.found) if recognised.format.name == "coco" else list(recognised.tree.locations)


def names(recognised: Recognised, root: str) -> list[str]:
    return [location.url.removeprefix(locate(root, {}).url).lstrip("/") for location in found_in(recognised)]


OFFICIAL = {
    f"annotations/{kind}_{split}2017.json": COCO
    for kind in ("instances", "person_keypoints", "captions")
    for split in ("train", "val")
} | {"annotations/image_info_test-dev2017.json": COCO, "train2017/1.jpg": "", "val2017/1.jpg": ""}
ROBOFLOW = {f"{split}/_annotations.coco.json": COCO for split in ("train", "valid", "test")} | {"train/1.jpg": ""}
VOC = {"Annotations/1.xml": XML, "JPEGImages/1.jpg": "", "ImageSets/Main/train.txt": "1\n"}
CLASSES = {"cat/1.jpg": "", "dog/2.png": ""}
TABLE = {"labels.csv": "filename,label\n1.jpg,cat\n", "images/1.jpg": ""}


@pytest.mark.parametrize(
    ("files", "expected", "why"),
    [
        ({"annotations/x.json": COCO, "images/1.jpg": ""}, "coco", "annotations/x.json"),
        (OFFICIAL, "coco", "instances_train2017.json"),
        (ROBOFLOW, "coco", "valid/_annotations.coco.json"),
        (VOC, "voc", "found 1 annotation file, such as Annotations/1.xml"),
        (
            {f"VOCdevkit/VOC{year}/{name}": text for year in (2007, 2012) for name, text in VOC.items()},
            "voc",
            "found 2 ",
        ),
        ({"train/1.xml": XML, "train/1.jpg": ""}, "voc", "train/1.xml"),
        (CLASSES, "folder", "found 2 images and neither COCO nor VOC"),
        ({"a/1.webp": "", "b/2.gif": ""}, "folder", "found 2 images"),
        (TABLE, "folder", "a table of labels, labels.csv"),
        (
            {"train/metadata.jsonl": '{"file_name": "1.jpg", "label": "a"}', "train/1.jpg": ""},
            "folder",
            "metadata.jsonl",
        ),
        (CLASSES | {"package.json": '{"images": ["a"]}', "pom.xml": "<project/>"}, "folder", "neither COCO nor VOC"),
        (CLASSES | {".idea/x.xml": XML, "__MACOSX/x.json": COCO, ".cache/a.json": COCO}, "folder", "found 2 images"),
        (VOC | {f"A/{number}.xml": "<project/>" for number in range(30)}, "voc", "such as Annotations/1.xml"),
    ],
)
def test_layouts_are_recognised_and_the_reason_is_told(
    files: dict[str, str | bytes], expected: str, why: str, tmp_path: Path, memory: str
) -> None:
    for root in (str(tmp_path), memory):
        recognised = found(fill(root, files))
        assert recognised.format.name == expected
        assert why in recognised.claim.reason


def test_of_coco_s_own_tree_the_outlines_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    root = fill(str(tmp_path), OFFICIAL)
    recognised = found(root)
    assert names(recognised, root) == ["annotations/instances_train2017.json", "annotations/instances_val2017.json"]
    assert "leaves annotations/captions_train2017.json, annotations/captions_val2017.json" in recognised.claim.reason
    assert "annotations/person_keypoints_val2017.json alone" in recognised.claim.reason


def test_without_outlines_the_keypoints_of_coco_s_own_tree_are_taken(tmp_path: Path) -> None:
    root = fill(str(tmp_path), {name: text for name, text in OFFICIAL.items() if "instances" not in name})
    assert names(found(root), root) == [f"annotations/person_keypoints_{split}2017.json" for split in ("train", "val")]


def test_files_by_split_need_no_question(tmp_path: Path) -> None:
    root = fill(str(tmp_path), ROBOFLOW)
    assert names(found(root), root) == [f"{split}/_annotations.coco.json" for split in ("test", "train", "valid")]


@pytest.mark.parametrize(
    "others", [["a.json", "b.json"], ["train.json", "all.json"], ["train.json", "train_small.json"]]
)
def test_files_that_may_describe_the_same_images_are_asked_about(others: list[str], tmp_path: Path) -> None:
    root = fill(str(tmp_path), dict.fromkeys(others, COCO))
    for options in ({}, {"format": "coco"}):
        with pytest.raises(UsageError, match="may describe the same images") as caught:
            found(root, **options)
        assert all(name in str(caught.value) for name in [*others, "--source"])


def test_two_formats_in_one_tree_are_asked_about(tmp_path: Path) -> None:
    root = fill(str(tmp_path), VOC | {"coco.json": COCO})
    with pytest.raises(UsageError, match=r"more than one format .*coco: found coco.json; voc: .*--format"):
        found(root)
    assert found(root, format="voc").format.name == "voc"
    assert names(found(root, format="coco"), root) == ["coco.json"]


def test_a_table_of_labels_beside_coco_is_asked_about_where_it_could_serve(tmp_path: Path) -> None:
    root = fill(str(tmp_path), TABLE | {"coco.json": COCO})
    with pytest.raises(UsageError, match="more than one format"):
        found(root)
    assert found(root, task="image_object_detection").format.name == "coco"


def test_a_json_file_is_coco_and_a_table_is_a_folder(tmp_path: Path) -> None:
    root = fill(str(tmp_path), TABLE | {"a.json": COCO})
    assert found(f"{root}/a.json").format.name == "coco"
    for options in ({}, {"format": "folder"}):
        table = found(f"{root}/labels.csv", **options)
        assert (table.format.name, table.claim.found, names(table, root)) == ("folder", "labels.csv", ["labels.csv"])


def test_a_source_that_is_named_twice_is_read_once_in_any_order(tmp_path: Path) -> None:
    root = fill(str(tmp_path), {"a.json": COCO, "b.json": COCO})
    first = found(f"{root}/b.json", f"{root}/*.json", f"file://{root}/a.json")
    assert names(first, root) == ["a.json", "b.json"]
    assert names(first, root) == names(found(f"{root}/a.json", f"{root}/b.json"), root)


def test_directories_and_files_together_are_coco_if_one_says_so(tmp_path: Path) -> None:
    root = fill(str(tmp_path), {"a/train.json": COCO, "val.json": COCO})
    with pytest.raises(UsageError, match="--format"):
        found(f"{root}/a", f"{root}/val.json")
    assert sorted(names(found(f"{root}/a", f"{root}/val.json", format="coco"), root)) == ["a/train.json", "val.json"]


@pytest.mark.parametrize("text", ["", "<html>502</html>", COCO[:60], "[]"])
@pytest.mark.parametrize("name", ["instances_train2017.json", "_annotations.coco.json"])
def test_a_damaged_file_with_a_name_that_only_coco_has_is_not_passed_over(name: str, text: str, tmp_path: Path) -> None:
    root = fill(str(tmp_path), {name: text, "a/1.jpg": "", "b/1.jpg": ""})
    assert names(found(root), root) == [name]
    with pytest.raises(LabelBeamError, match=name):
        make_plan(ConvertConfig(task="image_classification", source=[root], output="memory://nowhere"), {})


def test_utf_16_does_not_hide_what_a_file_is(tmp_path: Path) -> None:
    root = fill(str(tmp_path), {"x.json": COCO.encode("utf-16"), "1.jpg": ""})
    assert found(root).format.name == "coco"
    root = fill(f"{tmp_path}/voc", {"1.xml": XML.encode("utf-16"), "1.jpg": ""})
    assert found(root).format.name == "voc"


def test_large_files_are_recognised_by_their_ends_and_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = json.dumps("x" * 2**20)
    root = fill(
        str(tmp_path),
        {
            "head/x.json": f'{{"images": [{{"id": 1}}], "filler": {filler}, "annotations": []}}',
            "tail/x.json": f'{{"filler": {filler}, "categories" : [\n {{}}]}}',
            "none/x.json": f'{{"filler": {filler}, "images": ["a"]}}',
        },
    )
    reads: list[int] = []
    read_range = module.read_range

    def counted(file: Any, start: int, end: int) -> bytes:
        reads.append(end - start)
        return read_range(file, start, end)

    monkeypatch.setattr(module, "read_range", counted)
    assert [names(found(f"{root}/{name}", format="coco"), root) for name in ("head", "tail")] == [
        ["head/x.json"],
        ["tail/x.json"],
    ]
    with pytest.raises(UsageError, match="found no COCO file among 1 files"):
        found(f"{root}/none", format="coco")
    assert sum(reads) <= 3 * 2 * 64 * 1024


def test_thousands_of_sidecars_are_not_all_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sidecars: dict[str, str | bytes] = {f"a/{number}.json": '{"shapes": []}' for number in range(300)}
    root = fill(str(tmp_path), sidecars | {"a/coco.json": COCO, "a/1.jpg": ""})
    opened: list[str] = []
    read_range = module.read_range
    monkeypatch.setattr(
        module, "read_range", lambda file, *ends: (opened.append(file.path), read_range(file, *ends))[1]
    )
    assert names(found(root), root) == ["a/coco.json"]
    assert len(set(opened)) < 150


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"readme.txt": "x"}, "not recognised: 1 file, such as readme.txt"),
        ({"a.json": '{"a": 1}', "b.json": '{"images": {}}', "c.json": "[]"}, "not recognised: 3 files, such as a.json"),
        ({"a.json": '{"images": [{"id": 1}], "version": 1}'}, "not recognised"),
        ({"pom.xml": "<project/>", "a.xml": "<annotations/>"}, "not recognised"),
        ({".hidden/1.jpg": ""}, "the directory is empty"),
    ],
)
def test_what_is_no_dataset_is_refused_with_what_was_there(
    files: dict[str, str | bytes], said: str, tmp_path: Path
) -> None:
    with pytest.raises(LabelBeamError, match=said):
        found(fill(str(tmp_path), files))


def test_an_empty_directory_is_told_from_one_of_links_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(LabelBeamError, match=r"the directory is empty, expected a dataset$"):
        found(f"{tmp_path}/data")
    (tmp_path / "data" / "cats").symlink_to(tmp_path)
    with pytest.raises(LabelBeamError, match=r"links that lead out of it.*: 1, such as 'cats'"):
        found(f"{tmp_path}/data")


@pytest.mark.parametrize("format_name", ["auto", "coco", "voc", "yolo", "folder"])
def test_a_source_that_does_not_exist_is_an_error_in_every_format(format_name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none: it does not exist"):
        found(f"{tmp_path}/none", format=format_name)


def test_a_pipe_is_no_root(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match=r"pipe: expected a directory, found: a pipe, a socket or a device"):
        found(f"{tmp_path}/pipe")


@pytest.mark.parametrize("format_name", ["voc", "folder"])
def test_a_file_is_no_root(format_name: Any, tmp_path: Path) -> None:
    root = fill(str(tmp_path), {"1.xml": XML})
    with pytest.raises(StoreError, match=r"1\.xml: expected a directory, found: file"):
        make_plan(
            ConvertConfig(
                task="image_object_detection", source=[f"{root}/1.xml"], output="memory://no", format=format_name
            ),
            {},
        )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n <!DOCTYPE html><html>", "XML or HTML; .* error page"),
        (b"\x1f\x8b\x08\0", "compressed with gzip; unpack it"),
        (b"PK\x03\x04abc", "ZIP archive; name what is in it, as zip://"),
        (b"\x89PNG\r\n", "an image; name the directory"),
        (b"\xff\xd8\xff\xe0", "an image; name the directory"),
        (b"hello world", "begins with 'hello world', expected a COCO JSON object, a table"),
        (b'[{"image_id": 1, "bbox": [], "score": 1}]', "is a list, as prediction results are"),
        ('{"images": []}'.encode("utf-16"), "UTF-16"),
        ('{"images": []}'.encode("utf-16-le"), "UTF-16"),
        (b"  \n ", "expected a JSON object"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused_with_what_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    root = fill(str(tmp_path), {"x.json": content})
    with pytest.raises(LabelBeamError, match=rf"x\.json: .*{said}"):
        make_plan(ConvertConfig(task="image_classification", source=[f"{root}/x.json"], output="memory://no"), {})


def test_a_dataset_in_an_archive_is_recognised_without_unpacking(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for name, text in VOC.items():
            archive.writestr(f"data/{name}", text)
    assert found(f"zip://::{tmp_path}/d.zip").format.name == "voc"
    assert found(f"zip://data::{tmp_path}/d.zip").format.name == "voc"


def test_what_earlier_builds_left_in_the_source_is_none_of_it(tmp_path: Path) -> None:
    root = fill(str(tmp_path), CLASSES)
    first = found(root, output=f"{root}/out")
    build = "20240101T000000000000Z-0123abcd"
    left = (f"builds/{build}/x.json", f"unfinished/{build}/x.json", "unfinished/lock-1.json", "latest.json")
    fill(root, {f"out/{name}": COCO for name in left})
    assert found(root, output=f"{root}/out").claim == first.claim
    with pytest.raises(UsageError, match="several COCO files"):
        found(root, output=root)  # Only what lies below the output is ours,
    fill(root, {"out/builds/mine/x.json": COCO})
    assert found(root, output=f"{root}/out").format.name == "coco"  # and only what is called as builds are.
