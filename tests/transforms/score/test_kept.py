"""Predictions of a unit are kept while it is under way, and found again by the run that resumes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.predictions import LabelsPrediction
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.score import kept as module
from labelbeam.transforms.score.kept import KeptPredictions
from labelbeam.transforms.score.shards import write_scores
from labelbeam.transforms.stores.locate import locate

TASK = "image_classification"


def prediction(number: int, share: float = 1.0) -> LabelsPrediction:
    return LabelsPrediction(image_url=f"https://h/{number}.jpg", probs=[share], labels=["cat"])


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(f"file://{tmp_path}/build", f"file://{tmp_path}/unfinished", "abc", False)


def kept(target: Target, number: int = 0) -> KeptPredictions:
    return KeptPredictions(target, {}, TASK, number, 2)


def files(target: Target) -> list[str]:
    return sorted(path.name for path in Path(target.unfinished.removeprefix("file://")).glob("*"))


def test_what_was_put_is_found_again_and_added_to(target: Target) -> None:
    first = kept(target)
    assert first.read(None) == {}
    first.add([prediction(1), prediction(2)])
    first.put()
    second = kept(target)
    assert set(second.read(None)) == {"https://h/1.jpg", "https://h/2.jpg"}
    second.add([prediction(3)])
    second.put()
    assert files(target) == ["scored-00000-of-00002-0000.jsonl", "scored-00000-of-00002-0001.jsonl"]
    assert len(kept(target).read(None)) == 3


def test_of_two_predictions_of_an_image_the_later_counts(target: Target) -> None:
    first = kept(target)
    for share in (0.25, 0.75):
        first.add([prediction(1, share)])
        first.put()
    (found,) = kept(target).read(None).values()
    assert isinstance(found, LabelsPrediction) and found.probs == [0.75]


def test_nothing_is_written_of_nothing_and_before_it_is_due(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept(target)
    found.put()
    found.add([prediction(1)])
    assert files(target) == []
    monkeypatch.setattr(module, "PERIOD", 0.0)
    found.add([prediction(2)])
    assert len(kept(target).read(None)) == 2


def test_units_are_kept_apart(target: Target) -> None:
    first = kept(target, 0)
    first.add([prediction(1)])
    first.put()
    assert kept(target, 1).read(None) == {}


def test_what_is_made_from_something_else_is_not_taken_and_not_written_over(target: Target) -> None:
    other = kept(Target(target.build, target.unfinished, "other", False))
    other.add([prediction(1)])
    other.put()
    mine = kept(target)
    assert mine.read(None) == {}
    mine.add([prediction(2)])
    mine.put()
    assert len(files(target)) == 2


@pytest.mark.parametrize("content", [b"", b"no json\n", b"[" * 100_000, b"\xff", b"{}\n"])
def test_a_file_that_is_none_costs_its_own_predictions_alone(content: bytes, target: Target) -> None:
    folder = Path(target.unfinished.removeprefix("file://"))
    folder.mkdir()
    folder.joinpath("scored-00000-of-00002-0000.jsonl").write_bytes(content)
    second = kept(target)
    assert second.read(None) == {}
    second.add([prediction(1)])
    second.put()
    assert set(kept(target).read(None)) == {"https://h/1.jpg"}


def test_a_line_that_is_cut_costs_its_own_image_alone(target: Target) -> None:
    first = kept(target)
    first.add([prediction(1), prediction(2)])
    first.put()
    path = Path(target.unfinished.removeprefix("file://")) / files(target)[0]
    path.write_bytes(path.read_bytes()[:-9])
    assert set(kept(target).read(None)) == {"https://h/1.jpg"}


def test_predictions_of_a_finished_shard_are_taken_too(target: Target) -> None:
    receipt = write_scores([prediction(1)], [], TASK, 0, 2, locate(target.build, {}))
    assert set(kept(target).read(receipt)) == {"https://h/1.jpg"}


def test_what_is_held_is_written_by_nobody_until_it_is_put(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept(target)
    assert found.hold([prediction(1)]) is False
    monkeypatch.setattr(module, "PERIOD", 0.0)
    assert found.hold([prediction(2)]) is True
    assert files(target) == []
    found.put()
    assert len(kept(target).read(None)) == 2
