"""Processors and memory that this process may use: of the machine, of its container, and by its limits.

A container's limits stand in its control group, and in those above it (cgroups(7); version 1 and 2).
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DRIVER, WORKER = 512 * 2**20, 768 * 2**20
"""Bytes that the driver and a worker process are counted with; docs/scale.md has what was measured."""

LEAST = 512 * 2**20
"""Bytes of address space (`ulimit -v`, `-d`) below which libraries in C abort the process, which could not say anything then."""

MARGIN = 64 * 2**20
"""Bytes that are left for all else when something large is begun."""

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU") if hasattr(signal, name)]
"""Signals beside SIGINT by which a command ends in its own way, and a worker at once."""

_CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
"""From here on a limit of version 1 means none."""


class Limits(NamedTuple):
    """Processors, rounded up, and bytes of memory, both of which all processes of the container share."""

    cpus: int
    memory: int


def limits(root: Path = _CGROUPS, of: Path = Path("/proc/self/cgroup")) -> Limits:
    """Resources that this process and its workers may use together."""
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    memory = _of_the_machine("MemTotal")
    for group in _groups(root, of):
        cpus = min(cpus, _quota(group))
        # Beyond memory.high nothing fails, but each allocation waits, until nothing goes on.
        memory = min(
            memory, *(_number(group / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes"))
        )
    return Limits(max(1, math.ceil(cpus)), memory)


def worker_count(allowed: Limits | None = None) -> int:
    """A process for each processor, as far as memory goes."""
    allowed = allowed or limits()
    return max(1, min(allowed.cpus, (allowed.memory - DRIVER) // WORKER))


def budget_size(allowed: Limits | None = None) -> int:
    """Bytes that one process takes at a time for what datasets and servers decide the size of: images, masks, files."""
    allowed = allowed or limits()
    return max(32 * 2**20, min(256 * 2**20, allowed.memory // (worker_count(allowed) + 1) // 4, address_space() // 4))


def memory_left(root: Path = _CGROUPS, of: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may still allocate."""
    left = min(_of_the_machine("MemAvailable"), address_space() - _used_address_space())
    for group in _groups(root, of):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            allowed = _number(group / limit)
            if allowed < UNLIMITED:
                left = min(left, allowed - _number(group / used) + _reclaimable(group))
    return max(0, left)


def _groups(root: Path, of: Path) -> Iterator[Path]:
    """The directories of this process's control groups, and of those above them, as far as they can be seen."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = of.read_text().splitlines()
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            tops = [root, root / "unified"]
        else:
            tops = [root / name for name in (controllers, *controllers.split(",")) if name in _OURS or "," in name]
        for top in tops:
            # In a container, the path is that of the machine, or the root; what is mounted is the container's own.
            group = top / path.lstrip("/")
            while group != top and top in group.parents:
                yield group
                group = group.parent
            yield top


_OURS = ("cpu", "cpuacct", "memory")


def _quota(group: Path) -> float:
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (group / "cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota_us = int((group / "cpu.cfs_quota_us").read_text())
        return math.inf if quota_us <= 0 else quota_us / int((group / "cpu.cfs_period_us").read_text())
    return math.inf


def _number(file: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return min(int(file.read_text()), UNLIMITED)
    return UNLIMITED


def _reclaimable(group: Path) -> int:
    """Bytes of files that the system keeps in memory because nobody else needs it."""
    with contextlib.suppress(OSError, ValueError):
        stat = dict(line.split(" ", 1) for line in (group / "memory.stat").read_text().splitlines())
        return int(stat.get("total_inactive_file", stat.get("inactive_file", "0")))
    return 0


def _of_the_machine(what: str) -> int:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{what}:")).split()[1]) * 1024
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return UNLIMITED


def address_space() -> int:
    """Bytes of memory that `ulimit -v` or `-d` allow; far more than there are where they set no bound."""
    if sys.platform == "win32":
        return UNLIMITED
    import resource

    soft = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min(UNLIMITED, *(limit for limit in soft if limit != resource.RLIM_INFINITY), UNLIMITED)


def _used_address_space() -> int:
    if address_space() == UNLIMITED:
        return 0
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def allow_all_processor_time() -> None:
    """Raise the soft limit of processor time (`ulimit -S -t`) to the hard one.

    Past the soft limit the system says so once a second, which would disturb a process that ends because of it.
    """
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
