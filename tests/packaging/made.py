"""What tests of the packaging make: the distributions, others of disturbing names, and a dataset."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.end_to_end.builds import PREFIX
from tests.end_to_end.datasets import coco_box, coco_image, write_coco
from tests.runners.provision import run
from tests.servers.installing import once
from tests.servers.room import Room, Visitor

ROOT = Path(__file__).parents[2]
ROOMS = ("pipelines", "schemas", "transforms")
OWN = "raise ImportError('this is not of LabelBeam')\n"


class Dist(NamedTuple):
    """The files that are uploaded and installed."""

    sdist: Path
    wheel: Path


def make_dist(room: Room | Visitor) -> Dist:
    """Both, built once a run from a copy of the checkout, as `python -m build` does, the wheel from the sdist."""

    def build(folder: Path) -> None:
        ignored = ("__pycache__", ".git", ".venv", "build", "*.egg-info", ".mypy_cache", ".*_cache")
        shutil.copytree(ROOT, folder / "checkout", ignore=shutil.ignore_patterns(*ignored), symlinks=True)
        run(sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(folder / "checkout"))

    folder = once(room.folder / "made", build)
    (sdist,) = folder.glob("dist/labelbeam-*.tar.gz")
    (wheel,) = folder.glob("dist/labelbeam-*.whl")
    return Dist(sdist, wheel)


def write_own_names(folder: Path) -> Path:
    """Modules of a user's own that are called as our rooms are; importing one of them is an error."""
    (folder / "pipelines").mkdir(parents=True)
    for name in ("transforms.py", "schemas.py", "pipelines/__init__.py"):
        (folder / name).write_text(OWN)
    return folder


def write_wheel(folder: Path, name: str) -> Path:
    """A wheel of somebody else's that holds one package called `name`."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": "SOMEBODY_ELSES = True\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{inner},,\n" for inner in files) + f"{about}/RECORD,,\n")
    return path


def write_dataset(folder: Path) -> list[str]:
    """Twenty images in a COCO file, and the options that build it."""
    file = write_coco(
        folder / "coco.json",
        [coco_image(number) for number in range(20)],
        [coco_box(number, number) for number in range(20)],
    )
    return ["--task", "image_object_detection", "--source", str(file), "--image-url", PREFIX, "--shards", "3"]
