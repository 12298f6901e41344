"""`labelbeam verify` finds every way in which a build is not as it was published, and says it without a traceback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelbeam.pipelines.cli import main
from labelbeam.schemas.records import RECORDS
from labelbeam.schemas.statistics import SplitStatistics

LABELS = ["cat", "dog: small", "Bär"]
NAMES = [
    *(f"a/{number:02}.jpg" for number in range(10)),
    "a/100%.jpg",
    "a/1?.png",
    "b#/x.jpeg",
    "Z.tif",
    "é.bmp",
    "a-b.jpg",
]


def coco() -> dict[str, Any]:
    """Images of none to three objects, one image of every name that is odd in a URL, and two objects to reject."""
    annotations: list[dict[str, Any]] = []

    def annotate(image: int, category: int, left: int, width: int) -> None:
        right = left + width
        rings = [[left, 5, right, 5, right, 15.5, left, 15.5], [left, 20, left + 9, 20, left, 29]]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": [left, 5, width, 10.5],
                "segmentation": rings,
                "iscrowd": 0,
            }
        )

    categories = cycle([1, 2, 3])
    for image in range(1, len(NAMES) + 1):
        category = next(categories)
        for place in range(image % 4):
            annotate(image, category if image % 2 else next(categories), 3 * place + image, 20)
    annotate(1, 77, 1, 5)
    annotate(2, 1, 500, 5)
    return {
        "images": [
            {"id": number, "file_name": name, "width": 100 + number, "height": 80}
            for number, name in enumerate(NAMES, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(LABELS, 1)],
    }


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An output with one build for each task; that of the multi-label task writes sizes such as "640px"."""
    root = tmp_path_factory.mktemp("verify")
    source = root / "coco.json"
    source.write_text(json.dumps(coco()), encoding="utf-8")
    for task in RECORDS:
        dimensions = ["--dimensions", "px"] if task == "image_classification_multilabel" else []
        split = ["--shards", "2", "--split", "train=0.6,validation=0.4", "--max-rejected", "1"]
        where = ["--source", str(source), "--output", str(root / task), "--image-url", "https://example.org/i"]
        assert main(["convert", "--task", task, *where, *split, *dimensions]) == 0
    return {task: root / task for task in RECORDS}


class Build:
    """A copy of a published build, to be damaged."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.root = (output / json.loads((output / "latest.json").read_bytes())["manifest"]).parent

    @contextlib.contextmanager
    def manifest(self) -> Iterator[dict[str, Any]]:
        """The manifest, to be changed."""
        path = self.root / "manifest.json"
        manifest = json.loads(path.read_bytes())
        yield manifest
        path.write_text(json.dumps(manifest), encoding="utf-8")

    def first(self, folder: str) -> str:
        """The path of a file of `folder` that holds records of objects."""
        return max(self.files(folder), key=lambda path: (self.root / path).stat().st_size)

    def files(self, folder: str = ".") -> list[str]:
        """The paths of all files below `folder`."""
        return sorted(str(path.relative_to(self.root)) for path in (self.root / folder).rglob("*") if path.is_file())

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return (self.root / path).read_bytes()

    def put(self, path: str, data: bytes, records: int | None = None) -> None:
        """Write a file and make the manifest say that it is the one that was published."""
        (self.root / path).write_bytes(data)
        with self.manifest() as manifest:
            lists = [part["files"] for part in manifest["splits"].values()] + [
                manifest["parquet"],
                manifest["rejected"],
            ]
            (entry,) = (entry for entries in lists for entry in entries if entry["path"] == path)
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if records is not None:
                entry["records"] = records

    def put_lines(self, path: str, lines: list[bytes]) -> None:
        """The same for lines."""
        self.put(path, b"".join(line + b"\n" for line in lines), len(lines))

    def lines(self, path: str) -> list[bytes]:
        """A file's lines."""
        return self.read(path).splitlines()

    def table(self) -> tuple[str, pa.Table]:
        """The Parquet copy of the shard of `train` with the most objects, and its path."""
        path = self.copy_of(self.first("train"))
        return path, pq.ParquetFile(self.root / path).read()

    @staticmethod
    def copy_of(shard: str) -> str:
        """The path of a shard's Parquet copy."""
        return f"parquet/{Path(shard).stem}.parquet"

    def put_table(self, path: str, table: pa.Table) -> None:
        """Write a Parquet file, as `put` does."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.put(path, sink.getvalue().to_pybytes())


@pytest.fixture
def build(published: dict[str, Path], tmp_path: Path) -> Build:
    """A copy of the build for detection."""
    return copy(published["image_object_detection"], tmp_path / "build")


def copy(output: Path, to: Path) -> Build:
    shutil.copytree(output, to)
    return Build(to)


Run = Callable[[Build | Path | str], tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `labelbeam verify --json` and returns the exit status and the answer."""

    def run(target: Build | Path | str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main(["verify", str(target.output if isinstance(target, Build) else target), "--json"])
        out, err = capsys.readouterr()
        assert err == ""
        answer: dict[str, Any] = json.loads(out)
        assert answer["status"] == ("different" if status else "ok")
        return status, answer

    return run


def told(answer: tuple[int, dict[str, Any]], file: str, found: str, expected: str = "") -> bool:
    """Whether the answer is 3 and holds a difference in `file` with these words."""
    status, report = answer
    return status == 3 and any(
        item["file"] == file and found in item["found"] and expected in item["expected"]
        for item in report["differences"]
    )


# A build as it was published.


@pytest.mark.parametrize("task", RECORDS)
def test_a_build_as_published_is_ok(task: str, published: dict[str, Path], verify: Run) -> None:
    status, answer = verify(published[task])
    manifest = json.loads(Build(published[task]).read("manifest.json"))
    assert status == 0
    assert answer == {
        "status": "ok",
        "build": manifest["build"],
        "differences": [],
        "more": {},
        "files": 13,
        "records": manifest["counts"]["images"]["written"],
    }
    assert manifest["rejected"]
    assert manifest["counts"]["objects"]["written"] > 5


def test_without_json_stdout_is_empty_and_stderr_says_ok(
    published: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(published["image_classification"])]) == 0
    out, err = capsys.readouterr()
    assert (out, err[:10]) == ("", "ok: build ")


