"""What passes is asked for again, what does not is told of the image, and neither costs another image anything."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from labelbeam.pipelines.commands.schema import schema
from labelbeam.schemas.requests import RequestedImage
from tests.end_to_end.builds import labelbeam
from tests.scoring.runs import BAD, DETECTION, IMAGES, Score, expected, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, times=3),
        Fault("status", status=503, times=3),
        Fault("status", status=500, times=2),
        Fault("reset", times=3),
        Fault("cut", times=3),
        Fault("truncated", times=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_passes_is_asked_for_again_until_it_has(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, fault: Fault, waits: list[float]
) -> None:
    times = fault.times or 0
    endpoint.faults = [Fault(**{**vars(fault), "image": IMAGES[BAD]})]
    answer = score()
    assert answer.status == 0, answer.err
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)
    assert len(endpoint.asked) == 10 + times and endpoint.asked_for(IMAGES[BAD]) == 1 + times
    # Each wait may be twice as long as the one before, half of it by chance.
    assert [0.125 * 2**number <= wait <= 0.25 * 2**number for number, wait in enumerate(waits)] == [True] * times


def test_the_wish_of_the_endpoint_to_be_left_alone_is_heeded(
    score: Score, endpoint: EndpointServer, waits: list[float]
) -> None:
    endpoint.faults = [Fault("status", status=429, times=1, retry_after="17")]
    assert score().status == 0
    assert waits == [17.0]


def test_retry_after_is_waited_for(score: Score, endpoint: EndpointServer) -> None:
    endpoint.faults = [Fault("status", status=503, times=1, retry_after="1", image=IMAGES[BAD])]
    assert score().status == 0
    first, second = (request.at for request in endpoint.asked if IMAGES[BAD] in [item.image for item in request.images])
    assert second - first >= 1


@pytest.mark.parametrize("fault", [Fault("slow", seconds=0.01), Fault("latency", seconds=1)], ids=["slow", "late"])
def test_an_answer_that_does_not_end_in_time_is_asked_for_again(
    score: Score, endpoint: EndpointServer, fault: Fault
) -> None:
    endpoint.faults = [Fault(**{**vars(fault), "times": 1, "image": IMAGES[BAD]})]
    assert len(json.dumps(endpoint.answer([RequestedImage(IMAGES[BAD], None)]))) > 60
    assert score("--timeout", "0.5").status == 0
    assert endpoint.asked_for(IMAGES[BAD]) == 2


@pytest.mark.parametrize(
    ("fault", "code", "status", "times", "message"),
    [
        (Fault("status", status=400), "refused", 400, 1, "the server answers 400 Bad Request: it went wrong"),
        (Fault("status", status=413), "refused", 413, 1, "answers 413"),
        (Fault("status", status=424), "refused", 424, 1, "answers 424 Failed Dependency"),
        (Fault("status", status=500), "server_error", 500, 3, "answers 500"),
        (Fault("status", status=503), "server_error", 503, 10, "tried 10 times"),
        (Fault("page"), "wrong_content_type", 200, 1, "found an answer of type text/html, expected JSON"),
        (Fault("not-json"), "not_json", 200, 1, "JSON is malformed"),
        (Fault("truncated"), "truncated_answer", 200, 3, "truncated"),
        (Fault("count"), "wrong_count", 200, 1, "found 2 entries, expected 1"),
        (Fault("invalid"), "invalid_answer", 200, 1, "answer[0]: found an object of error"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
@pytest.mark.parametrize("batch", [1, 4])
def test_an_image_that_the_endpoint_fails_at_is_told_and_costs_no_other(
    score: Score,
    photos: Path,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    batch: int,
    fault: Fault,
    code: str,
    status: int,
    times: int,
    message: str,
) -> None:
    endpoint.faults = [Fault(**{**vars(fault), "image": IMAGES[BAD]})]
    answer = score("--max-failed", "0.1", "--batch", str(batch))
    assert answer.status == 0, answer.err
    build, found = manifest(tmp_path / "scores")
    (failed,) = lines(build, "failed")
    jsonschema.validate(failed, schema("failed"))
    assert (failed["image_url"], failed["code"], failed["status"]) == (f"file://{photos}/{BAD}", code, status)
    assert message in failed["message"] and failed["answer"]
    good = [line for line in expected(photos, DETECTION) if not line["image_url"].endswith(BAD)]
    assert lines(build, "predictions") == good
    assert [entry["records"] for entry in found["failed"]] == [0, 1, 0]
    # With three others once, then alone.
    assert endpoint.asked_for(IMAGES[BAD]) == times * (2 if batch > 1 else 1)


def test_an_image_that_cannot_be_read_or_is_empty_or_lies_elsewhere_is_told_and_not_sent(
    photos: Path, tmp_path: Path, endpoint: EndpointServer
) -> None:
    names = [*IMAGES, "http://127.0.0.1:9/never-asked.jpg"]
    images = [{"id": key, "file_name": name, "width": 8, "height": 8} for key, name in enumerate(names)]
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "categories": [], "annotations": []}))
    built = [
        "--task",
        DETECTION,
        "--source",
        tmp_path / "coco.json",
        "--images",
        photos,
        "--output",
        tmp_path / "built",
    ]
    assert labelbeam("convert", *built, "--split", "train=1").status == 0
    (photos / BAD).write_bytes(b"")
    (photos / "a/07.jpg").unlink()
    places = ["--endpoint", endpoint.url, "--output", tmp_path / "scores"]
    answer = labelbeam("score", tmp_path / "built", *places, "--max-failed", "0.5")
    assert answer.status == 0, answer.err
    codes = {line["image_url"]: line["code"] for line in lines(manifest(tmp_path / "scores")[0], "failed")}
    assert codes == {
        f"file://{photos}/{BAD}": "empty_image",
        f"file://{photos}/a/07.jpg": "unreadable_image",
        names[-1]: "image_elsewhere",
    }
    assert len(endpoint.asked) == 8
