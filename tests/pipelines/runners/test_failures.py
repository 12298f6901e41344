"""How a job's failure on a cluster is put: the state, the runner's own words, where it logs, and what comes next."""

from __future__ import annotations

import grpc
import pytest

from labelbeam.pipelines.runners.failures import job_failure
from labelbeam.schemas.errors import LabelBeamError

FLINK = ["--runner=FlinkRunner", "--flink_master=manager:8081"]


def test_the_first_line_of_what_java_raised_is_quoted_and_its_stack_is_not() -> None:
    text = "Pipeline a_b failed in state FAILED: org.apache.flink.JobException: lost it\n\tat org.apache.Flink.run(Flink.java:1)"
    error = job_failure(RuntimeError(text), FLINK)
    assert isinstance(error, LabelBeamError)
    assert (
        "the job failed on FlinkRunner: Pipeline a_b failed in state FAILED: org.apache.flink.JobException: lost it"
        in str(error)
    )
    assert "Flink.java" not in str(error)


@pytest.mark.parametrize(
    ("flags", "logs"),
    [
        (FLINK, "which Flink shows at manager:8081"),
        (["--runner=SparkRunner"], "executors' stderr"),
        (["--runner=PortableRunner"], "logs of the job service"),
        (["--runner=PrismRunner"], "LABELBEAM_DEBUG=1"),
    ],
)
def test_it_says_where_the_runner_logs_and_that_the_next_run_goes_on(flags: list[str], logs: str) -> None:
    text = str(job_failure(RuntimeError("gone"), flags))
    assert logs in text
    assert "nothing was published, and the next run resumes" in text


def test_the_traceback_of_a_worker_is_left_to_tell_more() -> None:
    error = RuntimeError(
        "FAILED: Traceback (most recent call last):\n  File\nschemas.errors.LabelBeamError: s3://a/b: gone"
    )
    assert job_failure(error, FLINK) is error


def test_a_worker_pool_that_does_not_answer_is_told_without_a_traceback() -> None:
    text = (
        "Pipeline job-1 failed in state FAILED: Error running pipeline.\nTraceback (most recent call last):\n  File\n"
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n"
        '\tdetails = "failed to connect to all addresses; 127.0.0.1:1: Connection refused"\n>'
    )
    told = str(job_failure(RuntimeError(text), ["--runner=PortableRunner"]))
    assert "the job failed on PortableRunner: Pipeline job-1 failed in state FAILED" in told
    assert "127.0.0.1:1: Connection refused" in told
    assert "Traceback" not in told


def test_a_job_service_that_goes_away_is_named() -> None:
    with pytest.raises(grpc.RpcError) as caught, grpc.insecure_channel("127.0.0.1:1") as channel:
        channel.unary_unary("/nothing/there")(b"", timeout=5)
    text = str(job_failure(caught.value, ["--runner=PortableRunner"]))
    assert "the job service of PortableRunner no longer answers (UNAVAILABLE)" in text
    assert "not running any more" in text


def test_a_password_in_what_the_runner_said_is_hidden() -> None:
    assert "hunter2hunter2" not in str(job_failure(RuntimeError("https://me:hunter2hunter2@host/x failed"), FLINK))
