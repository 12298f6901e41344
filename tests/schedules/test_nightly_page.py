"""What docs/nightly.md shows is what a run says and does."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.schedules.dataset import coco

PAGE = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text(encoding="utf-8")


def block(mark: str) -> str:
    (text,) = re.findall(rf"^<!-- {mark} -->\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


class Nights(NamedTuple):
    """Two builds, the second of which was refused before it was accepted."""

    folder: Path
    env: dict[str, str]
    first: str
    refusal: str
    second: str


@pytest.fixture(scope="module")
def nights(worker_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("nights")
    (folder / "nightly.yaml").write_text(
        "task: image_object_detection\nsource: coco.json\noutput: published/parts\nmax_change: 0.3\n"
    )

    def convert(images: int, *flags: str) -> tuple[int, str]:
        (folder / "coco.json").write_bytes(coco(images))
        command = ["labelbeam", "convert", "nightly.yaml", *flags]
        ran = subprocess.run(command, cwd=folder, env=worker_env, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stderr

    assert convert(20)[0] == 0
    first = current_build(folder)
    status, refusal = convert(10)
    assert (status, current_build(folder)) == (3, first)
    assert convert(10, "--accept-change")[0] == 0
    return Nights(folder, worker_env, first, refusal, current_build(folder))


def current_build(folder: Path) -> str:
    return str(json.loads((folder / "published/parts/latest.json").read_bytes())["build"])


def test_a_refusal_reads_as_the_page_shows(nights: Nights) -> None:
    assert nights.refusal.replace(nights.first, "BUILD").endswith(block("a refusal"))


def test_an_accepted_change_stands_in_the_manifest(nights: Nights) -> None:
    manifest = json.loads((nights.folder / f"published/parts/builds/{nights.second}/manifest.json").read_bytes())
    accepted = [warning for warning in manifest["warnings"] if "accepted by --accept-change" in warning]
    assert len(accepted) == 2
    assert all(nights.first in warning for warning in accepted)


def test_the_commands_make_an_earlier_build_current(nights: Nights) -> None:
    assert current_build(nights.folder) == nights.second != nights.first
    script = re.sub(r"^BUILD=.*$", f"BUILD={nights.first}", block("go back"), flags=re.MULTILINE)
    command = ["sh", "-e", "-c", script]
    ran = subprocess.run(command, cwd=nights.folder, env=nights.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert current_build(nights.folder) == nights.first
