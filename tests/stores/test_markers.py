"""Keys that no disk has: markers of directories, called like them, with a slash or `_$folder$` at the end; and two slashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.stores.files import StoredFile, kind
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.listing import list_files, without_markers
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, convert, labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image, encoded, voc_object, voc_xml
from tests.servers.stores import S3Store

pytestmark = pytest.mark.server

IMAGE = encoded()
FOLDERS = {"m/cat/1.jpg": IMAGE, "m/dog/2.jpg": IMAGE}


def put_markers(store: S3Store, names: list[str]) -> None:
    bucket = store.path
    for name in names:
        store.fs.call_s3(
            "put_object", Bucket=bucket.split("/")[0], Key="/".join([*bucket.split("/")[1:], name]), Body=b""
        )


@pytest.mark.parametrize(
    "markers",
    [
        ["m"],
        ["m", "m/cat", "m/dog"],
        ["m/"],
        ["m/cat/", "m/dog/"],
        ["m_$folder$", "m/cat_$folder$"],
        ["m", "m/", "m/cat", "m/cat/"],
    ],
)
def test_markers_are_no_files_of_class_folders(markers: list[str], s3_store: S3Store, tmp_path: Path) -> None:
    s3_store.write(FOLDERS)
    put_markers(s3_store, markers)
    root = locate(s3_store.url("m"), s3_store.storage_options)
    assert kind(root) == "directory"
    assert [file.path for file in list_files(root).files] == ["cat/1.jpg", "dog/2.jpg"]
    (location,) = expand(s3_store.url("m"), s3_store.storage_options)
    assert location.path == root.path


@pytest.mark.parametrize(
    ("task", "files"),
    [
        (CLASSIFICATION, FOLDERS),
        (DETECTION, {"m/Annotations/1.xml": voc_xml(voc_object()).encode(), "m/JPEGImages/1.jpg": IMAGE}),
        (
            DETECTION,
            {
                "m/annotations.json": str(coco([coco_image(1)], [coco_box(1, 1)])).replace("'", '"').encode(),
                "m/1.jpg": IMAGE,
            },
        ),
    ],
)
def test_a_source_of_each_format_is_built_though_markers_stand_for_its_folders(
    task: str, files: dict[str, bytes], s3_store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.write(files)
    put_markers(s3_store, ["m", *sorted({path.rpartition("/")[0] for path in files} - {"m"})])
    for name, value in s3_store.environment.items():
        monkeypatch.setenv(name, value)
    answer = labelbeam(
        "convert",
        "--task",
        task,
        "--source",
        s3_store.url("m"),
        "--output",
        tmp_path / "out",
        "--image-url",
        "https://x/",
    )
    assert answer.status == 0, answer.err


def test_an_empty_file_is_a_file(s3_store: S3Store) -> None:
    s3_store.write({"a.json": b"", "below/1.jpg": b""})
    assert kind(locate(s3_store.url("a.json"), s3_store.storage_options)) == "file"
    root = locate(s3_store.url(), s3_store.storage_options)
    assert [file.path for file in list_files(root).files] == ["a.json", "below/1.jpg"]


def test_a_key_with_two_slashes_has_its_folders_marked_too() -> None:
    names = {"a": 0, "a/": 0, "a//": 0, "a//b.jpg": 5, "c": 0, "d_$folder$": 0, "d_$folder$x": 0, "e": 7, "e/f": 1}
    kept = without_markers([StoredFile(name, size, "") for name, size in sorted(names.items())])
    assert [file.path for file in kept] == ["a//b.jpg", "c", "d_$folder$x", "e", "e/f"]


# Names with two slashes, which in a store are others than those with one. -------------------------------------------


def urls_of(
    store: S3Store, *options: str, task: str, source: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    build = convert("--source", store.url(source), "--image-url", PREFIX, *options, output=output, task=task)
    return {path: record["label"] for path, record in build.records.items()}


@pytest.mark.parametrize("options", [[], ["--check-images", "header"], ["--check-images", "none"]])
@pytest.mark.parametrize(
    ("keys", "names", "paths"),
    [
        (["a//b.jpg", "a/b.jpg"], ["a//b.jpg", "a/b.jpg"], {"a//b.jpg": "cat", "a/b.jpg": "dog"}),
        (["a/b.jpg", "c.jpg"], ["a//b.jpg", "c.jpg"], {"a/b.jpg": "cat", "c.jpg": "dog"}),
        (["a//b.jpg", "c.jpg"], ["a\\\\b.jpg", "c.jpg"], {"a//b.jpg": "cat", "c.jpg": "dog"}),
    ],
)
def test_the_store_decides_what_two_slashes_mean(
    keys: list[str], names: list[str], paths: dict[str, str], options: list[str], s3_store: S3Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    document = coco(
        [coco_image(number, name) for number, name in enumerate(names, 1)],
        [coco_box(number, number, category=number) for number in (1, 2)],
    )
    s3_store.write({"d/labels.json": json.dumps(document).encode()} | {f"d/{key}": IMAGE for key in keys})
    found = urls_of(
        s3_store, *options, task=DETECTION, source="d/labels.json", output=tmp_path / "o", monkeypatch=monkeypatch
    )
    assert {path: label[0]["label"] for path, label in found.items()} == paths


def test_a_table_names_keys_with_two_slashes(
    s3_store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.write(
        {"g/labels.csv": b"file,label\ni//1.jpg,cat\ni/1.jpg,dog\n", "g/i//1.jpg": IMAGE, "g/i/1.jpg": IMAGE}
    )
    found = urls_of(s3_store, task=CLASSIFICATION, source="g", output=tmp_path / "o", monkeypatch=monkeypatch)
    assert found == {"i//1.jpg": "cat", "i/1.jpg": "dog"}


def test_a_key_with_two_slashes_is_not_copied_over_another(
    s3_store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.write({"g/cat//1.jpg": IMAGE, "g/cat/1.jpg": IMAGE, "g/dog/1.jpg": IMAGE})
    options = ["--copy-images", str(tmp_path / "copies"), "--max-rejected", "0.5"]
    found = urls_of(s3_store, *options, task=CLASSIFICATION, source="g", output=tmp_path / "o", monkeypatch=monkeypatch)
    assert found == {"cat/1.jpg": "cat", "dog/1.jpg": "dog"}


# Names that a URL writes otherwise: a key is what it is, to the letter, wherever there is one. -----------------------


@pytest.mark.parametrize(
    ("keys", "names", "paths"),
    [
        (["a%20b.jpg", "a b.jpg"], ["a%20b.jpg", "a b.jpg"], ["a%2520b.jpg", "a b.jpg"]),
        (["a+b.jpg", "a b.jpg"], ["a+b.jpg", "a b.jpg"], ["a+b.jpg", "a b.jpg"]),
        (["a b.jpg", "c d.jpg"], ["a%20b.jpg", "c+d.jpg"], ["a b.jpg", "c d.jpg"]),
        (["a.jpg", "a.jpg/1.jpg"], ["a.jpg", "a.jpg/1.jpg"], ["a.jpg", "a.jpg/1.jpg"]),
    ],
)
@pytest.mark.parametrize("kind", ["coco", "voc", "csv"])
def test_a_key_is_the_one_of_its_letters_where_there_is_one(
    kind: str, keys: list[str], names: list[str], paths: list[str], s3_store: S3Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stems = [name.removesuffix(".jpg") for name in names]
    document = coco(
        [coco_image(number, name) for number, name in enumerate(names, 1)],
        [coco_box(number, number, category=number) for number in (1, 2)],
    )
    files = {
        "coco": {"d/labels.json": json.dumps(document).encode()},
        "voc": {
            f"d/{stem}.xml": voc_xml(voc_object(label)).encode()
            for stem, label in zip(stems, ("cat", "dog"), strict=True)
        },
        "csv": {"d/labels.csv": f"file,label\n{names[0]},cat\n{names[1]},dog\n".encode()},
    }[kind]
    s3_store.write(files | {f"d/{key}": IMAGE for key in keys})
    task = CLASSIFICATION if kind == "csv" else DETECTION
    found = urls_of(s3_store, task=task, source="d", output=tmp_path / "o", monkeypatch=monkeypatch)
    labels = {path: label if isinstance(label, str) else label[0]["label"] for path, label in found.items()}
    assert labels == dict(zip(paths, ("cat", "dog"), strict=True))


def test_a_file_whose_key_has_an_empty_part_right_below_the_source_is_read(
    s3_store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = coco([coco_image(1, "1.jpg")], [coco_box(1, 1)])
    s3_store.write({"d//labels.json": json.dumps(document).encode(), "d//1.jpg": IMAGE})
    found = urls_of(s3_store, task=DETECTION, source="d", output=tmp_path / "o", monkeypatch=monkeypatch)
    assert list(found) == ["1.jpg"]
