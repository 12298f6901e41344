"""Scoring by `labelbeam.score`: what it returns and raises."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import labelbeam
from labelbeam.errors import LabelBeamError, UsageError
from labelbeam.pipelines.terminal.streams import LOG
from tests.scoring.runs import KEY
from tests.servers.endpoint import EndpointServer


def test_score_returns_what_was_published_and_prints_nothing(
    photos: Path,
    tmp_path: Path,
    endpoint: EndpointServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for logger in (logging.getLogger(), LOG):
        monkeypatch.setattr(logger, "handlers", [])  # Those of commands that ran in this process before.
    scored = labelbeam.score(
        photos,
        endpoint=endpoint.url,
        output=tmp_path / "scores",
        task=endpoint.task,  # type: ignore[arg-type]
        batch=2,
        concurrency=3,
    )
    counts = scored.manifest.counts
    assert (counts.found, counts.scored, counts.failed) == (10, 10, 0)
    assert scored.url == f"file://{tmp_path}/scores/builds/{scored.manifest.build}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 0}, "--batch: found 0, expected a whole number from 1 up"),
        ({"timeout": 1e9}, "--timeout: found 1000000000.0, expected a number from 0.001 to 3600"),
        ({"explain_steps": 3}, "--explain-steps: is of no use without --explain"),
        ({"explain": "xrai", "explain_steps": 0}, "--explain-steps: found 0, expected a whole number from 1 up"),
        ({"protocol": "bites"}, "--protocol: found 'bites', expected"),
        ({"task": "detection"}, "--task: found 'detection', expected one of image_classification"),
        ({"endpoint": f"https://me:{KEY}@host/score"}, "found 'https://***@host/score' with a user"),
        ({"concurency": 3}, "found an option 'concurency'.*did you mean concurrency"),
        ({"beam_options": ["--dry_run=True"]}, "--dry_run: labelbeam score does not know it"),
    ],
    ids=lambda value: str(value)[:25],
)
def test_options_that_cannot_be_are_refused_before_anything_is_asked(
    photos: Path, tmp_path: Path, endpoint: EndpointServer, options: dict[str, object], words: str
) -> None:
    given: dict[str, object] = {"endpoint": endpoint.url, "output": tmp_path / "scores", "task": endpoint.task}
    with pytest.raises(UsageError, match=words.replace("***", r"\*\*\*")) as raised:
        labelbeam.score(photos, **{**given, **options})  # type: ignore[arg-type]
    assert KEY not in str(raised.value) and endpoint.asked == []


def test_the_key_is_in_no_message(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with pytest.raises(UsageError, match="the key would go over the network unencrypted") as raised:
        labelbeam.score(
            photos,
            endpoint="http://host/score",
            output=tmp_path / "scores",
            task="image_object_detection",
            key_env="MY_KEY",
        )
    assert KEY not in str(raised.value)
    assert issubclass(UsageError, LabelBeamError)
