"""The command as it is installed from the sdist, and worker pools beside it: neither sees the checkout or the test's environment."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.processes import serving

PATIENCE = 300
"""Seconds that a build may take on a busy machine; on an idle one a cluster takes half a minute for each."""

BRIEF = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of Java for what lives for one build, as Beam's job server and Spark's executors do: what a compiler spends on it does not come
back. With few threads, and soon warm."""


@dataclass(frozen=True)
class Ran:
    """What a command ended with, and how long it took in seconds."""

    status: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Installed:
    """The project as workers have it: what its sdist holds, in `packages`, and what it needs, below the Python."""

    python: Path
    packages: Path
    folder: Path

    def command(self, *arguments: str, **environment: str) -> list[str]:
        """A command of its Python, in an environment that holds nothing else but a PATH and a home."""
        # A worker pool starts its workers by the `python` that is first on PATH, and job servers need `java`.
        path = os.pathsep.join([str(self.python.parent), "/usr/local/bin", "/usr/bin", "/bin", *_java()])
        variables = {"PATH": path, "PYTHONPATH": str(self.packages), "HOME": str(self.folder), "LANG": "C.UTF-8"}
        variables["JAVA_TOOL_OPTIONS"] = " ".join(BRIEF)
        return ["env", "-i", *(f"{key}={value}" for key, value in (variables | environment).items()), *arguments]

    def labelbeam(self, *arguments: str, **environment: str) -> Ran:
        """Run the command in a directory where nothing else is."""
        began = time.monotonic()
        with subprocess.Popen(
            self.command(str(self.python), "-m", "labelbeam.pipelines.cli", *arguments, **environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        return Ran(process.returncode, out, err, time.monotonic() - began)


@contextmanager
def worker_pool(installed: Installed, log: Path, **environment: str) -> Iterator[str]:
    """An external worker pool; yields its address, as --environment_config takes it."""
    module = ("-m", "apache_beam.runners.worker.worker_pool_main")

    def command(port: int) -> Sequence[str]:
        return installed.command(str(installed.python), *module, f"--service_port={port}", **environment)

    with serving(command, log, cwd=installed.folder, marker="cluster") as endpoint:
        yield endpoint.removeprefix("http://")


@contextmanager
def job_service(installed: Installed, log: Path, staging: Path) -> Iterator[str]:
    """Beam's portable job service, in Python; yields its address, as --job_endpoint takes it."""
    module = ("-m", "apache_beam.runners.portability.local_job_service_main")

    def command(port: int) -> Sequence[str]:
        options = ("--port", str(port), "--staging_dir", str(staging))
        return installed.command(str(installed.python), *module, *options)

    with serving(command, log, cwd=installed.folder, marker="cluster") as endpoint:
        yield endpoint.removeprefix("http://")


@dataclass
class Runner:
    """A runner that is ready: what the command is given for it, and where it logs.

    `config` is the example in `configs/runners/` that its options stand in; `options` replace the addresses in it.
    """

    name: str
    options: list[str]
    logs: Path
    config: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def _java() -> list[str]:
    home = os.environ.get("JAVA_HOME")
    return [f"{home}/bin"] if home else []
