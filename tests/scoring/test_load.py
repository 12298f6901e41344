"""An endpoint that sheds load is asked for less at once; one that refuses everything is not asked for long."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.score import endpoint as endpoint_module
from labelbeam.transforms.score import kept as kept_module
from labelbeam.transforms.score import transform as transform_module
from tests.end_to_end.builds import labelbeam
from tests.scoring.runs import BAD, DETECTION, IMAGES, Score, expected, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault, endpoint_server


@pytest.mark.parametrize(
    ("takes", "busy"),
    [
        (2, Fault("status", status=429)),
        (1, Fault("status", status=429)),
        (2, Fault("status", status=429, retry_after="0.2")),
        (2, Fault("status", status=503)),
        (2, Fault("status", status=503, headers={"Server": "a-proxy"}, retry_after="0")),
    ],
    ids=["429", "one-429", "429-retry-after", "503", "503-of-a-proxy"],
)
def test_an_endpoint_that_takes_few_requests_at_once_answers_for_all_images(
    score: Score, photos: Path, tmp_path: Path, takes: int, busy: Fault
) -> None:
    with endpoint_server(DETECTION, takes=takes, busy=busy, faults=[Fault("latency", seconds=0.05)]) as server:
        answer = score("--max-failed", "0", by=server)
    assert answer.status == 0, answer.err
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)
    assert sum(request.status == 200 for request in server.asked) == len(IMAGES)


@pytest.mark.parametrize("status", [503, 408])
def test_no_image_is_blamed_for_the_load_even_if_nobody_waits(
    score: Score, photos: Path, tmp_path: Path, waits: list[float], status: int
) -> None:
    """Whoever asks again at once uses up all tries but the last ones, which are made alone."""
    busy, slow = Fault("status", status=status), Fault("latency", seconds=0.1)
    with endpoint_server(DETECTION, takes=1, busy=busy, faults=[slow]) as server:
        answer = score("--max-failed", "0", by=server)
    assert answer.status == 0, answer.err
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


def test_429_is_no_images_fault_as_long_as_others_are_answered(
    score: Score,
    photos: Path,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More often than anything else is asked for again: another worker may have taken all places for so long."""
    endpoint.faults = [Fault("status", status=429, image=IMAGES[BAD], times=30)]
    answer = score()
    assert answer.status == 0, answer.err
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)
    assert endpoint.asked_for(IMAGES[BAD]) == 31 and max(waits) <= 8


def test_an_endpoint_that_only_sheds_load_ends_the_run_after_a_while_and_what_was_scored_is_kept(
    score: Score,
    photos: Path,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FromTheSeventhOn(Fault):
        def takes(self, images: Any) -> bool:
            return len(endpoint.asked) >= 6

    monkeypatch.setattr(endpoint_module, "PATIENCE", 0.5)
    endpoint.faults = [FromTheSeventhOn("status", status=429)]
    began = time.monotonic()
    answer = score("--concurrency", "2")
    assert answer.status == 1 and "answers 429 Too Many Requests" in answer.err, answer.err
    assert "the endpoint is unavailable; nothing was published" in answer.err
    assert time.monotonic() - began >= 0.5
    answered = {item.image for request in endpoint.asked if request.status == 200 for item in request.images}
    assert len(answered) == 6
    endpoint.faults, endpoint.asked = [], []
    assert score().status == 0
    assert sorted(item.image for request in endpoint.asked for item in request.images) == sorted(
        set(IMAGES.values()) - answered
    )
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


def test_predictions_are_kept_while_a_unit_is_under_way_and_believed_only_if_made_from_the_same(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "PERIOD", 0.0)
    monkeypatch.setattr(transform_module, "UNITS_TOGETHER", 1)  # On a busy machine the second may come first.
    # Two are answered, whichever: each thread reads images for itself.
    endpoint.faults = [Fault("status", status=403, spared=2)]
    assert score("--concurrency", "1").status == 1
    first, *further = sorted(tmp_path.glob("scores/unfinished/*/scored-00000-of-00003-*.jsonl"))
    # On a busy machine both are put together.
    head, *kept = [*first.read_text().splitlines(), *(path.read_text().splitlines()[1] for path in further)]
    assert len(kept) == 2
    first.write_text(f'{{"made_from":"{"0" * 64}"}}\n{kept[0]}\n')
    first.with_name(first.name.replace("-0000.jsonl", "-0001.jsonl")).write_text(f"{head}\n{kept[1][:-3]}\n")
    endpoint.faults, endpoint.asked = [], []
    assert score().status == 0
    assert len(endpoint.asked) >= 4
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)
    assert not (tmp_path / "scores" / "unfinished").exists()


