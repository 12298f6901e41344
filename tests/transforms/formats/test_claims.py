"""Files that a format claims: the one that is the source, or those of a directory; and several that may be one."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first, split_of_file, told_below
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.stores.errors import UnavailableError
from labelbeam.transforms.stores.files import StoredFile, put
from labelbeam.transforms.stores.locate import locate


def tree_of(root: str, files: dict[str, str], *sources: str, task: Any = "image_classification") -> Tree:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    places = [locate(root, {}).below(name) for name in sources] or [locate(root, {})]
    return Tree(
        ConvertConfig(task=task, source=[root], output="memory://nowhere"), {}, places, places if sources else []
    )


FILES = {"b/2.json": "two", "1.json": "one", "3.json": "", "4.xml": "one", ".x/5.json": "one", "6.JSON": "none"}


def told(tree: Tree) -> tuple[dict[str, str], bool] | None:
    def tell(file: Any, size: int) -> str | None:
        text = tree.head_of(file, size).decode()
        return None if text == "none" else text

    found = files_told(tree, ("json",), tell)
    return None if found is None else (found[1], found[2])


def test_files_of_a_directory_are_told_the_least_deep_first(memory: str) -> None:
    found = told(tree_of(memory, FILES))
    assert found == ({"1.json": "one", "b/2.json": "two"}, False)
    assert list(found[0]) == ["1.json", "b/2.json"]


@pytest.mark.parametrize(("others", "found"), [(0, 60), (49, 60), (50, 0)])
def test_files_are_opened_until_a_whole_batch_holds_none(others: int, found: int, memory: str) -> None:
    files = {f"a{number:02}.json": "none" for number in range(others)}
    read = told(tree_of(memory, files | {f"b{number:02}.json": "one" for number in range(60)}))
    assert len(read[0] if read else {}) == found


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["b/2.json"], ({"2.json": "two"}, True)),
        (["6.JSON"], None),
        (["4.xml"], None),
        (["1.json", "b/2.json"], None),
    ],
)
def test_a_file_that_is_the_source_is_told_alone(sources: list[str], expected: Any, memory: str) -> None:
    assert told(tree_of(memory, FILES, *sources)) == expected


def test_a_head_is_read_once(memory: str) -> None:
    tree = tree_of(memory, {"1.json": "one"})
    place = locate(memory, {}).below("1.json")
    assert tree.head_of(place, 3) == b"one"
    put(place, b"two")
    assert tree.head_of(place, 3) == b"one"


CLASSES = {"cat/1.jpg": "", "dog/1.jpg": "", "a.json": "x"}


@pytest.mark.parametrize(
    ("files", "task", "asked", "first"),
    [
        (CLASSES, "image_classification", False, True),
        (CLASSES, "image_classification", True, False),
        (CLASSES, "image_object_detection", False, False),
        ({"1.jpg": "", "metadata.jsonl": "x"}, "image_classification", False, False),
    ],
)
def test_class_folders_go_first_for_classification(
    files: dict[str, str], task: str, asked: bool, first: bool, memory: str
) -> None:
    assert goes_first(tree_of(memory, files, task=task), asked, ["metadata.jsonl"]) is first


def test_several_files_in_a_folder_are_told_apart_or_asked_about() -> None:
    check_one_each("s", "X", [("a/1", "train"), ("a/2", "val"), ("b/1", "train")])
    with pytest.raises(UsageError, match=r"s: several files of X that may describe the same images \(a/1, a/2\)"):
        check_one_each("s", "X", [("a/1", None), ("a/2", None)])


@pytest.mark.parametrize(
    ("path", "split"),
    [("val/x.json", "validation"), ("x_train.json", "train"), ("train.json", "train"), ("x.json", None)],
)
def test_the_split_of_a_file_is_that_of_its_folder_else_of_its_name(path: str, split: str | None) -> None:
    assert split_of_file(path, "x_") == split


def test_a_file_that_cannot_be_read_tells_nothing_and_a_store_that_is_out_of_reach_ends_it(memory: str) -> None:
    tree = tree_of(memory, {"1.json": "one"})
    there, gone = (StoredFile(name, 3, "") for name in ("1.json", "2.json"))
    assert told_below(tree.head_of, locate(memory, {}), there) == b"one"
    assert told_below(tree.head_of, locate(memory, {}), gone) is None

    def unavailable(*_: Any) -> None:
        raise UnavailableError("out of reach")

    with pytest.raises(UnavailableError):
        told_below(unavailable, locate(memory, {}), there)
