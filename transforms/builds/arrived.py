"""Check that all that was planned was read, and each bucket written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import CountsError
from labelbeam.schemas.label_map import label_map
from labelbeam.transforms.formats.frames import Frame
from labelbeam.transforms.write.whole import told_sum, whole_source
from labelbeam.transforms.write.work import Report

_AGAIN = "nothing was published. Run again, on the in-process runner if it happens twice, and report it"


def check_units(report: Report) -> None:
    """Make sure that each unit of the plan was read once.

    Raises:
        CountsError: one was not, or twice.
    """
    if report.findings.units != report.unit_sum:
        raise CountsError(
            f"the units of work that were read are not those that were planned: the runner lost or repeated some; {_AGAIN}"
        )


def check_told(report: Report, frames: Mapping[str, Frame], config: ConvertConfig) -> None:
    """Make sure that no bucket was written twice, and each by what all readers found: by `frames`, and what the options ask to be known.

    Raises:
        CountsError: one was written twice, or by something else.
    """
    written = Counter(receipt.bucket for receipt in report.receipts)
    bucket, times = max(written.items(), key=lambda item: item[1], default=(0, 0))
    if times > 1:
        raise CountsError(f"bucket {bucket} was written {times} times: the runner parted or repeated it; {_AGAIN}")
    told = told_sum(whole_source(report.findings, label_map(config), config.sample), frames)
    if any(receipt.told != told for receipt in report.receipts):
        raise CountsError(f"what the readers found is not what the writers were told: the runner lost some; {_AGAIN}")