def test_without_json_each_difference_is_a_line_on_stderr(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(build.root / "parquet")
    (build.root / "note.txt").touch()
    assert main(["verify", str(build.output)]) == 3
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line.partition(":")[0] for line in lines] == [
        *(f for f in map(Build.copy_of, shards(build))),
        "note.txt",
        "different",
    ]
    assert lines[0].endswith("found no such file; expected a file, as the manifest says")
    assert lines[-1].startswith("different: 5 differences in 9 files with 16 records of ")


def shards(build: Build) -> list[str]:
    return [path for path in build.files() if path.endswith(".jsonl") and "rejected" not in path]


def test_a_build_in_a_store_other_than_the_disk_is_read_as_well(build: Build, verify: Run) -> None:
    store = fsspec.filesystem("memory")
    try:
        for path in build.files():
            store.pipe_file(f"/verify/builds/{build.root.name}/{path}", build.read(path))
        store.pipe_file("/verify/latest.json", (build.output / "latest.json").read_bytes())
        assert verify("memory://verify")[0] == 0
        store.rm_file(f"/verify/builds/{build.root.name}/{build.first('train')}")
        assert told(verify("memory://verify"), build.first("train"), "no such file")
    finally:
        store.rm("/verify", recursive=True)


def test_a_report_may_lie_in_a_build(build: Build, verify: Run) -> None:
    (build.root / "report.html").write_text("<html></html>")
    assert verify(build)[0] == 0


def test_verify_does_not_wait_for_beam_to_be_imported() -> None:
    code = "import sys, labelbeam.transforms.verify.check; sys.exit('apache_beam' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)


# The pointer and the manifest.


