"""Objects that mark directories: of no bytes, called like the directory, with a slash or `_$folder$` at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.transforms.stores.files import StoredFile, kind
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.listing import list_files, without_markers
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, labelbeam
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
