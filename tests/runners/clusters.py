"""Clusters on this machine, each process on free ports of 127.0.0.1 and killed for sure when the test process ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from tests.runners.driving import BRIEF, Installed
from tests.runners.pools import Pool, pools
from tests.servers.processes import HOST, free_port, serving

REGISTERING = 90.0
"""Seconds that the members of a cluster may take to find each other, on a machine that is busy with other tests."""

_OPEN = (
    *("java.base/java.io", "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect"),
    *("java.base/java.net", "java.base/java.nio", "java.base/java.time", "java.base/java.util"),
    *("java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic", "java.base/sun.nio.ch"),
    *("java.base/sun.nio.cs", "java.base/sun.security.action", "java.base/sun.util.calendar"),
)
JAVA = (
    "java",
    *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPEN),
    *BRIEF,
)
"""Java 17 with what Flink and Spark reach into, as their own scripts start it."""


@dataclass
class Cluster:
    """A cluster: its address, that of its worker pools, where it logs, and how many of its workers have registered.

    Its workers are task managers or Spark's workers; closing one kills it and what it has started. Each has a pool of its own.
    """

    address: str
    workers_at: str
    logs: Path
    alive: Callable[[], int]
    pools: list[Pool]
    workers: list[ExitStack] = field(default_factory=list)

    def wait_for(self, count: int) -> None:
        """Wait until so many workers have registered.

        Raises:
            RuntimeError: they have not in time; the message holds what they wrote.
        """
        end = time.monotonic() + REGISTERING
        while (alive := self.alive()) != count:
            if time.monotonic() > end:
                raise RuntimeError(f"{alive} of {count} workers registered at {self.address}: {tails(self.logs)}")
            time.sleep(0.2)


def tails(logs: Path) -> str:
    """The ends of all logs in a directory."""
    return "\n".join(
        f"== {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}"
        for log in sorted(logs.rglob("*"))
        if log.is_file() and log.suffix in (".log", "") and log.stat().st_size
    )


@contextmanager
def flink(
    jars: Path,
    folder: Path,
    installed: Installed,
    restarts: int = 0,
    parent_first: bool = False,
    slots: int = 2,
    heap: int = 256,
) -> Iterator[Cluster]:
    """Flink in session mode: a job manager, and two task managers with `slots` slots and `heap` megabytes of heap for tasks each.

    The address is that of its REST API.

    A job that fails is restarted so many times, as the configuration of the cluster says: Beam passes nothing on for jobs
    of bounded data. With `parent_first` Beam's classes are those of the cluster; else each job brings its own, which are loaded
    anew, and its Python workers end with each stage.
    """
    rpc = free_port()
    conf = folder / "conf"
    conf.mkdir(parents=True)
    (conf / "flink-conf.yaml").write_text(
        f"jobmanager.rpc.address: {HOST}\njobmanager.bind-host: {HOST}\njobmanager.rpc.port: {rpc}\n"
        f"rest.address: {HOST}\nrest.bind-address: {HOST}\n"
        f"taskmanager.host: {HOST}\ntaskmanager.bind-host: {HOST}\ntaskmanager.numberOfTaskSlots: {slots}\n"
        f"io.tmp.dirs: {folder}\n"
        f"classloader.resolve-order: {'parent-first' if parent_first else 'child-first'}\n"
        # A task manager that was killed is missed soon.
        "heartbeat.interval: 1000\nheartbeat.timeout: 10000\n"
        # Each restart waits until the task manager that was killed is missed by all.
        f"restart-strategy: {'fixed-delay' if restarts else 'none'}\n"
        f"restart-strategy.fixed-delay.attempts: {restarts}\nrestart-strategy.fixed-delay.delay: 10 s\n"
        # Small memory: buffers that a job of a few megabytes does with.
        "taskmanager.network.sort-shuffle.min-buffers: 64\n"
    )
    memory = {
        **{"cpu.cores": "1", "memory.framework.heap.size": "128m", "memory.framework.off-heap.size": "128m"},
        **{"memory.task.heap.size": f"{heap}m", "memory.task.off-heap.size": "0b", "memory.managed.size": "128m"},
        **{"memory.network.min": "128m", "memory.network.max": "128m", "memory.jvm-metaspace.size": "256m"},
        **{"memory.jvm-overhead.min": "192m", "memory.jvm-overhead.max": "192m"},
    }
    path = ("-cp", f"{jars}/*")

    def job_manager(port: int) -> Sequence[str]:
        main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        return [*JAVA, "-Xmx400m", *path, main, "-c", str(conf), "-D", f"rest.port={port}"]

    def task_manager(port: int) -> Sequence[str]:
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        options = [item for name, value in memory.items() for item in ("-D", f"taskmanager.{name}={value}")]
        # Without a heap that suffices, the thread that receives records dies, and the job waits for them for ever.
        bounds = (f"-Xmx{128 + heap}m", "-XX:MaxDirectMemorySize=384m", "-XX:+ExitOnOutOfMemoryError")
        return [*JAVA, *bounds, *path, main, "-c", str(conf), "-D", f"taskmanager.rpc.port={port}", *options]

    with ExitStack() as running:
        rest = running.enter_context(serving(job_manager, folder / "job-manager.log", marker="cluster"))

        def alive() -> int:
            with urlopen(f"{rest}/overview", timeout=10) as answer:
                count: int = json.load(answer)["taskmanagers"]
            return count

        workers_at, beside = running.enter_context(pools(installed, folder, 2))
        cluster = Cluster(rest.removeprefix("http://"), workers_at, folder, alive, beside)
        for number, pool in enumerate(beside, 1):
            _join(running, cluster, pool, task_manager, folder / f"task-manager-{number}.log")
        cluster.wait_for(2)
        yield cluster


@contextmanager
def spark(jars: Path, folder: Path, installed: Installed) -> Iterator[Cluster]:
    """Spark standalone: a master, and two workers with a core each. The address is `spark://HOST:PORT`."""
    (folder / "home").mkdir(parents=True)
    (folder / "home" / "jars").symlink_to(jars)
    # The worker starts executors by the directory of Spark that it is told.
    java = (
        "env",
        f"SPARK_HOME={folder / 'home'}",
        f"SPARK_LOCAL_IP={HOST}",
        "SPARK_SCALA_VERSION=2.12",
        *JAVA,
        "-Xmx256m",
    )
    deploy = ("-cp", f"{jars}/*", "-Dspark.worker.timeout=10")
    page = free_port()

    def master(port: int) -> Sequence[str]:
        main = ["org.apache.spark.deploy.master.Master", "--host", HOST, "--port", str(port)]
        return [*java, *deploy, *main, "--webui-port", str(page)]

    with ExitStack() as running:
        address = running.enter_context(serving(master, folder / "master.log", marker="cluster")).replace(
            "http://", "spark://"
        )

        def worker(port: int) -> Sequence[str]:
            main = ["org.apache.spark.deploy.worker.Worker", "--host", HOST, "--port", str(port), "--webui-port", "0"]
            return [
                *java,
                *deploy,
                *main,
                "--cores",
                "1",
                "--memory",
                "1g",
                "--work-dir",
                f"{folder}/work-{port}",
                address,
            ]

        def alive() -> int:
            with urlopen(f"http://{HOST}:{page}/json/", timeout=10) as answer:
                count: int = json.load(answer)["aliveworkers"]
            return count

        workers_at, beside = running.enter_context(pools(installed, folder, 2))
        cluster = Cluster(address, workers_at, folder, alive, beside)
        for number, pool in enumerate(beside, 1):
            _join(running, cluster, pool, worker, folder / f"worker-{number}.log")
        cluster.wait_for(2)
        yield cluster


def _join(running: ExitStack, cluster: Cluster, pool: Pool, command: Callable[[int], Sequence[str]], log: Path) -> None:
    own = running.enter_context(ExitStack())
    # Spark's executors are started with the environment of their worker, and not with its options.
    options = " ".join([pool.java_option, *BRIEF])
    own.enter_context(
        serving(lambda port: ["env", f"JAVA_TOOL_OPTIONS={options}", *command(port)], log, marker="cluster")
    )
    cluster.workers.append(own)