def test_where_nothing_was_published_the_message_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    for output in (tmp_path, tmp_path / "nowhere", file):
        assert main(["verify", str(output), "--json"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "found no latest.json, expected the pointer" in err
        assert f"labelbeam convert --output file://{output}" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"\x00" * 50,
        b"[" * 100_000,
        b"null",
        b'{"build": "x"}',
        b'{"build": 1, "manifest": 2}',
        b'{"x":' + b"[" * 9999,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_a_pointer_that_is_garbage_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.output / "latest.json").write_bytes(data)
    answer = verify(build)
    assert told(answer, "latest.json", "", '"manifest"')
    assert answer[1]["build"] is None


@pytest.mark.parametrize("name", ["..", "../..", ".", "", "/etc", "a/../../..", "a\\..\\..", "\x1b[2J", "\x00"])
def test_a_pointer_is_not_followed_out_of_the_output(name: str, build: Build, verify: Run) -> None:
    manifest = f"builds/{name}/manifest.json"
    (build.output / "latest.json").write_text(json.dumps({"build": name, "manifest": manifest}))
    outside = build.output / "builds" / name.replace("\x00", "0") / "manifest.json"
    with contextlib.suppress(OSError):
        shutil.copy(build.root / "manifest.json", outside)
    assert told(verify(build), "latest.json", "build ", "the manifest builds/ID/manifest.json")


def test_a_pointer_names_the_manifest_of_its_own_build(build: Build, verify: Run) -> None:
    pointer = {"build": build.root.name, "manifest": "manifest.json"}
    shutil.copy(build.root / "manifest.json", build.output / "manifest.json")
    (build.output / "latest.json").write_text(json.dumps(pointer))
    assert told(verify(build), "latest.json", "'manifest.json'")


def test_a_pointer_to_a_build_that_is_gone_is_a_difference(build: Build, verify: Run) -> None:
    shutil.rmtree(build.output / "builds")
    assert told(verify(build), "manifest.json", "no such file", "latest.json")


def test_a_link_out_of_the_output_is_not_followed(build: Build, tmp_path: Path, verify: Run) -> None:
    shutil.move(build.root, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", build.root)
    assert told(verify(build), f"builds/{build.root.name}/manifest.json", "a link out of")


def test_a_file_that_is_a_link_out_of_the_build_is_not_read(build: Build, tmp_path: Path, verify: Run) -> None:
    path = build.first("train")
    shutil.move(build.root / path, tmp_path / "shard")
    os.symlink(tmp_path / "shard", build.root / path)
    answer = verify(build)
    assert told(answer, path, "no such file")
    assert told(answer, ".", "file://", "files as they were published")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"config": ' + b"[" * 100_000], ids=lambda data: repr(data[:12])
)
def test_a_manifest_that_is_garbage_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.root / "manifest.json").write_bytes(data)
    answer = verify(build)
    assert told(answer, "manifest.json", "", "labelbeam schema manifest")
    assert answer[1]["build"] == build.root.name


