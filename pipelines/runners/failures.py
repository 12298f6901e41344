"""Failure of a job on a cluster: what the runner said, and where to read more."""

from __future__ import annotations

import re
from collections.abc import Sequence

import grpc

from labelbeam.pipelines.runners.flags import runner_of, value_of
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.redact import redact

TEXT_LIMIT = 600
"""Characters of a runner's own words; a Java exception may hold others' stacks."""

_NEXT = "nothing was published, and the next run resumes with the shards that were finished"
_TRACEBACK = "Traceback (most recent call last):"
_REMOTE = re.compile(r'RpcError\b.*?details = "(?P<details>[^"]+)"', re.DOTALL)
"""What a job service in Python tells of a worker that it cannot reach: the words stand in a line of their own."""


def job_failure(error: RuntimeError | grpc.RpcError, beam_flags: Sequence[str]) -> Exception:
    """The error for people, or `error` itself where it brings a worker's traceback, which tells more."""
    runner, logs = runner_of(beam_flags), where_logs_are(beam_flags)
    if isinstance(error, grpc.RpcError):
        code = getattr(error, "code", None)
        status = code().name if callable(code) else "without a status"
        return LabelBeamError(
            f"the job service of {runner} no longer answers ({status}), so what became of the job is not known; make sure "
            f"that it is not running any more before the next run; {logs}; {_NEXT}"
        )
    text = str(error)
    # What Java raised stands in the first line, and its stack in the others.
    said = next((line.strip() for line in text.splitlines() if line.strip()), "no reason")
    if _TRACEBACK in text:
        unreachable = _REMOTE.search(text.rpartition(_TRACEBACK)[2])
        if unreachable is None:
            return error
        said = f"{said} {unreachable['details']}"
    return LabelBeamError(f"the job failed on {runner}: {redact(said)[:TEXT_LIMIT]}; {logs}; {_NEXT}")


def where_logs_are(beam_flags: Sequence[str]) -> str:
    """Place where a runner keeps the logs of its machines."""
    pools = "and of the worker pools"
    match runner_of(beam_flags):
        case "FlinkRunner":
            page = redact(value_of(beam_flags, "flink_master") or "the job manager")
            return f"see the logs of the task managers, which Flink shows at {page}, {pools}"
        case "SparkRunner":
            return f"see the executors' stderr in the work directory of each of Spark's workers, or on the master's page, {pools}"
        case "PrismRunner":
            return "set LABELBEAM_DEBUG=1 to see what Prism writes"
        case _:
            return f"see the logs of the job service {pools}"
