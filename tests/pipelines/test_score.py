"""`labelbeam score` against a real endpoint: what it publishes, what it asks, what it survives, and that it keeps the key."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest

from pipelines.schema import schema
from schemas.config import TASKS
from schemas.errors import UsageError
from schemas.requests import RequestedImage, XaiParameters
from schemas.score_config import DEFAULT_KEY
from tests.end_to_end.builds import Answer, labelbeam
from tests.servers.endpoint import EndpointServer, Fault, Generation, answer_for, endpoint_server
from tests.servers.stores import S3Store
from transforms import plan_scores
from transforms.endpoint import KeySource, read_key

CLASSIFICATION, MULTILABEL, DETECTION, SEGMENTATION = TASKS

KEY = "kQ7-secret-of-the-endpoint"

IMAGES = {f"a/{number:02}.jpg": b"image %d" % number for number in range(10)}


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Each command sets up logging; other tests of this process are not to find it so."""
    loggers = [logging.getLogger(name) for name in ("", "labelbeam", "pipelines", "transforms")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    logging.captureWarnings(False)


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_scores, "UNIT", 4)
    monkeypatch.delenv(DEFAULT_KEY, raising=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten images."""
    for name, content in IMAGES.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    """One for detection, of the second generation, that asks for no key."""
    with endpoint_server(DETECTION) as server:
        yield server


Score = Callable[..., Answer]


@pytest.fixture
def score(photos: Path, tmp_path: Path, endpoint: EndpointServer) -> Score:
    """Scores the photos with the endpoint, or another one; further arguments are options."""

    def run(*options: str | Path, by: EndpointServer = endpoint) -> Answer:
        places = ["--endpoint", by.url, "--output", tmp_path / "scores"]
        return labelbeam("score", photos, "--task", by.task, *places, *options)

    return run


def manifest(output: Path) -> tuple[Path, dict[str, Any]]:
    """The build in force and its manifest; every file is compared with it, and the counts with each other."""
    latest = json.loads((output / "latest.json").read_bytes())
    found = json.loads((output / latest["manifest"]).read_bytes())
    jsonschema.validate(found, schema("scores_manifest"))
    build = output / "builds" / latest["build"]
    files = [entry for kind in ("predictions", "parquet", "failed") for entry in found[kind]]
    for entry in files:
        data = (build / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    there = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    assert there == {entry["path"] for entry in files} | {"manifest.json"}
    assert not (output / "unfinished").exists()
    counts = found["counts"]
    assert counts["found"] == counts["scored"] + counts["failed"] == len(lines(build, "predictions")) + counts["failed"]
    assert Counter(line["code"] for line in lines(build, "failed")) == found["failed_by_code"]
    assert sum(entry["records"] for entry in found["predictions"]) == counts["scored"]
    return build, found


def lines(build: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for file in sorted(build.glob(f"{kind}/*.jsonl")) for line in file.read_text().splitlines()
    ]


def expected(photos: Path, task: str, generation: Generation = "v2", explain: Any = None) -> list[dict[str, Any]]:
    """What the endpoint says of each image, as predictions."""
    found = []
    for name, content in sorted(IMAGES.items()):
        entry = answer_for(RequestedImage(content, explain), task, generation)
        values = {key: value for key, value in entry.items() if key != "filename" and value is not None}
        found.append({"image_url": f"file://{photos}/{name}", **values})
    return found


# What is published. ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("generation", ["v1", "v1-text", "v2", "v2-bare"])
def test_predictions_are_what_the_endpoint_said_of_each_image(
    score: Score, photos: Path, tmp_path: Path, task: str, generation: Generation
) -> None:
    protocol = "bytes" if generation.startswith("v1") else "json"
    with endpoint_server(task, generation=generation) as server:
        answer = score("--protocol", protocol, by=server)
    assert answer.status == 0, answer.err
    build, found = manifest(tmp_path / "scores")
    assert lines(build, "predictions") == expected(photos, task, generation)
    assert found["counts"] == {"found": 10, "scored": 10, "failed": 0} and found["failed"] == []
    table = [row for file in sorted(build.glob("parquet/*")) for row in pq.read_table(file).to_pylist()]
    for row, line in zip(table, lines(build, "predictions"), strict=True):
        boxes = [{"polygon": None, **item} for item in line["boxes"]] if "boxes" in line else None
        assert row == (line if boxes is None else {**line, "boxes": boxes})
    assert len(server.asked) == 10 and all(len(request.images) == 1 for request in server.asked)


def test_the_layout_is_that_of_a_build(score: Score, tmp_path: Path) -> None:
    assert score().status == 0
    build, found = manifest(tmp_path / "scores")
    names = [f"{stem}-{number:05}-of-00003" for stem in ("predictions",) for number in range(3)]
    assert [entry["path"] for entry in found["predictions"]] == [f"predictions/{name}.jsonl" for name in names]
    assert [entry["path"] for entry in found["parquet"]] == [f"parquet/{name}.parquet" for name in names]
    assert [entry["records"] for entry in found["predictions"]] == [4, 4, 2]
    assert found["kind"] == "predictions" and found["task"] == DETECTION
    again = score()
    assert again.status == 0 and len(list((tmp_path / "scores" / "builds").iterdir())) == 2
    assert labelbeam("clean", tmp_path / "scores", "--keep", "1").status == 0
    assert [path.name for path in (tmp_path / "scores" / "builds").iterdir()] == [manifest(tmp_path / "scores")[0].name]
    assert build.name not in {path.name for path in (tmp_path / "scores" / "builds").iterdir()}


def test_the_summary_is_told_to_people_or_as_json(score: Score, tmp_path: Path, endpoint: EndpointServer) -> None:
    endpoint.faults = [Fault("page", image=IMAGES["a/03.jpg"])]
    told = score("--max-failed", "0.1")
    assert told.status == 0 and told.out == ""
    assert "images: 10 found, 9 scored, 1 failed" in told.err and "wrong_content_type" in told.err
    answer = score("--max-failed", "0.1", "--json")
    summary = json.loads(answer.out)
    assert answer.err == "" and summary["status"] == "published"
    assert summary["counts"] == {"found": 10, "scored": 9, "failed": 1}
    assert summary["url"] == f"file://{tmp_path}/scores/builds/{summary['build']}"
    assert [sample["code"] for sample in summary["failed_samples"]] == ["wrong_content_type"]


def test_a_build_is_scored_by_its_splits_with_the_names_of_its_records(
    tmp_path: Path, photos: Path, endpoint: EndpointServer
) -> None:
    images = [{"id": key, "file_name": name, "width": 8, "height": 8} for key, name in enumerate(IMAGES)]
    content = {"images": images, "categories": [], "annotations": []}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    built = ["--source", tmp_path / "coco.json", "--images", photos, "--output", tmp_path / "built"]
    options = ["--task", DETECTION, "--image-url", "https://host/c", "--split", "train=0.5,test=0.5"]
    assert labelbeam("convert", *built, *options).status == 0
    places = ["--endpoint", endpoint.url, "--output", tmp_path / "scores"]
    answer = labelbeam("score", tmp_path / "built", "--split", "test", *places)
    assert answer.status == 0, answer.err
    build, found = manifest(tmp_path / "scores")
    truth = lines(next((tmp_path / "built" / "builds").iterdir()), "test")
    assert 0 < len(truth) < 10
    assert [line["image_url"] for line in lines(build, "predictions")] == [line["image_url"] for line in truth]
    assert found["source"]["build"] == next((tmp_path / "built" / "builds").iterdir()).name
    # Training data and predictions keep apart.
    assert labelbeam("score", tmp_path / "built", *places[:2], "--output", tmp_path / "built").status == 1
    again = labelbeam("convert", "--task", DETECTION, *built[:4], "--output", tmp_path / "scores", "--if-changed")
    assert again.status == 1 and "not a manifest of a build of training data" in again.err


def test_images_and_predictions_may_lie_in_a_store(s3_store: S3Store, endpoint: EndpointServer) -> None:
    s3_store.write({f"photos/{name}": content for name, content in IMAGES.items()})
    options = ["--task", DETECTION, "--storage-options", json.dumps(s3_store.storage_options)]
    places = ["--endpoint", endpoint.url, "--output", f"{s3_store.root}/scores"]
    answer = labelbeam("score", f"{s3_store.root}/photos/a/*.jpg", *places, *options, "--image-url", "https://host/c")
    assert answer.status == 0, answer.err
    files = s3_store.files("scores")
    build = json.loads(files["scores/latest.json"])["build"]
    shards = [
        content for path, content in sorted(files.items()) if path.startswith(f"scores/builds/{build}/predictions/")
    ]
    urls = [json.loads(line)["image_url"] for shard in shards for line in shard.splitlines()]
    assert urls == [f"https://host/c/{name.removeprefix('a/')}" for name in sorted(IMAGES)]
    assert not [path for path in files if path.startswith("scores/unfinished")]


# What is asked. -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sizes"), [(["--batch", "3"], [3, 1] * 2 + [2]), (["--batch", "4", "--batch-bytes", "76"], [2] * 5)]
)
def test_images_are_put_together_by_number_and_by_bytes(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, options: list[str], sizes: list[int]
) -> None:
    assert score(*options).status == 0
    assert sorted(len(request.images) for request in endpoint.asked) == sorted(sizes)
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


@pytest.mark.parametrize("concurrency", [1, 5])
def test_so_many_requests_are_made_at_once_as_may_be(score: Score, endpoint: EndpointServer, concurrency: int) -> None:
    endpoint.faults = [Fault("latency", seconds=0.2)]
    assert score("--concurrency", str(concurrency)).status == 0
    assert endpoint.most_at_once == concurrency
    assert endpoint.connections == concurrency


@pytest.mark.parametrize("task", [CLASSIFICATION, MULTILABEL])
def test_a_model_explains_itself_as_it_is_asked_to(score: Score, photos: Path, tmp_path: Path, task: str) -> None:
    explain = XaiParameters(xai_algorithm="integrated_gradients", n_steps=7, attributions=True)
    with endpoint_server(task) as server:
        options = ["--explain", "integrated_gradients", "--explain-steps", "7", "--attributions"]
        assert score(*options, "--batch", "2", by=server).status == 0
    assert {item.explain for request in server.asked for item in request.images} == {explain}
    build, _ = manifest(tmp_path / "scores")
    assert lines(build, "predictions") == expected(photos, task, explain=explain)
    assert lines(build, "predictions")[0]["attributions"] == [[[0.25]]] * 3
    assert pq.read_schema(next(build.glob("parquet/*"))).names == ["image_url", "probs", "labels"]


# What goes wrong. -----------------------------------------------------------------------------------------------------

BAD = "a/05.jpg"


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


def test_too_many_failures_publish_nothing_and_the_next_run_asks_for_their_shards_again(
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
    assert len(endpoint.asked) - before == 4
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "answers 401: the key is missing or wrong; it says: it went wrong"),
        (403, "answers 403: the key is not allowed to ask it"),
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
    assert answer.status == 1 and "tried 10 times" in answer.err and "the endpoint stays away" in answer.err
    assert 30 <= len(endpoint.asked) <= 50


@pytest.mark.parametrize("image", [IMAGES["a/00.jpg"], None])
def test_that_the_first_image_fails_is_its_fault_only_if_others_do_not(
    score: Score,
    tmp_path: Path,
    endpoint: EndpointServer,
    waits: list[float],
    image: bytes | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_scores, "UNIT", 10)  # One unit is scored from its first image on.
    endpoint.faults = [Fault("status", status=503, image=image)]
    answer = score("--concurrency", "1", "--max-failed", "0.5")
    assert answer.status == (1 if image is None else 0), answer.err
    assert endpoint.asked[0].images[0].image == IMAGES["a/00.jpg"]
    if image is not None:
        assert [line["code"] for line in lines(manifest(tmp_path / "scores")[0], "failed")] == ["server_error"]
    assert len(endpoint.asked) == (30 if image is None else 10 + 9 + 1)


@pytest.mark.parametrize("batch", ["1", "3"])
def test_an_endpoint_that_goes_away_ends_the_run_and_is_not_blamed_on_images(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, waits: list[float], batch: str
) -> None:
    class FromTheThirdOn(Fault):
        def takes(self, images: Any) -> bool:
            return len(endpoint.asked) >= 2

    endpoint.faults = [FromTheThirdOn("status", status=503)]
    answer = score("--concurrency", "1", "--batch", batch)
    assert answer.status == 1 and "the endpoint stays away" in answer.err
    assert len(endpoint.asked) == 2 + 10 + 10  # What was to be asked, and what had been answered before.
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
    urls = [
        json.loads(line)["image_url"]
        for file in (tmp_path / "scores" / "builds" / unfinished.name / "predictions").iterdir()
        for line in file.read_text().splitlines()
    ]
    endpoint.faults, endpoint.asked = [], []
    answer = score("--concurrency", "3", "--max-failed", "0")
    assert answer.status == 0 and f"{len(done)} of 3 shards were finished before" in answer.err
    build, _ = manifest(tmp_path / "scores")
    assert build.name == unfinished.name
    assert lines(build, "predictions") == expected(photos, DETECTION)
    assert len(endpoint.asked) == 10 - len(urls)
    assert not [url for url in urls if endpoint.asked_for(IMAGES[url.removeprefix(f"file://{photos}/")])]


def test_a_shard_that_was_damaged_is_made_again(score: Score, tmp_path: Path, endpoint: EndpointServer) -> None:
    endpoint.faults = [Fault("invalid", image=IMAGES[BAD])]
    assert score().status == 3
    (shard,) = (tmp_path / "scores").glob("builds/*/predictions/predictions-00000-*")
    shard.write_bytes(shard.read_bytes()[:-1])
    endpoint.faults, endpoint.asked = [], []
    assert score().status == 0
    assert len(endpoint.asked) == 8
    manifest(tmp_path / "scores")


# The key. -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "end"),
    [
        ("default", "published"),
        ("named", "published"),
        ("file", "published"),
        ("default", "refused"),
        ("file", "refused"),
        ("file", "echoed"),
        ("default", "debugged"),
    ],
)
def test_the_key_is_sent_and_stands_nowhere_else(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, end: str
) -> None:
    options: list[str | Path] = []
    if kept == "file":
        file = tmp_path.parent / f"{tmp_path.name}-key"
        file.write_text(f"{KEY}\n")
        options = ["--key-file", file]
    elif kept == "named":
        monkeypatch.setenv("MY_KEY", KEY)
        options = ["--key-env", "MY_KEY"]
    else:
        monkeypatch.setenv(DEFAULT_KEY, KEY)
    if end == "debugged":
        monkeypatch.setenv("LABELBEAM_DEBUG", "1")
    with endpoint_server(DETECTION, key=KEY) as server:
        if end != "published":
            status = {"refused": 401, "echoed": 400, "debugged": 403}[end]
            server.faults = [Fault("echo", status=status, image=IMAGES[BAD])]
        places = ["--endpoint", server.url, "--output", tmp_path / "scores"]
        answer = labelbeam("score", photos, "--task", DETECTION, *places, *options, "--max-failed", "0.1")
    assert answer.status == (0 if end in ("published", "echoed") else 1), answer.err
    assert any(request.status == 200 for request in server.asked)
    if end != "published":
        assert "Bearer ***" in answer.err
    if end == "echoed":
        assert "Bearer ***" in lines(manifest(tmp_path / "scores")[0], "failed")[0]["answer"]
    assert KEY not in answer.out + answer.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_wrong_key_is_told_as_such(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEFAULT_KEY, KEY)
    with endpoint_server(DETECTION, key="another") as server:
        answer = score(by=server)
    assert answer.status == 1 and "answers 401: the key is missing or wrong" in answer.err
    assert KEY not in answer.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("", "holds no key"),
        (f"{KEY} {KEY}", "no key"),
        (f"{KEY}\n{KEY}", "no key"),
        ("ß", "no key"),
    ],
)
def test_what_is_no_key_is_refused(score: Score, tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    answer = score("--key-file", tmp_path / "key")
    assert answer.status == 2 and words in answer.err and KEY not in answer.err


def test_a_process_without_the_key_that_the_command_has_does_not_ask_without_one() -> None:
    assert read_key(KeySource(DEFAULT_KEY, None, False)) is None
    with pytest.raises(UsageError, match=f"{DEFAULT_KEY}: holds no key here"):
        read_key(KeySource(DEFAULT_KEY, None, True))


# Options. -------------------------------------------------------------------------------------------------------------


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


def test_a_key_goes_over_no_network_unencrypted_unasked(
    photos: Path, tmp_path: Path, endpoint: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEFAULT_KEY, KEY)
    # An address that is not this machine's own by its looks, and leads here all the same.
    url = endpoint.url.replace("127.0.0.1", "0.0.0.0")
    options = ["--task", DETECTION, "--endpoint", url, "--output", tmp_path / "scores"]
    answer = labelbeam("score", photos, *options)
    assert answer.status == 2 and "--allow-http" in answer.err and KEY not in answer.err
    assert endpoint.asked == []
    assert labelbeam("score", photos, *options, "--allow-http").status == 0
    monkeypatch.delenv(DEFAULT_KEY)
    assert labelbeam("score", photos, *options).status == 0
