"""What becomes of a build when a machine of the cluster fails in the middle of it: it goes on or ends, with a message, and in time.

Whatever happens, a reader finds yesterday's build until all of today's is there, and the next run uses the shards that were finished.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.end_to_end.builds import labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image, write_json
from tests.runners import clusters
from tests.runners.clusters import Cluster
from tests.runners.driving import Installed, Ran
from tests.runners.provision import jars
from tests.servers.faults import Faults
from tests.servers.fixtures import Proxied
from tests.servers.stores import S3Store

SHARDS = 24
LATENCY = Faults(latency=0.15)
"""Seconds that each request to the store takes, so that a build has a middle."""

RECEIPT = f"-of-{SHARDS:05}"
"""What the names of the receipts of finished shards hold."""

IN_TIME = 240
"""Seconds after which a build that lost a machine must have ended, on a busy machine."""

pytestmark = [
    pytest.mark.server,
    pytest.mark.cluster,
    pytest.mark.slow(seconds=90),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]


class Nightly(NamedTuple):
    """A dataset in a slow store, of which yesterday's build is published and today's is to be made."""

    store: S3Store
    arguments: list[str]
    yesterday: bytes

    def latest(self) -> bytes:
        """What a reader finds."""
        return self.store.read("built/latest.json")

    def finished(self) -> int:
        """How many shards of an unfinished build are there."""
        return len([path for path in self.store.paths("built/unfinished") if RECEIPT in path])


@pytest.fixture
def nightly(s3_store: S3Store, proxied: Proxied, tmp_path: Path) -> Nightly:
    slow, proxy = proxied(s3_store)
    images = [coco_image(number, f"{number:04}.jpg") for number in range(2000)]
    boxes = [coco_box(number, number % 2000) for number in range(9000)]
    source = write_json(tmp_path / "coco.json", coco(images[:1900], boxes))
    s3_store.write({"coco.json": source.read_bytes()})
    storage = ["--storage-options", json.dumps(slow.storage_options)]
    task = ["--task", "image_object_detection", "--image-url", "https://images.example.org/", "--max-rejected", "1"]
    arguments = [
        *task,
        "--source",
        slow.url("coco.json"),
        "--output",
        slow.url("built"),
        "--shards",
        str(SHARDS),
        *storage,
    ]
    answer = labelbeam("convert", *arguments)
    assert answer.status == 0, answer.err
    s3_store.write({"coco.json": write_json(tmp_path / "coco.json", coco(images, boxes)).read_bytes()})
    proxy.suffer(LATENCY)
    return Nightly(s3_store, arguments, s3_store.read("built/latest.json"))


@pytest.fixture
def flink_cluster(installed: Installed, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that may be broken; a job that fails on it has failed."""
    with clusters.flink(jars("flink"), tmp_path / "flink", installed) as cluster:
        yield cluster


