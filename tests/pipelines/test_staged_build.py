"""A build whose units wait in the store has the bytes of one whose job holds them, and leaves nothing behind."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelbeam.pipelines.cli import main
from labelbeam.transforms.formats.coco import units
from labelbeam.transforms.workers import staged_units
from tests.end_to_end.datasets import coco, coco_box, coco_image, write_json

PORTABLE = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]


def test_a_build_on_a_runner_of_its_own_process_reads_its_units_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(staged_units, "INLINE", 0)
    put: list[str] = []
    real = staged_units.stage_units

    def stage_and_note(units: Any, folder: Any, put_file: Any) -> Any:
        def noted(place: Any, data: bytes) -> None:
            put.append(place.path)
            put_file(place, data)

        return real(units, folder, noted)

    monkeypatch.setattr("labelbeam.pipelines.runs.graph.stage_units", stage_and_note)
    for number in range(12):
        path = tmp_path / "raw" / f"class_{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3)).save(path)
    command = [
        "convert",
        "--task",
        "image_classification",
        "--source",
        str(tmp_path / "raw"),
        "--shards",
        "3",
        "--output",
    ]
    builds = []
    for name, flags in (("here", []), ("portable", PORTABLE)):
        output = tmp_path / name
        caplog.clear()
        with caplog.at_level(logging.INFO, "labelbeam"):
            assert main([*command, str(output), *flags]) == 0
        counted = [message.partition(" in ")[0] for message in caplog.messages if " in " in message]
        assert {"read: 12 of 12 files", "write: 3 of 3 shards"} <= set(counted)
        build = output / "builds" / json.loads((output / "latest.json").read_text())["build"]
        builds.append({path.name: path.read_bytes() for path in build.rglob("*-of-*")})
        assert sorted(path.name for path in output.iterdir() if path.name != "unfinished") == ["builds", "latest.json"]
    assert builds[0] == builds[1] and len(builds[0]) == 6
    assert len(put) == 1 and put[0].startswith(str(tmp_path / "portable" / "unfinished"))
    assert not Path(put[0]).exists()


def test_workers_that_may_be_elsewhere_get_the_indexes_of_coco_files_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    real = units.stage_alone

    def stage_and_note(value: Any, file: Any, put_file: Any) -> Any:
        left.append(file.path)
        return real(value, file, put_file)

    monkeypatch.setattr(units, "stage_alone", stage_and_note)
    for part in range(3):
        images = [coco_image(number, f"{number}.jpg") for number in range(part, 60, 3)]
        boxes = [coco_box(number * 10, number) for number in range(part, 60, 3)]
        write_json(tmp_path / "raw" / f"{part}.json", coco(images, boxes))
    command = ["convert", "--task", "image_object_detection", "--source", str(tmp_path / "raw" / "*.json")]
    builds = []
    for name, flags in (("here", []), ("portable", PORTABLE)):
        output = tmp_path / name
        assert main([*command, "--image-url", "https://h/", "--shards", "2", "--output", str(output), *flags]) == 0
        build = output / "builds" / json.loads((output / "latest.json").read_text())["build"]
        builds.append({path.name: path.read_bytes() for path in build.rglob("*-of-*")})
    assert builds[0] == builds[1] and len(builds[0]) == 4
    # Each by its file, in any order; and none is left over.
    assert sorted(Path(path).name for path in left) == ["index-00000", "index-00001", "index-00002"]
    assert not list((tmp_path / "portable").rglob("index-*"))
