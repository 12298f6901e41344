"""Units that wait in a store come back as they were, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.folder.units import FolderUnit
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.workers import staged_units
from labelbeam.transforms.workers.staged_units import StagedUnit, stage_units, staged_unit


def folder_units(root: Path, images: int) -> tuple[list[FolderUnit], ReadOptions]:
    """The units of a folder of images, as a plan makes them."""
    for number in range(images):
        path = root / f"class_{number % 3}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    config = ConvertConfig(
        task="image_classification", source=[str(root)], output="built", check_images="none", shards=4
    )
    plan = make_plan(config, {})
    (unit,) = plan.units
    return [
        FolderUnit(unit.root, unit.items[start : start + 5], start) for start in range(0, len(unit.items), 5)
    ], ReadOptions(config, {}, plan.buckets)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_units, "INLINE", 500)
    monkeypatch.setattr(staged_units, "STAGED_FILE", 1000)


def test_few_units_stay_in_the_job_and_nothing_is_put(tmp_path: Path) -> None:
    units, _ = folder_units(tmp_path / "raw", 20)
    assert stage_units(units, locate(str(tmp_path / "staged"), {}), put) is units
    assert not (tmp_path / "staged").exists()


@pytest.mark.usefixtures("small_limits")
def test_many_units_become_references_that_lead_to_the_same_units(tmp_path: Path) -> None:
    units, _ = folder_units(tmp_path / "raw", 60)
    staged = stage_units(units, locate(str(tmp_path / "staged"), {}), put)
    files = sorted(path.name for path in (tmp_path / "staged").iterdir())
    assert len(files) > 1 and files[0] == "units-00000"
    assert all(isinstance(reference, StagedUnit) for reference in staged)
    assert [staged_unit(reference, {}) for reference in staged] == units
    assert [reference.size for reference in staged] == [unit.size for unit in units]


@pytest.mark.usefixtures("small_limits")
def test_reading_a_reference_gives_what_reading_the_unit_gives(tmp_path: Path) -> None:
    units, options = folder_units(tmp_path / "raw", 30)
    staged = stage_units(units, locate(str(tmp_path / "staged"), {}), put)
    read = [read_unit(options, unit) for unit in staged]
    assert read == [read_unit(options, unit) for unit in units]
    assert sum(result.findings.records for result in read) == 60  # An image and its label each.


@pytest.mark.usefixtures("small_limits")
def test_the_same_units_make_the_same_files_so_that_a_run_may_put_them_again(tmp_path: Path) -> None:
    units, _ = folder_units(tmp_path / "raw", 60)
    put_twice: list[dict[str, bytes]] = [{}, {}]
    for files in put_twice:

        def keep(place: Location, data: bytes, files: dict[str, bytes] = files) -> None:
            files[place.url] = data

        stage_units(units, locate("s3://bucket/unfinished", {"s3": {"anon": True}}), keep)
    assert put_twice[0] == put_twice[1] and len(put_twice[0]) > 1


@pytest.mark.usefixtures("small_limits")
def test_what_somebody_else_wrote_there_is_not_unpickled(tmp_path: Path) -> None:
    units, options = folder_units(tmp_path / "raw", 30)
    first = stage_units(units, locate(str(tmp_path / "staged"), {}), put)[0]
    file = tmp_path / "staged" / "units-00000"
    data = bytearray(file.read_bytes())
    data[first.start + 8] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        LabelBeamError, match=r"units-00000: bytes 0 to \d+ are not the unit of work that was put there"
    ):
        read_unit(options, first)
    file.unlink()
    with pytest.raises(StoreError):
        read_unit(options, first)
