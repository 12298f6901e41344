"""Units of a folder: batches of images, and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.layout import FolderItem, plan_folder
from labelbeam.transforms.formats.folder.units import FolderUnit, TableUnit
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import MissingFileError, ShortageError
from labelbeam.transforms.workers import budget
from tests.transforms.unit_runs import fragments, options


def test_a_batch_of_a_folder_is_its_images_under_their_own_keys() -> None:
    items = (FolderItem("cat/1.jpg", "cat", "train"), FolderItem("2.gif", None, None, Rejected.UNSUPPORTED_FORMAT))
    result = read_unit(options(task="image_classification"), FolderUnit("file:///d", items, 500))
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist(), fragment.labels) == (["cat/1.jpg"], [500], ["cat"])
    assert [rejection.code for rejection in fragment.rejections] == [Rejected.UNSUPPORTED_FORMAT]
    assert result.findings.records == 3


def test_tables_are_read_together_and_images_that_none_names_are_added(tmp_path: Path) -> None:
    text = b"filename,label\n1.jpg,cat\n,dog\n"
    (tmp_path / "labels.csv").write_bytes(text)
    plan = plan_folder(["labels.csv", "1.jpg", "2.jpg"], "image_classification", heads={"labels.csv": text})
    unit = TableUnit(str(tmp_path), plan)
    result = read_unit(options(task="image_classification"), unit)
    (fragment,) = fragments(result)
    assert (unit.size, unit.index) == (2, None)
    assert (sorted(fragment.images.paths), fragment.labels) == (["1.jpg", "2.jpg"], ["cat"])
    assert [rejection.locator for rejection in fragment.rejections] == ["line 3"]
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(MissingFileError):
        read_unit(options(task="image_classification"), unit)


def test_a_table_whose_rows_no_memory_can_hold_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,label\n" + b"a,b\n" * 200_000)
    monkeypatch.setattr(budget, "memory_left", lambda: 300_000_000)
    heads = {"labels.csv": b"file,label\na.jpg,b\n"}
    plan = plan_folder(["labels.csv", "a.jpg"], "image_classification", heads=heads)
    with pytest.raises(ShortageError, match=r"labels\.csv, of 200,001 rows: needs 402 MB of memory"):
        read_unit(options(task="image_classification"), TableUnit(str(tmp_path), plan))
