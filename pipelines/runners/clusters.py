"""Check that the cluster or job service that Beam's options name answers at all, before anything is planned.

Beam itself waits for minutes for one that does not, or for ever, and says in the end that a channel is not ready.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from shutil import which
from typing import NamedTuple
from urllib.parse import urlsplit

from labelbeam.pipelines.runners.flags import runner_of, value_of
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.messages.redact import redact

ANSWERING = 10.0
"""Seconds for a machine to accept a connection; one that takes longer is not there, or behind a firewall."""

_INSTEAD_OF_AN_ADDRESS = ("embed", "local", "[local]", "[auto]", "yarn", "k8s")
"""Beginnings of values that name no machine: a server that Beam starts, or a cluster that is found by other means."""


class _Named(NamedTuple):
    """A runner, the option that says where it is, the port where none is given, and what is there."""

    runner: str
    option: str
    port: int | None
    what: str


_NAMED = (
    _Named("PortableRunner", "job_endpoint", None, "job service"),
    _Named("FlinkRunner", "job_endpoint", None, "job service of Flink"),
    _Named("SparkRunner", "job_endpoint", None, "job service of Spark"),
    _Named("PrismRunner", "job_endpoint", None, "job service of Prism"),
    _Named("FlinkRunner", "flink_master", 8081, "REST endpoint of Flink's job manager"),
    _Named("SparkRunner", "spark_master_url", 7077, "master of Spark"),
    _Named("SparkRunner", "spark_rest_url", 6066, "REST endpoint of Spark's master"),
)


def check_endpoints(beam_flags: Sequence[str]) -> None:
    """Connect once to each address that the runner will be reached by.

    An external worker pool is not among them: its address is for the cluster's machines, and often `localhost` on each.

    Raises:
        UsageError: an option holds no address.
        LabelBeamError: nothing answers at one; the message names the option.
    """
    for named in _NAMED:
        value = value_of(beam_flags, named.option)
        if named.runner != runner_of(beam_flags) or not value or value.startswith(_INSTEAD_OF_AN_ADDRESS):
            continue
        _answers(named, value)
    _check_java(beam_flags)


def _check_java(beam_flags: Sequence[str]) -> None:
    """Beam starts its job server for Flink or Spark here, where none is named."""
    launcher = value_of(beam_flags, "job_server_java_launcher") or "java"
    started = runner_of(beam_flags) in ("FlinkRunner", "SparkRunner") and not value_of(beam_flags, "job_endpoint")
    if started and which(launcher) is None:
        raise LabelBeamError(
            f"{launcher}: not found on PATH, expected Java 11 or 17, with which Beam starts its job server for "
            f"{runner_of(beam_flags)}; install it, or name a job service that runs already with --job_endpoint"
        )


def _answers(named: _Named, value: str) -> None:
    """Tell whether one of the addresses of an option answers; Spark takes several, of which one is in charge."""
    failures = []
    for host, port in _addresses(named, value):
        try:
            socket.create_connection((host, port), timeout=ANSWERING).close()
        except OSError as error:
            failures.append(f"{host}:{port}: {error.strerror or error}")
        else:
            return
    raise LabelBeamError(
        f"--{named.option}={redact(value)}: nothing answers there ({'; '.join(failures)}), expected the {named.what}; is it "
        "running, and is this the address and port under which this machine reaches it?"
    )


def _addresses(named: _Named, value: str) -> Iterator[tuple[str, int]]:
    """The hosts and ports of `host:port`, `http://host:port` or `spark://host:port,host:port`."""
    for part in value.rpartition("://")[2].split(","):
        try:
            parts = urlsplit(f"//{part}")
            host, port = parts.hostname, parts.port or named.port
        except ValueError:
            host = port = None
        if not host or port is None:
            raise UsageError(f"--{named.option}: found {redact(value)!r}, expected the {named.what} as HOST:PORT")
        yield host, port
