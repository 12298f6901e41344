"""The list of ways out: what each is called, which tasks it takes, and that all pages and help name all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labelbeam.pipelines.cli import main
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.export.registry import EXPORTERS

PAGE = Path(__file__).parents[3] / "docs/export.md"


def test_each_way_out_stands_under_its_own_name_and_takes_tasks_that_there_are() -> None:
    assert list(EXPORTERS) == ["coco", "yolo", "voc", "huggingface", "webdataset", "croissant", "csv"]
    for name, exporter in EXPORTERS.items():
        assert exporter.name == name
        assert exporter.tasks and set(exporter.tasks) <= set(TASKS)


def test_every_task_has_a_way_out_with_images() -> None:
    for task in TASKS:
        assert any(task in exporter.tasks and exporter.images != "none" for exporter in EXPORTERS.values()), task


def test_the_page_of_exports_has_a_row_for_each_with_its_tasks_and_copies() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.M)
    rows = [row for row in rows if row[0] in EXPORTERS]
    assert [name for name, _, _ in rows] == list(EXPORTERS)
    for name, tasks, copies in rows:
        assert (tasks == "all four") == (list(EXPORTERS[name].tasks) == list(TASKS))
        assert (copies == "none") == (EXPORTERS[name].images == "none")


def test_the_help_of_the_command_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--help"]) == 0
    *others, last = EXPORTERS
    assert f"{', '.join(others)} or {last}" in " ".join(capsys.readouterr().out.split())
