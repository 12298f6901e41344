"""Options that cannot be are refused before anything is asked."""

from __future__ import annotations

import pytest

from tests.scoring.runs import KEY, Score
from tests.servers.endpoint import EndpointServer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--endpoint", "host/score"], "--endpoint: found 'host/score', expected the endpoint's scoring URI"),
        (["--endpoint", f"https://me:{KEY}@host/score"], "--endpoint: found 'https://***@host/score' with a user"),
        (["--key-env", "MISSING_KEY"], "the environment variable MISSING_KEY: holds no key here"),
        (["--key-env", f"{KEY}=="], "--key-env: found text that names no environment variable"),
        (["--batch", "0"], "--batch: found '0', expected a whole number from 1 up"),
        (["--concurrency", "many"], "--concurrency: found 'many'"),
        (["--timeout", "0"], "--timeout: found '0', expected a number from 0.001 to 3600"),
        (["--max-failed", "2"], "--max-failed: found '2', expected a number from 0 to 1"),
        (["--task", "detection"], "--task: found 'detection', expected one of image_classification"),
        (["--protocol", "bytes", "--batch", "2"], "--batch: a request of --protocol bytes is one image"),
        (["--protocol", "bytes", "--explain", "xrai"], "--explain: cannot be asked for with --protocol bytes"),
        (["--explain", "xrai"], "--explain: models of image_object_detection do not explain themselves"),
        (["--explain-steps", "3"], "--explain-steps: is of no use without --explain"),
        (["--explain", "magic"], "--explain: invalid choice: 'magic'"),
        (["--runner=FlinkRunner", "--flink_master=host:8081"], "on this machine, whose disk"),
        (["--dry_run=True"], "--dry_run: labelbeam score does not know it"),
        (["--output", "https://host/x"], "is read only"),
        (["--concurency", "3"], "did you mean --concurrency?"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_asked(
    score: Score, endpoint: EndpointServer, options: list[str], words: str
) -> None:
    answer = score(*options)
    assert answer.status == 2 and words in answer.err, answer.err
    assert KEY not in answer.err and endpoint.asked == []