@pytest.mark.parametrize(
    ("key", "value"),
    [("format_version", 2), ("build", "20200101T000000Z-0"), ("task", "image_captions"), ("labels", "cat")],
)
def test_a_manifest_that_says_something_else_of_itself_is_a_difference(
    key: str, value: Any, build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        manifest[key] = value
    assert told(verify(build), "manifest.json", key)


def test_a_split_of_another_name_is_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        manifest["splits"]["../train"] = {"images": 0, "objects": 0, "files": []}
    assert told(verify(build), "manifest.json", "split '../train'", "train, validation, test")


# The files.


def test_any_file_that_is_gone_is_a_difference(build: Build, verify: Run) -> None:
    for path in build.files():
        if path == "report.html":
            continue
        data = build.read(path)
        (build.root / path).unlink()
        assert told(verify(build), path, "no such file"), path
        (build.root / path).write_bytes(data)


def test_any_file_that_the_manifest_does_not_list_is_a_difference(build: Build, verify: Run) -> None:
    for path in ("train/train-00002-of-00002.jsonl", "receipts.json", "test/MLTable", ".hidden", "train/manifest.json"):
        (build.root / path).parent.mkdir(exist_ok=True)
        (build.root / path).write_bytes(b"x")
        assert told(verify(build), path, "a file", "none"), path


def test_a_flipped_bit_anywhere_in_any_file_is_a_difference(build: Build, verify: Run) -> None:
    for path in build.files():
        data = build.read(path)
        if path in ("manifest.json", "report.html") or "MLTable" in path:
            continue
        for position in range(0, len(data), max(1, len(data) // 2)):
            damaged = bytearray(data)
            damaged[position] ^= 0b100
            (build.root / path).write_bytes(damaged)
            assert told(verify(build), path, "sha256 ", hashlib.sha256(data).hexdigest()), (path, position)
        (build.root / path).write_bytes(data)


def test_a_truncated_shard_is_a_difference(build: Build, verify: Run) -> None:
    for path in (build.first("train"), build.first("parquet"), build.first("rejected")):
        data = build.read(path)
        (build.root / path).write_bytes(data[: len(data) // 2])
        assert told(verify(build), path, f"{len(data) // 2} bytes", f"{len(data)} bytes"), path
        (build.root / path).write_bytes(data)


def test_a_damaged_shard_is_looked_into_as_well_so_that_one_run_tells_what_is_wrong(build: Build, verify: Run) -> None:
    path = build.first("train")
    (build.root / path).write_bytes(build.read(path).replace(b'"isCrowd":0', b'"isCrowd":7', 1))
    answer = verify(build)
    assert told(answer, path, "sha256")
    assert told(answer, path, "isCrowd")


def test_a_shard_that_neither_lies_there_nor_stands_in_the_manifest_is_missed_by_its_number(
    build: Build, verify: Run
) -> None:
    shard = build.first("train")
    for path in (shard, Build.copy_of(shard)):
        (build.root / path).unlink()
    with build.manifest() as manifest:
        part = manifest["splits"]["train"]
        part["files"] = [entry for entry in part["files"] if entry["path"] != shard]
        manifest["parquet"] = [entry for entry in manifest["parquet"] if entry["path"] != Build.copy_of(shard)]
    answer = verify(build)
    assert told(answer, shard, "not in its place in the manifest", "one of 2 shards")
    assert told(answer, Build.copy_of(shard), "not in its place")


def test_a_shard_listed_twice_or_for_another_split_is_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        entry = manifest["splits"]["train"]["files"][0]
        manifest["splits"]["validation"]["files"].append(entry)
    answer = verify(build)
    assert told(answer, "manifest.json", f"{entry['path']} listed 2 times", "once")
    assert told(answer, entry["path"], "listed in the manifest", "no such name")
    assert told(answer, entry["path"], "the image_url of line 1", "each image once")


def test_a_manifest_is_not_followed_out_of_the_build(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        manifest["rejected"][0]["path"] = "../../latest.json"
    assert told(verify(build), "../../latest.json", "no such file")


# MLTable.


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("./train-*.jsonl", "./train-00000-*.jsonl", "load 1 files: not train/train-00001-of-00002.jsonl"),
        ("./train-*.jsonl", "./*", "load 3 files: also train/MLTable"),
        ("./train-*.jsonl", "../*/*.jsonl", "load 6 files: also rejected/"),
        ("pattern: ./train-*.jsonl", "folder: ./", "[{'folder': './'}] load 0 files"),
        ("invalid_lines: error", "invalid_lines: drop", "'invalid_lines': 'drop'"),
        ("paths:", "paths: [", "no YAML"),
        ("paths:", "\x00", "no YAML"),
        ("encoding: utf8", "encoding: \udcff", "no YAML"),
    ],
)
def test_an_mltable_that_loads_something_else_is_a_difference(
    old: str, new: str, found: str, build: Build, verify: Run
) -> None:
    text = build.read("train/MLTable").decode()
    assert old in text
    (build.root / "train/MLTable").write_bytes(text.replace(old, new).encode(errors="surrogateescape"))
    assert told(verify(build), "train/MLTable", found)


@pytest.mark.parametrize("data", [b"", b"[]", b"paths: 3", b"- 1", b"&a [*a]", b"paths: &a [*a]"])
def test_an_mltable_without_paths_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.root / "train/MLTable").write_bytes(data)
    assert told(verify(build), "train/MLTable", "load 0 files", "the 2 shards of train")


def test_an_mltable_of_the_same_meaning_in_other_words_is_none(build: Build, verify: Run) -> None:
    text = (
        build.read("train/MLTable").decode().replace("./train-*.jsonl", "'train-?????-of-00002.jsonl'  # all of them")
    )
    (build.root / "train/MLTable").write_text(text)
    assert verify(build)[0] == 0


# Counts.

COUNTS = [
    *(["counts", what, key] for what in ("images", "objects") for key in ("found", "written", "rejected", "skipped")),
    ["splits", "train", "images"],
    ["splits", "validation", "objects"],
    ["rejected_by_reason", "unknown_category"],
    ["rejected_by_reason", "invalid_xml"],
    ["skipped_by_reason", "background"],
    ["label_counts", "train", "cat"],
    ["label_counts", "train", "dodo"],
    ["label_counts", "test", "cat"],
]


@pytest.mark.parametrize("keys", COUNTS, ids=".".join)
@pytest.mark.parametrize("by", [1, -1])
def test_any_count_that_is_not_that_of_the_files_is_a_difference(
    keys: list[str], by: int, build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        inner = manifest
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = inner.get(keys[-1], 0) + by
    status, answer = verify(build)
    assert status == 3
    assert {item["file"] for item in answer["differences"]} == {"manifest.json"}


@pytest.mark.parametrize("name", SplitStatistics.__struct_fields__)
def test_any_histogram_that_is_not_that_of_the_files_is_a_difference(name: str, build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        found = manifest["statistics"]["train"][name]
        key: Any = next(iter(found)) if isinstance(found, dict) else found.index(max(found))
        found[key] += 1
    assert told(verify(build), "manifest.json", f"statistics of train: {name}", "as its files hold")


def test_a_manifest_of_a_version_without_statistics_is_no_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        del manifest["statistics"]
    assert verify(build)[0] == 0


def test_counts_that_balance_and_yet_are_not_those_of_the_files_are_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        for tally in manifest["counts"].values():
            tally["written"] -= 1
            tally["rejected"] += 1
    answer = verify(build)
    for name in ("images", "objects"):
        assert told(answer, "manifest.json", f"{name} written")
        assert told(answer, "manifest.json", f"{name} rejected")


@pytest.mark.parametrize("where", ["splits", "parquet", "rejected"])
def test_a_file_of_more_or_fewer_records_than_listed_is_a_difference(where: str, build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        entry = (manifest["splits"]["train"]["files"] if where == "splits" else manifest[where])[0]
        entry["records"] += 1
    assert told(verify(build), entry["path"], f"{entry['records'] - 1} ", f"{entry['records']}, as the manifest says")


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: [*labels, "dodo"],
        lambda labels: labels[1:],
        lambda labels: labels[::-1],
        lambda labels: labels * 2,
    ],
    ids=["one more", "one less", "not sorted", "twice"],
)
def test_labels_are_those_of_the_files_sorted(
    change: Callable[[list[str]], list[str]], build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        manifest["labels"] = change(manifest["labels"])
    assert told(verify(build), "manifest.json", " labels", "the 3 labels of its files, sorted")


# Records, where hashes and sizes are those that the manifest says.


def spoil(line: bytes, old: bytes, new: bytes) -> bytes:
    assert old in line
    return line.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"topX":0.', b'"topX":1000.', "Expected `float` <= 1.0"),
        (b'"topX":0.', b'"topX":-0.', "Expected `float` >= 0.0"),
        (b'"topX":0.', b'"topX":NaN, "topX":0.', "malformed"),
        (b'"topX":0.', b'"topX":1e999, "topX":0.', "out of range"),
        (b'"bottomX":', b'"bottomX":0, "bottomY":', "the key 'bottomY' stands twice"),
        (b'"isCrowd":0', b'"isCrowd":0,"isCrowd":0', "the key 'isCrowd' stands twice"),
        (b'"label":"', b'"label":"\\u003a","label":"', "the key 'label' stands twice"),
        (b'{"image_url":', b'{"image\\u005furl":"x","image_url":', "the key 'image_url' stands twice"),
        (b'"isCrowd":0', b'"isCrowd":0,"area":3', "unknown field `area`"),
        (b'"isCrowd":0', b'"isCrowd":2', "isCrowd"),
        (b'"isCrowd":0', b'"isCrowd":null', "isCrowd"),
        (b',"isCrowd":0', b"", "isCrowd"),
        (b'"format":"', b'"format":"\xff', "utf-8"),
        (b'"format":"', b'"format":"\xed\xa0\x80', "utf-8"),
        (b'"format":"', b'"format":"\\ud800', "surrogate"),
        (b'"format":"', b'"format":"x', "format"),
        (b'"height":80', b'"height":"80px"', "height '80px'"),
        (b'"height":80', b'"height":0', "height"),
        (b'"height":80', b'"height":80.0', "height"),
        (b'"height":80', b'"height":8000000000', "height 8000000000"),
        (b'"height":80', b'"height":' + b"9" * 5000, "out of range"),
        (b'{"image_url"', b'\xef\xbb\xbf{"image_url"', "malformed"),
        (b'{"image_url"', b'{}{"image_url"', "missing required field"),
        (b'"label":[', b'"label":[' + b"[" * 50_000, "Expected `object`"),
    ],
)
def test_a_line_that_is_no_record_is_told_by_its_number(
    old: bytes, new: bytes, found: str, build: Build, verify: Run
) -> None:
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line and number)
    lines[number] = spoil(lines[number], old, new)
    build.put_lines(path, lines)
    status, answer = verify(build)
    texts = [item["found"] for item in answer["differences"] if item["file"] == path and found in item["found"]]
    assert status == 3
    assert texts
    assert texts[0].startswith(f"line {number + 1}: ")


def test_a_box_without_area_is_a_difference(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line)
    record = json.loads(lines[number])
    record["label"][0]["bottomX"] = record["label"][0]["topX"]
    lines[number] = json.dumps(record).encode()
    build.put_lines(path, lines)
    assert told(verify(build), path, f"line {number + 1}: label[0] has no area")


def test_a_ring_of_an_odd_count_is_a_difference(published: dict[str, Path], tmp_path: Path, verify: Run) -> None:
    build = copy(published["image_instance_segmentation"], tmp_path / "copy")
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line)
    record = json.loads(lines[number])
    record["label"][0]["polygon"][1].append(0.5)
    lines[number] = json.dumps(record).encode()
    build.put_lines(path, lines)
    assert told(verify(build), path, f"line {number + 1}: label[0].polygon[1] has 7 numbers, expected pairs")


def test_sizes_are_text_throughout_where_the_config_says_so(
    published: dict[str, Path], tmp_path: Path, verify: Run
) -> None:
    build = copy(published["image_classification_multilabel"], tmp_path / "copy")
    path = build.first("train")
    lines = build.lines(path)
    for number, new in enumerate([b"80", b'"80px\\n"', b'"9999999999px"']):
        build.put_lines(path, [*lines[:number], spoil(lines[number], b'"80px"', new), *lines[number + 1 :]])
        assert told(verify(build), path, f"line {number + 1}: width ", 'text such as "640px"'), new


def test_lines_are_records_one_for_one_whatever_stands_between_them(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    assert len(lines) > 2
    for changed in ([lines[0] + b" " + lines[1], b"", *lines[2:]], [*lines, b""], [b"", *lines]):
        build.put_lines(path, changed)
        assert told(verify(build), path, "the line is empty"), changed
    split = spoil(lines[1], b'"image_details":', b'"image_details":\n')
    build.put(path, b"\n".join([split + lines[0], *lines[2:], b""]))
    assert told(verify(build), path, "line 1: ")


def test_a_last_line_without_an_end_is_read_as_one(build: Build, verify: Run) -> None:
    path = build.first("train")
    build.put(path, build.read(path).removesuffix(b"\n"))
    assert verify(build)[0] == 0


def test_an_image_url_is_unique_within_a_shard_and_between_them(build: Build, verify: Run) -> None:
    path, other = build.first("train"), build.first("validation")
    lines, others = build.lines(path), build.lines(other)
    build.put_lines(path, [lines[0], lines[0], *lines[2:]])
    assert told(verify(build), path, f"line 2: the image_url of line 1 of {path}", "each image once")
    build.put_lines(path, lines)
    build.put_lines(other, [lines[-1], *others[1:]])
    assert told(verify(build), other, f"line 1: the image_url of line {len(lines)} of {path}")


def test_records_are_sorted_by_path(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    build.put_lines(path, [*lines[1:], lines[0]])
    found = f"line {len(lines)}: {json.loads(lines[0])['image_url']!r} after "
    assert told(verify(build), path, found, "sorted by the image's path")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_a_record_is_found_even_if_its_hash_was_changed_too(
    data: st.DataObject, build: Build, verify: Run
) -> None:
    path = build.first("train")
    published = build.read(path)
    # The end of the last line may be missing, and as well be a space.
    position = data.draw(st.integers(0, len(published) - 2))
    changed = bytearray(published)
    changed[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != published[position]))
    try:
        build.put(path, bytes(changed))
        assert verify(build)[0] == 3
    finally:
        build.put(path, published)


# Rejections.


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"kind":"object"', b'"kind":"label"', "kind 'label'"),
        (b'"code":"', b'"code":"no_', "code"),
        (b'"kind":"object"', b'"kind":"object","kind":"object"', "the key 'kind' stands twice"),
        (b'"kind"', b'"sort"', "kind"),
        (b'"message":"', b'"message":"\xff', "utf-8"),
        (b'{"source"', b'\n{"source"', "the line is empty"),
        (b'{"source"', b'{"x":' + b"[" * 9999 + b"]" * 9999 + b',"source"', "nested too deeply"),
    ],
)
def test_a_line_that_is_no_rejection_is_told_by_its_number(
    old: bytes, new: bytes, found: str, build: Build, verify: Run
) -> None:
    path = build.first("rejected")
    lines = build.lines(path)
    build.put_lines(path, [spoil(lines[0], old, new), *lines[1:]])
    answer = verify(build)
    assert any(item["found"].startswith("line 1: ") for item in answer[1]["differences"])
    assert told(answer, path, found)


