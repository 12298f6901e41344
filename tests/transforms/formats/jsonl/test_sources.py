"""Which files of JSON Lines a source means, and what is refused in words: MLTables that cannot be followed, files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.manifest import FileEntry, Source, SplitCounts
from labelbeam.transforms.builds.published import pointer_to
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.jsonl.sources import Sources, find_sources, first_records, holds_records
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD, manifest

LINE = json.dumps({"image_url": "https://h/1.jpg", "label": "cat"}) + "\n"
BOX = json.dumps({"image_url": "https://h/1.jpg", "label": [{"label": "cat", "topX": 0}]}) + "\n"
MLTABLE = "paths:\n  - pattern: ./*.jsonl\ntransformations:\n  - read_json_lines:\n      encoding: utf8\n"


def fill(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def find(*places: Path, asked: bool = False, task: Any = "image_object_detection") -> Sources | None:
    locations = [locate(str(place), {}) for place in places]
    config = ConvertConfig(task=task, source=[str(place) for place in places], output="memory://out")
    return find_sources(
        Tree(config, {}, locations, [place for place in locations if Path(place.path).is_file()]), asked
    )


def names(found: Sources | None) -> list[str]:
    assert found is not None
    return [file.name for file in found.files]


@pytest.mark.parametrize(
    ("head", "holds"),
    [
        (LINE.encode(), True),
        (b"\xef\xbb\xbf" + LINE.encode(), True),
        (b"{}\n" + LINE.encode(), True),
        (b'{"image_url": "x"}\n', False),
        (b'{"label": "x"}\n', False),
        (b"", False),
        (b"[1]\n", False),
        (b'{"a": 1, "image_url" : "https://h/' + b"x" * 100, True),
        (b'{"a": "' + b"x" * 100, False),
    ],
)
def test_records_are_known_by_the_first_lines_or_the_beginning_of_a_long_one(head: bytes, holds: bool) -> None:
    assert holds_records(head) is holds


def test_a_line_that_is_cut_is_no_record() -> None:
    assert len(first_records((LINE + LINE[:10]).encode())) == 1


def test_a_file_is_taken_by_its_content_and_asked_for_by_any_name(tmp_path: Path) -> None:
    fill(tmp_path, {"a.jsonl": LINE, "b.txt": LINE, "c.json": "{}"})
    assert find(tmp_path / "b.txt") is None
    assert find(tmp_path / "c.json") is None
    assert names(find(tmp_path / "a.jsonl")) == [f"{tmp_path}/a.jsonl"]
    assert names(find(tmp_path / "b.txt", asked=True)) == [f"{tmp_path}/b.txt"]
    assert find(tmp_path / "a.jsonl", tmp_path / "b.txt") is None, "each source has to be one"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1f\x8b...", "is compressed with gzip"),
        (LINE.encode("utf-16"), "is UTF-16 or UTF-32"),
        (LINE.encode("utf-32-be"), "is UTF-16 or UTF-32"),
        (b" [{}]", "is a JSON list"),
        (b'{\n "image_url": "u",\n "label": []\n}\n{\n}\n', "over several lines, or several in one"),
        (b'{"image_url": "u", "label": []}{"image_url": "v", "label": []}\n', "over several lines, or several in one"),
        (b'{"file_name": "1.jpg"}\n', "has the keys 'file_name'"),
    ],
)
def test_a_file_that_was_named_and_is_none_is_refused_with_what_to_do(data: bytes, words: str, tmp_path: Path) -> None:
    fill(tmp_path, {"x.jsonl": data})
    with pytest.raises(UsageError, match=words):
        find(tmp_path / "x.jsonl", asked=True)


def test_a_directory_gives_its_files_of_records_and_no_others(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {"a/train.jsonl": LINE, "val.ndjson": LINE, "x.jsonl": "{}\n", ".h.jsonl": LINE, "a/b/c/d/e.jsonl": LINE},
    )
    found = find(tmp_path)
    assert sorted(names(found)) == ["a/train.jsonl", "val.ndjson"]
    assert found is not None and found.certain and found.task == "image_classification"


def test_beside_images_records_are_certain_of_nothing_and_none_for_classification(tmp_path: Path) -> None:
    fill(tmp_path, {"train.jsonl": BOX, "1.jpg": b""})
    found = find(tmp_path)
    assert found is not None and not found.certain and found.task == "image_object_detection"
    assert find(tmp_path, task="image_classification") is None
    assert find(tmp_path, task="image_classification", asked=True) is not None


def test_a_directory_without_records_is_refused_where_they_were_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, {"x.jsonl": "{}\n"})
    assert find(tmp_path) is None
    with pytest.raises(UsageError, match="found no MLTable, no build, and no file of JSON objects"):
        find(tmp_path, asked=True)


def test_an_mltable_names_its_files_from_the_directory_or_by_itself(tmp_path: Path) -> None:
    fill(tmp_path, {"train/MLTable": MLTABLE, "train/a.jsonl": LINE, "train/b.jsonl": LINE, "train/c.txt": LINE})
    for place in (tmp_path / "train", tmp_path / "train" / "MLTable", tmp_path):
        assert names(find(place)) == ["train/a.jsonl", "train/b.jsonl"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("paths: [", "not YAML"),
        ("paths: 2001-99-99", "not YAML"),
        ("a: &a [x]\nb: *a", "not YAML"),
        (MLTABLE.replace("read_json_lines", "read_delimited"), "expected paths and read_json_lines"),
        (MLTABLE.replace("paths:", "path:"), "expected paths and read_json_lines"),
        ("[]", "expected paths and read_json_lines"),
        (MLTABLE + "  - take: 5\n", "'take' may leave out records"),
        (MLTABLE.replace("./*.jsonl", "../*.jsonl"), "expected `file` or `pattern` below the directory"),
        (MLTABLE.replace("./*.jsonl", "https://h/x.jsonl"), "expected `file` or `pattern` below the directory"),
        (MLTABLE.replace("pattern:", "folder:"), "expected `file` or `pattern` below the directory"),
    ],
)
def test_an_mltable_that_cannot_be_followed_is_refused(text: str, words: str, tmp_path: Path) -> None:
    fill(tmp_path, {"MLTable": text, "a.jsonl": LINE})
    with pytest.raises(UsageError, match=words):
        find(tmp_path / "MLTable")


def test_an_mltable_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, {"MLTable": MLTABLE.replace("pattern: ./*.jsonl", "file: gone.jsonl")})
    with pytest.raises(LabelBeamError, match=r"file gone\.jsonl: no such file"):
        find(tmp_path / "MLTable")


def test_a_step_that_only_converts_columns_is_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"MLTable": MLTABLE + "  - convert_column_types: []\n", "a.jsonl": LINE})
    assert len(names(find(tmp_path / "MLTable"))) == 1


def put_build(folder: Path, path: str = "train/train-00000-of-00001.jsonl", **source: Any) -> None:
    entry = FileEntry(path, 1, len(BOX), "00")
    made = manifest(
        splits={"train": SplitCounts(1, 1, [entry])},
        source=Source("f", {}, "coco", "", **source),
        task="image_object_detection",
    )
    fill(
        folder,
        {
            "latest.json": msgspec.json.encode(pointer_to(BUILD)),
            f"builds/{BUILD}/manifest.json": msgspec.json.encode(made),
            f"builds/{BUILD}/train/train-00000-of-00001.jsonl": BOX,
        },
    )


def test_a_build_is_read_from_its_output_its_pointer_or_its_directory(tmp_path: Path) -> None:
    put_build(tmp_path, images="file:///d")
    for place in (tmp_path, tmp_path / "latest.json", tmp_path / "builds" / BUILD):
        found = find(place)
        assert found is not None
        (file,) = found.files
        assert (file.split, file.prefix, file.images, file.bytes) == ("train", "file:///d/", "file:///d", len(BOX))
        assert found.task == "image_object_detection"
        assert BUILD in found.reason


def test_credentials_that_a_manifest_does_not_keep_are_no_place_of_images(tmp_path: Path) -> None:
    put_build(tmp_path, images="https://***@h/c")
    found = find(tmp_path)
    assert found is not None
    assert (found.files[0].prefix, found.files[0].images) == (None, None)


@pytest.mark.parametrize("path", ["../../latest.json", "validation/validation-00000-of-00001.jsonl", "/etc/passwd"])
def test_a_manifest_that_names_a_file_elsewhere_is_not_followed(path: str, tmp_path: Path) -> None:
    put_build(tmp_path, path)
    with pytest.raises(LabelBeamError, match=r"as a split or file|expected one in its folder"):
        find(tmp_path)
