"""Parcels come back as they were sent, from the bytes themselves or from a file of another process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.parcels import parcel_sum, spill_into, unwrap, wrap


@pytest.fixture
def spilled(tmp_path: Path) -> Iterator[Path]:
    """The file into which this process leaves what it hands on."""
    spill_into(tmp_path / "a b")
    yield tmp_path / "a b"
    assert parcels._spill is not None
    parcels._spill.close()
    parcels._spill = None


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_parcel_of_bytes_comes_back_as_it_was_sent(data: bytes, times: int) -> None:
    assert unwrap(wrap(data * times)) == data * times


def test_parcels_of_a_file_are_references_and_come_back_in_any_order(spilled: Path) -> None:
    sent = [b"one", b"", b"x" * 100_000, b"last"]
    wrapped = [wrap(data) for data in sent]
    assert all(len(parcel) < 300 for parcel in wrapped)
    assert [unwrap(parcel) for parcel in wrapped[::-1]] == sent[::-1]
    assert spilled.stat().st_size == sum(map(len, sent))


def test_a_file_that_is_gone_or_cut_is_told_of(spilled: Path) -> None:
    parcel = wrap(b"x" * 100)
    spilled.write_bytes(b"x" * 50)
    with pytest.raises(LabelBeamError, match="expected 100 bytes from 0 on, found 50"):
        unwrap(parcel)
    spilled.unlink()
    with pytest.raises(
        LabelBeamError, match="cannot be read back: No such file or directory; was the temporary directory cleaned"
    ):
        unwrap(parcel)


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    spill_into(Path("/dev/full"))
    try:
        with pytest.raises(
            LabelBeamError, match="No space left on device; worker processes need about as much temporary space"
        ):
            wrap(b"x")
    finally:
        assert parcels._spill is not None
        with contextlib.suppress(OSError):
            parcels._spill.close()
        parcels._spill = None


@given(st.lists(st.binary(max_size=5), max_size=6), st.randoms())
def test_a_sum_tells_what_arrived_in_any_order(items: list[bytes], chance: st.DrawFn) -> None:
    shuffled = list(items)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert parcel_sum(shuffled) == parcel_sum(items)
    assert parcel_sum([*items, b"one more"]) != parcel_sum(items)
    if items:
        assert parcel_sum(items[1:]) != parcel_sum(items)
        assert parcel_sum([items[0] + b"x", *items[1:]]) != parcel_sum(items)


def test_two_parcels_are_not_one_of_the_same_sum() -> None:
    assert parcel_sum([b"a", b"a"]) != parcel_sum([b"a"]) * 2 - 1
    assert parcel_sum([b"", b""]) == 2 * parcel_sum([b""]) > 0
