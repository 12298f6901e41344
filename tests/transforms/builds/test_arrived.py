"""What the runner lost or repeated between the plan and the receipts."""

from __future__ import annotations

import msgspec
import pytest

from labelbeam.schemas.errors import CountsError
from labelbeam.transforms.builds.arrived import check_told, check_units
from labelbeam.transforms.formats.frames import FRACTIONS, PIXELS
from labelbeam.transforms.formats.reading import Findings, unit_sum
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, told_sum
from labelbeam.transforms.write.work import Report
from tests.transforms.builds.receipts import CONFIG, receipt

FRAMES = {"s": FRACTIONS}


def report(*told: int, units: int = 0, unit_sum: int = 0) -> Report:
    receipts = [receipt(bucket, told=number) for bucket, number in enumerate(told)]
    return Report(receipts, Findings(units=units), unit_sum)


@pytest.mark.parametrize("read", [[0, 1], [0, 1, 2, 2], [0, 1, 1], []])
def test_units_that_were_not_read_or_twice_are_missed(read: list[int]) -> None:
    check_units(report(units=unit_sum([2, 0, 1]), unit_sum=unit_sum(range(3))))
    with pytest.raises(CountsError, match="units of work"):
        check_units(report(units=unit_sum(read), unit_sum=unit_sum(range(3))))


def test_all_buckets_are_written_by_what_the_readers_found() -> None:
    told = told_sum(NOTHING_OF_ALL, FRAMES)
    check_told(report(told, told), FRAMES, CONFIG)
    check_told(report(), FRAMES, CONFIG)
    for frames in ({}, {"s": PIXELS}):
        with pytest.raises(CountsError, match="what the writers were told"):
            check_told(report(told, told_sum(NOTHING_OF_ALL, frames)), FRAMES, CONFIG)
    rarer = msgspec.structs.replace(CONFIG, sample=0.5)
    with pytest.raises(CountsError, match="what the writers were told"):
        check_told(report(told), FRAMES, rarer)


def test_a_bucket_that_was_written_twice_is_told_of() -> None:
    told = told_sum(NOTHING_OF_ALL)
    twice = report(told, told)
    twice.receipts[1].bucket = 0
    with pytest.raises(CountsError, match="bucket 0 was written 2 times"):
        check_told(twice, {}, CONFIG)
