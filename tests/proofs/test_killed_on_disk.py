"""Builds on local files, killed at any moment while somebody reads: nothing half done is seen, and the next run mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.conftest import moments
from tests.proofs.mortal import MortalOnDisk
from tests.proofs.nightly import Tell, kill_at_each_change, kill_at_random
from tests.proofs.places import Place


@pytest.mark.slow(seconds=25)
def test_builds_killed_at_random_moments_lose_nothing(disk: Place, tmp_path: Path, seed: int, tell: Tell) -> None:
    kill_at_random(disk, tmp_path, seed, moments(40), MortalOnDisk(tmp_path / "trace", root=disk.path), tell)


@pytest.mark.slow(seconds=25)
def test_builds_killed_at_each_change_of_the_disk_lose_nothing(
    disk: Place, tmp_path: Path, seed: int, tell: Tell
) -> None:
    kill_at_each_change(disk, tmp_path, seed, MortalOnDisk(tmp_path / "trace", root=disk.path), tell)
