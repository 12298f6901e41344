"""Compare `labelbeam convert` with the same conversion written by hand, in wall time and in memory.

    python -m benchmarks.run [--dir DIR] [--runs 3] [--images 118287] [--objects 863000]

Generates a COCO file of train2017's size into DIR unless it is there, then, for detection and for segmentation, runs
`benchmarks/by_hand.py` and `labelbeam convert` in turn. Exits with 1 where the two do not agree on what they found,
or where a target is missed. Memory is what all processes of a command hold at once, sampled; pages that several of
them share count for each. Needs Linux, for /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# How many times as long as by hand each task may take: by hand there is no validation, no Parquet, no hashing.
MOST_TIMES_BY_HAND = {"image_object_detection": 2.5, "image_instance_segmentation": 2.0}
MOST_MEMORY = 2.5e9
SAMPLE_SECONDS = 0.05
IMAGE_URL = "https://example.blob.core.windows.net/images"


class Count(NamedTuple):
    """Images and objects: found in the source, and not written."""

    images: int
    objects: int
    rejected_images: int = 0
    rejected_objects: int = 0


class Run(NamedTuple):
    """One run of a command: wall seconds, peak bytes, what it counted."""

    seconds: float
    peak: int
    counted: Count


class Memory(threading.Thread):
    """Samples the resident memory of a session's processes, and of what left the session but descends from it."""

    def __init__(self, leader: int) -> None:
        """Prepare to sample the session of `leader`."""
        super().__init__(daemon=True)
        self.peak = 0
        self._members = {leader}
        self._leader = leader
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._ended.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._resident())

    def stop(self) -> None:
        """End sampling."""
        self._ended.set()
        self.join()

    def _resident(self) -> int:
        pages = 0
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = Path("/proc", name, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended since the listing.
            # proc(5); the command's name, in parentheses, may hold anything.
            fields = stat[stat.rindex(")") + 2 :].split()
            parent, session, resident = int(fields[1]), int(fields[3]), int(fields[21])
            if session == self._leader or parent in self._members:
                self._members.add(int(name))
                pages += resident
        return pages * os.sysconf("SC_PAGE_SIZE")


def measure(arguments: list[str]) -> tuple[str, float, int]:
    """Run a module of this checkout; returns its stdout, wall seconds and peak bytes."""
    os.sync()  # So that no run waits for what the one before has yet to write.
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        memory = Memory(process.pid)
        memory.start()
        try:
            out, _ = process.communicate()
            seconds = time.perf_counter() - started
        finally:
            memory.stop()
            if process.poll() is None:  # Interrupted; a session of its own does not get the terminal's signal.
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(arguments)}\nended with {process.returncode}:\n{log.read()[-4000:]}")
    return out, seconds, memory.peak


def run_by_hand(task: str, source: Path, scratch: Path) -> Run:
    """Convert by hand."""
    out, seconds, peak = measure(["benchmarks.by_hand", str(source), str(scratch / "by_hand.jsonl"), "--task", task])
    report = json.loads(out)
    return Run(seconds, peak, Count(report["images"], report["objects"]))


def run_labelbeam(task: str, source: Path, scratch: Path) -> Run:
    """Build with the command; counts are those of the build's manifest."""
    output = scratch / "build"
    options = {"--task": task, "--source": str(source), "--output": str(output), "--image-url": IMAGE_URL}
    arguments = [word for option in options.items() for word in option]
    _, seconds, peak = measure(["labelbeam.pipelines.cli", "convert", *arguments, "--json"])
    latest = json.loads((output / "latest.json").read_text())
    counts = json.loads((output / latest["manifest"]).read_text())["counts"]
    images, objects = counts["images"], counts["objects"]
    return Run(
        seconds,
        peak,
        Count(
            images["found"],
            objects["found"],
            images["found"] - images["written"],
            objects["found"] - objects["written"],
        ),
    )


