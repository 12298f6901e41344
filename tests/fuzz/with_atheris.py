"""The worker behind `fuzz.py --atheris`, which starts it: Atheris makes the inputs for one target."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["labelbeam", "PIL", "yaml", "json", "targets"]):
    from targets.every import TARGETS

from fuzz import guarded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--current", type=Path, required=True)
    parser.add_argument("--finds", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--runs", type=int, default=-1)
    options = parser.parse_args()
    target = TARGETS[options.name]
    corpus = options.finds / f"{options.name}-corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    words = options.finds / f".{options.name}.words"
    lines = ["".join(f"\\x{byte:02x}" for byte in token) for token in target.tokens if len(token) <= 60]
    words.write_text("".join(f'"{line}"\n' for line in lines))
    flags = [
        *(f"-max_total_time={max(1, int(options.seconds))}", f"-seed={options.seed or 1}", f"-runs={options.runs}"),
        # Time and memory are limited already, and who started this keeps what breaks.
        *("-timeout=1000", "-rss_limit_mb=0", f"-artifact_prefix={options.finds}/.{options.name}-", f"-dict={words}"),
        *("-max_len=16384", "-verbosity=0", "-print_final_stats=1"),
    ]
    with guarded(target, options.current) as run:
        atheris.Setup([sys.argv[0], *flags, str(corpus)], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
