"""Rows of the benchmark at a small scale, in seconds of all cores: `python -m tests.benchmarks.held DIR` prints their ratios as JSON.

Each run is forked from this process, which has loaded what both sides load, so that a ratio is that of their work. Rows about what is
loaded, whose commands are more than modules, run in processes of their own. The sides run in turn; of three runs of each the
least counts, which other work on the machine disturbs least.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

import benchmarks.by_hand
import benchmarks.loops  # noqa: F401
import tests.proofs.loaded  # noqa: F401
from benchmarks.measure import ROOT, Command, spent
from benchmarks.rows import ROWS, Row, Side, places

RUNS = 3


def forked(command: Command) -> float:
    """Seconds of all cores that a module takes in a copy of this process, and whatever it starts and waits for.

    Raises:
        SystemExit: it fails.
    """
    _, flag, module, *arguments = command.arguments
    assert flag == "-m"
    with tempfile.TemporaryFile("w+") as log:
        child = os.fork()
        if not child:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            os.environ.update(command.environment)
            os._exit(status_of(module, arguments))
        _, status, used = os.wait4(child, 0)
        if status:
            log.seek(0)
            sys.exit(
                f"{' '.join(command.arguments)} ended with {os.waitstatus_to_exitcode(status)}: {log.read()[-4000:]}"
            )
    return used.ru_utime + used.ru_stime


def status_of(module: str, arguments: Sequence[str]) -> int:
    """Run a module as a command in this process; returns its exit status."""
    sys.argv[1:] = arguments
    warnings.simplefilter("ignore", RuntimeWarning)  # That it is loaded already: it is meant to be.
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()  # Or the copy would go on with what this process has yet to do.
        return 1
    return 0


def ratio(row: Row, directory: Path) -> float:
    """How many times the seconds of the other side ours takes."""
    with places(directory, row.small) as at:
        ours, theirs = map(only, row.sides(at))
        fresh = any(command.arguments[1] != "-m" for command in (ours, theirs))
        taken: dict[Command, list[float]] = {theirs: [], ours: []}
        for _ in range(RUNS):
            for command, so_far in taken.items():
                shutil.rmtree(at.built, ignore_errors=True)
                so_far.append(spent(command).cores if fresh else forked(command))
    return min(taken[ours]) / min(taken[theirs])


def only(side: Side) -> Command:
    """The one command of a side."""
    assert isinstance(side, tuple)
    ((_, command),) = side
    return command


if __name__ == "__main__":
    os.chdir(ROOT)
    keys = sys.argv[2:] or [row.key for row in ROWS if row.held]
    print(json.dumps({row.key: ratio(row, Path(sys.argv[1])) for row in ROWS if row.key in keys}))
