"""Flink with two workers on this machine, as `tests/runners/` starts it: the project as its own sdist, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.packaging.made import make_dist
from tests.runners import clusters
from tests.runners.driving import Installed
from tests.runners.provision import jars, job_server, pip, run, worker_python
from tests.servers.room import Room

DRIVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


class Start(NamedTuple):
    """How a build is started on it: the command up to its arguments, and the options of the runner."""

    command: tuple[str, ...]
    options: tuple[str, ...]


@contextmanager
def flink(folder: Path) -> Iterator[Start]:
    """A job manager and two task managers, each with a worker pool of one Python process; they see this machine's disk."""
    folder.mkdir()
    with closing(Room()) as room:
        sdist = make_dist(room).sdist
        python = worker_python(sdist)
        run(*pip(str(python)), "--no-deps", "--target", str(folder / "packages"), str(sdist))
        installed = Installed(python, folder / "packages", folder)
        jar = job_server(jars("flink"), DRIVER, folder / "flink.jar")
        # One slot each: Flink would give both to the first task manager.
        size = {"slots": 1, "heap": 1024}
        with clusters.flink(jars("flink"), folder / "cluster", installed, parent_first=True, **size) as cluster:
            options = [
                *(
                    "--runner=FlinkRunner",
                    "--flink_version=1.20",
                    f"--flink_master={cluster.address}",
                    "--parallelism=2",
                ),
                *(
                    "--environment_type=EXTERNAL",
                    f"--environment_config={cluster.workers_at}",
                    "--sdk_worker_parallelism=1",
                ),
                *("--environment_cache_millis=60000", f"--flink_job_server_jar={jar}", "--shared-paths"),
            ]
            yield Start(tuple(installed.command(str(python), "-m", "labelbeam.pipelines.cli")), tuple(options))
