"""A cluster or job service that does not answer is named before anything is read."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from labelbeam.pipelines.runners.clusters import check_endpoints
from labelbeam.schemas.errors import LabelBeamError, UsageError
from tests.end_to_end.builds import failed, labelbeam

HOST = "127.0.0.1"


@pytest.fixture
def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def open_port() -> Iterator[int]:
    """A port that something listens on."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("runner", "option", "address"),
    [
        ("PortableRunner", "job_endpoint", "127.0.0.1:{}"),
        ("FlinkRunner", "flink_master", "127.0.0.1:{}"),
        ("FlinkRunner", "flink_master", "http://127.0.0.1:{}"),
        ("FlinkRunner", "job_endpoint", "127.0.0.1:{}"),
        ("SparkRunner", "spark_master_url", "spark://127.0.0.1:{}"),
        ("SparkRunner", "spark_rest_url", "http://127.0.0.1:{}"),
        ("PrismRunner", "job_endpoint", "127.0.0.1:{}"),
    ],
)
def test_an_endpoint_that_does_not_answer_is_named_with_its_option(
    runner: str, option: str, address: str, closed_port: int, open_port: int
) -> None:
    dead = address.format(closed_port)
    with pytest.raises(LabelBeamError, match=f"--{option}={dead}: nothing answers there .*refused"):
        check_endpoints([f"--runner={runner}", f"--{option}={dead}"])
    check_endpoints([f"--runner={runner}", f"--{option}={address.format(open_port)}"])


def test_one_of_several_masters_is_enough(closed_port: int, open_port: int) -> None:
    check_endpoints(["--runner=SparkRunner", f"--spark_master_url=spark://{HOST}:{closed_port},{HOST}:{open_port}"])


@pytest.mark.parametrize("value", ["[auto]", "[local]"])
def test_a_cluster_that_beam_starts_is_not_asked_for(value: str) -> None:
    check_endpoints(["--runner=FlinkRunner", f"--flink_master={value}"])
    check_endpoints(["--runner=SparkRunner", "--spark_master_url=local[4]"])
    check_endpoints(["--runner=PortableRunner", "--job_endpoint=embed"])


def test_an_option_of_another_runner_is_not_looked_at(closed_port: int) -> None:
    check_endpoints(["--runner=FlinkRunner", f"--spark_master_url=spark://{HOST}:{closed_port}"])
    check_endpoints([f"--job_endpoint={HOST}:{closed_port}"])


@pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.1:http", ":8099", "127.0.0.1:99999"])
def test_what_is_no_address_is_a_wrong_option(value: str) -> None:
    with pytest.raises(UsageError, match=r"--job_endpoint: found .*HOST:PORT"):
        check_endpoints(["--runner=PortableRunner", f"--job_endpoint={value}"])


def test_a_password_in_an_address_is_not_repeated(closed_port: int) -> None:
    with pytest.raises(LabelBeamError) as caught:
        check_endpoints(["--runner=FlinkRunner", f"--flink_master=http://me:hunter2hunter2@{HOST}:{closed_port}"])
    assert "hunter2hunter2" not in str(caught.value)


def test_a_build_on_a_dead_job_service_ends_at_once(closed_port: int) -> None:
    began = time.monotonic()
    answer = labelbeam(
        *("convert", "--task", "image_object_detection", "--source", "s3://nowhere/coco.json"),
        *("--output", "s3://nowhere/built", "--runner=PortableRunner", f"--job_endpoint={HOST}:{closed_port}"),
        "--environment_type=LOOPBACK",
    )
    failed(answer, 1, f"--job_endpoint={HOST}:{closed_port}: nothing answers there", "is it running")
    assert time.monotonic() - began < 20
