"""What is known of images before they are looked at is divided among their buckets, whole and believed only with its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from labelbeam.schemas.manifest import CopiedImage
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats import known
from labelbeam.transforms.formats.known import CopiedUnit, ListingUnit, listing_units
from labelbeam.transforms.formats.reading import Reading
from labelbeam.transforms.stores.files import StoredFile
from tests.transforms.unit_runs import fragments, options

PATHS = [f"{number}.jpg" for number in range(9)]
LISTED = listed_files([StoredFile(path, 5, "t") for path in PATHS])
IMAGES = [CopiedImage(path, 5, "00", "s", "t") for path in PATHS]


@pytest.mark.parametrize("of_copies", [False, True])
def test_a_listing_is_divided_by_the_buckets_of_its_images(of_copies: bool) -> None:
    result = ListingUnit(LISTED, of_copies).read(Reading(options(4)))
    found: dict[str, int] = {}
    for (bucket, _), fragment in zip(result.fragments, fragments(result), strict=True):
        part, other = (
            (fragment.listed_copies, fragment.listed) if of_copies else (fragment.listed, fragment.listed_copies)
        )
        assert part is not None and not other
        found |= {path: bucket for path in PATHS if part.find(path) is not None}
    assert found == {path: bucket_of(path, 4) for path in PATHS}


def test_a_long_listing_is_several_units_and_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "LISTED", 4)
    units = listing_units(LISTED)
    assert [len(unit.listed) for unit in units] == [4, 4, 1]
    assert sorted(path for unit in units for path in PATHS if unit.listed.find(path) is not None) == PATHS
    assert listing_units(None) == []


def lines(path: Path) -> str:
    data = msgspec.json.Encoder().encode_lines(IMAGES)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def test_copies_of_the_build_before_are_divided_likewise(tmp_path: Path) -> None:
    digest = lines(tmp_path / "copied.ndjson")
    result = CopiedUnit(str(tmp_path / "copied.ndjson"), digest).read(Reading(options(4)))
    found = {
        image.path: bucket
        for (bucket, _), fragment in zip(result.fragments, fragments(result), strict=True)
        for image in fragment.copied
    }
    assert found == {path: bucket_of(path, 4) for path in PATHS}


@pytest.mark.parametrize("damage", ["gone", "changed", "no lines"])
def test_a_list_of_copies_that_is_not_what_it_was_saves_no_work_and_costs_nothing(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "copied.ndjson"
    digest = lines(path)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"{}\n")
        digest = hashlib.sha256(b"{}\n").hexdigest() if damage == "no lines" else digest
    assert CopiedUnit(str(path), digest).read(Reading(options(4))).fragments == []
