"""A format is one module: with `lines_format.py` in the registry, everything that a format needs works."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from labelbeam.transforms.formats.registry import FORMATS
from tests.one_process import Runs, run_in_one

LINES = (
    "train/1.jpg 100 80 cat 10,20,30,40\n"
    "train/1.jpg 100 80 dog 0,0,50,80\n"
    "val/2.jpg 100 80 cat 11,20,30,40\n"
    "val/2.jpg 100 80 cat 11,twenty,30,40\n"
)


TASK = "image_object_detection"

CONFIG = """
task: image_object_detection
source: raw
output: yaml
image_url: https://x/
format: lines
lines_unit: half
"""


def build(output: str, *options: str) -> list[str]:
    return ["convert", "--task", TASK, "--source", "raw", "--output", output, "--image-url", "https://x/", *options]


COMMANDS = {
    "plain": build("plain"),
    "half": build("half", "--format", "lines", "--lines-unit", "half"),
    "yaml": ["convert", "a.yaml"],
    "workers": build("workers", "--direct_num_workers=2"),
    "inspect": ["inspect", "raw"],
    "help": ["convert", "--help"],
    "schema": ["schema", "config"],
    "row": ["row"],
    "no output": ["convert", "--task", TASK, "--source", "raw", "--lines-unit", "x"],
    "no unit": ["inspect", "raw", "--lines-unit", "x"],
    "no task": ["convert", "--task", "image_instance_segmentation", "--source", "raw", "--output", "none"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All of these commands, by a registry that has the format."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "raw").mkdir()
    (folder / "raw/boxes.lines").write_text(LINES)
    (folder / "a.yaml").write_text(CONFIG)
    found = run_in_one(COMMANDS, folder, "tests.transforms.formats.lines_format")
    statuses = {name: ended.status for name, ended in found.ended.items()}
    assert statuses == {name: 2 if name.startswith("no ") else 0 for name in COMMANDS}, found.ended
    return found


def built(runs: Runs, name: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The manifest and the records of a build."""
    output = runs.folder / name
    pointer = json.loads((output / "latest.json").read_bytes())
    manifest = json.loads((output / pointer["manifest"]).read_bytes())
    root = (output / pointer["manifest"]).parent
    records = {
        split: [json.loads(line) for file in part["files"] for line in (root / file["path"]).read_bytes().splitlines()]
        for split, part in manifest["splits"].items()
    }
    return manifest, records


def test_it_is_recognised_read_split_counted_and_doubted(runs: Runs) -> None:
    manifest, records = built(runs, "plain")
    assert manifest["source"]["format"] == "lines"
    assert manifest["source"]["recognised"] == "found boxes.lines"
    assert {split: [line["image_url"] for line in lines] for split, lines in records.items()} == {
        "train": ["https://x/train/1.jpg"],
        "validation": ["https://x/val/2.jpg"],
    }
    assert [round(records["train"][0]["label"][1][key], 6) for key in ("bottomX", "bottomY")] == [0.5, 1.0]
    assert manifest["counts"]["objects"] == {"found": 4, "written": 3, "rejected": 1, "skipped": 0}
    assert manifest["rejected_by_reason"] == {"invalid_bbox": 1}
    assert [(doubt["count"], doubt["option"]) for doubt in manifest["doubts"]] == [(1, "--lines-unit")]
    assert "1 coordinates are odd" in runs.ended["plain"].err


@pytest.mark.parametrize("name", ["half", "yaml"])
def test_it_is_asked_for_by_name_and_its_option_is_a_flag_and_a_key(runs: Runs, name: str) -> None:
    _, records = built(runs, name)
    assert records["train"][0]["label"][1]["bottomX"] == 0.25
    assert runs.ended["inspect"].err.count("found boxes.lines") == 1


def test_it_works_in_worker_processes(runs: Runs) -> None:
    manifest, records = built(runs, "workers")
    assert manifest["counts"]["objects"]["written"] == 3
    assert records == built(runs, "plain")[1]


def test_help_schema_errors_and_the_table_of_the_readme_know_it(runs: Runs) -> None:
    text = runs.ended["help"].out
    assert "--lines-unit {pixel,half}" in text
    assert f"{{auto,{','.join(FORMATS)},lines}}" in re.sub(r"\s", "", text)
    config = json.loads(runs.ended["schema"].out)["$defs"]["ConvertConfig"]["properties"]
    assert config["lines_unit"]["enum"] == ["half", "pixel"]
    assert "lines" in config["format"]["enum"]
    assert runs.ended["row"].out.strip() == "| Lines | no | no | yes: an object a line | no |"
    assert "--output" in runs.ended["no output"].err
    assert "--lines-unit: found 'x', expected one of pixel, half" in runs.ended["no unit"].err


def test_a_task_that_it_does_not_serve_is_refused(runs: Runs) -> None:
    said = runs.ended["no task"].err
    assert "lines" in said
    assert TASK in said
