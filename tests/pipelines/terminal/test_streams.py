"""stdout, stderr and logs: what LabelBeam says is shown, what its libraries say only on request."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from labelbeam.pipelines.terminal.streams import Lenient, debugging, set_up_logging, write_stdout
from labelbeam.schemas.errors import LabelBeamError
from tests.pipelines.conftest import COCO

NOISY = """
import logging, sys, warnings
from labelbeam.pipelines.terminal.streams import set_up_logging

set_up_logging(quiet=%r)
logging.warning("of the root")
logging.getLogger("apache_beam.runners").error("of Beam")
warnings.warn("of a library")
logging.getLogger("labelbeam").info("ours")
logging.getLogger("labelbeam.transforms.read.transform").warning("ours, and serious")
"""


def noise(quiet: bool, debug: str) -> list[str]:
    """What such a program shows on stderr, without the times."""
    run = subprocess.run(
        [sys.executable, "-c", NOISY % quiet],
        env={"LABELBEAM_DEBUG": debug, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == ""
    return [line.partition(" ")[2] for line in run.stderr.splitlines()]


def test_logs_and_warnings_of_libraries_are_not_shown() -> None:
    assert noise(quiet=False, debug="") == ["ours", "ours, and serious"]
    assert noise(quiet=True, debug="0") == ["ours, and serious"]


def test_on_request_they_are() -> None:
    shown = "\n".join(noise(quiet=False, debug="1"))
    for text in ("of the root", "of Beam", "of a library", "ours, and serious"):
        assert shown.count(text) >= 1


@pytest.mark.parametrize(("value", "on"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)])
def test_debugging_is_asked_for_by_the_environment(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELBEAM_DEBUG", value)
    assert debugging() == on


def test_setting_up_twice_shows_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(quiet=False)
    set_up_logging(quiet=False)
    logging.getLogger("labelbeam").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_warnings_are_still_errors_to_the_tests() -> None:
    set_up_logging(quiet=False)
    with pytest.raises(UserWarning):
        warnings.warn("noticed", stacklevel=1)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_output_is_utf_8_whatever_the_locale(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    write_stdout('{"label": "dög"}')
    assert raw.getvalue() == '{"label": "dög"}\n'.encode()


def test_output_goes_to_a_stdout_of_text_as_notebooks_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stdout", notebook)
    write_stdout("dög")
    assert notebook.getvalue() == "dög\n"


def test_a_closed_stdout_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(LabelBeamError, match="stdout is closed"):
        write_stdout("lost")


FULL = Path("/dev/full")


def test_a_build_is_published_with_status_0_though_the_disk_of_its_log_is_full(tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    build = ["convert", "--task", "image_object_detection", "--source", "coco.json", "--max-rejected", "1", "--output"]
    with FULL.open("w") as full:

        def ended(*arguments: str) -> tuple[int, bytes]:
            command = [sys.executable, "-m", "labelbeam.pipelines.cli", *arguments]
            ran = subprocess.run(command, stderr=full, stdout=subprocess.PIPE, cwd=tmp_path, check=False)
            return ran.returncode, ran.stdout

        assert ended(*build, "out") == (0, b"")
        assert (tmp_path / "out/latest.json").is_file()
        status, out = ended(*build, "several", "--json", "--direct_num_workers=2")
        assert (status, json.loads(out)["status"]) == (0, "published")
        assert (tmp_path / "several/latest.json").is_file()
        assert ended(*build, "out", "--if-changed") == (0, b"")
        for arguments, status in ((["verify", "out"], 0), (["clean", "out"], 0), (["verify", "nowhere"], 1), ([], 2)):
            assert ended(*arguments)[0] == status, arguments


def test_a_stream_that_takes_nothing_any_more_is_left_in_peace() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        lenient = Lenient(stream)
        for _ in range(3):
            assert lenient.write("a line\n") == 7
            lenient.flush()
        assert lenient.fileno() == writing


def test_no_line_of_a_log_repeats_what_is_secret_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CLIENT_SECRET", "SECRET-OF-A-CLIENT")
    set_up_logging(quiet=False)
    logging.getLogger("labelbeam").warning("sent SECRET-OF-A-CLIENT")
    assert "sent ***" in capsys.readouterr().err
