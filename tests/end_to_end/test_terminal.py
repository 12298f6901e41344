"""What datasets, stores and servers name cannot steer the terminal of whoever runs a command, or forge a line there."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import pytest

from labelbeam.transforms.builds.lock import _process
from tests.end_to_end.builds import Answer, labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image
from tests.servers.hostile import hostile_server, http

EVIL = "\x1b]0;PWNED\x07\x9b31m\u202e\x7f\rFORGED"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

DETECTION = ("--task", "image_object_detection")
SHOWN = ("--max-rejected", "1", "--image-url", "https://h/")


def harmless(answer: Answer) -> Answer:
    for text in (answer.out, answer.err):
        found = OBEYED.search(text)
        assert found is None, repr(text[max(0, found.start() - 100) : found.end() + 50])
        assert "\nFORGED" not in text
    assert "PWNED" in answer.out + answer.err
    return answer


def test_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "un").mkdir()
    (tmp_path / "un" / f"x{EVIL}\nFORGED").touch()
    harmless(labelbeam("convert", *DETECTION, "--source", tmp_path / "un", "--output", tmp_path / "out"))
    harmless(labelbeam("inspect", tmp_path / f"un{EVIL}"))


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_names_in_annotations(tmp_path: Path, more: tuple[str, ...]) -> None:
    document = coco([coco_image(0, f"{EVIL}.jpg"), coco_image(1, "1.jpg"), coco_image(2, "\nFORGED.jpg")])
    document["categories"] = [{"id": 1, "name": f"cat{EVIL}\nFORGED"}]
    document["annotations"] = [{**coco_box(0, 1), "category_id": 1}]
    (tmp_path / "i.json").write_text(json.dumps(document))
    out = tmp_path / "out"
    answer = harmless(labelbeam("convert", *DETECTION, "--source", tmp_path / "i.json", "--output", out, *SHOWN, *more))
    assert answer.status == 0
    if more:
        assert json.loads(answer.out)["labels"] == [f"cat{EVIL}\nFORGED"]
    harmless(labelbeam("inspect", tmp_path / "i.json", *SHOWN, *more))


def test_names_of_builds(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text(json.dumps(coco([coco_image(0, "1.jpg")], [coco_box(0, 0)])))
    out = tmp_path / "out"
    assert labelbeam("convert", *DETECTION, "--source", tmp_path / "i.json", "--output", out, *SHOWN).status == 0
    (out / "builds" / f"x{EVIL}\nFORGED").mkdir()
    for more in ((), ("--json",)):
        harmless(labelbeam("clean", out, "--dry-run", *more))
    latest = json.loads((out / "latest.json").read_text())
    for key in latest:
        (out / "latest.json").write_text(json.dumps({**latest, key: f"builds/x{EVIL}\nFORGED"}))
        for command in ("verify", "report", "clean"):
            answer = labelbeam(command, out)
            assert OBEYED.search(answer.out + answer.err) is None and "\nFORGED" not in answer.err


@pytest.mark.parametrize("status", ["401 No", "400 No", "302 Found", f"500 {EVIL[2:8]}"])
def test_answers_of_endpoints_and_web_servers(tmp_path: Path, waits: list[float], status: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"image")

    def answer(connection: socket.socket, _: bytes) -> None:
        said = EVIL.encode()
        connection.sendall(http(status, said, "Content-Type: text/plain", "Location: /\x1b]0;PWNED\x07"))

    with hostile_server(answer) as url:
        out = tmp_path / "out"
        task = ("--task", "image_classification")
        ran = labelbeam("score", tmp_path / "photos", *task, "--endpoint", f"{url}/s", "--output", out)
        assert OBEYED.search(ran.err) is None
        if status.startswith("401"):
            harmless(ran)
        ran = labelbeam("convert", *task, "--source", url, "--output", tmp_path / "built")
        assert ran.status in (1, 2) and OBEYED.search(ran.err) is None


def test_names_in_an_output_that_somebody_else_can_write_to(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text(json.dumps(coco([coco_image(0, "1.jpg")], [coco_box(0, 0)])))
    out = tmp_path / "out"
    prefix = ("--image-url", "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/")
    made = labelbeam(
        "convert", *DETECTION, "--source", tmp_path / "i.json", "--output", out, "--max-rejected", "1", *prefix
    )
    assert made.status == 0, made.err
    (build,) = (out / "builds").iterdir()
    manifest = json.loads((build / "manifest.json").read_text())
    (root,) = manifest["image_roots"]
    manifest["image_roots"] = {root.replace("/s/", f"/{EVIL}\nFORGED/"): 1}
    (build / "manifest.json").write_text(json.dumps(manifest))
    accept = ("--accept", "few_images", "--accept", "rare_labels", "--accept", "no_validation_split")
    assert harmless(labelbeam("job", out, "--to", tmp_path / "to", *accept)).status == 0
    manifest["splits"]["train"]["files"][0]["path"] = f"train/{EVIL}\nFORGED"
    (build / "manifest.json").write_text(json.dumps(manifest))
    for command in (("verify",), ("job",), ("report",), ("export", "--to", "csv", tmp_path / "x")):
        harmless(labelbeam(command[0], out, *command[1:]))
    claim = {"work": "build", "since": f"{EVIL}\nFORGED", "host": "h", "build": "b", "process": _process(os.getpid())}
    (out / "unfinished").mkdir()
    (out / "unfinished/lock-1.json").write_text(json.dumps({**claim, "held": True}))
    (out / f".labelbeam-{'0' * 32}.tmp").touch()
    harmless(labelbeam("clean", out))
