"""The command: quick answers to a wrong command line, exit statuses, who writes to stdout, and how a run is interrupted."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.command_line.options import FIELDS, GROUPS, flag
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.errors import LabelBeamError
from tests.pipelines.conftest import COCO

if TYPE_CHECKING:
    from tests.one_process import Runs

pytestmark = pytest.mark.xdist_group("runs")

DETECTION = ["--task", "image_object_detection", "--source", "a.json", "--output", "built"]

WRONG = {
    "found no command": [],
    "found 'convrt', expected one of convert, inspect,": ["convrt"],
    "did you mean convert?": ["convrt"],
    "unknown option --vesion; did you mean --version?": ["--vesion"],
    "unknown option --tsak; did you mean --task?": ["convert", "--tsak", "image_classification"],
    "unknown option --check_images; did you mean --check-images?": ["convert", "--check_images=none"],
    "unknown option --runer; did you mean --runner?": ["convert", *DETECTION, "--runer=FlinkRunner"],
    "unknown option --flink-master; did you mean --flink_master?": ["convert", *DETECTION, "--flink-master", "x"],
    "unknown option --nonsense; see labelbeam convert --help": ["convert", *DETECTION, "--nonsense"],
    "unknown option --runner; see labelbeam verify --help": ["verify", "built", "--runner=FlinkRunner"],
    "unknown option --output; see labelbeam inspect --help": ["inspect", "a.json", "--output=b"],
    "unknown option --accept-change; see labelbeam inspect --help": ["inspect", "a.json", "--accept-change"],
    "--task: found 'x', expected one of image_classification,": ["convert", *DETECTION, "--task", "x"],
    "--shards: found 'many', expected a whole number from 1": ["convert", *DETECTION, "--shards", "many"],
    "--split: the share of train is 2": ["convert", *DETECTION, "--split", "train=2"],
    "--task: found no value, expected one; see labelbeam convert --help": ["convert", "--task"],
    "--json: found a value, expected none; see labelbeam convert --help": ["convert", "--json=yes"],
    "--runner: found no value, expected one": ["convert", *DETECTION, "--runner"],
    "--runner: found 'Flunk', expected one of DirectRunner,": ["convert", *DETECTION, "--runner", "Flunk"],
    "--num_workers: found 'x', expected a whole number": ["convert", *DETECTION, "--num_workers", "x"],
    "--runner=DaskRunner: refused:": ["convert", *DETECTION, "--runner", "DaskRunner"],
    "--direct_running_mode=multi_threading: refused:": ["convert", *DETECTION, "--direct_running_mode=multi_threading"],
    "--experiments=data_buffer_time_limit_ms=9: refused:": [
        *("convert", *DETECTION, "--experiments", "data_buffer_time_limit_ms=9")
    ],
    "missing: --source, --output; see labelbeam convert --help": ["convert", "--task", "image_classification"],
    "missing: SOURCE; see labelbeam inspect --help": ["inspect"],
    "missing: OUTPUT; see labelbeam verify --help": ["verify"],
    "missing.yaml: cannot be read: No such file or directory": ["convert", "missing.yaml"],
    "found 'b.yaml' where no further argument is expected": ["convert", "a.yaml", "b.yaml"],
    "found 'x' after --, expected options of the runner": ["convert", *DETECTION, "--", "x"],
    "found 'box', expected one of image_classification,": ["schema", "box"],
    "--storage-options: found text that is not JSON": ["convert", *DETECTION, "--storage-options", "{az: {}}"],
}
"""What is said, and to what; all of it is exit status 2."""

QUICK = """
import contextlib, io, json, sys
from labelbeam.pipelines.cli import main

answers = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(arguments)
    answers.append([status, out.getvalue(), err.getvalue()])
