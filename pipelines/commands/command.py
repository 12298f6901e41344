"""A command of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from labelbeam.pipelines.command_line.parser import Parser


class Command(NamedTuple):
    """A command: its name, a line of help, its usage, what adds its options, what runs it, and notes below its options.

    `run` takes the parsed options, prints what came of the run, and returns the exit status. It imports what it needs when it
    is called, so that help and wrong options answer at once. `known.storage` holds the fsspec options by protocol, and
    `known.runner_options` what stood behind `--`.
    """

    name: str
    text: str
    usage: str
    add_arguments: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int]
    notes: str = ""
