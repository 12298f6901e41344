"""What is published, and what is not: the gate of --max-rejected, inspect, and --if-changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.runs import convert as convert_module
from labelbeam.pipelines.version import VERSION
from tests.end_to_end.builds import CLASSIFICATION, PREFIX, Build, attempt, convert, failed, labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image, encoded, put, write_coco

GOOD = json.dumps(coco([coco_image(1)], [coco_box(1, 1)]))


# The gate. ----------------------------------------------------------------------------------------------------------


def test_too_much_rejected_publishes_nothing_and_leaves_the_reasons(half_bad: Path, tmp_path: Path) -> None:
    good = convert("--source", put(tmp_path / "good.json", GOOD), "--image-url", PREFIX, output=tmp_path / "out")
    pointer = (tmp_path / "out/latest.json").read_bytes()
    answer = attempt(half_bad, tmp_path / "out")
    failed(answer, 3, "2 of 4 images", "50.0%", "--max-rejected", "5.0%", "unknown_category 2", "/rejected")
    assert (tmp_path / "out/latest.json").read_bytes() == pointer
    assert labelbeam("verify", tmp_path / "out").status == 0
    (refused,) = (path for path in (tmp_path / "out/builds").iterdir() if path.name != good.root.name)
    lines = [json.loads(line) for path in refused.glob("rejected/*.jsonl") for line in path.read_bytes().splitlines()]
    assert sorted(line["code"] for line in lines) == [
        "no_valid_object",
        "no_valid_object",
        "unknown_category",
        "unknown_category",
    ]
    assert not (refused / "manifest.json").exists()
    named = next(word for word in answer.err.split() if "/rejected" in word)
    assert refused.name in named


@pytest.mark.parametrize(("limit", "status"), [("0.5", 0), ("0.49", 3), ("0", 3), ("1", 0)])
def test_the_gate_is_at_the_fraction_that_was_given(limit: str, status: int, half_bad: Path, tmp_path: Path) -> None:
    assert attempt(half_bad, tmp_path / "out", "--max-rejected", limit).status == status


def test_rejected_objects_alone_do_not_close_the_gate(tmp_path: Path) -> None:
    items = [coco_box(number, 1, category=77) for number in range(2, 30)]
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1), *items])
    build = convert("--source", source, "--image-url", PREFIX, max_rejected="0", output=tmp_path / "out")
    assert build.counts["objects"] == (29, 1, 28, 0)


def test_inspect_tells_what_a_build_would_do_and_writes_nothing(half_bad: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    answer = labelbeam("inspect", half_bad, "--json", "--image-url", PREFIX)
    assert answer.status == 3
    summary = json.loads(answer.out)
    assert summary["refusal"].startswith("2 of 4 images were rejected")
    assert summary["counts"]["images"] == {"found": 4, "written": 2, "rejected": 2, "skipped": 0}
    assert summary["rejected_by_reason"] == {"no_valid_object": 2, "unknown_category": 2}
    assert sorted(tmp_path.rglob("*")) == before
    build = convert("--source", half_bad, "--image-url", PREFIX, output=tmp_path / "out")
    assert {key: build.manifest[key] for key in ("counts", "rejected_by_reason", "labels")} == {
        key: summary[key] for key in ("counts", "rejected_by_reason", "labels")
    }


# Only what changed. -------------------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Callable[..., tuple[bool, dict[str, Any]]]]:
    """Build with --if-changed; whether there is a new build now, and the summary."""
    source = put(tmp_path / "coco.json", GOOD)

    def again(*options: str) -> tuple[bool, dict[str, Any]]:
        pointer = tmp_path / "out/latest.json"
        before = pointer.read_bytes() if pointer.exists() else b""
        answer = attempt(source, tmp_path / "out", "--if-changed", "--json", *options)
        assert answer.status == 0, answer.err
        return pointer.read_bytes() != before, json.loads(answer.out)

    assert again()[0]
    yield again
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_nothing_is_published_where_nothing_changed(
    published: Callable[..., tuple[bool, dict[str, Any]]], tmp_path: Path
) -> None:
    new, summary = published()
    assert not new and summary["status"] == "unchanged"
    assert summary["build"] == Build(tmp_path / "out").manifest["build"]
    assert len(list((tmp_path / "out/builds").iterdir())) == 1


@pytest.mark.parametrize(
    "options", [("--shards", "2"), ("--dimensions", "px"), ("--split", "train=1"), ("--out-of-bounds", "reject")]
)
def test_another_option_is_a_change(
    options: tuple[str, ...], published: Callable[..., tuple[bool, dict[str, Any]]]
) -> None:
    assert published(*options)[0]
    assert not published(*options)[0]


def test_one_other_byte_is_a_change(published: Callable[..., tuple[bool, dict[str, Any]]], tmp_path: Path) -> None:
    put(tmp_path / "coco.json", GOOD.replace("1.jpg", "2.jpg"))
    new, summary = published()
    assert new and summary["status"] == "published"
    assert list(Build(tmp_path / "out").records) == ["2.jpg"]


def test_another_version_is_a_change(
    published: Callable[..., tuple[bool, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert_module, "VERSION", f"{VERSION}+1")
    assert published()[0]


def test_an_option_that_changes_no_record_is_no_change(published: Callable[..., tuple[bool, dict[str, Any]]]) -> None:
    assert not published("--max-rejected", "0.9")[0]


def test_the_images_are_inputs_where_the_build_looks_at_them(tmp_path: Path) -> None:
    put(tmp_path / "set/cat/1.jpg", encoded())
    options = ("--if-changed", "--json")

    def built() -> str:
        status: str = json.loads(attempt(tmp_path / "set", tmp_path / "out", *options, task=CLASSIFICATION).out)[
            "status"
        ]
        return status

    assert [built(), built()] == ["published", "unchanged"]
    put(tmp_path / "set/cat/2.jpg", encoded())
    assert [built(), built()] == ["published", "unchanged"]
    put(tmp_path / "set/cat/2.jpg", encoded(size=(30, 30)))
    assert built() == "published"
