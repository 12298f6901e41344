"""Commands that are run one after the other in one new process: to load Beam takes as long as five small builds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]

RUNNER = """
import contextlib, importlib, io, json, sys

ended = {}
main = importlib.import_module(sys.argv[1]).main
for name, arguments in json.loads(sys.argv[2]).items():
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    ended[name] = [status, *(stream.buffer.getvalue().decode() for stream in (out, err))]
with open(sys.argv[3], "w", encoding="utf-8") as file:
    json.dump(ended, file)
"""


class Ended(NamedTuple):
    """What a command ended with, and what it wrote."""

    status: int
    out: str
    err: str


class Runs(NamedTuple):
    """The runs by name, where they ran, and what the process wrote beside what the commands meant to write."""

    ended: dict[str, Ended]
    folder: Path
    noise: str


def run_in_one(
    commands: Mapping[str, Sequence[str | Path]],
    folder: Path,
    module: str = "labelbeam.pipelines.cli",
    **environment: str,
) -> Runs:
    """Run commands by the `main` of a module, in `folder`, which gets a file `ended.json` as well."""
    named = {name: [str(argument) for argument in arguments] for name, arguments in commands.items()}
    script = subprocess.run(
        [sys.executable, "-c", RUNNER, module, json.dumps(named), str(folder / "ended.json")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert script.returncode == 0, script.stderr
    ended = json.loads((folder / "ended.json").read_text(encoding="utf-8"))
    return Runs({name: Ended(*values) for name, values in ended.items()}, folder, script.stdout + script.stderr)
