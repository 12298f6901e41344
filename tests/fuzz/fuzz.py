"""Feed mutated input to the parsers of what others write, and keep what breaks them.

    python tests/fuzz/fuzz.py tables --seconds 60 --seed 1
    python tests/fuzz/fuzz.py all --runs 1000 --finds /tmp/finds

A find is an error that the parser does not declare, a crash, over five seconds of work on one input, or more than
two GiB of memory. It is kept as a file in `--finds`; `--replay FILE` runs it again. Exit status 1 where there is one.

With `--atheris`, Atheris (`pip install atheris`) makes the inputs: it is faster, keeps what it learned in `--finds`, and
its runs cannot be repeated.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import mmap
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from mutation import Coverage, inputs
from targets.every import TARGETS
from targets.target import Target

SECONDS_AN_INPUT = 5
MEMORY = 2 << 30
_LENGTH_BYTES = 4
_ROOM = _LENGTH_BYTES + (1 << 20)
_HANG = -signal.SIGPROF


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*TARGETS, "all"])
    parser.add_argument(
        "--seconds", type=float, help="how long, for each target (default: 10, or no limit with --runs)"
    )
    parser.add_argument("--runs", type=int, help="how many inputs, for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--finds",
        type=Path,
        default=Path(tempfile.gettempdir(), "labelbeam-fuzz"),
        help="directory for inputs that break a parser",
    )
    parser.add_argument("--replay", type=Path, help="run this input alone")
    parser.add_argument("--atheris", action="store_true")
    options = parser.parse_args()
    if options.replay is not None:
        _replay(TARGETS[options.name], options.replay.read_bytes())
        return 0
    names = list(TARGETS) if options.name == "all" else [options.name]
    return max(_supervise(name, options) for name in names)


def _supervise(name: str, options: argparse.Namespace) -> int:
    """Run a target in a process of its own, and again after whatever ends it; 1 where something was found."""
    options.finds.mkdir(parents=True, exist_ok=True)
    current = options.finds / f".{name}.current"
    seconds = options.seconds or (10 if options.runs is None else 10**9)
    end = time.monotonic() + seconds
    found = 0
    seed = options.seed
    while (left := end - time.monotonic()) > 0:
        current.write_bytes(bytes(_ROOM))
        if options.atheris:
            worker = Path(__file__).with_name("with_atheris.py")
            command = [sys.executable, worker, name, "--current", current, "--finds", options.finds]
            command += ["--seed", seed, "--seconds", left]
            command += ["--runs", options.runs] if options.runs is not None else []
            status = subprocess.run(list(map(str, command)), check=False).returncode
        else:
            status = _forked(name, current, argparse.Namespace(**{**vars(options), "seed": seed, "seconds": left}))
        if status in (0, 1):
            found |= status
            break
        if status in (-signal.SIGTERM, -signal.SIGINT):
            print(f"{name}: interrupted", file=sys.stderr)
            break
        seed += 1
        content = current.read_bytes()
        length = int.from_bytes(content[:_LENGTH_BYTES], "little")
        found |= _judge(name, content[_LENGTH_BYTES : _LENGTH_BYTES + length], status, options.finds)
    current.unlink()
    return found


def _forked(name: str, current: Path, options: argparse.Namespace) -> int:
    """Mutate in a process that has loaded all of it already; its exit status, as `subprocess` tells it."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            with guarded(TARGETS[name], current) as run:
                status = _mutate(name, run, TARGETS[name], options)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _judge(name: str, data: bytes, status: int, finds: Path) -> int:
    """Keep what ended a process, unless it was the fuzzer's own work on it that took too long."""
    why = f"the process ended with status {status}"
    if status == _HANG:
        path = finds / f".{name}.again"
        path.write_bytes(data)
        command = [sys.executable, __file__, name, "--replay", str(path)]
        again = subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode
        path.unlink()
        if again == 0:
            return 0
        why = "it took too long"
    _keep(name, data, finds, why)
    return 1


def _keep(name: str, data: bytes, finds: Path, why: str) -> None:
    path = finds / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{name}: {why}; kept as {path}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def guarded(target: Target, current: Path) -> Iterator[Callable[[bytes], None]]:
    """Run a target in this process under the limits, leaving each input in `current` for whoever finds it dead."""
    if sys.platform != "darwin":  # It refuses any limit below the gigabytes of addresses that each process has there.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Time that is worked, not waited: the default action on this signal ends the process, also inside C.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with current.open("r+b") as file, mmap.mmap(file.fileno(), 0) as shared:

        def run(data: bytes) -> None:
            shared[: _LENGTH_BYTES + len(data)] = len(data).to_bytes(_LENGTH_BYTES, "little") + data
            signal.setitimer(signal.ITIMER_PROF, SECONDS_AN_INPUT)
            target.run(data)

        try:
            yield run
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def _replay(target: Target, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        current = Path(directory, "current")
        current.write_bytes(bytes(_ROOM))
        with guarded(target, current) as run:
            run(data)


def _mutate(name: str, run: Callable[[bytes], None], target: Target, options: argparse.Namespace) -> int:
    coverage = Coverage(target.watched)
    seen: set[tuple[str, ...]] = set()
    start = time.monotonic()
    source = inputs(target.seeds, target.tokens, options.seed)
    data, kept, runs = next(source), 0, 0
    while (options.runs is None or runs < options.runs) and time.monotonic() - start < options.seconds:
        new = 0
        try:
            new = coverage.of(run, data)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames[-2:]))
            if place not in seen:
                seen.add(place)
                traceback.print_exception(error, limit=-4)
                _keep(name, data, options.finds, f"{type(error).__name__} that is not declared")
        runs += 1
        kept += new > 0
        data = source.send(new > 0)
    seconds = time.monotonic() - start
    print(
        f"{name}: {runs} inputs in {seconds:.1f} s, {kept} kept, {len(coverage.seen)} pairs of lines, {len(seen)} finds"
    )
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