loaded = [name for name in ("apache_beam", "numpy", "pyarrow", "pandas", "rich", "fsspec", "PIL") if name in sys.modules]
print(json.dumps([answers, loaded]))
"""


def quick(commands: list[list[str]], folder: Path) -> tuple[list[list[Any]], list[str]]:
    """What `commands` answer, and which of the heavy packages were loaded for it."""
    run = subprocess.run(
        [sys.executable, "-c", QUICK, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    answers, loaded = json.loads(run.stdout)
    return answers, loaded


def test_a_wrong_command_line_is_answered_in_words_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("task: image_classification")
    answers, loaded = quick(list(WRONG.values()), tmp_path)
    assert loaded == []
    for (message, command), (status, out, err) in zip(WRONG.items(), answers, strict=True):
        assert (status, out) == (2, ""), command
        last = err.splitlines()[-1]
        assert last.startswith("labelbeam"), command
        assert message in last, command
        assert "Traceback" not in err
        if command:
            assert err.count("\n") == 1, command


def test_help_and_version_are_answered_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    commands = ["convert", "inspect", "verify", "schema", "demo"]
    asked = [["--version"], ["--help"], *([name, "--help"] for name in commands), ["schema", "config"]]
    answers, loaded = quick(asked, tmp_path)
    assert loaded == []
    assert {(status, err) for status, _, err in answers} == {(0, "")}
    version, overview, *pages, _ = (out for _, out, _ in answers)
    assert version == f"labelbeam {VERSION}\n"
    for name, page in zip(commands, pages, strict=True):
        assert f"\n    {name} " in overview
        assert page.startswith(f"usage: labelbeam {name}")
        assert "exit status:" in page
    assert max(len(line) for page in (overview, *pages) for line in page.splitlines()) <= 80


def test_the_help_of_convert_is_complete_and_tells_of_beam(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--help"]) == 0
    text = capsys.readouterr().out
    for title in (*GROUPS, "examples", "environment"):
        assert f"\n{title}:\n" in text
    for name in FIELDS:
        assert f"\n  {flag(name)}" in text
    assert "--runner=FlinkRunner" in text
    assert "LABELBEAM_DEBUG=1" in text


def test_help_keeps_to_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["inspect", "--help"]) == 0
    options = capsys.readouterr().out.partition("exit status:")[0].partition("\ndataset:")[2]
    assert max(map(len, options.splitlines())) <= 60


def test_a_value_of_a_beam_option_is_not_taken_for_the_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "labelbeam.yaml"
    config.write_text("task: image_classification\nshards: few")
    assert main(["convert", "--runner", "flink", "--streaming", str(config), "--source=a", "--output=b"]) == 2
    assert f"{config}: shards: found 'few'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "--storage-options", "{az:", "{account_key:", "hunter2secret}}"],
        ["convert", "hunter2secret}}", "--storage-options", "{az:{account_key:"],
        ["verify", "built", "--storage-options", '{"az": {"account_key": "hunter2secret"}'],
        ["inspect", "x://y", "--storage-options", '{"x": {"account_key": "hunter2secret"}}'],
        ["inspect", "x://me:hunter2secret@host/y"],
        ["convert", "--storage-option", '{"az": {"account_key": "hunter2secret"}}'],
    ],
)
def test_a_secret_is_never_repeated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) != 0
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    assert err.startswith("labelbeam ")


def test_a_secret_that_a_store_repeats_is_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> NoReturn:
        raise LabelBeamError("az: not accepted: hunter2secret")

    monkeypatch.setattr("labelbeam.pipelines.runs.convert.convert", fail)
    options = '{"az": {"account_key": "hunter2secret"}}'
    assert main(["convert", *DETECTION, "--storage-options", options]) == 1
    assert capsys.readouterr().err == "labelbeam convert: az: not accepted: ***\n"


def test_what_a_library_prints_does_not_reach_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chatter(*_: Any) -> SimpleNamespace:
        print("thank you for using this library")
        return SimpleNamespace(refusal="")

    monkeypatch.setattr("labelbeam.pipelines.runs.convert.convert", chatter)
    monkeypatch.setattr("labelbeam.pipelines.runs.summary.as_json", lambda *_: {"status": "published"})
    assert main(["convert", *DETECTION, "--json"]) == 0
    assert capsys.readouterr() == ('{"status":"published"}\n', "thank you for using this library\n")


def test_a_traceback_is_shown_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: Any) -> NoReturn:
        raise KeyError("width")

    monkeypatch.setattr("labelbeam.pipelines.runs.convert.convert", fail)
    assert main(["convert", *DETECTION]) == 1
    err = capsys.readouterr().err
    assert err.startswith("labelbeam convert: KeyError: 'width' (at ")
    assert err.count("\n") == 1
    monkeypatch.setenv("LABELBEAM_DEBUG", "1")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
    assert main(["convert", *DETECTION]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_stdout_stays_empty_unless_json_is_asked_for(runs: Runs) -> None:
    assert runs.noise == ""
    for name, ended in runs.ended.items():
        if "json" not in name:
            assert ended.out == "", name
        assert "Traceback" not in ended.err, name
        assert "apitools" not in ended.err, name


@pytest.mark.parametrize(
    ("name", "status"), [("json", "published"), ("unchanged json", "unchanged"), ("inspect json", "inspected")]
)
def test_json_is_one_object_alone_on_stdout(runs: Runs, name: str, status: str) -> None:
    ended = runs.ended[name]
    summary = json.loads(ended.out)
    assert (ended.status, ended.err, summary["status"]) == (0, "", status)
    assert ended.out.count("\n") == 1
    assert summary["counts"]["objects"] == {"found": 4, "written": 3, "rejected": 1, "skipped": 0}
    assert summary["labels"] == ["cat", "dög"]
    assert (summary["build"] is None) == (status == "inspected")
    if status != "inspected":
        assert Path(summary["url"].removeprefix("file://"), "manifest.json").is_file()


def test_json_of_a_run_that_fails_is_empty_and_the_reason_is_on_stderr(runs: Runs) -> None:
    status, out, err = runs.ended["refused"]
    assert (status, out) == (3, "")
    assert err.startswith("labelbeam convert: 1 of 4 images were rejected (25.0%)")
    assert err.count("\n") == 1


def test_a_failure_inside_a_step_is_told_in_its_own_words(runs: Runs) -> None:
    status, _, err = runs.ended["unwritable"]
    assert status == 1
    assert "cannot be written: " in err.splitlines()[-1]
    assert "while running" not in err


def test_inspect_finds_what_a_build_finds_and_writes_nothing(runs: Runs) -> None:
    def findings(text: str) -> list[str]:
        """The lines in any order: inspect shows what is doubted first, a build shows it last, and how to settle it."""
        text = text.partition("task: ")[2].partition("published in")[0].partition("before training:")[0]
        text = text.partition("inspected in")[0]
        return sorted(line for line in text.splitlines() if line)

    assert findings(runs.ended["inspect"].err) == findings(runs.ended["plain"].err)
    assert "inspected in" in runs.ended["inspect"].err
    tasks = {"image_classification", "image_classification_multilabel", "image_instance_segmentation"}
    assert {path.name for path in runs.folder.iterdir()} == {
        "coco.json",
        "ended.json",
        "plain",
        "json",
        "refused",
        "unwritable",
        *tasks,
    }


def test_inspect_without_a_task_takes_the_usual_one_of_the_format(runs: Runs) -> None:
    assert json.loads(runs.ended["inspect json"].out)["task"] == "image_object_detection"


class Interrupting(io.BytesIO):
    """A stdout that is interrupted while it is written to."""

    def __init__(self, number: signal.Signals, wrapped: bool) -> None:
        super().__init__()
        self.number = number
        self.wrapped = wrapped

    def write(self, data: Any) -> int:
        try:
            os.kill(os.getpid(), self.number)
        except KeyboardInterrupt:
            if self.wrapped:
                raise RuntimeError("KeyboardInterrupt [while running 'Read']") from None
            raise
        return len(data)


@pytest.fixture
def heeded() -> Iterator[None]:
    """Signals as at a terminal: a shell has what it starts in the background ignore SIGINT, nohup SIGHUP, and so the tests too."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        **{number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGQUIT)},
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("wrapped", [False, True], ids=["as it is", "as Beam passes it on"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_an_interrupted_run_ends_in_a_message_and_gives_the_signals_back(
    number: signal.Signals, wrapped: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(Interrupting(number, wrapped)))
        status = main(["schema", "latest"])
    assert status == 1
    assert capsys.readouterr().err == (
        "labelbeam schema: interrupted; a build that was not finished is not published, run the command again to make one\n"
    )
    assert signal.getsignal(number) == before


def test_a_signal_that_the_parent_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(Interrupting(signal.SIGINT, False)))
            assert main(["schema", "latest"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_build_that_was_started_with_interrupts_ignored_is_ended_by_none(tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    options = ["--output", "built", "--max-rejected", "1", "--direct_num_workers=2", "--image-url", "https://host/"]
    build = ["convert", "--task", "image_object_detection", "--source", "coco.json", *options]
    command = ["bash", "-c", 'trap "" INT; exec "$@"', "bash", sys.executable, "-m", "labelbeam.pipelines.cli", *build]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        said += process.stderr.read()
    assert process.returncode == 0, said
    assert (tmp_path / "built" / "latest.json").is_file()


def test_the_command_can_run_in_a_thread(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(main(["schema", "latest"])))
    thread.start()
    thread.join()
    assert ended == [0]
    assert json.loads(capsys.readouterr().out)["$ref"]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; labelbeam() {{ '{sys.executable}' -m labelbeam.pipelines.cli \"$@\"; }}; {command}",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("labelbeam schema manifest | head -c 1", 0, ""),
        ("labelbeam convert --help | true", 0, ""),
        ("labelbeam convert --tsak 2>&1 | true", 2, ""),
        ("labelbeam convert --tsak 2>&-", 2, ""),
        ("labelbeam schema latest >&-", 1, "labelbeam schema: stdout is closed"),
        pytest.param(
            *("labelbeam schema latest > /dev/full", 1, "labelbeam schema: stdout: cannot be written: No space left"),
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full"),
        ),
    ],
)
def test_closed_and_full_streams_end_without_a_traceback(
    tmp_path: Path, command: str, status: int, message: str
) -> None:
    ended = shell(command, tmp_path)
    assert ended.returncode == status
    assert ended.stderr.startswith(message)
    assert ended.stderr.count("\n") == bool(message)
