"""Shards that sources name, their splits, what plans of them have in common, and marks of our own exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.export.marker import MARKER
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.shards import Shards, exported_as, is_beside, plan_shards, shards_of, splits_of_shards
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate

TARS = (".tar", ".tar.gz")


def tree(root: str, *names: str) -> Tree:
    """A tree of the directory `root`, or of files in it."""
    places = [locate(root, {}).below(name) for name in names]
    config = ConvertConfig(task="image_classification", source=[root], output="memory://nowhere")
    return Tree(config, {}, places or [locate(root, {})], places)


@pytest.fixture
def root(memory: str) -> str:
    for name in ("a/1.tar", "a/b/2.TAR.GZ", "3.tar", "x.json", ".hidden/4.tar", "notes.txt"):
        put(locate(memory, {}).below(name), b"x")
    put(locate(memory, {}).below("empty.tar"), b"")
    return memory


@pytest.mark.parametrize(
    ("names", "base", "paths"),
    [
        ((), "", ["3.tar", "a/1.tar", "a/b/2.TAR.GZ", "empty.tar"]),
        (("3.tar",), "", ["3.tar"]),
        (("a/1.tar", "a/b/2.TAR.GZ"), "/a", ["1.tar", "b/2.TAR.GZ"]),
        (("a/b/2.TAR.GZ", "3.tar"), "", ["3.tar", "a/b/2.TAR.GZ"]),
    ],
)
def test_shards_are_all_of_a_directory_or_those_that_are_named(
    names: tuple[str, ...], base: str, paths: list[str], root: str
) -> None:
    found = shards_of(tree(root, *names), TARS)
    assert found is not None
    assert (found.root.url, list(found.paths)) == (root + base, paths)


def test_other_files_are_no_shards(root: str) -> None:
    assert shards_of(tree(root, "3.tar", "x.json"), TARS) is None
    assert shards_of(tree(root), (".parquet",)) is None


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["train-000000.tar", "val-000000.tar"], ["train", "validation"]),
        (["train/0.tar.gz", "test/0.tar.gz"], ["train", "test"]),
        (["data/train-00000-of-00002.parquet", "default/validation/0000.parquet"], ["train", "validation"]),
        (["cc3m-train-0001.tar", "cc3m-validation-0001.tar"], ["train", "validation"]),
        (["crash_test-01.tar", "00001.tar"], [None, None]),
    ],
)
def test_splits_are_read_from_names_and_folders(paths: list[str], splits: list[Any]) -> None:
    assert splits_of_shards(paths) == splits


def test_a_plan_covers_the_shards_and_what_may_speak_of_them(root: str) -> None:
    def planned() -> tuple[str, list[str]]:
        shards = Shards(locate(root, {}), ["3.tar", "a/1.tar"])
        plan, found = plan_shards(tree(root), "webdataset", shards, lambda found: 10**9)
        assert plan.images_root == f"shards://::{root}" and plan.buckets == 30
        return plan.fingerprint, [file.path for file in found]

    first, found = planned()
    assert found == ["3.tar", "a/1.tar"]
    put(locate(root, {}).below("a/b/2.TAR.GZ"), b"other")
    assert planned()[0] == first
    put(locate(root, {}).below("x.json"), b"other")
    assert planned()[0] != first
    with pytest.raises(LabelBeamError, match="no shard of webdataset"):
        plan_shards(tree(root), "webdataset", Shards(locate(root, {}), []), len)


def test_files_that_may_speak_of_all_samples_are_texts() -> None:
    assert [is_beside(path) for path in ("README.md", "a/labels.JSON", ".git/x.json", "1.jpg")] == [
        *(True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, False),
        ("{", False),
        ({"format": "webdataset"}, True),
        ({"format": "coco"}, False),
        ({"files": {"../x": 1}, "format": "webdataset"}, False),
    ],
)
def test_an_export_of_ours_is_known_by_its_mark(text: Any, expected: bool, tmp_path: Path) -> None:
    marker = {"format_version": 1, "format": "", "build": "b", "labelbeam_version": "0", "task": "t"}
    marker |= {"splits": {}, "not_held": {}, "files": {}}
    if text is not None:
        (tmp_path / MARKER).write_text(text if isinstance(text, str) else json.dumps(marker | text))
    place = locate(str(tmp_path), {})
    assert exported_as(place, list_files(place).files, "webdataset") == expected
