"""Builds in an object store, killed at any moment while somebody reads: nothing half done is seen, and the next run mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.mortal import MortalOnS3
from tests.proofs.nightly import Tell, kill_at_each_change, kill_at_random
from tests.proofs.places import Place

pytestmark = pytest.mark.server


@pytest.mark.slow(seconds=450)
def test_builds_killed_at_random_moments_lose_nothing(bucket: Place, tmp_path: Path, seed: int, tell: Tell) -> None:
    kill_at_random(bucket, tmp_path, seed, 100, MortalOnS3(tmp_path / "trace"), tell)


@pytest.mark.slow(seconds=170)
def test_builds_killed_before_and_after_each_write_lose_nothing(
    bucket: Place, tmp_path: Path, seed: int, tell: Tell
) -> None:
    kill_at_each_change(bucket, tmp_path, seed, MortalOnS3(tmp_path / "trace"), tell)
