"""Input that cannot be built from, and places that cannot be written: a status, a message that helps, nothing published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.disks import any_bytes_as_names
from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    PREFIX,
    SEGMENTATION,
    attempt,
    convert,
    failed,
    labelbeam_process,
)
from tests.end_to_end.datasets import (
    coco,
    coco_box,
    coco_image,
    encoded,
    put,
    voc_object,
    voc_xml,
    write_coco,
    write_json,
    write_voc,
)

GOOD = json.dumps(coco([coco_image(1)], [coco_box(1, 1)]))


# Files that are no dataset. -----------------------------------------------------------------------------------------

FILES: list[tuple[str, bytes, int, tuple[str, ...]]] = [
    ("nothing", b"", 1, ("empty",)),
    ("blanks", b"  \n ", 1, ("expected",)),
    ("truncated in a list", GOOD[: GOOD.index("bbox")].encode(), 1, ("truncated", "byte")),
    ("truncated in a text", GOOD[:30].encode(), 1, ("truncated",)),
    ("the end is missing", GOOD[:-1].encode(), 1, ("truncated",)),
    ("something behind the end", GOOD.encode() + b'{"images": []}', 1, ("after the end",)),
    ("a list", b"[{}]", 2, ("list", "expected a COCO JSON object")),
    ("a number", b"42", 2, ("expected a COCO JSON object",)),
    ("another object", b'{"shapes": [{"points": []}], "version": "5.0"}', 1, ("shapes", "images")),
    (
        "images that are no list",
        b'{"images": {"1": {}}, "annotations": [], "categories": []}',
        1,
        ("'images'", "a list"),
    ),
    ("no image", b'{"images": [], "annotations": [], "categories": []}', 1, ("images",)),
    ("the same list twice", GOOD[:-1].encode() + b', "images": []}', 1, ("twice",)),
    ("brackets that do not match", GOOD.replace("]", "}", 1).encode(), 1, ("close",)),
    ("a list of lists", b'{"images": [[1, 2], [3]], "annotations": [], "categories": []}', 3, ("invalid_record 2",)),
    ("a web page", b"<!DOCTYPE html><html>", 2, ("HTML",)),
    ("gzip", b"\x1f\x8b\x08\x00", 2, ("gzip", "unpack")),
    ("zip", b"PK\x03\x04", 2, ("zip://",)),
    ("an image", encoded(), 2, ("image",)),
    ("UTF-16", GOOD.encode("utf-16"), 1, ("UTF-16", "iconv")),
    ("random bytes", bytes(range(1, 200)) * 9, 2, ("expected",)),
    ("only brackets", b"[" * 200_000, 2, ("list",)),
    ("only braces", b'{"images":' * 50_000, 1, ("'images'", "a list")),
]


@pytest.mark.parametrize(("data", "status", "words"), [pytest.param(*row[1:], id=row[0]) for row in FILES])
def test_file_that_is_no_coco_is_refused_by_name(
    data: bytes, status: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    source = put(tmp_path / "odd file.json", data)
    failed(attempt(source, tmp_path / "out"), status, *(() if status == 3 else ("odd file.json",)), *words)
    assert not (tmp_path / "out" / "latest.json").exists()


def make(root: Path, kind: str) -> Path:
    """A place that holds no dataset."""
    if kind == "an empty directory":
        root.mkdir()
    elif kind == "directories only":
        (root / "a/b").mkdir(parents=True)
    elif kind == "text only":
        put(root / "notes.txt", "text")
    elif kind == "hidden files only":
        put(root / ".DS_Store", "x")
    elif kind == "two formats":
        write_voc(root, {"1": voc_xml(voc_object())})
        put(root / "instances_train.json", GOOD)
    elif kind == "two files for the same images":
        put(root / "a.json", GOOD)
        put(root / "b.json", GOOD)
    elif kind == "a link to nowhere":
        root.symlink_to(root.parent / "gone")
    return root


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("a missing file", 1, ("does not exist",)),
        ("an empty directory", 1, ("empty",)),
        ("directories only", 1, ("empty",)),
        ("text only", 2, ("not recognised", "notes.txt")),
        ("hidden files only", 1, ("empty",)),
        ("two formats", 2, ("--format",)),
        ("two files for the same images", 2, ("a.json", "b.json", "--source")),
        ("a link to nowhere", 1, ("does not exist",)),
    ],
)
def test_place_that_is_no_dataset_is_refused_by_name(
    kind: str, status: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    failed(attempt(make(tmp_path / "the set", kind), tmp_path / "out"), status, "the set", *words)


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("nothing-*.json", 1, ("glob",)),
        ("s4://bucket/coco.json", 2, ("s4://",)),
    ],
)
def test_source_that_cannot_be_opened_is_named(
    source: str, status: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    where = source if "://" in source else str(tmp_path / source)
    failed(attempt(where, tmp_path / "out"), status, *words)


@any_bytes_as_names
def test_directory_that_no_record_could_name_is_refused(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    failed(attempt(put(odd / "coco.json", GOOD), tmp_path / "out"), 2, "UTF-8", "rename")


def test_images_root_that_is_missing_is_named(tmp_path: Path) -> None:
    source = put(tmp_path / "coco.json", GOOD)
    answer = attempt(source, tmp_path / "out", "--images", tmp_path / "gone", "--check-images", "exists")
    failed(answer, 1, "gone", "--images")


@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl"])
@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "\x00\x01\x02", '{"a": 1}\n'], ids=["empty", "other columns", "binary", "other keys"]
)
def test_table_that_names_no_images_is_refused(name: str, text: str, tmp_path: Path) -> None:
    put(tmp_path / "set" / name, text)
    put(tmp_path / "set/images/1.jpg", encoded())
    answer = attempt(tmp_path / "set", tmp_path / "out", task=CLASSIFICATION)
    failed(answer, answer.status, name, "expected")
    assert answer.status in (1, 2)


# Hostile records end as rejected lines. -----------------------------------------------------------------------------


def test_hostile_files_cost_themselves_alone_and_little_time(tmp_path: Path) -> None:
    """A bomb of entities, one of pixels, a mask of 9 GiB, a way out of the root, deep nesting: none is followed."""
    bomb = '<!DOCTYPE a [<!ENTITY b "b">' + "".join(f'<!ENTITY c{n} "{"&b;" * 99}">' for n in range(99)) + "]>"
    root = write_voc(
        tmp_path / "voc",
        {
            "bomb": bomb + voc_xml(voc_object("&c1;")).replace("&amp;", "&"),
            "outside": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + voc_xml(voc_object()),
            "deep": "<annotation>" * 100_000,
            "good": voc_xml(voc_object()),
            "way out": voc_xml(voc_object(), filename="../../../../etc/passwd"),
        },
        ["good.jpg"],
    )
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["JPEGImages/good.jpg"]
    codes = {line["locator"].split("/")[-1]: line["code"] for line in build.rejected if line["kind"] == "image"}
    assert codes == {
        "bomb.xml": "unsafe_xml",
        "outside.xml": "unsafe_xml",
        "deep.xml": "invalid_xml",
        "way out.xml": "missing_image",
    }


def test_a_link_out_of_the_images_root_is_not_followed(tmp_path: Path) -> None:
    source = write_coco(
        tmp_path / "coco.json", [coco_image(1, width=None), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)]
    )
    put(tmp_path / "secret/1.jpg", encoded())
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.jpg").symlink_to(tmp_path / "secret/1.jpg")
    build = convert("--source", source, "--images", tmp_path / "images", "--image-url", PREFIX, output=tmp_path / "out")
    assert build.codes("1.jpg", "image") == ["unsafe_path"]


def test_a_file_that_cannot_be_read_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its owner's rights; tests may run as one to whom everything is open."""
    root = write_voc(tmp_path / "voc", {"1": voc_xml(voc_object()), "2": voc_xml(voc_object())})
    deny(monkeypatch, "1.xml")
    build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.codes("JPEGImages/1.jpg") == ["unreadable_file"]
    assert list(build.records) == ["JPEGImages/2.jpg"]


