"""Archives compressed with gzip, read at any place and in any order, and those that are damaged."""

from __future__ import annotations

import gzip
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives import gzipped as module
from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed
from labelbeam.transforms.stores.archives.gzipped import GzipPacked

DATA = random.Random(1).randbytes(150_000) + bytes(200_000) + b"".join(b"%d " % n for n in range(40_000))


def packed(folder: Path, data: bytes) -> GzipPacked:
    path = folder / "a.tar.gz"
    path.write_bytes(data)
    return GzipPacked(Packed(LocalFileSystem(), str(path), "a.tar.gz"))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """States that are kept so often, and so few, that all that there is to thin them out happens."""
    monkeypatch.setattr(module, "BLOCK", 10_000)
    monkeypatch.setattr(module, "MOST_STATES", 8)
    monkeypatch.setattr(module, "_STEP", 3_000)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(DATA),
        gzip.compress(DATA[:170_000]) + gzip.compress(b"") + gzip.compress(DATA[170_000:]),
        gzip.compress(DATA) + bytes(5_000),
        gzip.compress(DATA) + b"something else",
    ],
)
def test_any_range_is_that_of_what_was_packed(data: bytes, tmp_path: Path) -> None:
    found = packed(tmp_path, data)
    assert found.look() and not found.look()
    assert found.size == len(DATA)
    assert len(found._states) <= 8
    places = random.Random(2)
    ranges = [(start, min(len(DATA), start + places.randrange(9_000))) for start in places.sample(range(len(DATA)), 60)]
    ranges += [(0, len(DATA)), (0, 0), (len(DATA) - 1, len(DATA))]
    for start, end in ranges:
        assert found.read(start, end) == DATA[start:end]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda part: found.read(*part) == DATA[part[0] : part[1]], ranges))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(DATA)[:-5], "ends early"),
        (gzip.compress(DATA)[:100_000] + b"x" * 50 + gzip.compress(DATA)[100_050:], "is damaged"),
        (gzip.compress(DATA)[:5], "ends early"),
    ],
)
def test_one_that_is_cut_or_damaged_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=words):
        packed(tmp_path, data).look()


def test_what_is_no_gzip_unpacks_to_nothing(tmp_path: Path) -> None:
    found = packed(tmp_path, b"no gzip")
    found.look()
    assert found.size == 0


def test_one_that_was_changed_is_unpacked_anew(tmp_path: Path) -> None:
    found = packed(tmp_path, gzip.compress(b"one"))
    found.look()
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"another"))
    assert found.look()
    assert found.read(0, 7) == b"another"
