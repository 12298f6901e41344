"""The names that a TAR begins with, whatever is wrong further on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.shards.first_names import MOST_NAMES, first_names
from tests.transforms.stores.archives_made import tarred

NAMES = [f"a/{number:03}.jpg" for number in range(100)]
DATA = tarred({f"./{name}" if not number else name: b"x" for number, name in enumerate(NAMES)})


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (DATA, MOST_NAMES),
        (gzip.compress(DATA), MOST_NAMES),
        (DATA[:5000], 5),
        (gzip.compress(DATA)[:200], None),
        (gzip.compress(b"no TAR"), 0),
        (b"no TAR" * 200, 0),
        (b"", 0),
    ],
)
def test_names_are_those_of_the_first_headers(data: bytes, count: int | None, tmp_path: Path, memory: str) -> None:
    (tmp_path / "x").write_bytes(data)
    store = locate(memory, {}).below("x")
    store.fs.pipe_file(store.path, data)
    for place in (locate(str(tmp_path / "x"), {}), store):
        found = first_names(place)
        assert found == NAMES[: len(found)]
        assert count is None or len(found) == count
