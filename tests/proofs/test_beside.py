"""A clean beside builds, both killed, and builds that stand still for longer than their claim lives: nothing is lost or mixed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.proofs.beside import clean_beside_builds, stand_still
from tests.proofs.conftest import moments
from tests.proofs.mortal import Mortal, MortalOnDisk, MortalOnStore
from tests.proofs.nightly import Tell
from tests.proofs.places import Place

STORES = ("s3", "azure", "gcs") if "PROOF_MOMENTS" in os.environ else ("s3",)
"""All of them in the nightly suite; what a store must be able to do for it, CI tries in `tests/transforms/builds`."""

EVERYWHERE = pytest.mark.parametrize(
    ("place", "part"),
    [
        pytest.param("disk", 12, marks=pytest.mark.slow(seconds=60)),
        *(pytest.param(store, 4, marks=[pytest.mark.server, pytest.mark.slow(seconds=60)]) for store in STORES),
    ],
    indirect=["place"],
)


@pytest.fixture
def mortal(place: Place, tmp_path: Path) -> Mortal:
    """What kills at a change of the place."""
    trace = tmp_path / "trace"
    return MortalOnStore(trace) if place.environment else MortalOnDisk(trace, root=place.path)


@EVERYWHERE
def test_a_clean_beside_builds_leaves_the_current_build_wherever_either_is_killed(
    place: Place, part: int, mortal: Mortal, tmp_path: Path, seed: int, tell: Tell
) -> None:
    clean_beside_builds(place, tmp_path, seed, moments(part), mortal, tell)


@EVERYWHERE
def test_a_build_that_stood_still_and_was_taken_for_dead_never_replaces_a_newer_one(
    place: Place, part: int, mortal: Mortal, tmp_path: Path, seed: int, tell: Tell
) -> None:
    stand_still(place, tmp_path, seed, moments(part), mortal, tell)
