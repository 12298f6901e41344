"""Runs that publish nothing, and what the next one makes of what they left."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.score import plan as plan_scores
from tests.scoring.runs import BAD, DETECTION, IMAGES, Score, expected, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault


def test_too_many_failures_publish_nothing_and_the_next_run_asks_for_them_again(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer
) -> None:
    endpoint.faults = [Fault("invalid", image=IMAGES[BAD])]
    answer = score()
    assert answer.status == 3
    assert "1 of 10 images were not scored (10.0%), --max-failed allows 5.0%; nothing was published" in answer.err
    assert "invalid_answer 1" in answer.err and not (tmp_path / "scores" / "latest.json").exists()
    endpoint.faults.clear()
    before = len(endpoint.asked)
    assert score().status == 0
    assert len(endpoint.asked) - before == 1
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            401,
            "answers 401: the key is missing or wrong; check --key-env, --key-file or --auth; it says: it went wrong",
        ),
        (403, "answers 403: the key does not permit requests to this endpoint"),
        (404, "answers 404: nothing answers under this path"),
        (308, "answers 308 and leads to elsewhere"),
    ],
)
def test_an_endpoint_that_refuses_every_image_ends_the_run(
    score: Score, tmp_path: Path, endpoint: EndpointServer, status: int, words: str
) -> None:
    endpoint.faults = [Fault("status", status=status)]
    answer = score("--concurrency", "1")
    assert answer.status == 1 and words in answer.err and "Traceback" not in answer.err
    assert len(endpoint.asked) == 1
    assert not list(tmp_path.glob("scores/**/latest.json"))


def test_an_endpoint_that_never_answers_ends_the_run(
    score: Score, endpoint: EndpointServer, waits: list[float]
) -> None:
    endpoint.faults = [Fault("status", status=503)]
    answer = score("--concurrency", "2")
    assert answer.status == 1 and "tried 10 times" in answer.err and "the endpoint is unavailable" in answer.err
    assert 30 <= len(endpoint.asked) <= 50


@pytest.mark.parametrize("all_fail", [False, True])
def test_that_the_first_image_fails_is_its_fault_only_if_others_do_not(
    score: Score,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    all_fail: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OfTheFirst(Fault):
        def takes(self, images: Any) -> bool:
            first = endpoint.asked[0].images if endpoint.asked else images
            return all_fail or bool(images[0].image == first[0].image)

    monkeypatch.setattr(plan_scores, "UNIT", 10)  # All are of one unit; which is asked for first is for its threads.
    endpoint.faults = [OfTheFirst("status", status=503)]
    answer = score("--concurrency", "1", "--max-failed", "0.5")
    assert answer.status == (1 if all_fail else 0), answer.err
    if not all_fail:
        assert [line["code"] for line in lines(manifest(tmp_path / "scores")[0], "failed")] == ["server_error"]
    if all_fail:
        assert 30 <= len(endpoint.asked) <= 40  # Others are asked for while one waits for its next try.
        tries = Counter(item.image for asked in endpoint.asked for item in asked.images)
        assert sorted(tries.values())[-3:] == [10, 10, 10]
    else:
        assert len(endpoint.asked) == 10 + 9 + 1


@pytest.mark.parametrize("batch", ["1", "3"])
def test_an_endpoint_that_goes_away_ends_the_run_and_is_not_blamed_on_images(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, waits: list[float], batch: str
) -> None:
    class FromTheThirdOn(Fault):
        def takes(self, images: Any) -> bool:
            return len(endpoint.asked) >= 2

    endpoint.faults = [FromTheThirdOn("status", status=503)]
    answer = score("--concurrency", "1", "--batch", batch)
    assert answer.status == 1 and "the endpoint is unavailable" in answer.err
    # What was to be asked, and what had been answered before; of two others, whatever is asked while one waits for its next try.
    assert 2 + 10 + 10 <= len(endpoint.asked) <= 2 + 30 + 10
    assert not list((tmp_path / "scores").glob("builds/*/failed"))
    endpoint.faults = []
    assert score().status == 0
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


def test_a_run_that_was_ended_is_gone_on_with(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer
) -> None:
    class FromTheTenthOn(Fault):
        def takes(self, images: Any) -> bool:
            return len(endpoint.asked) >= 9

    endpoint.faults = [FromTheTenthOn("status", status=401)]
    assert score("--concurrency", "1").status == 1
    (unfinished,) = [path for path in (tmp_path / "scores" / "unfinished").iterdir() if path.is_dir()]
    done = {path.name for path in unfinished.glob("receipt-*")}
    assert 1 <= len(done) <= 2
    answered = {item.image for request in endpoint.asked if request.status == 200 for item in request.images}
    assert len(answered) == 9
    endpoint.faults, endpoint.asked = [], []
    answer = score("--concurrency", "3", "--max-failed", "0")
    assert answer.status == 0 and f"{len(done)} of 3 shards were finished before" in answer.err
    build, _ = manifest(tmp_path / "scores")
    assert build.name == unfinished.name
    assert lines(build, "predictions") == expected(photos, DETECTION)
    assert len(endpoint.asked) == 1 and not any(endpoint.asked_for(image) for image in answered)


def test_a_shard_that_was_damaged_is_made_again(score: Score, tmp_path: Path, endpoint: EndpointServer) -> None:
    endpoint.faults = [Fault("invalid", image=IMAGES[BAD])]
    assert score().status == 3
    (shard,) = (tmp_path / "scores").glob("builds/*/predictions/predictions-00000-*")
    shard.write_bytes(shard.read_bytes()[:-1])
    endpoint.faults, endpoint.asked = [], []
    assert score().status == 0
    assert len(endpoint.asked) == 4 + 1
    manifest(tmp_path / "scores")
