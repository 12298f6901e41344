"""The tutorial of the README: its commands are run, and what it shows of the build is what came of them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from tests.end_to_end.test_parquet_queries import OBJECTS_PER_LABEL, WIDE_BOXES_PANDAS
from tests.pages import ROOT, blocks, the_block

RUNNER = """
import contextlib, io, json, shlex, sys
from labelbeam.pipelines.cli import main

ended = []
for line in json.loads(sys.argv[1]):
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(out):
        status = main(shlex.split(line)[1:])
    ended.append([line, status, out.buffer.getvalue().decode()])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(ended, file)
"""

SAME_IN_PROCESSES = "labelbeam convert parts.yaml --output published/same --direct_num_workers=2"


class Tutorial(NamedTuple):
    """Where the tutorial was run, and for each of its commands the status and what it wrote to stdout."""

    folder: Path
    ended: list[tuple[str, int, str]]

    def build(self, name: str) -> Path:
        output = self.folder / "published" / name
        return output / "builds" / json.loads((output / "latest.json").read_text())["build"]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """The README's commands, run in an empty directory and in the order of the page; in one process, to load Beam once."""
    folder = tmp_path_factory.mktemp("tutorial")
    lines: list[str] = []
    for block in blocks("README.md"):
        if block.mark.startswith("file: "):
            folder.joinpath(block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        if block.mark == "run" and block.language == "bash":
            lines += block.text.splitlines()
    assert len(lines) > 4 and all(shlex.split(line)[0] == "labelbeam" for line in lines)
    results = folder / "ended.json"
    ran = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps([*lines, SAME_IN_PROCESSES]), results],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return Tutorial(folder, json.loads(results.read_text()))


def test_every_command_of_the_tutorial_succeeds(tutorial: Tutorial) -> None:
    assert {line: status for line, status, _ in tutorial.ended if status} == {}


def test_a_second_run_of_the_tutorials_build_finds_nothing_changed(tutorial: Tutorial) -> None:
    (answer,) = (json.loads(out) for line, _, out in tutorial.ended if "--if-changed" in line)
    assert answer["status"] == "unchanged"


def test_the_tutorials_build_has_the_files_that_the_readme_shows(tutorial: Tutorial) -> None:
    shown: list[str] = []
    folders: list[str] = []
    for line in the_block("tree of published/parts").splitlines()[1:]:
        name = line.split()[0]
        folders = [*folders[: (len(line) - len(line.lstrip())) // 2 - 1], name]
        if not name.endswith("/"):
            shown.append("".join(folders))
    output = tutorial.folder / "published" / "parts"
    build = tutorial.build("parts").name
    files = [file.relative_to(output).as_posix() for file in output.rglob("*") if file.is_file()]
    assert sorted(shown) == sorted(file.replace(build, "BUILD") for file in files)


def test_the_first_record_of_the_tutorial_is_the_one_that_the_readme_shows(tutorial: Tutorial) -> None:
    first = tutorial.build("parts").joinpath("train/train-00000-of-00001.jsonl").read_text().splitlines()[0]
    assert json.loads(the_block("record of published/parts")) == json.loads(first)


def test_worker_processes_change_no_byte_of_the_tutorials_build(tutorial: Tutorial) -> None:
    alone, together = (
        {path.relative_to(build).as_posix(): path.read_bytes() for path in build.rglob("*-of-*")}
        for build in map(tutorial.build, ("parts", "same"))
    )
    assert len(alone) == 5 and alone == together


@pytest.fixture
def labels(tutorial: Tutorial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The labels of the tutorial's training images; its build is called `built` in the working directory."""
    build = tutorial.build("parts")
    tmp_path.joinpath("built").symlink_to(build)
    monkeypatch.chdir(tmp_path)
    lines = [line for file in build.glob("train/*.jsonl") for line in file.read_text().splitlines()]
    return [label for line in lines for label in json.loads(line)["label"]]


def test_the_sql_query_counts_what_the_json_lines_hold(labels: list[dict[str, Any]]) -> None:
    (query,) = (block.text for block in blocks("README.md") if block.language == "sql")
    assert query == OBJECTS_PER_LABEL
    with duckdb.connect() as connection:
        rows = connection.sql(query).fetchall()
    assert dict(rows) == Counter(label["label"] for label in labels)


def test_the_python_query_finds_what_the_json_lines_hold(labels: list[dict[str, Any]]) -> None:
    (query,) = (block.text for block in blocks("README.md") if block.language == "python")
    assert query == WIDE_BOXES_PANDAS
    # No part of the demo is that wide, and `labels` are those of one split.
    query = query.replace("> 0.5", "> 0.2").replace('"*.parquet"', '"train-*.parquet"')
    variables: dict[str, Any] = {}
    exec(compile(query, "README.md", "exec"), variables)
    wide = [label for label in labels if label["bottomX"] - label["topX"] > 0.2]
    assert len(variables["wide"]) == len(wide) > 0
