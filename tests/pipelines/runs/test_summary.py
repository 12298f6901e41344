"""The closing summary: what it tells, that paths and commands can be copied, and that no dataset can garble a terminal."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labelbeam.pipelines.runs.convert import Outcome
from labelbeam.pipelines.runs.summary import summary
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, unclassified
from labelbeam.schemas.manifest import Counts, SplitCounts, Tally
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.builds.next_steps import next_steps
from labelbeam.transforms.messages.words import plain
from tests.manifests import BUILD, manifest

if TYPE_CHECKING:
    from tests.one_process import Runs

pytestmark = pytest.mark.xdist_group("runs")


def outcome(output: str = "built", *, published: bool = True, unchanged: bool = False, **changes: Any) -> Outcome:
    counts = Counts(Tally(1_234, 1_200, 30, 4), Tally(5_000, 4_960, 40, 0))
    values: dict[str, Any] = {
        "labels": ["cat", "dog"],
        "counts": counts,
        "rejected_by_reason": {"empty_bbox": 10, "image_rejected": 30},
        "skipped_by_reason": {"background": 4},
        "adjusted_by_reason": {"bbox_clipped": 7},
        "splits": {"train": SplitCounts(1_000, 4_000), "validation": SplitCounts(200, 960)},
    }
    made = manifest(**values | changes)
    url = f"{output}/builds/{BUILD}" if "://" in output else f"file://{Path(output).absolute()}/builds/{BUILD}"
    sample: dict[str, object] = {
        "code": "empty_bbox",
        "locator": "annotations id=3",
        "image": "a.jpg",
        "message": "it is flat",
    }
    return Outcome(made, url if published else "", unchanged, [sample] * 3)


def config(output: str = "built", **options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["a.json"], output=output, **options)


def lines(what: Outcome, output: str = "built", width: int = 80, **options: Any) -> list[str]:
    return [line.text for line in summary(what, config(output, **options), 1.25, width)]


def test_it_tells_what_was_found_and_what_became_of_it() -> None:
    text = "\n".join(lines(outcome()))
    assert "coco (the source is JSON)" in text
    assert re.search(r"images +1,234 +1,200 +30 +4\n", text)
    assert re.search(r"objects +5,000 +4,960 +40 +0\n", text)
    assert re.search(r"train +1,000 +4,000\n", text)
    assert re.search(r"validation +200 +960\n", text)
    assert "2 labels: cat, dog" in text
    assert "published in 1.2 s" in text


def test_every_reason_is_told_with_its_count_and_meaning_the_most_frequent_first() -> None:
    text = " ".join(" ".join(lines(outcome())).split())
    first = f"30 image_rejected: {Rejected.IMAGE_REJECTED.doc}"
    second = f"10 empty_bbox: {Rejected.EMPTY_BBOX.doc} annotations id=3 a.jpg: it is flat"
    assert f"rejected: {first} {second}" in text
    assert "skipped: 4 background: " in text
    assert "adjusted: 7 bbox_clipped: " in text


def test_a_reason_is_shown_with_two_examples_at_most() -> None:
    assert sum("it is flat" in line for line in lines(outcome())) == 2


def test_nothing_is_said_of_reasons_that_there_are_not() -> None:
    text = "\n".join(lines(outcome(rejected_by_reason={}, skipped_by_reason={}, adjusted_by_reason={})))
    assert "rejected:" not in text
    assert "skipped:" not in text
    assert "adjusted:" not in text


def test_many_labels_are_cut_and_counted() -> None:
    text = "\n".join(lines(outcome(labels=[f"label {number}" for number in range(80)])))
    assert "80 labels: label 0, " in text
    assert "…" in text
    assert "label 8" not in text


def test_prose_keeps_to_the_width_and_paths_and_commands_stand_whole() -> None:
    output = "/data/" + "long-name/" * 20 + "built"
    found = lines(outcome(output, doubts=unclassified(["much to say " * 30])), output)
    prose = [line for line in found if "/data/" not in line]
    assert max(map(len, prose)) <= 80
    assert f"  {output}/builds/{BUILD}" in found
    assert any(f"--path {output}/builds/{BUILD}/train" in line for line in found)


def test_a_path_in_prose_is_not_cut_at_its_hyphens() -> None:
    path = f"/data/{'some-long-name-' * 4}here.jpg"
    for before in range(0, 60, 7):
        assert any(
            path in line for line in lines(outcome(doubts=unclassified([f"{'x' * before} {path} is not there"])))
        )


def test_a_command_that_is_broken_over_lines_is_one_command_to_a_shell() -> None:
    what = outcome("my data/built")
    text = "\n".join(lines(what, "my data/built", 60)).partition("next:\n")[2]
    commands = text.replace("\\\n", " ").splitlines()
    build = f"{Path('my data/built').absolute()}/builds/{BUILD}"
    assert [shlex.split(command) for command in commands] == next_steps(what.manifest, "my data/built", build)


@pytest.mark.parametrize(
    "root", ["file://", "AmlDatastore://data/", "s3://", "gs://", "azureml://datastores/d/paths/", "zip://"]
)
def test_a_build_that_no_job_can_read_is_not_registered_and_it_is_said_what_to_do(root: str) -> None:
    what = outcome(image_roots={"https://": 1_000, root: 200})
    text = " ".join(" ".join(lines(what)).split())
    assert "az ml" not in text
    assert f"warning: no job in Azure ML can read this build: 200 of 1,200 image URLs start with '{root}'" in text
    assert "--copy-images" in text and "--image-url" in text


def test_a_placeholder_in_a_command_is_explained() -> None:
    assert any("datastore of this container" in line for line in lines(outcome("az://box/built"), "az://box/built"))
    assert any("copied the build to" in line for line in lines(outcome("s3://box/built"), "s3://box/built"))
    assert not any("DATASTORE" in line for line in lines(outcome()))


def test_a_local_build_is_named_by_its_path_whatever_characters_it_has() -> None:
    for output in ("/data/sp ace/50%/ü", "file:///data/sp ace/50%/ü"):
        assert f"  /data/sp ace/50%/ü/builds/{BUILD}" in lines(outcome(output), output)


def test_a_build_that_is_unchanged_is_named_and_no_more() -> None:
    found = lines(outcome("s3://bucket/built", unchanged=True), "s3://bucket/built")
    assert len(found) == 2
    assert found[0].startswith("unchanged: ")
    assert found[1] == f"  s3://bucket/built/builds/{BUILD}"


def test_inspect_says_whether_a_build_would_be_refused() -> None:
    inspected = outcome(published=False)
    assert lines(inspected)[-1] == "inspected in 1.2 s; nothing was written"
    refused = dataclasses.replace(inspected, refusal="30 of 1234 images were rejected")
    assert lines(refused)[-1] == "a build would be refused: 30 of 1234 images were rejected"


def test_a_doubt_is_told_with_what_settles_it_until_it_is_accepted() -> None:
    doubt = Doubt("split_empty", "split test is empty", 1, "test", "--split")
    found = lines(outcome(doubts=[doubt]))
    at = found.index("warning: split test is empty")
    assert found[at + 1] == "  split_empty, 1: settled by --split or --accept split_empty"
    assert not any("settled by" in line for line in lines(outcome(doubts=[doubt]), accept=["split_empty"]))


def test_inspect_lists_doubts_before_the_counts() -> None:
    doubts = unclassified(["mind this"])
    first, later = (lines(outcome(published=published, doubts=doubts)) for published in (False, True))
    heads = [
        next(at for at, line in enumerate(found) if "found" in line and "written" in line) for found in (first, later)
    ]
    assert first.index("warning: mind this") < heads[0]
    assert later.index("warning: mind this") > heads[1]


def test_names_from_a_dataset_cannot_steer_the_terminal() -> None:
    hostile = "\x1b[2J\r\x07\u202egpj\x9b\ud800"
    what = outcome(labels=[hostile], doubts=unclassified([hostile]), rejected_by_reason={"empty_bbox": 1})
    what.samples[0] = {"code": "empty_bbox", "locator": hostile, "image": hostile, "message": hostile}
    text = "".join(lines(what))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\ud800]", text)
    assert r"\x1b[2J\r\x07\u202egpj\x9b\ud800" in text


@pytest.mark.parametrize("text", ["", "plain", "Größe 8 × 6 – 日本 🐈"])
def test_text_that_is_harmless_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_a_run_without_a_terminal_is_told_in_80_columns_and_without_colours(runs: Runs) -> None:
    err = runs.ended["plain"].err
    assert "\x1b" not in err
    place = re.escape(str(runs.folder))
    assert [line for line in err.splitlines() if len(line) > 80 and not re.search(place, line)] == []
    assert re.search(rf"^  {place}/plain/builds/\S+$", err, re.MULTILINE)
    assert "az ml data create" not in err, "its image URLs are file:///"
    assert re.search(r"^warning: no job in Azure ML can read this build: ", err, re.MULTILINE)
