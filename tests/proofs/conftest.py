"""Stores that builds are killed on, and what all proofs share."""

from __future__ import annotations

import math
import os
import random
import time
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

pytest.register_assert_rewrite(
    "tests.proofs.places", "tests.proofs.nightly", "tests.proofs.beside", "tests.proofs.exports"
)

from tests.proofs.nightly import Moments  # noqa: E402
from tests.proofs.places import Place, PlainReads  # noqa: E402  # rewritten only if that was asked for before
from tests.servers.stores import ANYBODY, AZURE_ACCOUNT, AzureStore, Store  # noqa: E402


def moments(part: int) -> Moments:
    """How often a proof that takes moments at random takes one: PROOF_MOMENTS, as `scripts/test --proofs` sets it, else `part`.

    It ends earlier after PROOF_MINUTES of it, if they are given, and tells how far it has come.
    """
    minutes = os.environ.get("PROOF_MINUTES")
    until = time.monotonic() + 60 * float(minutes) if minutes else math.inf
    return Moments(int(os.environ.get("PROOF_MOMENTS", "0")) or part, until)


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """An output on local files, still empty."""
    return Place(LocalFileSystem(), str(tmp_path / "output"), str(tmp_path / "output"))


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Place:
    """An output in an object store, still empty: on S3, or on the one that the test names."""
    return _in_store(request, getattr(request, "param", "s3"))


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest) -> Place:
    """An output on the disk or in S3, or where the test says."""
    if request.param != "disk":
        return _in_store(request, request.param)
    found: Place = request.getfixturevalue("disk")
    return found


def _in_store(request: pytest.FixtureRequest, name: str) -> Place:
    store: Store = request.getfixturevalue(f"{name}_store")
    if isinstance(store, AzureStore):
        fs = PlainReads(store.fs, f"{store.server}/{AZURE_ACCOUNT}", query=store.may_read)
    else:
        fs = PlainReads(store.fs, store.server, ANYBODY)
    return Place(fs, f"{store.path}/output", store.url("output"), store.environment)


@pytest.fixture
def seed() -> int:
    """The seed of this run: PROOF_SEED, else a new one, which `tell` prints."""
    return int(os.environ.get("PROOF_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