MODEL_STATUS, MODEL_REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"


@pytest.mark.parametrize("model", ["500", "503", "599", "500, 500", " 502 Bad Gateway", "408", "429"])
def test_424_of_a_scoring_script_that_failed_is_asked_for_again(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, waits: list[float], model: str
) -> None:
    headers = {"MS-AzureML-Model-Error-StatusCode": model, MODEL_REASON: "model_error"}
    endpoint.faults = [Fault("status", status=424, times=2, headers=headers, image=IMAGES[BAD])]
    assert score().status == 0
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)
    assert endpoint.asked_for(IMAGES[BAD]) == 3 and len(waits) == 2


@pytest.mark.parametrize(
    ("headers", "code", "times"),
    [
        ({MODEL_STATUS: "500", MODEL_REASON: "model_error"}, "server_error", 3),
        ({MODEL_STATUS: "400", MODEL_REASON: "bad image"}, "refused", 1),
        ({MODEL_STATUS: "422"}, "refused", 1),
        ({MODEL_STATUS: "5xx"}, "refused", 1),
        ({MODEL_STATUS: "5000"}, "refused", 1),
        ({}, "refused", 1),
    ],
)
def test_what_the_model_said_in_headers_stands_with_the_image(
    score: Score,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    headers: dict[str, str],
    code: str,
    times: int,
) -> None:
    endpoint.faults = [Fault("status", status=424, headers=headers, image=IMAGES[BAD])]
    assert score("--max-failed", "0.1").status == 0
    (failed,) = lines(manifest(tmp_path / "scores")[0], "failed")
    assert (failed["code"], failed["status"], failed["headers"]) == (code, 424, headers)
    assert all(f"{name}: {value}" in failed["message"] for name, value in headers.items())
    assert endpoint.asked_for(IMAGES[BAD]) == times


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("status", status=400), "400 Bad Request: it went wrong"),
        (Fault("status", status=415), "415 Unsupported Media Type: it went wrong"),
        (Fault("status", status=424, headers={MODEL_STATUS: "400"}), f"{MODEL_STATUS}: 400; it went wrong"),
        (Fault("page"), "expected JSON; it says: <html>Sign in</html>"),
        (Fault("invalid"), "found an object of error"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
@pytest.mark.parametrize("batch", ["1", "4"])
def test_an_endpoint_that_refuses_the_first_images_is_not_asked_for_all_and_its_answer_is_told(
    tmp_path: Path, endpoint: EndpointServer, fault: Fault, words: str, batch: str
) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"image %d" % number)
    endpoint.faults = [Fault(**{**vars(fault)})]
    options = ["--task", DETECTION, "--batch", batch, "--max-failed", "0.5", "--output", tmp_path / "scores"]
    answer = labelbeam("score", tmp_path, "--endpoint", endpoint.url, *options)
    assert answer.status == 1, answer.err
    # Requests are made at once: another may fail before the run is ended.
    assert re.search(r"makes no prediction of any of the first 1\d images", answer.err) and words in answer.err
    assert len(endpoint.asked) < 30


def test_images_that_all_may_fail_are_all_tried(tmp_path: Path, endpoint: EndpointServer) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"image %d" % number)
    bad = [Fault("status", status=400, image=b"image %d" % number) for number in range(20)]
    endpoint.faults = [*bad]
    options = ["--task", DETECTION, "--concurrency", "1", "--output", tmp_path / "scores"]
    answer = labelbeam("score", tmp_path, "--endpoint", endpoint.url, *options, "--max-failed", "1")
    assert answer.status == 0, answer.err
    assert manifest(tmp_path / "scores")[1]["counts"] == {"found": 30, "scored": 10, "failed": 20}


def test_images_that_failed_before_are_no_reason_to_give_the_endpoint_up(
    tmp_path: Path, endpoint: EndpointServer
) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"image %d" % number)
    endpoint.faults = [Fault("status", status=400, image=b"image %d" % number) for number in range(1, 20)]
    options = ["--task", DETECTION, "--concurrency", "1", "--output", tmp_path / "scores"]
    first = labelbeam("score", tmp_path, "--endpoint", endpoint.url, *options)
    assert first.status == 3 and "19 of 30 images were not scored" in first.err and "400 Bad Request" in first.err
    endpoint.asked = []
    again = labelbeam("score", tmp_path, "--endpoint", endpoint.url, *options)
    assert again.status == 3 and len(endpoint.asked) == 19, again.err
