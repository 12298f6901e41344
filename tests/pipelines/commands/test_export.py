"""`labelbeam export`: what a person and a script are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from labelbeam.transforms.export.exporter import LOST_TEXTS, Lost
from labelbeam.transforms.export.registry import EXPORTERS
from tests.end_to_end.builds import REPOSITORY, labelbeam
from tests.transforms.export.published import BUILD, DETECTION, box, publish, record


def test_the_help_and_the_page_name_all_formats_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    shown = labelbeam("export", "--help").out
    assert f"{', '.join([*EXPORTERS][:-1])} or {[*EXPORTERS][-1]}" in re.sub(r"\s+", " ", shown)
    page = REPOSITORY.joinpath("docs/export.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \| [a-z]", page.partition("## What a format")[0], re.MULTILINE) == [*EXPORTERS]
    told = page.partition("## What a format")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE) == [*Lost] == [*LOST_TEXTS]


def test_the_summary_says_what_was_written_and_what_the_format_does_not_hold(tmp_path: Path) -> None:
    output = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [box("a", 0, 0, 1, 1, 1)])]]})
    answer = labelbeam("export", output, "--to", "yolo", tmp_path / "out", "--json")
    assert (answer.status, json.loads(answer.out)) == (
        0,
        {
            "status": "exported",
            "format": "yolo",
            "build": BUILD,
            "dest": f"file://{tmp_path}/out",
            "splits": {"train": {"images": 1, "objects": 1}},
            "files": 4,
            "copied": 0,
            "not_held": {"crowds": 1},
        },
    )
    told = labelbeam("export", output, "--to", "csv", tmp_path / "other")
    assert told.out == ""
    assert f"wrote build {BUILD} as csv" in told.err and "1 image, 1 object" in told.err


@pytest.mark.parametrize("name", ["supervisely", "COCO"])
def test_a_format_that_is_not_there_is_a_wrong_option(name: str, tmp_path: Path) -> None:
    answer = labelbeam("export", tmp_path / "published", "--to", name, tmp_path / "out")
    assert (
        answer.status == 2 and "expected one of coco, yolo, voc, huggingface, webdataset, croissant, csv" in answer.err
    )
