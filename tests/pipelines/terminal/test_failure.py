"""An exception in words: LabelBeam's own as they are, whatever Beam wrapped them in, others with where they came from."""

from __future__ import annotations

import errno
import time
from typing import NamedTuple

import pytest

from labelbeam.pipelines.terminal.failure import TEXT_LIMIT, describe
from labelbeam.schemas.errors import LabelBeamError, TooManyRejectedError, UsageError


class OddError(LabelBeamError):
    """One that only this module knows, as stores and formats have theirs."""


def worker_report(raised: str, before: str = "", after: str = "") -> RuntimeError:
    """What comes from another process: the tracebacks of the step and of what passed its exception on, as one text."""
    return RuntimeError(
        f"""{before}Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 687, in apache_beam.runners.common.SimpleInvoker.invoke_process
  File "/app/transforms/read.py", line 31, in process
    raise ValueError("inner")
ValueError: inner

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/beam/runners/worker/sdk_worker.py", line 310, in _execute
    response = task()
               ^^^^^^
  File "apache_beam/runners/common.py", line 1623, in apache_beam.runners.common.DoFnRunner._reraise_augmented
  File "/app/transforms/read.py", line 42, in process
    raise StoreError("text")
{raised}
{after}"""
    )


class Told(NamedTuple):
    """A failure's message, and the exit status that its kind stands for."""

    message: str
    exit_code: int


def told(error: BaseException) -> Told:
    failure = describe(error)
    return Told(failure.message, failure.exit_code)


def test_a_message_for_people_is_passed_on_with_its_exit_status() -> None:
    assert told(LabelBeamError("a.json: cannot be read")) == ("a.json: cannot be read", 1)
    assert told(UsageError("--task: found 'x'")) == ("--task: found 'x'", 2)
    assert told(TooManyRejectedError("all of them")) == ("all of them", 3)


def test_what_beam_puts_behind_a_message_is_taken_away() -> None:
    error = OddError("a.json: cannot be read [while running 'Read/ReadAnnotations/ParDo(_ReadCoco)']")
    assert told(error) == ("a.json: cannot be read", 1)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(LabelBeamError, 1), (UsageError, 2), (TooManyRejectedError, 3), (OddError, 1)],
)
def test_a_message_is_found_in_the_traceback_that_a_worker_sent(kind: type[LabelBeamError], status: int) -> None:
    name = f"{kind.__module__}.{kind.__qualname__}"
    error = worker_report(f"{name}: s3://b/x: cannot be read:\nasked for 5 bytes, got 4 [while running 'Read']")
    assert told(error) == ("s3://b/x: cannot be read:\nasked for 5 bytes, got 4", status)


def test_a_traceback_that_a_server_answers_is_not_taken_for_one_of_ours() -> None:
    said = 'https://h/score: answers 500: Traceback (most recent call last): File "score.py", line 3 ValueError: bad'
    name = f"{OddError.__module__}.{OddError.__qualname__}"
    assert told(OddError(f"{said} [while running 'Score']")) == (said, 1)
    assert told(worker_report(f"{name}: {said} [while running 'Score']")) == (said, 1)


def test_a_message_is_found_in_the_report_of_a_cluster_with_its_own_stack_behind() -> None:
    error = worker_report(
        "labelbeam.schemas.errors.LabelBeamError: it broke [while running 'Read']",
        before="Pipeline lb failed in state FAILED: java.lang.RuntimeException: Error received from SDK harness: ",
        after="\n\tat org.apache.beam.Fn.get(Fn.java:61)\n\tat java.lang.Thread.run(Thread.java:829)\n",
    )
    assert told(error) == ("it broke", 1)


def test_any_other_exception_of_a_worker_is_told_with_step_and_place() -> None:
    message, status = told(worker_report("KeyError: 'width' [while running 'Read/Units']"))
    assert status == 1
    assert message.startswith("KeyError: 'width' (in step Read/Units, at /app/transforms/read.py:42); this was not")
    assert "LABELBEAM_DEBUG=1" in message


