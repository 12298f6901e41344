"""`labelbeam clean`: what it tells, and what it leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.commands import clean as module
from labelbeam.transforms.builds.clean import Cleaned, Leftovers
from tests.end_to_end.builds import labelbeam


def test_the_command_tells_what_it_leaves_and_changes_nothing_in_a_directory_that_is_no_output(tmp_path: Path) -> None:
    for name in ("builds/1/log", "unfinished/novel/ch1.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "builds/empty").mkdir()
    (tmp_path / "builds/a\x1b[31mb").mkdir()
    before = {str(path): os.stat(path).st_mtime_ns for path in tmp_path.rglob("*")}
    answer = labelbeam("clean", tmp_path)
    assert answer.status == 0
    assert "left: builds/1, which no build is known to have written" in answer.err
    assert "left: unfinished/novel" in answer.err
    assert "\x1b" not in answer.err
    assert {str(path): os.stat(path).st_mtime_ns for path in tmp_path.rglob("*")} == before


def cleaned(dry_run: bool = False, busy: str | None = None, **found: Any) -> Cleaned:
    fields: dict[str, Any] = {
        "current": "c",
        "kept": ["c"],
        "old": [],
        "unfinished": [],
        "temporaries": [],
        "foreign": [],
    }
    return Cleaned(Leftovers(**fields | found), dry_run, busy)


def told(answer: Cleaned, capsys: pytest.CaptureFixture[str]) -> list[str]:
    module._print(answer)
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_each_build_that_goes_is_named_and_files_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"old": ["a"], "unfinished": ["b"], "temporaries": ["x", "y"], "receipts": ["c"]}
    assert told(cleaned(**found), capsys) == [
        "removed: old build a",
        "removed: unfinished build b",
        "removed: 2 files that were never finished",
        "removed: receipts that 1 finished build had left",
        "kept: 1 build, current: c",
    ]
    assert "nothing to remove" not in told(cleaned(receipts=["c"]), capsys)
    assert told(cleaned(True, **found), capsys)[0] == "would be removed: old build a"


def test_of_very_many_strangers_some_are_named_and_no_name_steers_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = told(
        cleaned(foreign=["\x1b[2J", *map(str, range(module.FOREIGN_SHOWN + 4))], busy="somebody builds"), capsys
    )
    assert lines[0] == "left: \\x1b[2J, which no build is known to have written"
    assert lines[module.FOREIGN_SHOWN : -1] == [
        "left: 5 more such files and directories",
        "somebody builds. Unfinished builds and files were left alone",
        "nothing to remove",
    ]


def test_the_answer_for_scripts_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    module._print_json(cleaned(True, old=["a"]))
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["current"], answer["old"], answer["busy"]) == ("dry run", "c", ["a"], None)
