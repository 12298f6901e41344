"""Disks that run full or take no writes: a small one in a namespace where the system allows that, else limits on the process."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = 4096

_USER, _MOUNTS = 0x10000000, 0x00020000
"""CLONE_NEWUSER and CLONE_NEWNS of sched.h."""


@dataclass(frozen=True)
class NoRoomAfter:
    """From the file number `at` on that is written below `root`, every file is refused at its first byte."""

    root: str
    at: int

    def __call__(self) -> None:
        """Limit this process."""
        count = 0

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and int(arguments[2] or 0) & os.O_CREAT:
                count += os.fsdecode(arguments[0]).startswith(self.root)
                if count == self.at:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

        sys.addaudithook(watch)


@dataclass(frozen=True)
class WithoutPrivileges:
    """Be held to the permissions of files, as root is not."""

    def __call__(self) -> None:
        """Give up the effective capabilities of this process."""
        libc = ctypes.CDLL(None, use_errno=True)
        version3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
        none = (ctypes.c_uint32 * 6)()
        if libc.capset(version3, none):
            raise OSError(ctypes.get_errno(), "capset")


@dataclass(frozen=True)
class Disk:
    """A small disk: a run that has entered sees it at `inside`, the test at `seen`."""

    holder: int
    inside: str
    seen: Path

    def __call__(self) -> None:
        """Enter the namespace, in the process of a run."""
        libc = ctypes.CDLL(None, use_errno=True)
        for name, kind in (("user", _USER), ("mnt", _MOUNTS)):
            handle = os.open(f"/proc/{self.holder}/ns/{name}", os.O_RDONLY)
            if libc.setns(handle, kind):
                raise OSError(ctypes.get_errno(), f"setns {name}")
            os.close(handle)

    def leave(self, pages: int) -> None:
        """Fill the disk up to so many free pages."""
        ballast = self.seen / "ballast"
        ballast.unlink(missing_ok=True)
        free = os.statvfs(self.seen).f_bavail
        with ballast.open("wb") as file:
            try:
                for _ in range(free - pages):
                    file.write(b"x" * PAGE)
                    file.flush()
            except OSError as error:
                assert error.errno == errno.ENOSPC


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk]:
    """A disk of `size` bytes in memory, mounted on `folder` in a namespace that lives as long as the block."""
    script = f"mount -t tmpfs -o size={size} none {folder} && echo ready && exec cat"
    with subprocess.Popen(
        ["unshare", "--user", "--mount", "--map-root-user", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        yield Disk(holder.pid, str(folder), Path(f"/proc/{holder.pid}/root{folder}"))
        holder.stdin.close()


def namespaces() -> bool:
    """Whether this system allows mounts of one's own."""
    try:
        ran = subprocess.run(
            ["unshare", "--user", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return ran.returncode == 0