def test_an_exception_without_text_is_told_by_its_name() -> None:
    assert told(worker_report("NotImplementedError"))[0].startswith("NotImplementedError (at /app/")


def test_any_other_exception_of_this_process_is_told_with_its_place() -> None:
    try:
        {}["width"]  # type: ignore[index]
    except KeyError as error:
        message, status = told(error)
    assert status == 1
    assert message.startswith("KeyError: 'width' (at ")
    assert "test_failure.py:" in message


def test_a_failure_of_the_runner_is_not_taken_for_a_defect_of_labelbeam() -> None:
    code = compile("raise ValueError('Missing required option: project.')", "/env/apache_beam/pipeline.py", "exec")
    try:
        exec(code)
    except ValueError as error:
        message, status = told(error)
    assert status == 1
    assert message.startswith("the runner failed: Missing required option: project.; check the Beam pipeline options")
    assert "report it" not in message


def test_a_long_report_is_cut_and_put_on_one_line() -> None:
    message, _ = told(RuntimeError("status = UNAVAILABLE\n\t" + "details " * 1000))
    assert message.startswith("RuntimeError: status = UNAVAILABLE details details ")
    assert " det; this was not" in message
    assert "\n" not in message
    assert len(message) < TEXT_LIMIT + 300


def test_a_traceback_that_ends_nowhere_is_still_told() -> None:
    assert "Traceback" not in told(RuntimeError("Traceback (most recent call last):\n  File"))[0]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("MemoryError [while running 'x']"),
        worker_report("MemoryError"),
        worker_report("MemoryError: [while running 'x']"),
    ],
)
def test_out_of_memory_says_what_to_do(error: BaseException) -> None:
    message, status = told(error)
    assert status == 1
    assert message.startswith("out of memory; build with more --shards")


@pytest.mark.parametrize(
    "error",
    [
        OSError(24, "Too many open files"),
        OSError(28, "No space left on device", "/tmp/x"),
        OSError(12, "Cannot allocate memory [while running 'read']"),
        RuntimeError("can't start new thread"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        ImportError("libarrow.so.2500: failed to map segment from shared object"),
        worker_report("ImportError: /x/y.so: cannot allocate memory in static TLS block"),
        worker_report("OSError: [Errno 23] Too many open files in system"),
        worker_report("RuntimeError: can't start new thread [while running 'write']"),
    ],
    ids=str,
)
def test_a_machine_that_runs_short_is_told_in_words_wherever_it_does(error: BaseException) -> None:
    failure = describe(error)
    assert failure.exit_code == 1
    assert failure.message.startswith("this machine ran short of something, which is no fault of the data: ")
    assert "fewer workers" in failure.message and "this was not expected" not in failure.message


def test_other_failures_of_the_system_are_not_taken_for_a_shortage() -> None:
    for error in (
        OSError(5, "Input/output error"),
        RuntimeError("no [Errno 28] here"),
        ImportError("No module named x"),
        ValueError("[Errno 28] x"),
    ):
        assert "this was not expected" in describe(error).message


def test_what_nobody_expected_is_put_down_to_a_limit_of_memory_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("labelbeam.pipelines.terminal.failure.address_space", lambda: 600_000_000)
    said = describe(SystemError("error return without exception set")).message
    assert "ulimit -v or -d allows 600 MB" in said
    assert "SystemError: error return without exception set" in said
    assert describe(UsageError("as it is")).message == "as it is"


def test_a_long_text_is_put_into_words_in_linear_time() -> None:
    began = time.process_time()
    for filling in (" " * 400_000, "\n" * 400_000):
        describe(LabelBeamError(f"{filling}x"))
        describe(worker_report(f"KeyError: {filling}x"))
    assert time.process_time() - began < 10  # Quadratic: some minutes.
