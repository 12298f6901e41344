"""Units of a COCO file: an index wherever it was left, and ranges that were cut wrongly."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.coco.scan import ElementRange
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers import staged_units
from labelbeam.transforms.workers.staged_units import StagedUnit
from tests.transforms.unit_runs import CONFIG, coco, options


def test_an_index_is_the_same_as_bytes_and_as_a_file(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    index = read_unit(options(), file).index
    assert isinstance(index, bytes)
    (tmp_path / "index").write_bytes(index)
    as_bytes, as_file = (read_unit(options(), unit, given) for given in (index, str(tmp_path / "index")))
    assert as_bytes.fragments == as_file.fragments


def test_an_index_that_is_left_in_a_store_is_the_same_and_is_read_once_by_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, units = coco(tmp_path / "a.json", target=200)
    index = read_unit(options(), file).index
    assert index is not None and len(units) > 8
    expected = [read_unit(options(), unit, index).fragments for unit in units]
    staging = ReadOptions(CONFIG, {}, 1, (tmp_path / "unfinished").as_uri())
    left = read_unit(staging, file)
    assert isinstance(left.index, StagedUnit) and len(pickle.dumps(left)) < 5000
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["index-00000"]
    asked: list[str] = []

    def note(location: Location, start: int, end: int) -> bytes:
        asked.append(location.path)
        return read_range(location, start, end)

    monkeypatch.setattr(staged_units, "read_range", note)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda unit: read_unit(staging, unit, left.index).fragments, units))
    assert read == expected
    assert len(asked) == 1


def test_an_index_that_somebody_has_written_over_ends_the_run(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    staging = ReadOptions(CONFIG, {}, 1, (tmp_path / "unfinished").as_uri())
    index = read_unit(staging, file).index
    assert index is not None
    left = tmp_path / "unfinished" / "index-00000"
    left.write_bytes(bytes(left.stat().st_size))
    with pytest.raises(LabelBeamError, match="not the unit of work that was put there"):
        read_unit(staging, unit, index)


def test_a_range_that_was_cut_wrongly_is_named_and_gives_nothing(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    index = read_unit(options(), file).index
    assert index is not None
    wrong = CocoUnit(unit.url, ElementRange("annotations", unit.range.start, unit.range.end - 5))
    assert read_unit(options(), wrong, index) == ReadResult(Findings(unsafe=[unit.url]))
    cut = tuple(ElementRange(part.section, part.start + 3, part.end) for part in file.ranges)
    assert read_unit(options(), CocoFile(0, file.url, "", None, cut)) == ReadResult(Findings(unsafe=[file.url]))


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    (tmp_path / "a.json").unlink()
    with pytest.raises(MissingFileError):
        read_unit(options(), file)
    with pytest.raises(MissingFileError):
        read_unit(options(), unit, b"")
