"""A store of the benchmark that is found by the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.store import environment


@pytest.fixture
def s3_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have S3 be at an endpoint, for this test alone: stores that are open keep what they once found in the environment."""
    # Loaded where a test asks for it: it takes long.
    from s3fs import S3FileSystem

    from labelbeam.transforms.stores.remote.s3 import S3

    def forget() -> None:
        for store in (S3FileSystem, S3):
            store.clear_instance_cache()

    def point(endpoint: str) -> None:
        for name, value in environment(endpoint).items():
            monkeypatch.setenv(name, value)

    forget()
    yield point
    forget()
