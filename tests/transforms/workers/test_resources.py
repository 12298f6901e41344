"""Processors and memory that a container may use, by control groups of both versions, and by the limits of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labelbeam.transforms.workers.resources import Limits, budget_size, limits, memory_left, worker_count

MB, GB = 2**20, 2**30


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def of(tmp_path: Path, text: str) -> Path:
    (tmp_path / "self").write_text(text)
    return tmp_path / "self"


V1 = "5:cpu,cpuacct:/pod\n4:memory:/pod\n1:name=systemd:/\n"
V2 = "0::/pod/main\n"


@pytest.mark.parametrize(
    ("lines", "files", "cpus", "memory"),
    [
        (V2, {"cpu.max": "100000 100000", "memory.max": "2147483648"}, 1, 2 * GB),
        (V2, {"cpu.max": "max 100000", "memory.max": "max"}, None, None),
        (V2, {"pod/cpu.max": "50000 100000", "pod/main/cpu.max": "max 100000"}, 1, None),
        (V2, {"pod/memory.max": "1073741824", "pod/main/memory.max": "2147483648"}, None, GB),
        (V2, {"unified/pod/main/memory.max": "1073741824"}, None, GB),
        (V2, {"pod/memory.high": "1073741824", "pod/main/memory.max": "2147483648"}, None, GB),
        (V1, {"cpu,cpuacct/pod/cpu.cfs_quota_us": "150000", "cpu,cpuacct/pod/cpu.cfs_period_us": "100000"}, 2, None),
        (V1, {"cpu/pod/cpu.cfs_quota_us": "100000", "cpu/pod/cpu.cfs_period_us": "100000"}, 1, None),
        (V1, {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1, None),
        (V1, {"cpu/pod/cpu.cfs_quota_us": "-1", "cpu/pod/cpu.cfs_period_us": "100000"}, None, None),
        (V1, {"memory/pod/memory.limit_in_bytes": "1073741824"}, None, GB),
        (V1, {"memory/memory.limit_in_bytes": "1073741824"}, None, GB),
        (V1, {"memory/pod/memory.limit_in_bytes": "9223372036854771712"}, None, None),
        (V2, {"cpu.max": "nonsense", "memory.max": "", "pod/cpu.max": "1 0"}, None, None),
        ("", {}, None, None),
        ("odd\n:::\n0::/../..\n", {}, None, None),
    ],
)
def test_limits_of_control_groups(
    tmp_path: Path, lines: str, files: dict[str, str], cpus: int | None, memory: int | None
) -> None:
    free = limits(tmp_path / "none", of(tmp_path, ""))
    found = limits(tree(tmp_path / "cgroup", files), of(tmp_path, lines))
    assert found == Limits(min(free.cpus, cpus or free.cpus), memory or free.memory)


@pytest.mark.parametrize(
    ("cpus", "memory", "workers"),
    [(1, 64 * GB, 1), (24, 2 * GB, 2), (64, 8 * GB, 10), (2, 64 * GB, 2), (8, 256 * MB, 1), (4, GB, 1)],
)
def test_workers_are_as_many_as_processors_and_memory_allow(cpus: int, memory: int, workers: int) -> None:
    assert worker_count(Limits(cpus, memory)) == workers


@pytest.mark.parametrize(("memory", "size"), [(64 * GB, 256 * MB), (2 * GB, 2 * GB // 3 // 4), (128 * MB, 32 * MB)])
def test_the_budget_is_a_part_of_what_a_process_may_use(memory: int, size: int) -> None:
    assert budget_size(Limits(24, memory)) == size


def test_what_is_left_is_what_the_container_has_not_used(tmp_path: Path) -> None:
    files = {
        "memory.max": str(GB),
        "memory.current": str(900 * MB),
        "memory.stat": f"anon 1\ninactive_file {300 * MB}\n",
    }
    assert memory_left(tree(tmp_path / "v2", files), of(tmp_path, V2)) == GB - 600 * MB
    files = {
        "memory/memory.limit_in_bytes": str(GB),
        "memory/memory.usage_in_bytes": str(2 * GB),
        "memory/memory.stat": "total_inactive_file 5\n",
    }
    assert memory_left(tree(tmp_path / "v1", files), of(tmp_path, V1)) == 0


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_limits_of_the_process_count(kind: str) -> None:
    code = f"""
import resource
resource.setrlimit(resource.{kind}, ({GB}, {GB}))
from labelbeam.transforms.workers.budget import Budget
from labelbeam.transforms.workers.resources import budget_size, memory_left
from labelbeam.transforms.stores.errors import ShortageError
assert memory_left() < {GB} and budget_size() <= {GB} // 4
try:
    with Budget(2**20).take(2 * {GB}, "x.png"):
        raise SystemExit("was given")
except ShortageError as error:
    assert "x.png: needs 2,147 MB" in str(error)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=os.getcwd())


def test_the_soft_limit_of_processor_time_is_raised_to_the_hard_one() -> None:
    code = (
        "import resource; from labelbeam.transforms.workers.resources import allow_all_processor_time; "
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 90)); allow_all_processor_time(); print(resource.getrlimit(resource.RLIMIT_CPU))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "(90, 90)\n"
    )