def compare(task: str, source: Path, directory: Path, runs: int) -> bool:
    """Run both in turn, print the table; returns whether they agree and the targets are met."""
    by_hand: list[Run] = []
    labelbeam: list[Run] = []
    for _ in range(runs):
        for runner, done in ((run_by_hand, by_hand), (run_labelbeam, labelbeam)):
            scratch = Path(tempfile.mkdtemp(dir=directory))
            try:
                done.append(runner(task, source, scratch))
            finally:
                shutil.rmtree(scratch)
    print(f"\n{task}\n  {'':<10} {'min s':>7} {'median s':>9} {'peak GB':>8} {'images':>8} {'objects':>8}  not written")
    for name, done in (("by hand", by_hand), ("labelbeam", labelbeam)):
        seconds, count = [run.seconds for run in done], done[0].counted
        print(
            f"  {name:<10} {min(seconds):>7.2f} {median(seconds):>9.2f} {max(run.peak for run in done) / 1e9:>8.2f}"
            f" {count.images:>8} {count.objects:>8}  {count.rejected_images} images, {count.rejected_objects} objects"
        )
    ratio = median(run.seconds for run in labelbeam) / median(run.seconds for run in by_hand)
    pairs = [ours.seconds / theirs.seconds for ours, theirs in zip(labelbeam, by_hand, strict=True)]
    print(f"  {ratio:.2f} times by hand (medians); pair by pair {', '.join(f'{pair:.2f}' for pair in pairs)}")

    missed = []
    if ratio > MOST_TIMES_BY_HAND[task]:
        missed.append(f"{ratio:.2f} times by hand, at most {MOST_TIMES_BY_HAND[task]} are allowed")
    peak = max(run.peak for run in labelbeam)
    if peak >= MOST_MEMORY:
        missed.append(f"{peak / 1e9:.2f} GB, less than {MOST_MEMORY / 1e9} are allowed")
    if disagreement := disagree(by_hand[0].counted, {run.counted for run in labelbeam}):
        missed.append(disagreement)
    print("\n".join(f"  MISSED: {reason}" for reason in missed) or "  targets met", flush=True)
    return not missed


def disagree(by_hand: Count, labelbeam: set[Count]) -> str | None:
    """Say how the counts differ in more than the few degenerate objects that are written by hand only."""
    if len(labelbeam) > 1:
        return f"the runs of labelbeam differ: {labelbeam}"
    (ours,) = labelbeam
    few = max(5, by_hand.objects // 10_000)
    if ours[:2] != by_hand[:2] or max(ours.rejected_images, ours.rejected_objects) > few:
        return f"labelbeam has {ours}, by hand {by_hand}; at most {few} may be rejected"
    return None


def generated(directory: Path, images: int, objects: int) -> Path:
    """Return the file of that size, generated unless it is there, and read once, so that all runs find it cached."""
    source = directory / f"coco-{images}-{objects}.json"
    if not source.exists():
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = source.with_suffix(".part")
        size = ["--images", str(images), "--objects", str(objects)]
        measure(["benchmarks.generate_coco", str(unfinished), *size])
        unfinished.rename(source)
    with source.open("rb") as file:
        while file.read(2**24):
            pass
    return source


def machine() -> str:
    """Describe what the numbers were measured on."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("apache-beam", "msgspec", "numpy", "pyarrow"))
    return (
        f"{len(os.sched_getaffinity(0))} cores, {model.partition(': ')[2] or platform.machine()}; "
        f"Python {platform.python_version()}, {libraries}; load {os.getloadavg()[0]:.1f} before the first run"
    )


def main() -> None:
    """Read the command line, run, and exit with the outcome."""
    parser = argparse.ArgumentParser(description="Compare labelbeam with the same conversion written by hand.")
    parser.add_argument("--dir", type=Path, default=ROOT / "build" / "benchmark", help="where files go")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs a task")
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--objects", type=int, default=863_000)
    options = parser.parse_args()
    directory = options.dir.resolve()
    source = generated(directory, options.images, options.objects)
    print(f"{machine()}\n{source.name}: {source.stat().st_size / 1e6:.0f} MB; {options.runs} pairs of runs", flush=True)
    met = [compare(task, source, directory, options.runs) for task in MOST_TIMES_BY_HAND]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
