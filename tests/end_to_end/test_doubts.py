"""Doubts: what a schedule is kept from by --strict, what settles one, and where each is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.doubts import NOTES, Doubt, Doubted, merge_doubts, unsettled
from tests.end_to_end.builds import DETECTION, PREFIX, attempt, convert, failed, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco

CODE = "label_before_background"


@pytest.fixture
def doubted(tmp_path: Path) -> Path:
    """A dataset with one label that sorts before the trainer's background."""
    categories = [{"id": 1, "name": "#hash"}, {"id": 2, "name": "dog"}]
    return write_coco(tmp_path / "a.json", [coco_image(1)], [coco_box(1, 1), coco_box(2, 1, category=2)], categories)


def test_a_doubt_has_a_code_a_count_an_example_and_an_option_wherever_it_is_told(doubted: Path, tmp_path: Path) -> None:
    build = convert("--source", doubted, "--image-url", PREFIX, output=tmp_path / "out")
    (found,) = [doubt for doubt in build.manifest["doubts"] if doubt["code"] == CODE]
    assert (found["count"], found["example"], found["option"]) == (1, "#hash", "")
    assert found["message"] in build.manifest["warnings"]
    assert "warning: label '#hash'" in build.said
    assert f"--accept {CODE}" in build.said
    assert CODE in (build.root / "report.html").read_text(encoding="utf-8")
    answer = attempt(doubted, tmp_path / "again", "--json")
    assert json.loads(answer.out)["doubts"] == build.manifest["doubts"]


def test_strict_publishes_nothing_while_a_doubt_stands_and_names_what_settles_it(doubted: Path, tmp_path: Path) -> None:
    answer = attempt(doubted, tmp_path / "out", "--strict")
    assert answer.status == 3
    assert f"--accept {CODE}\n  {CODE}: " in answer.err  # A line for each doubt.
    assert "nothing was published" in answer.err
    assert not (tmp_path / "out/latest.json").exists()


def test_yesterdays_build_stays_current_where_strict_refuses_todays(doubted: Path, tmp_path: Path) -> None:
    before = convert("--source", doubted, "--image-url", PREFIX, output=tmp_path / "out").root
    assert attempt(doubted, tmp_path / "out", "--strict").status == 3
    pointer = json.loads((tmp_path / "out/latest.json").read_bytes())
    assert pointer["build"] == before.name


@pytest.mark.parametrize("accept", [["--accept", CODE], ["--accept", "split_empty", "--accept", CODE]])
def test_an_accepted_doubt_is_settled(doubted: Path, tmp_path: Path, accept: list[str]) -> None:
    assert attempt(doubted, tmp_path / "out", "--strict", *accept).status == 0


@pytest.mark.parametrize("value", [CODE, f"[{CODE}]"])
def test_a_config_settles_it_for_good(doubted: Path, tmp_path: Path, value: str) -> None:
    config = tmp_path / "labelbeam.yaml"
    config.write_text(
        f"task: {DETECTION}\nsource: {doubted}\noutput: {tmp_path / 'out'}\nimage_url: {PREFIX}\n"
        f"strict: true\naccept: {value}\n"
    )
    assert labelbeam("convert", config).status == 0


def test_accepting_changes_no_byte_of_a_build(doubted: Path, tmp_path: Path) -> None:
    builds = [
        convert("--source", doubted, "--image-url", PREFIX, *options, output=tmp_path / name)
        for name, options in {"a": [], "b": ["--strict", "--accept", CODE]}.items()
    ]
    assert builds[0].files() == builds[1].files()
    assert builds[0].manifest["config"] == builds[1].manifest["config"]


def test_a_code_that_is_none_is_refused_with_where_codes_are_listed_and_the_one_that_it_resembles(
    doubted: Path, tmp_path: Path
) -> None:
    failed(attempt(doubted, tmp_path / "out", "--accept", "lable"), 2, "--accept: found 'lable'", "docs/reasons.md")
    failed(attempt(doubted, tmp_path / "out", "--accept", CODE[:-1]), 2, f"did you mean {CODE}?")


def test_inspect_lists_doubts_and_ends_with_3_where_a_build_would_be_refused(doubted: Path) -> None:
    options = ["--task", DETECTION, "--image-url", PREFIX]
    answer = labelbeam("inspect", doubted, *options)
    assert (answer.status, answer.err.index("warning: label") < answer.err.index("written")) == (0, True)
    refused = labelbeam("inspect", doubted, *options, "--strict")
    assert refused.status == 3
    assert "a build would be refused: --strict" in refused.err
    assert labelbeam("inspect", doubted, *options, "--strict", "--accept", CODE).status == 0


def test_a_build_of_no_record_is_never_published(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "a.json", [coco_image(1)], [coco_box(1, 1, bbox=[500, 500, 5, 5])])
    for options in (["--max-rejected", "1"], ["--background", "drop", "--max-rejected", "1"]):
        answer = attempt(source, tmp_path / "out", *options)
        assert answer.status == 3
        assert "none is left to write" in answer.err
        assert "bbox_outside" in answer.err
    inspected = labelbeam("inspect", source, "--task", DETECTION, "--image-url", PREFIX, "--max-rejected", "1")
    assert inspected.status == 3
    assert not (tmp_path / "out/latest.json").exists()


def test_a_build_of_which_all_is_skipped_is_none(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "a.json", [coco_image(1), coco_image(2)])
    answer = attempt(source, tmp_path / "out", "--background", "drop")
    assert answer.status == 3
    assert "background 2" in answer.err


@pytest.mark.parametrize("code", sorted(NOTES))
def test_notes_never_keep_a_build_back(code: Any) -> None:
    assert unsettled([Doubt(code, "told")], []) == []
    assert unsettled([Doubt(Doubted.OTHER, "asked"), Doubt(code, "told")], []) == [Doubt(Doubted.OTHER, "asked")]


def test_doubts_of_one_kind_are_added_up_whatever_their_order() -> None:
    parts = [Doubt("a", "said", 2, "y"), Doubt("a", "said", 3, "x"), Doubt("b", "said"), Doubt("a", "other")]
    expected = [Doubt("a", "other"), Doubt("a", "said", 5, "x"), Doubt("b", "said")]
    assert merge_doubts(parts) == merge_doubts(parts[::-1]) == expected


def test_a_source_that_changes_its_frame_overnight_is_seen_by_the_drift_gate(tmp_path: Path) -> None:
    images = [coco_image(number) for number in range(1, 9)]
    pixels = [coco_box(number, number, bbox=[10, 8, 20, 16]) for number in range(1, 9)]
    fractions = [coco_box(number, number, bbox=[0.1, 0.1, 0.2, 0.2]) for number in range(1, 9)]
    source = write_coco(tmp_path / "a.json", images, pixels)
    before = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert before.manifest["evidence"]["boxes"] == 8
    write_coco(source, images, fractions)
    answer = attempt(source, tmp_path / "out", "--max-change", "0.3")
    assert answer.status == 3
    assert "evidence boxes_under_a_pixel: 0 of 8 → 8 of 8 objects (allowed 30%)" in answer.err
    assert attempt(source, tmp_path / "out", "--max-change", "0.3", "--accept-change").status == 0
    # What is as it was is no change.
    assert attempt(source, tmp_path / "out", "--max-change", "0").status == 0