def test_rejections_are_recounted_by_kind_and_code(build: Build, verify: Run) -> None:
    path = build.first("rejected")
    lines = build.lines(path)
    code = json.loads(lines[0])["code"].encode()
    changed = spoil(spoil(lines[0], b'"object"', b'"image"'), code, b"missing_bbox")
    build.put_lines(path, [changed, *lines[1:]])
    answer = verify(build)
    for name in ("images rejected 0", "objects rejected ", f"rejected_by_reason {code.decode()!r}"):
        assert told(answer, "manifest.json", name), name
    assert told(answer, "manifest.json", "rejected_by_reason 'missing_bbox' 0", "1, as its files hold")


# Parquet, where hashes and sizes are those that the manifest says.


def replace(value: Any, place: str, change: Callable[[Any], Any]) -> Any:
    """Nested lists and dicts with the values called `place` changed."""
    if isinstance(value, list):
        return [replace(item, place, change) for item in value]
    if isinstance(value, dict):
        return {key: change(item) if key == place else replace(item, place, change) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("task", "place", "change"),
    [
        ("image_classification", "label", lambda label: label + "x"),
        ("image_classification", "format", lambda _: "tif"),
        ("image_classification_multilabel", "label", lambda labels: labels[::-1] if len(labels) > 1 else ["x"]),
        ("image_classification_multilabel", "image_details", lambda _: None),
        ("image_classification_multilabel", "width", lambda width: width + 1),
        ("image_object_detection", "image_url", lambda url: url.replace("%", "%25")[:-1]),
        ("image_object_detection", "topX", lambda side: side + 2**-54),
        ("image_object_detection", "bottomY", lambda _: None),
        ("image_object_detection", "label", lambda _: None),
        ("image_object_detection", "isCrowd", lambda crowd: 1 - crowd),
        ("image_instance_segmentation", "label", lambda items: items[:-1] if isinstance(items, list) else items),
        ("image_instance_segmentation", "polygon", lambda rings: rings[::-1]),
        ("image_instance_segmentation", "polygon", lambda rings: [ring[2:] + ring[:2] for ring in rings]),
    ],
)
def test_any_value_of_a_parquet_copy_that_is_not_that_of_the_jsonl_is_a_difference(
    task: str, place: str, change: Callable[[Any], Any], published: dict[str, Path], tmp_path: Path, verify: Run
) -> None:
    build = copy(published[task], tmp_path / "copy")
    path, table = build.table()
    rows = replace(table.to_pylist(), place, change)
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    changed = [number for number, row in enumerate(table.to_pylist(), 1) if row != rows[number - 1]]
    status, answer = verify(build)
    assert status == 3
    assert {item["file"] for item in answer["differences"]} == {path}
    assert [item["found"].partition(":")[0] for item in answer["differences"]] == [
        f"row {number}" for number in changed
    ]
    assert f"{place}" in answer["differences"][0]["found"]
    assert f"as line {changed[0]} of the JSONL: " in answer["differences"][0]["expected"]


