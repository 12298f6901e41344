"""Large answers that come at once share one budget of memory, packed or not, and one that is too large costs its image alone."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.builds import labelbeam
from tests.scoring.runs import DETECTION, lines, manifest
from tests.servers.hostile import hostile_server, http

SPACES = b" " * (120 * 2**20)
FOUND = b'[{"boxes": []}]'
PACKED = gzip.compress(FOUND + SPACES, 1)

IN_ITS_OWN_PROCESS = """
import sys
from pathlib import Path
from labelbeam.pipelines.cli import main
status = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
sys.exit(status)
"""
"""Not `ru_maxrss`, which a process inherits from the one that started it."""


def photos(tmp_path: Path, count: int) -> Path:
    there = tmp_path / "photos"
    there.mkdir()
    for number in range(count):
        (there / f"{number}.jpg").write_bytes(b"image %d" % number)
    return there


@pytest.mark.slow(seconds=15)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_answers_that_come_at_once_share_a_budget(tmp_path: Path) -> None:
    there = photos(tmp_path, 4)

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(http("200 OK", PACKED, "Content-Encoding: gzip"))

    with hostile_server(answer) as url:
        options = ["--task", DETECTION, "--endpoint", f"{url}/score", "--batch", "1", "--concurrency", "8"]
        command = [sys.executable, "-c", IN_ITS_OWN_PROCESS, "score", there, *options, "--output", tmp_path / "out"]
        ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert len(lines(manifest(tmp_path / "out")[0], "predictions")) == 4
    assert int(ran.stdout.split()[-1]) < 800_000  # KB; all at once would be twice as many, and more.


def test_an_answer_that_is_too_large_costs_its_image_alone(tmp_path: Path) -> None:
    there = photos(tmp_path, 4)
    # Small objects, which take ten times their bytes once they are parsed.
    too_large = gzip.compress(b"[" + b"{}," * (16 * 2**20) + b"{}]", 1)
    number = itertools.count()

    def answer(connection: socket.socket, _: bytes) -> None:
        if next(number) == 1:
            connection.sendall(http("200 OK", too_large, "Content-Encoding: gzip"))
        else:
            connection.sendall(http("200 OK", json.dumps([{"boxes": []}]).encode()))

    with hostile_server(answer) as url:
        options = ["--task", DETECTION, "--endpoint", f"{url}/score", "--batch", "1", "--max-failed", "0.5"]
        ran = labelbeam("score", there, *options, "--output", tmp_path / "out")
    assert ran.status == 0, ran.err
    build, _ = manifest(tmp_path / "out")
    (failed,) = lines(build, "failed")
    assert failed["code"] == "answer_too_large" and "MB of memory to be parsed" in failed["message"]
    assert len(lines(build, "predictions")) == 3