def test_an_image_that_cannot_be_read_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1.jpg", "2.jpg"):
        put(tmp_path / "set/cat" / name, encoded())
    deny(monkeypatch, "cat/1.jpg")
    build = convert("--source", tmp_path / "set", "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "out")
    assert build.codes("cat/1.jpg", "image") == ["unreadable_file"]


def test_a_tree_of_which_nothing_can_be_read_is_no_other_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_voc(tmp_path / "voc", {"1": voc_xml(voc_object())})
    deny(monkeypatch, ".xml")
    failed(attempt(root, tmp_path / "out", task=CLASSIFICATION), 1, "1.xml", "permission denied")


def test_a_coco_file_that_cannot_be_read_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(tmp_path / "coco.json", GOOD)
    deny(monkeypatch, "coco.json")
    failed(attempt(source, tmp_path / "out"), 1, "coco.json", "permission denied")


def deny(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Have every read of such a file fail as if it were somebody else's."""
    from fsspec.implementations.local import LocalFileSystem

    cat_file, system_open = LocalFileSystem.cat_file, os.open

    def check(path: Any) -> None:
        if str(path).endswith(ending):
            raise PermissionError(13, "Permission denied", path)

    def refuse(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
        check(path)
        return cat_file(self, path, *arguments, **options)

    def refuse_open(path: Any, *arguments: Any, **options: Any) -> int:
        check(path)
        return system_open(path, *arguments, **options)

    monkeypatch.setattr(LocalFileSystem, "cat_file", refuse)
    monkeypatch.setattr(os, "open", refuse_open)


# Places that cannot be written. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["the file itself", "below a file", "/proc/nowhere"])
def test_output_that_cannot_be_written_is_named(where: str, tmp_path: Path) -> None:
    source = put(tmp_path / "coco.json", GOOD)
    output = {"the file itself": source, "below a file": source / "x", "/proc/nowhere": Path("/proc/nowhere")}[where]
    failed(attempt(source, output), 1 if where.startswith("/proc") else 2, str(output))
    assert source.read_text() == GOOD


def test_disk_that_is_full_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(tmp_path / "coco.json", GOOD)
    fsync = os.fsync

    def full(number: int) -> None:
        written = os.fstat(number).st_ino
        if any(path.stat().st_ino == written for path in (tmp_path / "out").rglob("parquet/*")):
            raise OSError(28, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    failed(attempt(source, tmp_path / "out"), 1, "No space left on device", "parquet")
    assert not (tmp_path / "out/latest.json").exists()
    assert not list((tmp_path / "out").rglob("*.parquet"))


# As a process. ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "status"),
    [("truncated", 1), ("task", 2), ("rejected", 3), ("output", 2), ("hostile", 3)],
)
def test_a_process_ends_with_a_message_and_never_with_a_traceback(
    case: str, status: int, half_bad: Path, tmp_path: Path
) -> None:
    source = half_bad
    output = tmp_path / "out"
    if case == "truncated":
        source = put(tmp_path / "cut.json", GOOD[:-20])
    elif case == "output":
        output = half_bad / "x"
    elif case == "hostile":
        deep = {"size": [10**9, 10**9], "counts": [0, 10**18]}
        items = [coco_box(1, 1, segmentation=deep), coco_box(2, 1, segmentation=[[1, 1, 9, 1, 9, 9]])]
        source = write_json(tmp_path / "hostile.json", coco([coco_image(1)], items))
        put(source, source.read_text().replace('"id": 1,', f'"id": 1, "deep": {"[" * 9999}{"]" * 9999},', 1))
    answer = labelbeam_process(
        *("convert", "--task", "nonsense" if case == "task" else SEGMENTATION if case == "hostile" else DETECTION),
        *("--source", source, "--output", output, "--image-url", PREFIX),
        *(("--max-rejected", "1") if case in ("hostile", "output") else ()),
    )
    assert answer.status == status, answer.err
    assert "Traceback" not in answer.err and "this was not expected" not in answer.err
    assert answer.err.strip() and answer.out == ""
