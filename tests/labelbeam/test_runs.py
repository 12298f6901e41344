"""The commands as functions: what they return and raise, and that they write nothing to the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labelbeam
from labelbeam.errors import (
    BelowGateError,
    LabelBeamError,
    MissingFileError,
    StoreError,
    SuspiciousChangeError,
    TooManyRejectedError,
    UsageError,
)
from tests.end_to_end.builds import DETECTION, PREFIX
from tests.end_to_end.builds import labelbeam as command
from tests.end_to_end.datasets import coco_box, coco_image, put, write_coco, write_image


def source(folder: Path, bad: int = 0) -> Path:
    """Four images with a box each, of which `bad` are of no known category."""
    boxes = [coco_box(number, number, category=77 if number <= bad else 1) for number in range(1, 5)]
    return write_coco(folder / "coco.json", [coco_image(number) for number in range(1, 5)], boxes)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    labelbeam.convert(task=DETECTION, source=source(tmp_path), output=tmp_path / "built", image_url=PREFIX)
    return tmp_path / "built"


def test_convert_returns_what_was_published_and_a_second_time_that_nothing_has_changed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"task": DETECTION, "source": [source(tmp_path)], "output": tmp_path / "built"}
    outcome = labelbeam.convert(**options, image_url=PREFIX, split={"train": 0.5, "validation": 0.5}, shards=2)
    counts = outcome.manifest.counts
    assert (counts.images.found, counts.images.written, counts.objects.written) == (4, 4, 4)
    assert outcome.build == f"file://{tmp_path}/built/builds/{outcome.manifest.build}"
    assert Path(outcome.report).is_file()
    again = labelbeam.convert(
        **options, image_url=PREFIX, split={"train": 0.5, "validation": 0.5}, shards=2, if_changed=True
    )
    assert again.unchanged and again.build == outcome.build


def test_a_function_and_the_command_write_the_same_bytes(tmp_path: Path) -> None:
    file = source(tmp_path)
    outcome = labelbeam.convert(task=DETECTION, source=file, output=tmp_path / "a", image_url=PREFIX)
    ended = command(
        *("convert", "--task", DETECTION, "--source", file, "--output", tmp_path / "b", "--image-url", PREFIX, "--json")
    )
    assert ended.status == 0
    one, other = Path(outcome.build.removeprefix("file://")), Path(json.loads(ended.out)["url"].removeprefix("file://"))
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*-of-*"))
    assert len(names) == 2
    assert [(one / name).read_bytes() for name in names] == [(other / name).read_bytes() for name in names]


def test_keywords_win_over_a_file_and_over_a_config_object(tmp_path: Path) -> None:
    file = source(tmp_path)
    config = put(
        tmp_path / "a.yaml",
        f"task: {DETECTION}\nsource: {file}\noutput: {tmp_path / 'elsewhere'}\nimage_url: {PREFIX}\nshards: 3\n",
    )
    outcome = labelbeam.convert(config, output=tmp_path / "built", shards=2)
    assert len(outcome.manifest.splits["train"].files) == 2
    made = labelbeam.ConvertConfig(task=DETECTION, source=[str(file)], output=str(tmp_path / "c"), image_url=PREFIX)
    assert labelbeam.convert(made).manifest.source.fingerprint == outcome.manifest.source.fingerprint
    assert labelbeam.inspect(config, image_url=PREFIX).manifest.counts.images.found == 4


def test_inspect_counts_and_writes_nothing_and_takes_the_usual_task_where_none_is_given(tmp_path: Path) -> None:
    file = source(tmp_path, bad=1)
    before = sorted(tmp_path.rglob("*"))
    outcome = labelbeam.inspect(source=file, image_url=PREFIX)
    assert outcome.manifest.task == DETECTION
    assert (outcome.build, outcome.manifest.counts.images.rejected) == ("", 1)
    assert outcome.samples
    assert sorted(tmp_path.rglob("*")) == before


def test_verify_tells_differences_and_raises_nothing(built: Path) -> None:
    checked = labelbeam.verify(built)
    assert len(checked.differences) == 0 and checked.records == 4
    (shard,) = built.glob("builds/*/train/*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b"cat", b"cow", 1))
    assert shard.name in labelbeam.verify(str(built)).differences.told[0].file


def test_report_and_clean_say_what_they_did(built: Path, tmp_path: Path) -> None:
    assert Path(labelbeam.report(built, no_images=True)).name == "report.html"
    labelbeam.convert(task=DETECTION, source=source(tmp_path), output=built, image_url=PREFIX, shards=2)
    would = labelbeam.clean(built, keep=1, dry_run=True)
    cleaned = labelbeam.clean(built, keep=1)
    assert len(cleaned.found.old) == 1 and cleaned.found.old == would.found.old
    assert [folder.name for folder in (built / "builds").iterdir()] == [cleaned.found.current]
    with pytest.raises(UsageError, match="keep: found 0, expected a whole number from 1 up"):
        labelbeam.clean(built, keep=0)


def test_evaluate_returns_figures_and_a_gate_raises_once_they_are_written(built: Path, tmp_path: Path) -> None:
    lines = [
        json.dumps({"image_url": record.image_url, "boxes": [{**box(record), "label": "cat", "score": 0.9}]})
        for record in labelbeam.open_build(built).records()
    ]
    predictions = put(tmp_path / "predictions.jsonl", "\n".join(lines))
    evaluation = labelbeam.evaluate(built, predictions=predictions)
    assert evaluation.metrics["map_50"] == pytest.approx(1)
    wrong = put(tmp_path / "wrong.jsonl", lines[0])
    with pytest.raises(BelowGateError, match=r"map: found .*, expected at least 0.9 \(--min-map\)") as raised:
        labelbeam.evaluate(built, predictions=wrong, result=tmp_path / "evaluation.json", min_map=0.9)
    assert raised.value.exit_code == 3
    assert (tmp_path / "evaluation.json").is_file()


def box(record: Any) -> dict[str, Any]:
    (item,) = record.label
    return {"box": {side: getattr(item, side) for side in ("topX", "topY", "bottomX", "bottomY")}}


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"max_rejected": 0}, TooManyRejectedError, "1 of 4 images were rejected"),
        ({"tsak": DETECTION}, UsageError, "found an option 'tsak', expected .*; did you mean task"),
        ({"json": True}, UsageError, "found an option 'json'"),
        ({"task": "detection"}, UsageError, "--task: found 'detection', expected one of image_classification"),
        ({"shards": 0}, UsageError, "--shards: found 0, expected a whole number from 1"),
        ({"source": "nowhere.json"}, MissingFileError, "nowhere.json: it does not exist"),
        ({"output": None}, UsageError, "missing: --output"),
        ({"storage_options": {"s3": "x"}}, UsageError, "--storage-options: expected an object of objects"),
        ({"beam_options": ["--runner=Flunk"]}, UsageError, "--runner: found 'Flunk'"),
        ({"beam_options": ["--runner=DaskRunner"]}, UsageError, "refused"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_failure_is_an_exception_of_its_kind_with_the_words_of_the_command(
    tmp_path: Path, options: dict[str, Any], kind: type[LabelBeamError], words: str
) -> None:
    given = {"task": DETECTION, "source": source(tmp_path, bad=1), "output": tmp_path / "built", "image_url": PREFIX}
    with pytest.raises(kind, match=words) as raised:
        labelbeam.convert(**{**given, "max_rejected": 1, **options})
    assert "while running" not in str(raised.value)
    assert not (tmp_path / "built/latest.json").exists()


def test_a_change_that_is_too_large_is_refused(built: Path, tmp_path: Path) -> None:
    file = write_coco(tmp_path / "other.json", [coco_image(1)], [coco_box(1, 1)])
    with pytest.raises(SuspiciousChangeError):
        labelbeam.convert(task=DETECTION, source=file, output=built, image_url=PREFIX, max_change=0.1)


def test_a_failure_inside_a_step_is_told_in_its_own_words(tmp_path: Path) -> None:
    file = source(tmp_path)
    put(tmp_path / "built/builds", b"a file where builds are to be")
    with pytest.raises(StoreError, match="cannot be written") as raised:
        labelbeam.convert(task=DETECTION, source=file, output=tmp_path / "built", image_url=PREFIX)
    assert "while running" not in str(raised.value)


def test_a_secret_is_not_in_a_message(tmp_path: Path) -> None:
    options = {"abc": {"key": "hunter2secret"}}
    with pytest.raises(LabelBeamError) as raised:
        labelbeam.verify("abc://hunter2secret/place", storage_options=options)
    assert "hunter2" not in str(raised.value)
    with pytest.raises(LabelBeamError) as raised:
        labelbeam.inspect(source="x://me:hunter2secret@host/y")
    assert "hunter2" not in str(raised.value)


QUIET = """
import logging, sys, pathlib, labelbeam

folder = pathlib.Path(sys.argv[1])
options = dict(task="image_object_detection", source=folder / "coco.json", images=folder, check_images="header")
labelbeam.convert(**options, output=folder / "built")
labelbeam.inspect(**options)
labelbeam.verify(folder / "built")
labelbeam.report(folder / "built")
labelbeam.clean(folder / "built")
try:
    labelbeam.verify(folder / "nowhere")
except labelbeam.errors.MissingFileError:
    pass
assert logging.getLogger().handlers == [], "the program's own logging was set up"
logging.basicConfig(level=logging.INFO, format="LOG %(name)s %(message)s", stream=sys.stderr)
logging.getLogger().setLevel(logging.WARNING)
logging.getLogger("labelbeam").setLevel(logging.INFO)
labelbeam.inspect(**options)
"""


def test_nothing_is_printed_and_what_is_told_goes_to_the_logger(tmp_path: Path) -> None:
    source(tmp_path)
    for number in range(1, 5):
        write_image(tmp_path / f"{number}.jpg")
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)],
        env={name: value for name, value in os.environ.items() if name != "LABELBEAM_DEBUG"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert lines and all(line.startswith("LOG labelbeam ") for line in lines), ran.stderr
