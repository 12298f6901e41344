"""Exports that are killed, raced, or made of a build that is removed meanwhile: DEST shows nothing, or the whole of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.proofs.conftest import moments
from tests.proofs.exports import export_beside, kill_exports, race_exports
from tests.proofs.mortal import Mortal, MortalOnDisk, MortalOnStore
from tests.proofs.nightly import Tell
from tests.proofs.places import Place

STORES = ("s3", "azure", "gcs") if "PROOF_MOMENTS" in os.environ else ("s3",)


def everywhere(on_disk: int, on_a_store: int, *, seconds: int) -> pytest.MarkDecorator:
    """The places, and how many moments CI takes at each."""
    return pytest.mark.parametrize(
        ("place", "part"),
        [
            pytest.param("disk", on_disk, marks=pytest.mark.slow(seconds=seconds)),
            *(
                pytest.param(store, on_a_store, marks=[pytest.mark.server, pytest.mark.slow(seconds=seconds)])
                for store in STORES
            ),
        ],
        indirect=["place"],
    )


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """A destination in a directory in which nothing else is written."""
    (tmp_path / "room").mkdir()
    return Place(LocalFileSystem(), str(tmp_path / "room/place"), str(tmp_path / "room/place"))


@pytest.fixture
def mortal(place: Place, tmp_path: Path) -> Mortal:
    """What kills at a change of the place, or beside it."""
    trace = tmp_path / "trace"
    return MortalOnStore(trace) if place.environment else MortalOnDisk(trace, root=str(tmp_path / "room"))


@everywhere(12, 6, seconds=15)
def test_exports_killed_at_any_moment_show_nothing_or_the_whole_and_the_next_one_completes(
    place: Place, part: int, mortal: Mortal, tmp_path: Path, seed: int, tell: Tell
) -> None:
    kill_exports(place, tmp_path, seed, moments(part), mortal, tell)


@everywhere(3, 2, seconds=10)
def test_of_two_exports_to_one_destination_one_ends_and_the_other_gives_way_or_follows(
    place: Place, part: int, mortal: Mortal, tmp_path: Path, seed: int, tell: Tell
) -> None:
    race_exports(place, tmp_path, seed, moments(part), mortal, tell)


@everywhere(3, 2, seconds=20)
def test_an_export_whose_build_is_removed_meanwhile_is_whole_or_ends_in_words(
    place: Place, part: int, mortal: Mortal, tmp_path: Path, seed: int, tell: Tell
) -> None:
    export_beside(place, tmp_path, seed, moments(part), mortal, tell)
