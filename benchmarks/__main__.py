"""Measure, print and store the table of benchmarks/RESULTS.md, each row a ratio of two things of the same run; and that of docs/scale.md.

    python -m benchmarks [--rows KEY …] [--runs 5] [--scale 1.0] [--write] [--prepare]
    python -m benchmarks --stages coco:20000 coco:118287 names:20000 [--write]

What is compared runs in turn, each in a process of its own; medians count. Needs Linux, and an environment with the project and what
it is developed with. Datasets are made in DIR unless they are there: `--prepare` makes them and measures nothing. `--write` stores what is
printed; rows that were not asked for stay as they are where the machine is the same.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import stages
from benchmarks.measure import ROOT, compile_modules
from benchmarks.rows import ROWS, Row, places
from benchmarks.table import HEAD, RESULTS, SIZES, Runs, line, measure, stored, table


def measure_rows(chosen: Sequence[Row], directory: Path, scale: float, count: int) -> list[str]:
    """Measure rows and print them as they come."""
    lines = []
    print(table(HEAD, []), end="", flush=True)
    with places(directory, scale) as at:
        runs = Runs(at)
        for row in chosen:
            moment, load, began = datetime.now(UTC), os.getloadavg()[0], time.monotonic()
            cells = measure(row, at, runs, count)
            size = f"{count}, {scale:g}"
            lines.append(line([*cells, size, f"{moment:%Y-%m-%d %H:%M}, {load:.1f}"]))
            print(lines[-1], flush=True)
            print(f"{row.key}: measured in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return lines


def measure_stages(datasets: Sequence[str], directory: Path) -> list[str]:
    """Build each dataset once, stage by stage, and print the rows as they come."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    print(table(stages.HEAD, []), end="", flush=True)
    for dataset in datasets:
        lines.append(line(stages.row(dataset, directory)))
        print(lines[-1], flush=True)
    return lines


def main() -> int:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [row.key for row in ROWS]
    heavy = ", ".join(row.key for row in ROWS if not row.core)
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=[*keys, "all"],
        metavar="KEY",
        help=f"of {', '.join(keys)} (default: all but {heavy})",
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each command, of which the medians count (default: 5)"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of all data, 1 for that of the goals (default: 1)"
    )
    parser.add_argument("--dir", type=Path, default=ROOT / "build" / "benchmark", help="where datasets are made")
    parser.add_argument(
        "--stages", nargs="+", metavar="DATASET", help="stages of builds of coco:IMAGES and names:IMAGES"
    )
    parser.add_argument(
        "--write", action="store_true", help="store the table in benchmarks/RESULTS.md, of stages in docs/scale.md"
    )
    parser.add_argument("--prepare", action="store_true", help="make the datasets, and measure nothing")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # So that what was started is ended.
    directory = options.dir.resolve()
    compile_modules()
    if options.stages:
        page, head, order = SIZES, stages.HEAD, []
        lines = measure_stages(options.stages, directory)
    else:
        page, head, order = RESULTS, HEAD, [row.name for row in ROWS]
        asked = options.rows or [row.key for row in ROWS if row.core]
        chosen = [row for row in ROWS if row.key in asked or "all" in asked]
        if options.prepare:
            with places(directory, options.scale) as at:
                for row in chosen:
                    row.sides(at)
            return 0
        lines = measure_rows(chosen, directory, options.scale, options.runs)
    if options.write:
        page.write_text(stored(page.read_text(encoding="utf-8"), head, lines, order), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
