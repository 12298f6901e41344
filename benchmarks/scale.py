"""Measure the stages of a build, one by one, for datasets of several sizes.

    python -m benchmarks.scale [--dir DIR] [--images 20000 118287 1200000]
    python -m benchmarks.scale --names 20000 118287 1200000

Builds generated COCO files for detection, and with `--names` class folders of tiny images in a ZIP archive, whose headers are
read: what a listing costs, and a plan of many small files. Each build runs in a process of its own. Reported are seconds of the wall for each
stage, seconds of all cores, and the most memory that the process which plans and publishes held, and the largest of its workers.
Group is from the last range that was read to the end of the first shard, in which images are looked at as well.
"""

from __future__ import annotations

import argparse
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

from benchmarks.run import IMAGE_URL, ROOT, generated, machine

OBJECTS_AN_IMAGE = 863_000 / 118_287
STAGES = ("plan", "start", "read", "group", "write", "publish")


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
        command = [sys.executable, "-m", "benchmarks.scale", "--one", task, source, output]
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(output)
    result: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Read the command line, and build."""
    parser = argparse.ArgumentParser(description="Measure the stages of a build for datasets of several sizes.")
    parser.add_argument("--dir", type=Path, default=ROOT / "build" / "benchmark", help="where files go")
    parser.add_argument("--images", type=int, nargs="*", default=[], metavar="N", help="images of generated COCO files")
    parser.add_argument(
        "--names", type=int, nargs="*", default=[], metavar="N", help="names of images in class folders"
    )
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(build(*options.one)))
        return
    directory = options.dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    print(machine(), flush=True)
    print(
        f"{'images':>9} {'source':<11}",
        *(f"{stage:>7}" for stage in STAGES),
        "    all s  cores s driver GB worker GB  load",
    )
    datasets = [
        ("image_object_detection", "coco", generated(directory, images, round(images * OBJECTS_AN_IMAGE)))
        for images in options.images or ([] if options.names else [20_000, 118_287, 1_200_000])
    ]
    datasets += [("image_classification", "names", names_archive(directory, images)) for images in options.names]
    for task, kind, path in datasets:
        row = measured(task, f"zip://::{path}" if kind == "names" else str(path), directory)
        seconds = " ".join(f"{row[stage]:>7.2f}" for stage in STAGES)
        print(
            f"{row['images']:>9.0f} {kind:<11} {seconds} {row['all']:>9.2f} {row['cores']:>8.2f}"
            f" {row['driver'] / 1e9:>9.2f} {row['worker'] / 1e9:>9.2f} {os.getloadavg()[0]:>5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