def test_minus_zero_in_a_parquet_copy_is_a_difference(build: Build, verify: Run) -> None:
    shard, (path, table) = build.first("train"), build.table()
    lines = [json.loads(line) for line in build.lines(shard)]
    number = next(number for number, line in enumerate(lines) if line["label"])
    lines[number]["label"][0]["topX"] = 0.0
    with build.manifest() as manifest:
        del manifest["statistics"]  # They are of what was there before.
    build.put_lines(shard, [json.dumps(line).encode() for line in lines])
    rows = table.to_pylist()
    rows[number]["label"][0]["topX"] = 0.0
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    assert verify(build)[0] == 0
    rows[number]["label"][0]["topX"] = -0.0
    build.put_table(path, pa.Table.from_pylist(rows, schema=table.schema))
    assert told(verify(build), path, f"row {number + 1}: label[0].topX -0.0", "JSONL: 0.0")


def test_a_parquet_copy_has_the_rows_of_its_shard_in_their_order(build: Build, verify: Run) -> None:
    path, table = build.table()
    build.put_table(path, table.slice(1))
    answer = verify(build)
    assert told(answer, path, f"{len(table) - 1} rows", f"{len(table)}, as the manifest says")
    assert told(answer, path, f"{len(table) - 1} rows", f"{len(table)}, as the JSONL has lines")
    build.put_table(path, table.take(list(range(len(table)))[::-1]))
    assert told(verify(build), path, "row 1: image_url")