@pytest.fixture
def restarting_flink_cluster(installed: Installed, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that may be broken, and that restarts jobs; it has Beam's classes."""
    with clusters.flink(jars("flink"), tmp_path / "flink", installed, restarts=3, parent_first=True) as cluster:
        yield cluster


@pytest.fixture
def spark_cluster(installed: Installed, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that may be broken."""
    with clusters.spark(jars("spark"), tmp_path / "spark", installed) as cluster:
        yield cluster


def on_flink(cluster: Cluster, server: Path, parallelism: int) -> list[str]:
    options = ["--runner=FlinkRunner", f"--flink_master={cluster.address}", f"--flink_job_server_jar={server}"]
    workers = ["--environment_type=EXTERNAL", f"--environment_config={cluster.workers_at}"]
    return [*options, *workers, f"--parallelism={parallelism}", "--environment_cache_millis=60000"]


def broken_off(installed: Installed, nightly: Nightly, arguments: list[str], fail: Callable[[], None]) -> Ran:
    """Run a build, and break something once some of its shards are finished and others are not."""
    with ThreadPoolExecutor(1) as beside:
        build = beside.submit(installed.labelbeam, "convert", *nightly.arguments, *arguments)
        end = time.monotonic() + IN_TIME
        while nightly.finished() < 3 and not build.done() and time.monotonic() < end:
            time.sleep(0.2)
        assert not build.done(), build.result().err
        assert nightly.latest() == nightly.yesterday
        fail()
        began = time.monotonic()
        ran = build.result()
    assert time.monotonic() - began < IN_TIME
    return ran


def goes_on(installed: Installed, nightly: Nightly, arguments: list[str]) -> None:
    """The next run publishes, and uses what the one before has finished."""
    assert nightly.latest() == nightly.yesterday
    ran = installed.labelbeam("convert", *nightly.arguments, *arguments)
    assert ran.status == 0, ran.err
    assert f"of {SHARDS} shards were finished before" in ran.err
    is_whole(nightly)


def is_whole(nightly: Nightly) -> None:
    """Today's build is published, and nothing of it is missing."""
    assert nightly.latest() != nightly.yesterday
    storage = ("--storage-options", json.dumps(nightly.store.storage_options))
    verified = labelbeam("verify", nightly.store.url("built"), *storage)
    assert verified.status == 0, verified.err
    manifest = json.loads(nightly.store.read("built/" + json.loads(nightly.latest())["manifest"]))
    assert manifest["counts"]["images"]["written"] == 2000
    assert manifest["counts"]["objects"]["written"] == 9000
    assert not nightly.store.paths("built/unfinished")


def test_flink_goes_on_without_a_task_manager_where_it_restarts_jobs(
    installed: Installed, nightly: Nightly, restarting_flink_cluster: Cluster, flink_server: Path
) -> None:
    cluster = restarting_flink_cluster
    ran = broken_off(installed, nightly, on_flink(cluster, flink_server, 2), cluster.workers[0].close)
    assert ran.status == 0, ran.err
    is_whole(nightly)


@pytest.mark.parametrize("lost", ["task manager", "worker pool"])
def test_a_build_on_flink_that_lost_a_machine_ends_and_the_next_goes_on(
    lost: str, installed: Installed, nightly: Nightly, flink_cluster: Cluster, flink_server: Path
) -> None:
    fail = flink_cluster.pools[0].kill if lost == "worker pool" else flink_cluster.workers[0].close
    ran = broken_off(installed, nightly, on_flink(flink_cluster, flink_server, 4), fail)
    failed_on(ran, "FlinkRunner", f"which Flink shows at {flink_cluster.address}")
    flink_cluster.workers[0].close()  # The rest of a machine whose pool was lost.
    flink_cluster.wait_for(1)
    goes_on(installed, nightly, on_flink(flink_cluster, flink_server, 2))


def test_spark_goes_on_without_a_worker(
    installed: Installed, nightly: Nightly, spark_cluster: Cluster, spark_server: Path
) -> None:
    options = [
        "--runner=SparkRunner",
        f"--spark_master_url={spark_cluster.address}",
        "--environment_cache_millis=60000",
    ]
    workers = ["--environment_type=EXTERNAL", f"--environment_config={spark_cluster.workers_at}"]
    options = [*options, *workers, f"--spark_job_server_jar={spark_server}"]
    ran = broken_off(installed, nightly, options, spark_cluster.workers[0].close)
    assert ran.status == 0, ran.err
    is_whole(nightly)


def failed_on(ran: Ran, runner: str, *words: str) -> None:
    """One message that names the runner, its state, its logs, and what comes next."""
    assert ran.status == 1, ran.err
    message = ran.err.strip().splitlines()[-1]
    assert message.startswith(f"labelbeam convert: the job failed on {runner}: "), ran.err
    for word in ("FAILED", "nothing was published", *words):
        assert word in message, message
    assert "Traceback" not in ran.err
