"""The closing summary of a run: what was found, what became of it, where it is, and what to type next."""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from pipelines.convert import Outcome
from pipelines.display import Display
from schemas.config import ConvertConfig
from schemas.reasons import Adjusted, Rejected, Skipped

_DOCS = {str(reason): reason.doc for kind in (Rejected, Skipped, Adjusted) for reason in kind}


def show(outcome: Outcome, config: ConvertConfig, display: Display) -> None:
    """Print the summary: JSON on stdout with --json, else tables on stderr."""
    if config.json:
        print(msgspec.json.encode(as_json(outcome, display)).decode())
        return
    console, manifest = display.console, outcome.manifest
    seconds = time.monotonic() - display.started
    if outcome.unchanged:
        console.print(f"unchanged: {outcome.build} is of the same inputs, config and version", highlight=False)
        return
    console.print(Text(f"{manifest.source.format}: {manifest.source.recognised}"))
    table = Table("", "found", "written", "rejected", "skipped", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, tally in (("images", manifest.counts.images), ("objects", manifest.counts.objects)):
        table.add_row(name, *(f"{number:,}" for number in (tally.found, tally.written, tally.rejected, tally.skipped)))
    console.print(table)
    for title, reasons in (
        ("rejected", manifest.rejected_by_reason),
        ("skipped", manifest.skipped_by_reason),
        ("adjusted", manifest.adjusted_by_reason),
    ):
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            console.print(Text(f"{title} {count:,} {reason}: {_DOCS.get(reason, '')}"))
    for sample in outcome.samples:
        console.print(
            Text(f"  {sample['code']}: {sample['locator']} {sample['image'] or ''}: {sample['message']}"), style="dim"
        )
    for split, part in manifest.splits.items():
        console.print(Text(f"{split}: {part.images:,} images, {part.objects:,} objects"))
    console.print(
        Text(
            f"labels: {len(manifest.labels)} ({', '.join(manifest.labels[:8])}{', …' if len(manifest.labels) > 8 else ''})"
        )
    )
    for warning in manifest.warnings:
        console.print(Text(f"warning: {warning}"), style="yellow")
    if outcome.build:
        console.print(Text(f"published {outcome.build} in {seconds:.1f} s"))
        if manifest.rejected:
            console.print(Text(f"rejected records: {outcome.build}/rejected/"))
        console.print("next:", highlight=False)
        for line in next_steps(outcome, config):
            console.print(Text(f"  {line}"), soft_wrap=True)
    else:
        console.print(Text(f"inspected in {seconds:.1f} s; nothing was written"))


def next_steps(outcome: Outcome, config: ConvertConfig) -> list[str]:
    """Commands that a person may want to type next."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", config.output.rstrip("/").rpartition("/")[2]).strip("-") or "dataset"
    lines = [f"labelbeam verify {config.output}"]
    for split in outcome.manifest.splits:
        path = f"{outcome.build.removeprefix('file://')}/{split}"
        lines.append(f"az ml data create --type mltable --name {stem}-{split} --path {path}")
    return lines


def as_json(outcome: Outcome, display: Display) -> dict[str, Any]:
    """The summary for scripts: the manifest's figures, and where the build is."""
    manifest = msgspec.to_builtins(outcome.manifest)
    keys = (
        "task",
        "source",
        "counts",
        "rejected_by_reason",
        "skipped_by_reason",
        "adjusted_by_reason",
        "labels",
        "warnings",
    )
    splits = {name: {key: part[key] for key in ("images", "objects")} for name, part in manifest["splits"].items()}
    return {
        "status": "unchanged" if outcome.unchanged else "published" if outcome.build else "inspected",
        "build": manifest["build"] if outcome.build else None,
        "url": outcome.build or None,
        **{key: manifest[key] for key in keys},
        "splits": splits,
        "rejected_samples": outcome.samples,
        "seconds": round(time.monotonic() - display.started, 3),
    }
