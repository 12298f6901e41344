"""The closing summary of a run: what was found, what became of it, where it is, and what to type next."""

from __future__ import annotations

import shlex
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich.text import Text

from labelbeam.pipelines.runs.convert import Outcome
from labelbeam.pipelines.terminal.display import Display
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted, unsettled
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.builds.azure_paths import PLACEHOLDER, asset_path
from labelbeam.transforms.builds.next_steps import next_steps
from labelbeam.transforms.builds.preflight import preflight
from labelbeam.transforms.images.urls import read_by_jobs
from labelbeam.transforms.messages.words import counted, listed, plain
from labelbeam.transforms.stores.locate import locate

_DOCS = {str(reason): reason.doc for kind in (Rejected, Skipped, Adjusted) for reason in kind}

SAMPLES_A_REASON = 2
"""Rejections that are shown for each reason; all of them stand in rejected/."""

LABELS_SHOWN = 8

_SAID_ABOVE = (
    Doubted.IMAGE_URL_NOT_READ,
    Doubted.IMAGE_URL_MISREAD,
    Doubted.DECODED_OTHERWISE,
    Doubted.BOXES_TURNED,
    Doubted.BOXES_UNTURNED,
    Doubted.SAMPLED,
    Doubted.LABELS_ALIKE,
    Doubted.NO_TRAIN_SPLIT,
)
"""What the summary says of a build elsewhere, and need not repeat before training."""

WIDEST = 100
"""Columns of prose on a wide terminal."""


class Line(NamedTuple):
    """A line of the summary and how it is shown on a terminal with colours."""

    text: str
    style: str = ""


def show(outcome: Outcome, config: ConvertConfig, display: Display) -> None:
    """Print the summary on stderr; with --json the command prints `as_json` on stdout instead."""
    display.close()
    seconds = time.monotonic() - display.started
    for line in summary(outcome, config, seconds, display.console.width):
        display.console.print(Text(plain(line.text), line.style), soft_wrap=True)


def summary(outcome: Outcome, config: ConvertConfig, seconds: float, width: int = 80) -> Iterator[Line]:
    """The lines for people. Prose is wrapped to `width`; a path or a command stands whole, to be copied."""
    manifest = outcome.manifest
    if outcome.unchanged:
        yield Line("unchanged: the latest build is of the same inputs, config and version", "bold")
        yield Line(f"  {build_place(outcome, config)}")
        return
    width = min(width, WIDEST)
    if manifest.sample is not None:
        yield Line(
            f"SAMPLE: {manifest.sample.images:,} of {manifest.sample.of:,} images, not the whole dataset", "bold yellow"
        )
    yield Line(f"task: {manifest.task}")
    yield from _wrapped(f"format: {manifest.source.format} ({manifest.source.recognised})", width, "  ")
    if not outcome.build:
        yield from _doubts(manifest.doubts, config, width)
    yield Line("")
    counts = {"images": manifest.counts.images, "objects": manifest.counts.objects}
    yield from _table(
        ("", "found", "written", "rejected", "skipped"),
        [(name, tally.found, tally.written, tally.rejected, tally.skipped) for name, tally in counts.items()],
    )
    yield Line("")
    yield from _table(
        ("split", "images", "objects"), [(name, part.images, part.objects) for name, part in manifest.splits.items()]
    )
    yield from _reasons("rejected", manifest.rejected_by_reason, outcome.samples, width)
    yield from _reasons("skipped", manifest.skipped_by_reason, [], width)
    yield from _reasons("adjusted", manifest.adjusted_by_reason, [], width)
    yield Line("")
    names = ", ".join(manifest.labels[:LABELS_SHOWN]) + (", …" if len(manifest.labels) > LABELS_SHOWN else "")
    yield from _wrapped(f"{counted(len(manifest.labels), 'label')}: {names}", width, "  ")
    if outcome.build:
        yield from _doubts(manifest.doubts, config, width)
    yield Line("")
    if outcome.build:
        yield from _published(outcome, config, seconds, width)
    else:
        yield from _inspected(outcome, seconds, width)


def _doubts(doubts: Sequence[Doubt], config: ConvertConfig, width: int) -> Iterator[Line]:
    """Each doubt, and below it what settles it."""
    for doubt in doubts:
        yield from _wrapped(f"warning: {doubt.message}", width, "  ", "yellow")
        if doubt in unsettled([doubt], config.accept):
            options = [doubt.option] if doubt.option else []
            settled = " or ".join([*options, f"--accept {doubt.code}"])
            yield Line(f"  {doubt.code}, {doubt.count:,}: settled by {settled}", "dim")


