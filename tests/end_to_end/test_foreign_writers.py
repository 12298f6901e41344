"""Datasets that `datasets` and `webdataset` themselves wrote, read by a build."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, convert, near
from tests.end_to_end.foreign_writers import NAMES
from tests.schedules.environment import tools_python

pytestmark = pytest.mark.installation


@pytest.mark.parametrize(
    ("writer", "form", "first", "tests"),
    [
        (
            "datasets",
            "huggingface",
            "data/train-00000-of-00001.parquet/00000{}.png",
            "data/test-00000-of-00001.parquet/00000{}.png",
        ),
        ("webdataset", "webdataset", "train-{shard:06}.tar/a.b/000{}.png", "test-000000.tar.gz/000{}.png"),
    ],
)
def test_what_others_wrote_is_read(writer: str, form: str, first: str, tests: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("foreign_writers.py")
    command = [str(tools_python("readers")), "-P", "-W", "ignore", str(script), writer, str(tmp_path / "raw")]
    home = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **home})
    assert ran.returncode == 0, ran.stderr[-3000:]
    options = ("--image-url", PREFIX, "--background", "keep", "--check-images", "decode")
    labels = convert("--source", tmp_path / "raw/labels", *options, task=CLASSIFICATION, output=tmp_path / "labels")
    assert labels.manifest["source"]["format"] == form
    # Two samples a shard.
    wanted = {first.format(number, shard=number // 2): NAMES[number % 2] for number in range(5)}
    assert {path: record["label"] for path, record in labels.records.items()} == wanted
    assert set(labels.lines) == {"train"} and labels.rejected == []
    boxes = convert("--source", tmp_path / "raw/boxes", *options, task=DETECTION, output=tmp_path / "boxes")
    assert boxes.splits == {tests.format(n): "test" for n in range(3)}
    for number in range(3):
        found = boxes.boxes(tests.format(number))
        assert len(found) == number
        assert all(near(box, (NAMES[number % 2], 0.1, 0.25, 0.3, 0.5, 0)) for box in found)
