"""Runners that are ready for a build: clusters, job services, worker pools and binaries, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.made import make_dist
from tests.runners import clusters
from tests.runners.driving import Installed, Runner, job_service, worker_pool
from tests.runners.provision import REPOSITORY, jars, job_server, pip, prism, run, worker_python
from tests.servers.installing import once
from tests.servers.room import Room, Visitor

CONFIGS = REPOSITORY / "configs" / "runners"


@pytest.fixture(scope="session")
def installed(room: Room | Visitor, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The project, installed from its own sdist once a run."""

    sdist = make_dist(room).sdist
    python = worker_python(sdist)

    def install(folder: Path) -> None:
        run(*pip(str(python)), "--no-deps", "--target", str(folder / "packages"), str(sdist))

    folder = once(room.folder / "installed", install)
    return Installed(python, folder / "packages", tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def pool(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a worker pool without credentials."""
    with worker_pool(installed, tmp_path_factory.mktemp("pool") / "pool.log") as address:
        yield address


@pytest.fixture(scope="session")
def service(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a portable job service, and where it logs."""
    folder = tmp_path_factory.mktemp("service")
    with job_service(installed, folder / "service.log", folder / "staging") as address:
        yield address, folder


@pytest.fixture(scope="session")
def flink_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beam's job server for Flink."""
    jar = tmp_path_factory.mktemp("job-server") / "flink.jar"
    return job_server(jars("flink"), "org.apache.beam.runners.flink.FlinkJobServerDriver", jar)


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beam's job server for Spark."""
    jar = tmp_path_factory.mktemp("job-server") / "spark.jar"
    return job_server(jars("spark"), "org.apache.beam.runners.spark.SparkJobServerDriver", jar)


@pytest.fixture(scope="session")
def flink_cluster(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """Flink: a job manager and two task managers, which have Beam's classes; two of `test_failing_workers.py` are given them."""
    folder = tmp_path_factory.mktemp("flink")
    with clusters.flink(jars("flink"), folder, installed, parent_first=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark_cluster(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """Spark: a master and two workers."""
    with clusters.spark(jars("spark"), tmp_path_factory.mktemp("spark"), installed) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner("in-process", ["--direct_num_workers=2"], tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="session")
def multi_processing(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    options = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    return Runner("multi_processing", options, tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="session")
def loopback(service: tuple[str, Path]) -> Runner:
    address, logs = service
    return Runner(
        "loopback", ["--runner=PortableRunner", f"--job_endpoint={address}", "--environment_type=LOOPBACK"], logs
    )


@pytest.fixture(scope="session")
def portable(service: tuple[str, Path], pool: str) -> Runner:
    address, logs = service
    options = [f"--job_endpoint={address}", f"--environment_config={pool}"]
    return Runner("portable", options, logs, CONFIGS / "portable.yaml")


@pytest.fixture(scope="session")
def on_prism(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner("prism", [f"--prism_location={prism()}"], tmp_path_factory.mktemp("none"), CONFIGS / "prism.yaml")


@pytest.fixture(scope="session")
def on_flink(flink_cluster: clusters.Cluster, flink_server: Path) -> Runner:
    workers = f"--environment_config={flink_cluster.workers_at}"
    options = [f"--flink_master={flink_cluster.address}", workers, "--parallelism=4", "--sdk_worker_parallelism=1"]
    return Runner(
        "flink", [*options, f"--flink_job_server_jar={flink_server}"], flink_cluster.logs, CONFIGS / "flink.yaml"
    )


@pytest.fixture(scope="session")
def on_spark(spark_cluster: clusters.Cluster, spark_server: Path) -> Runner:
    options = [f"--spark_master_url={spark_cluster.address}", f"--environment_config={spark_cluster.workers_at}"]
    environment = {"SPARK_LOCAL_IP": "127.0.0.1"}
    options.append(f"--spark_job_server_jar={spark_server}")
    return Runner("spark", options, spark_cluster.logs, CONFIGS / "spark.yaml", environment)
