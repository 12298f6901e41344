"""A command that has used the processor time that `ulimit -t` allows ends in words."""

from __future__ import annotations

import resource
import subprocess
import sys

BUSY = """
import sys
from labelbeam.pipelines import cli

def busy(known):
    while True:
        pass

cli.COMMANDS["schema"] = cli.COMMANDS["schema"]._replace(run=busy)
sys.exit(cli.main())
"""
LATE = """
import atexit, sys
from labelbeam.pipelines import cli

def busy():
    from time import process_time
    while process_time() < 4:
        pass

atexit.register(busy)
sys.exit(cli.main())
"""
LIMITED = 'ulimit -c 0; ulimit -S -t 2; exec "$@"'


def test_a_command_past_its_soft_limit_ends_in_words() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = ["bash", "-c", LIMITED, "bash", sys.executable, "-c", BUSY, "schema", "latest"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr == (
        "labelbeam schema: this process used all processor time that ulimit -t allows it; a build that was not finished is "
        "not published: allow more, and run the command again\n"
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before >= 1


def test_a_command_that_has_ended_is_not_ended_by_its_soft_limit_while_the_process_does() -> None:
    command = ["bash", "-c", LIMITED, "bash", sys.executable, "-c", LATE, "schema", "latest"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
