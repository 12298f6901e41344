"""Stores that builds are killed on, and what all proofs share."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

pytest.register_assert_rewrite("tests.proofs.places", "tests.proofs.nightly")

from tests.proofs.places import Place  # noqa: E402  # rewritten only if that was asked for before
from tests.servers.stores import S3Store  # noqa: E402


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """An output on local files, still empty."""
    return Place(LocalFileSystem(), str(tmp_path / "output"), str(tmp_path / "output"))


@pytest.fixture
def bucket(s3_store: S3Store) -> Place:
    """An output in an object store, still empty."""
    return Place(s3_store.fs, f"{s3_store.path}/output", s3_store.url("output"), s3_store.environment)


@pytest.fixture(params=["disk", pytest.param("bucket", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of them."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line of figures also where the test passes: they are what a proof is judged by."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {text}", flush=True)

    return line


@pytest.fixture
def seed() -> int:
    """The seed of this run: PROOF_SEED, else a new one, which `tell` prints."""
    return int(os.environ.get("PROOF_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
