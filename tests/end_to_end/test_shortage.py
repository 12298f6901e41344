"""A machine that is short of something rejects nothing, and no dataset takes more memory than docs/scale.md says."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX
from tests.end_to_end.datasets import coco, coco_box, coco_image
from tests.servers.hostile import hostile_server, http

pytestmark = pytest.mark.slow(seconds=25)

IDLE = 350
"""Megabytes of a driver that has loaded Beam and has not much to do."""

BUDGETS = 512
"""Megabytes of both budgets, as docs/scale.md says."""


def run(*arguments: str | Path, before: str = "") -> tuple[int, int, str]:
    """The exit status of a command, the megabytes of its largest process, and what it said."""
    code = f"""
import resource, subprocess, sys
{before}
ran = subprocess.run([sys.executable, "-m", "labelbeam.pipelines.cli", *sys.argv[1:]], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
print(ran.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.stderr.buffer.write(ran.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    status, peak = map(int, ran.stdout.split())
    return status, peak, ran.stderr


def convert(source: Path | str, out: Path, *more: str, task: str = DETECTION, before: str = "") -> tuple[int, int, str]:
    options = ("--max-rejected", "1", "--image-url", PREFIX)
    return run("convert", "--task", task, "--source", source, "--output", out, *options, *more, before=before)


def test_large_annotation_files_are_refused_by_the_size_that_the_listing_tells(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(30):
            archive.writestr(f"d/Annotations/{number}.xml", b"<annotation>" + b" " * 50 * 2**20 + b"</annotation>")
        for number in range(30, 60):  # Each is small enough to be read, and all of them are not.
            archive.writestr(f"d/Annotations/{number}.xml", b"<annotation>" + b" " * 15 * 2**20 + b"</annotation>")
        archive.writestr("d/JPEGImages/1.jpg", b"\xff\xd8\xff")
    status, peak, said = convert(f"zip://d::{tmp_path}/x.zip", tmp_path / "out", "--format", "voc")
    assert status in (0, 1, 3), said
    assert peak < IDLE + BUDGETS
    folder = tmp_path / "d/Annotations"
    folder.mkdir(parents=True)
    (tmp_path / "d/JPEGImages").mkdir()
    (tmp_path / "d/JPEGImages/1.jpg").write_bytes(b"\xff\xd8\xff")
    for number in range(40):
        with (folder / f"{number}.xml").open("wb") as file:
            file.truncate(200 * 2**20)
    status, peak, said = convert(tmp_path / "d", tmp_path / "out2", "--format", "voc")
    assert status in (0, 1, 3), said
    assert peak < IDLE + BUDGETS


def test_a_server_that_sends_more_than_it_has_told_takes_no_memory(tmp_path: Path) -> None:
    packed = gzip.compress(b" " * 300_000_000, 9)

    def answer(connection: socket.socket, request: bytes) -> None:
        path = request.split()[1].decode()
        tree = {
            "/d/": ["Annotations/", "JPEGImages/"],
            "/d/Annotations/": [f"{n}.xml" for n in range(16)],
            "/d/JPEGImages/": ["1.jpg"],
        }
        if path in tree:
            body = "".join(f'<a href="{name}">{name}</a>' for name in tree[path]).encode()
            connection.sendall(http("200 OK", body, "Content-Type: text/html"))
        else:
            connection.sendall(http("200 OK", packed, "Content-Type: application/xml", "Content-Encoding: gzip"))

    with hostile_server(answer) as url:
        status, peak, said = convert(f"{url}/d", tmp_path / "out", "--format", "voc")
    assert status in (0, 1, 3), said
    assert peak < IDLE + BUDGETS


@pytest.mark.parametrize("handles", [40, 48, 64])
def test_few_file_handles_reject_no_image(tmp_path: Path, handles: int) -> None:
    count = 300
    (tmp_path / "images").mkdir()
    for number in range(count):
        Image.new("RGB", (32, 24)).save(tmp_path / f"images/{number}.jpg")
    document = coco(
        [coco_image(n, f"{n}.jpg", width=32, height=24) for n in range(count)],
        [coco_box(n, n, (1, 1, 5, 5)) for n in range(count)],
    )
    (tmp_path / "i.json").write_text(json.dumps(document))
    limit = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({handles}, {handles}))"
    for number, more in enumerate(
        (("--check-images", "header"), ("--check-images", "decode"), ("--copy-images", str(tmp_path / "copies")))
    ):
        out = tmp_path / f"out{number}"
        status, _, said = convert(tmp_path / "i.json", out, "--images", str(tmp_path / "images"), *more, before=limit)
        assert "Traceback" not in said
        assert status in (0, 1), said
        assert not list(out.glob("builds/*/rejected/*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_a_full_disk_ends_the_run_in_words(tmp_path: Path) -> None:
    (tmp_path / "src/cat").mkdir(parents=True)
    for number in range(20):
        Image.effect_noise((100, 100), 50).save(tmp_path / f"src/cat/{number}.png")
    # A file may have no more than so many bytes: what a quota does, without being root.
    limit = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    status, _, said = convert(
        tmp_path / "src", tmp_path / "out", "--copy-images", str(tmp_path / "copies"), task=CLASSIFICATION, before=limit
    )
    assert status == 1 and "File too large" in said and "Traceback" not in said
    assert not (tmp_path / "out/latest.json").exists()


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_too_few_threads_end_the_run_in_words(tmp_path: Path, threads: int) -> None:
    (tmp_path / "src/cat").mkdir(parents=True)
    Image.new("RGB", (32, 24)).save(tmp_path / "src/cat/1.png")
    code = f"""
import sys, threading
start, left = threading._start_new_thread, [None] * {threads}
def starts(*arguments):
    if not left:
        raise RuntimeError("can't start new thread")
    left.pop()
    return start(*arguments)
threading._start_new_thread = starts
from labelbeam.pipelines.cli import main
sys.exit(main())
"""
    command = ("convert", "--task", CLASSIFICATION, "--source", tmp_path / "src", "--output", tmp_path / "out")
    ran = subprocess.run([sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "this machine ran short of something, which is no fault of the data: can't start new thread" in ran.stderr
    assert "Traceback" not in ran.stderr
