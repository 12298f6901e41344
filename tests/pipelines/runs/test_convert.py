"""How many processes a build is given, without running one; and what is done while they write."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

import labelbeam
from labelbeam.pipelines.runs import convert
from labelbeam.pipelines.runs.convert import FEW, SMALL, _worker_count
from labelbeam.transforms.workers.pool import default_count


class Planned:
    """A plan of so much work."""

    def __init__(self, work: int, in_bytes: bool) -> None:
        self.work, self.in_bytes = work, in_bytes


@pytest.mark.parametrize(
    ("work", "in_bytes", "flags", "count"),
    [
        (SMALL, True, [], 0),
        (SMALL + 1, True, [], default_count()),
        (FEW, False, [], 0),
        (FEW + 1, False, [], default_count()),
        (0, True, ["--direct_num_workers=3"], 3),
        (0, True, ["--direct_num_workers=0"], default_count()),
        (10**12, True, ["--direct_running_mode=multi_processing"], 0),
        (10**12, True, ["--direct_running_mode=in_memory"], default_count()),
        (10**12, True, ["--runner=FlinkRunner"], 0),
    ],
)
def test_processes_are_for_much_work_on_the_in_process_runner(
    work: int, in_bytes: bool, flags: list[str], count: int
) -> None:
    assert _worker_count(Planned(work, in_bytes), flags) == count  # type: ignore[arg-type]


def test_the_report_is_prepared_while_workers_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "data" / "cat" / "1.jpg")
    prepared = threading.Event()
    monkeypatch.setattr(convert, "_prepare_report", prepared.set)
    labelbeam.convert(
        task="image_classification",
        source=str(tmp_path / "data"),
        output=str(tmp_path / "out"),
        image_url="https://h/",
        beam_options=["--direct_num_workers=2"],
    )
    assert prepared.wait(20)
