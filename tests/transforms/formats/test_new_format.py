"""A format is one module: with `lines_format.py` in the registry, everything that a format needs works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

LINES = (
    "train/1.jpg 100 80 cat 10,20,30,40\n"
    "train/1.jpg 100 80 dog 0,0,50,80\n"
    "val/2.jpg 100 80 cat 11,20,30,40\n"
    "val/2.jpg 100 80 cat 11,twenty,30,40\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/boxes.lines").write_text(LINES)
    return tmp_path / "raw"


def run(*arguments: str | Path, status: int = 0) -> tuple[str, str]:
    command = [sys.executable, "-m", "tests.transforms.formats.lines_format", *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == status, ran.stderr
    return ran.stdout, ran.stderr


def build(source: Path, *options: str) -> tuple[dict[str, Any], dict[str, list[Any]], str]:
    output = source.parent / "out"
    task = "image_object_detection"
    _, said = run(
        "convert", "--task", task, "--source", source, "--output", output, "--image-url", "https://x/", *options
    )
    pointer = json.loads((output / "latest.json").read_bytes())
    manifest = json.loads((output / pointer["manifest"]).read_bytes())
    root = (output / pointer["manifest"]).parent
    records = {
        split: [json.loads(line) for file in part["files"] for line in (root / file["path"]).read_bytes().splitlines()]
        for split, part in manifest["splits"].items()
    }
    return manifest, records, said


def test_it_is_recognised_read_split_counted_and_doubted(source: Path) -> None:
    manifest, records, said = build(source)
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
    assert "1 coordinates are odd" in said


def test_it_is_asked_for_by_name_and_its_option_is_a_flag_and_a_key(source: Path) -> None:
    _, records, _ = build(source, "--format", "lines", "--lines-unit", "half")
    assert records["train"][0]["label"][1]["bottomX"] == 0.25
    config = source.parent / "a.yaml"
    config.write_text(
        f"task: image_object_detection\nsource: {source}\noutput: {source.parent / 'yaml'}\n"
        "image_url: https://x/\nformat: lines\nlines_unit: half\n"
    )
    run("convert", config)
    assert run("inspect", source)[1].count("found boxes.lines") == 1


def test_it_works_in_worker_processes(source: Path) -> None:
    assert build(source, "--direct_num_workers=2")[0]["counts"]["objects"]["written"] == 3


def test_help_schema_errors_and_the_table_of_the_readme_know_it(source: Path) -> None:
    text, _ = run("convert", "--help")
    assert "--lines-unit {pixel,half}" in text
    assert "{auto,coco,voc,folder,yolo,lines}" in text.replace("\n", "")
    config = json.loads(run("schema", "config")[0])["$defs"]["ConvertConfig"]["properties"]
    assert config["lines_unit"]["enum"] == ["half", "pixel"]
    assert "lines" in config["format"]["enum"]
    assert run("row")[0].strip() == "| Lines | no | no | yes: an object a line | no |"
    _, said = run("convert", "--task", "image_object_detection", "--source", source, "--lines-unit", "x", status=2)
    assert "--output" in said
    _, said = run("inspect", source, "--lines-unit", "x", status=2)
    assert "--lines-unit: found 'x', expected one of pixel, half" in said


def test_a_task_that_it_does_not_serve_is_refused(source: Path) -> None:
    arguments = ["--task", "image_instance_segmentation", "--source", source, "--output", source.parent / "out"]
    _, said = run("convert", *arguments, status=2)
    assert "lines" in said
    assert "image_object_detection" in said