def _published(outcome: Outcome, config: ConvertConfig, seconds: float, width: int) -> Iterator[Line]:
    build = build_place(outcome, config)
    yield Line(f"published in {seconds:.1f} s:", "bold green")
    yield Line(f"  {build}")
    if outcome.report:
        yield Line("to look at:")
        yield Line(f"  {outcome.report}")
    if outcome.manifest.rejected:
        yield Line("every rejected record, and why:")
        yield Line(f"  {build}/rejected/")
    yield from _before_training(outcome, width)
    yield Line("next:")
    for command in next_steps(outcome.manifest, config.output, build):
        yield from map(Line, _command(command, width))
    if unread := [root for root in outcome.manifest.image_roots if not read_by_jobs(root)]:
        yield from _not_for_jobs(outcome, unread, width)
    elif PLACEHOLDER in asset_path(outcome.manifest, build):
        azure = build.startswith(("az://", "abfs://", "abfss://"))
        there = "of this container" if azure else "that you have copied the build to: Azure ML reads no other stores"
        yield Line(f"  (DATASTORE: the workspace's datastore {there})", "dim")


def _before_training(outcome: Outcome, width: int) -> Iterator[Line]:
    """Findings that would stop a training job or teach it little, as far as they are not said elsewhere."""
    hints = [doubt for doubt in preflight(outcome.manifest) if doubt.code not in _SAID_ABOVE]
    if hints:
        yield Line("before training:")
    for doubt in hints:
        yield from _wrapped(f"  {doubt.message}", width, "    ", "dim")


def _not_for_jobs(outcome: Outcome, unread: Sequence[str], width: int) -> Iterator[Line]:
    """The reason why a job cannot read the build, and what to do, in place of the commands that would register it."""
    roots = outcome.manifest.image_roots
    count = sum(roots[root] for root in unread)
    message = (
        f"warning: no job in Azure ML can read this build: {count:,} of {sum(roots.values()):,} image URLs start with "
        f"{listed(unread)}. Put the images where jobs read them (--copy-images does it during the build), and build again with "
        "--image-url azureml://subscriptions/…/datastores/…/paths/…, https://… or abfss://…"
    )
    yield from _wrapped(message, width, "  ", "yellow")


def _inspected(outcome: Outcome, seconds: float, width: int) -> Iterator[Line]:
    yield from _before_training(outcome, width)
    yield Line(f"inspected in {seconds:.1f} s; nothing was written", "bold")
    if outcome.refusal:
        first, *others = outcome.refusal.split("\n")
        yield from _wrapped(f"a build would be refused: {first}", width, "  ", "yellow")
        for other in others:
            yield from _wrapped(f"  {other.strip()}", width, "    ", "yellow")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]) -> Iterator[Line]:
    cells = [head, *(tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, row in enumerate(cells):
        first, *rest = (
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield Line("   ".join([first, *rest]).rstrip(), "" if number else "dim")


def _reasons(title: str, reasons: Mapping[str, int], samples: list[dict[str, Any]], width: int) -> Iterator[Line]:
    if not reasons:
        return
    yield Line("")
    yield Line(f"{title}:", "bold")
    numbers = max(len(f"{count:,}") for count in reasons.values())
    for reason, count in Counter(reasons).most_common():
        yield from _wrapped(f"  {count:>{numbers},} {reason}: {_DOCS.get(reason, '')}", width, " " * (numbers + 5))
        for sample in [sample for sample in samples if sample["code"] == reason][:SAMPLES_A_REASON]:
            where = " ".join(str(part) for part in (sample["locator"], sample["image"]) if part)
            indent = " " * (numbers + 5)
            yield from _wrapped(f"{indent}{where}: {sample['message']}", width, f"{indent}  ", "dim")


def _wrapped(text: str, width: int, indent: str, style: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(
        plain(text),
        max(width, 40),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    ):
        yield Line(line, style)


def build_place(outcome: Outcome, config: ConvertConfig) -> str:
    """The build's directory as a person names it: a path where it is on this machine, else its URL."""
    scheme, separator, _ = config.output.partition("://")
    if separator and scheme != "file":
        return outcome.build
    return locate(config.output, {}).below(build_folder(outcome.manifest.build)).path


def _command(words: list[str], width: int) -> list[str]:
    """A command over as many lines as it needs, broken before options as a shell reads it, so that it can be copied."""
    lines = ["  "]
    for word in words:
        quoted = shlex.quote(word)
        if word.startswith("--"):
            value = shlex.quote(words[words.index(word) + 1])
            if len(f"{lines[-1]} {quoted} {value} \\") > width:
                lines[-1] += " \\"
                lines.append("   ")
        lines[-1] += f"{'' if lines[-1] == '  ' else ' '}{quoted}"
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
        "sample",
        "warnings",
        "doubts",
    )
    splits = {name: {key: part[key] for key in ("images", "objects")} for name, part in manifest["splits"].items()}
    return {
        "refusal": outcome.refusal or None,
        "status": "unchanged" if outcome.unchanged else "published" if outcome.build else "inspected",
        "build": manifest["build"] if outcome.build else None,
        "url": outcome.build or None,
        "report": outcome.report or None,
        **{key: manifest[key] for key in keys},
        "splits": splits,
        "rejected_samples": outcome.samples,
        "preflight": msgspec.to_builtins(preflight(outcome.manifest)),
        "seconds": round(time.monotonic() - display.started, 3),
    }
