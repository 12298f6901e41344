"""The stages of a build, one by one: what the sizes of docs/scale.md are reasoned from.

    python -m benchmarks.stages TASK SOURCE OUTPUT

builds, and prints seconds of the wall for each stage, seconds of all cores, and the most memory that the process which plans and
publishes held, and the largest of its workers. Group is from the last range that was read to the end of the first shard, in which
images are looked at as well. `python -m benchmarks --stages` makes a table of it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from PIL import Image

from benchmarks import datasets
from benchmarks.loops import IMAGE_URL
from benchmarks.measure import ROOT

STAGES = ("plan", "start", "read", "group", "write", "publish")
HEAD = ["images", "source", *STAGES, "all", "CPU", "largest worker", "planner", "load"]


def build(task: str, source: str, output: str) -> dict[str, float]:
    """Build in this process; seconds by stage, and what it took in all."""
    from labelbeam.transforms.workers import progress

    moments: dict[str, list[float]] = {"read": [], "write": []}
    advance = progress.advance

    def advance_and_note(stage: str, amount: int) -> None:
        moments[stage].append(time.monotonic())
        advance(stage, amount)

    progress.advance = advance_and_note  # Before the modules that import it.
    from labelbeam.pipelines.runs.convert import convert
    from labelbeam.pipelines.terminal.display import Display
    from labelbeam.schemas.config import ConvertConfig

    config = ConvertConfig(task=task, source=[source], output=output, image_url=IMAGE_URL)  # type: ignore[arg-type]
    began = time.monotonic()
    with Display(quiet=True) as display:
        outcome = convert(config, {}, [], display)
    ended = time.monotonic()
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    (_, read_to), (write_from, write_to) = ((min(at), max(at)) for at in moments.values())
    stages = display.stages
    return {
        "plan": (stages["plan"].ended or 0) - (stages["plan"].began or 0),
        "start": (stages["start"].ended or 0) - (stages["start"].began or 0),
        "read": read_to - (stages["read"].began or 0),
        "group": write_from - read_to,
        "write": write_to - write_from,
        "publish": ended - (stages["publish"].began or 0),
        "all": ended - began,
        "cores": sum(part.ru_utime + part.ru_stime for part in spent),
        "driver": spent[0].ru_maxrss * 1024,
        "worker": spent[1].ru_maxrss * 1024,
        "manifest": Path(output, "builds", outcome.manifest.build, "manifest.json").stat().st_size,
        "images": outcome.manifest.counts.images.found,
    }


def names_archive(directory: Path, images: int) -> Path:
    """An archive of images of one pixel in ten class folders, made unless it is there."""
    path = directory / f"names-{images}.zip"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        pixel = io.BytesIO()
        Image.new("L", (1, 1)).save(pixel, "png")
        with zipfile.ZipFile(unfinished, "w") as archive:
            for number in range(images):
                archive.writestr(
                    f"class_{number % 10}/IMG_{number * 2654435761 % 2**32:010d}_{number:07d}.png", pixel.getvalue()
                )
        unfinished.rename(path)
    return path


def measured(task: str, source: str, directory: Path) -> dict[str, float]:
    """`build` in a new process."""
    output = tempfile.mkdtemp(dir=directory)
    try:
        command = [sys.executable, "-m", "benchmarks.stages", task, source, output]
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(output)
    result: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return result


def row(dataset: str, directory: Path) -> list[str]:
    """Build a dataset, `coco:IMAGES` or `names:IMAGES`, and return the cells of its row."""
    kind, _, images = dataset.partition(":")
    if kind == "coco":
        source, task = datasets.coco(directory, int(images)), "image_object_detection"
        shown = f"COCO, {Path(source).stat().st_size / 1e6:,.0f} MB"
    else:
        source, task = f"zip://::{names_archive(directory, int(images))}", "image_classification"
        shown = "class folders in a ZIP archive, headers read"
    found = measured(task, source, directory)
    stages = [f"{found[stage]:.2f}" for stage in (*STAGES, "all", "cores")]
    memory = [f"{found[who] / 1e9:.2f} GB" for who in ("worker", "driver")]
    return [f"{found['images']:,}", shown, *stages, *memory, f"{os.getloadavg()[0]:.1f}"]


if __name__ == "__main__":
    print(json.dumps(build(*sys.argv[1:])))
