"""Many small files of a disk: read without threads where it is fast, and never from outside of the root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelbeam.transforms.stores.disk import home_of, opened_below, read_below
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root with a file in a directory, and a file outside of it."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/1").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/1").write_bytes(b"secret")
    return root


def test_a_regular_file_is_read_also_below_a_root_that_is_named_by_a_link(tree: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to(tree)
    for root in (tree, link):
        home = home_of(locate(str(root), {}))
        assert home == str(tree)
        assert read_below(f"{root}/a/1", home, 6, 6) == b"inside"
        assert read_below(f"{root}/a/1", home, None, 6) == b"inside"
        for size in (6, None):
            with pytest.raises(OSError, match="longer than is read so"):
                read_below(f"{root}/a/1", home, size, 5)


@pytest.mark.parametrize("what", ["file link", "folder link", "pipe", "folder", "size", "missing"])
def test_anything_else_is_left_to_the_way_that_has_words_for_it(tree: Path, what: str) -> None:
    path = tree / "b"
    if what == "file link":
        path.symlink_to(tree.parent / "outside/1")
    elif what == "folder link":
        path.symlink_to(tree.parent / "outside")
        path /= "1"
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "size":
        path.write_bytes(b"inside and more")
    with pytest.raises(OSError, match=r".+"), opened_below(str(path), str(tree), 6):
        pass


def test_what_was_opened_counts_and_not_what_its_name_leads_to_later(tree: Path) -> None:
    """A directory that becomes a link between a check and the opening leads nowhere."""
    os.rename(tree / "a", tree / "kept")
    (tree / "a").symlink_to(tree.parent / "outside")
    with pytest.raises(OSError, match="not the file that was expected"), opened_below(f"{tree}/a/1", str(tree)):
        pass


def test_many_files_come_in_order_with_a_reason_in_the_place_of_each_that_cannot_be_read(tree: Path) -> None:
    (tree / "a/2").write_bytes(b"two")
    (tree / "a/3").symlink_to("1")
    (tree / "out").symlink_to(tree.parent / "outside")
    paths = ["a/1", "a/2", "a/3", "a/4", "out/1", "a/2", "a/1"]
    found = list(read_many(locate(str(tree), {}), paths, [6, 3, 6, 6, 6, 2, None], [10, 10, 10, 10, 10, 10, 10]))
    assert found[:3] == [b"inside", b"two", b"inside"]
    for item, words in zip(found[3:6], ("does not exist", "is a link out of", "as it was listed with"), strict=True):
        assert isinstance(item, StoreError)
        assert words in str(item)
    assert found[6] == b"inside"