def test_a_parquet_copy_has_the_columns_of_the_task_and_no_others(build: Build, verify: Run) -> None:
    path, table = build.table()
    other = table.schema.set(0, pa.field("image_url", pa.large_string()))
    for changed in (table.drop_columns("label"), table.append_column("x", table["image_url"]), table.cast(other)):
        build.put_table(path, changed)
        assert told(verify(build), path, "the columns image_url: ", "those of image_object_detection")


def test_a_parquet_copy_in_several_row_groups_is_the_same(build: Build, verify: Run) -> None:
    path, table = build.table()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=2, compression="none")
    build.put(path, sink.getvalue().to_pybytes())
    assert verify(build)[0] == 0


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"\x00" * 64])
def test_a_parquet_copy_that_is_none_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    path = build.first("parquet")
    build.put(path, data)
    assert told(verify(build), path, "cannot be read: ", "a Parquet file")


def test_text_in_parquet_that_is_no_utf_8_is_a_difference(build: Build, verify: Run) -> None:
    path, table = build.table()
    bad = pa.array([b"\xff"] * len(table), pa.binary()).view(pa.string())
    build.put_table(path, table.set_column(0, table.schema.field(0), bad))
    assert told(verify(build), path, "cannot be read: ", "a Parquet file")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_of_parquet_never_ends_in_a_traceback(data: st.DataObject, build: Build, verify: Run) -> None:
    path = build.first("parquet")
    published = build.read(path)
    changed = bytearray(published)
    changed[data.draw(st.integers(0, len(published) - 1))] = data.draw(st.integers(0, 255))
    try:
        build.put(path, bytes(changed))
        assert verify(build)[0] in (0, 3)
    finally:
        build.put(path, published)


# What is told.


def test_of_many_differences_twenty_of_a_kind_are_told_and_the_rest_is_counted(
    build: Build, verify: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build.first("train")
    build.put_lines(path, [b"x"] * 25)
    status, answer = verify(build)
    assert status == 3
    assert [item["found"].partition(":")[0] for item in answer["differences"] if item["file"] == path] == [
        f"line {number}" for number in range(1, 21)
    ]
    assert answer["more"] == {"record": 5}
    main(["verify", str(build.output)])
    err = capsys.readouterr().err
    assert "… and 5 more of the kind: record\n" in err
    assert f"different: {len(answer['differences']) + 5} differences in " in err


def test_control_characters_of_a_damaged_build_do_not_reach_the_terminal(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    (build.root / "\x1b[2J").touch()
    path = build.first("train")
    build.put_lines(path, [b'{"\\u001b[2J":1}', *build.lines(path)[1:]])
    assert main(["verify", str(build.output)]) == 3
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\\x1b[2J") == 2


def test_a_long_value_is_cut(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    build.put_lines(path, [*lines, spoil(lines[0], b"https://", b"A" * 5000)])
    status, answer = verify(build)
    assert status == 3
    assert max(len(text) for item in answer["differences"] for text in item.values()) == 200
