"""Builds in object stores, killed at any moment while somebody reads: nothing half done is seen, and the next run mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.conftest import moments
from tests.proofs.mortal import MortalOnStore
from tests.proofs.nightly import Tell, kill_at_each_change, kill_at_random
from tests.proofs.places import Place

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("bucket", "part"),
    [
        pytest.param("s3", 30, marks=pytest.mark.slow(seconds=45)),
        pytest.param("azure", 10, marks=pytest.mark.slow(seconds=40)),
        pytest.param("gcs", 10, marks=pytest.mark.slow(seconds=30)),
    ],
    indirect=["bucket"],
)
def test_builds_killed_at_random_moments_lose_nothing(
    bucket: Place, part: int, tmp_path: Path, seed: int, tell: Tell
) -> None:
    kill_at_random(bucket, tmp_path, seed, moments(part), MortalOnStore(tmp_path / "trace"), tell)


@pytest.mark.slow(seconds=50)
def test_builds_killed_before_and_after_each_write_lose_nothing(
    bucket: Place, tmp_path: Path, seed: int, tell: Tell
) -> None:
    kill_at_each_change(bucket, tmp_path, seed, MortalOnStore(tmp_path / "trace"), tell)
