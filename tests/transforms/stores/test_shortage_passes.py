"""Memory and handles that run out: they pass by all code that takes what fails for a fault of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.manifest import FileEntry, Manifest
from labelbeam.transforms.evaluation.truth import _areas_of
from labelbeam.transforms.export.marker import MARKER
from labelbeam.transforms.formats import declared_sizes, shards
from labelbeam.transforms.formats.yolo.names_files import _names_of_notes
from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.stores.files import StoredFile, put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.shards.rows import checked
from labelbeam.transforms.verify.differences import Differences
from labelbeam.transforms.verify.parquet import check_copy
from tests.transforms.builds.receipts import manifest_of, receipt


def short(*_: Any, **__: Any) -> NoReturn:
    raise ShortageError("no file handles")


def too_large(*_: Any, **__: Any) -> NoReturn:
    """What pyarrow raises where it gets no memory."""
    pa.allocate_buffer(2**62)
    raise AssertionError("unreachable")


def manifest(file: FileEntry) -> Manifest:
    made = manifest_of(receipt())
    made.task, made.parquet = "image_object_detection", [file]
    return made


def test_a_parquet_file_is_not_damaged_where_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError):
        checked(Packed(locate("a.parquet", {}).fs, "a.parquet", "a.parquet"), too_large)
    monkeypatch.setattr(pq, "ParquetFile", too_large)
    with pytest.raises(MemoryError):
        check_copy("a.parquet", b"PAR1", 1, "image_object_detection", Differences())
    build = locate(str(tmp_path), {})
    put(build.below("parquet/train.parquet"), b"PAR1")
    with pytest.raises(MemoryError):
        list(_areas_of(build, manifest(FileEntry("parquet/train.parquet", 1, 4, "00")), ["train"]))


def test_nothing_else_is_concluded_where_handles_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.jpg").write_bytes(b"")
    root = locate(str(tmp_path), {})
    monkeypatch.setattr(declared_sizes, "stat", short)
    monkeypatch.setattr(shards, "read_marker", short)
    with pytest.raises(ShortageError):
        declared_sizes.sizes_that_differ(root, [("1.jpg", (1, 1))])
    with pytest.raises(ShortageError):
        shards.exported_as(root, [StoredFile(MARKER, 2, "")], "webdataset")
    with pytest.raises(ShortageError):
        _names_of_notes("notes.json", short)
