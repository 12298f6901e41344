"""The Beam side of writing, without a pipeline: what is called for a bucket, and the report of all receipts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.format import Coco
from labelbeam.transforms.formats.frames import PIXELS
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.write.transform import _Collect, _WriteShard
from labelbeam.transforms.write.whole import NOTHING_OF_ALL
from labelbeam.transforms.write.work import Report, write_shard
from tests.transforms.builds.receipts import receipt
from tests.transforms.unit_runs import shard_options


class Refusing(Coco):
    """A format whose evidence contradicts itself."""

    def frames(self, *_: Any) -> Any:
        raise UsageError("two frames")


class Framed(Coco):
    def frames(self, *_: Any) -> Any:
        return {"s": PIXELS}


def test_a_bucket_is_written_with_the_frames_that_all_evidence_decides(tmp_path: Path) -> None:
    options = shard_options(None, tmp_path, format=Framed())
    group = (3, iter([b"a", b"b"]))
    assert _WriteShard(options).call(group, (None, Findings()), None) == (
        write_shard,
        options,
        3,
        [b"a", b"b"],
        {"s": PIXELS},
        NOTHING_OF_ALL,
    )
    assert _WriteShard(options).size(group) == 1


def test_nothing_is_written_of_a_wrong_plan_or_of_two_frames(tmp_path: Path) -> None:
    group = (0, [b"a"])
    assert _WriteShard(shard_options(None, tmp_path)).call(group, (None, Findings(unsafe=["d.json"])), None) is None
    assert _WriteShard(shard_options(None, tmp_path, format=Refusing())).call(group, (None, Findings()), None) is None


def test_receipts_are_reported_in_the_order_of_buckets(tmp_path: Path) -> None:
    options = dataclasses.replace(shard_options(None, tmp_path), report=str(tmp_path / "report.json"))
    encoded = [data for bucket in (2, 0, 1) for data in _WriteShard(options).outputs(None, receipt(bucket))]
    _Collect(options).process(None, encoded, (None, Findings(records=7)))
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert [item.bucket for item in report.receipts] == [0, 1, 2]
    assert report.findings.records == 7
