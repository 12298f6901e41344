"""The labels of a source in a build's manifest and its labels.json, and those that --labels names in vain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelbeam.schemas.label_map import parse_labels
from labelbeam.schemas.manifest import SourceLabel
from labelbeam.transforms.builds.source_labels import doubts_of_labels, source_labels
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Findings
from tests.end_to_end.builds import PREFIX, convert, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco

PLAN = Plan("yolo", "", "", 1, "", {}, label_ids={"cat": [3]})


def test_labels_have_the_ids_of_plan_and_files_and_what_became_of_them() -> None:
    findings = Findings(label_ids={"cat": ["x", 3], "dog": [1]})
    assert source_labels(PLAN, findings, None) == [SourceLabel("cat", "cat", [3, "x"]), SourceLabel("dog", "dog", [1])]
    findings.labels = {"cat": 2, "cow": 1}
    assert source_labels(PLAN, findings, parse_labels({"rename": {"cow": "ox"}, "drop": ["dog"], "min_count": 2})) == [
        SourceLabel("cat", "cat", [3, "x"], 2),
        SourceLabel("cow", "ox", [], 1, "label_rare"),
        SourceLabel("dog", "dog", [1], 0, "label_dropped"),
    ]


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("Cat", "'Cat' (did you mean 'cat'?)"),
        ("traffic-light", "'traffic-light' (did you mean 'Traffic Light'?)"),
        ("dgo", "'dgo' (did you mean 'dog'?)"),
        ("aeroplane", "'aeroplane'; they change nothing. The source has 3 labels"),
    ],
)
def test_a_label_that_the_source_does_not_have_is_told_with_the_one_that_may_be_meant(named: str, words: str) -> None:
    (doubt,) = doubts_of_labels(parse_labels({named: "x", "cat": "y"}), ["cat", "dog", "Traffic Light"])
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == ("labels_not_found", 1, named, "--labels")
    assert words in doubt.message
    assert list(doubts_of_labels(parse_labels({"cat": "y"}), ["cat"])) == list(doubts_of_labels(None, [])) == []


def test_a_build_says_what_became_of_each_label_and_is_another_when_the_file_says_another(tmp_path: Path) -> None:
    categories = [
        {"id": 7, "name": "kitten"},
        {"id": 3, "name": "cat"},
        {"id": 9, "name": "person"},
        {"id": 4, "name": "cow"},
    ]
    images = [coco_image(number, f"{number}.jpg") for number in range(1, 7)]
    found = [coco_box(number, number, category=(7, 3, 9)[number % 3]) for number in range(1, 7)]
    source = write_coco(tmp_path / "d.json", images, found, categories)
    labels = tmp_path / "labels.yaml"
    labels.write_text("{kitten: cat, person: null, dog: cat}")
    options = ("--source", source, "--image-url", PREFIX, "--labels", labels)
    build = convert(*options, output=tmp_path / "out")
    assert build.counts == {"images": (6, 4, 0, 2), "objects": (6, 4, 0, 2)}
    assert build.manifest["skipped_by_reason"] == {"label_dropped": 2, "only_dropped_labels": 2}
    assert build.adjusted == {"label_renamed": 2}
    assert build.manifest["config"]["labels"] == {"rename": {"dog": "cat", "kitten": "cat"}, "drop": ["person"]}
    assert [doubt["code"] for doubt in build.manifest["doubts"]] == ["labels_not_found"]
    said = json.loads((build.root / "labels.json").read_bytes())
    names = {"source_ids": [3, 7], "source_names": ["cat", "kitten"]}
    assert said["labels"] == [{"id": 0, "name": "cat", "count": 4, "counts": {"train": 4}, **names}]
    assert said["left_out"] == [{"name": "person", "code": "label_dropped", "count": 2, "source_ids": [9]}]

    def run(*more: str) -> str:
        answer = labelbeam(
            "convert", "--task", build.task, "--output", build.output, *options, "--if-changed", "--json", *more
        )
        assert answer.status == 0, answer.err
        status: str = json.loads(answer.out)["status"]
        return status

    assert run() == "unchanged"
    labels.write_text("{rename: {kitten: cat, dog: cat}, drop: [person]}")
    assert run() == "unchanged", "it says the same in other words"
    labels.write_text("{kitten: cat, person: human}")
    assert run() == "published"
