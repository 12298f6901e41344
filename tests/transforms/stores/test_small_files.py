"""Short files of this machine: neither devices that give without end, nor pipes that nobody writes to."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from labelbeam.transforms.stores.small_files import read_small
from tests.end_to_end.builds import labelbeam


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/tty"])
def test_a_device_is_no_file(device: str) -> None:
    with pytest.raises((ValueError, OSError)):
        read_small(device)


def test_other_things_than_files_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError)):
        read_small(str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError):
            read_small(str(tmp_path / "socket"))
    os.mkfifo(tmp_path / "pipe")
    assert read_small(str(tmp_path / "pipe")) == b""
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="device"):
        read_small(str(tmp_path / "link"))


def test_a_shells_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    threading.Timer(0.2, lambda: (os.write(writing, b"key"), os.close(writing))).start()
    assert read_small(f"/dev/fd/{reading}") == b"key"
    os.close(reading)


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        read_small(str(tmp_path / "sparse"))


@pytest.mark.parametrize("file", ["/dev/zero", "/proc/self/mem", "/dev/full"])
def test_no_option_that_names_a_file_reads_without_end(tmp_path: Path, file: str) -> None:
    options = ["--task", "image_classification", "--output", tmp_path / "out"]
    source = ["--source", tmp_path]
    assert labelbeam("convert", *options, *source, "--storage-options", f"@{file}").status == 2
    assert labelbeam("convert", file, *options, *source).status == 2
    endpoint = ["--endpoint", "http://127.0.0.1:9/score", "--key-file", file]
    assert labelbeam("score", tmp_path, *options, *endpoint).status == 2
