"""Files of options and keys on this machine: short, and no device or pipe that gives without end or is waited for."""

from __future__ import annotations

import os
import stat

LARGEST = 2**20
"""Bytes of such a file; more is some other file."""


def read_small(path: str, most: int = LARGEST) -> bytes:
    """A short file. A pipe is read to its end, as a shell's `<(…)` is one; a device is not.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or holds more than `most` bytes.
    """
    # No terminal becomes this process's, and a pipe that nobody writes to is empty rather than waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError("it is a directory")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)) and os.path.realpath(path) != os.devnull:
            raise ValueError("it is a device or a socket, expected a file")
        os.set_blocking(descriptor, True)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise ValueError(f"found more than {most} bytes, expected a short file; is it another one?")
    return data
