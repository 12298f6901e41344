"""What `labelbeam score` publishes, and what it asks for it."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.requests import XaiParameters
from labelbeam.schemas.tasks import TASKS
from tests.end_to_end.builds import labelbeam
from tests.scoring.runs import CLASSIFICATION, DETECTION, IMAGES, MULTILABEL, Score, expected, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault, FaultKind, Generation, endpoint_server
from tests.servers.stores import S3Store


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("generation", ["v1", "v1-text", "v2", "v2-bare", "mlflow"])
def test_predictions_are_what_the_endpoint_said_of_each_image(
    score: Score, photos: Path, tmp_path: Path, task: str, generation: Generation
) -> None:
    protocol = "bytes" if generation.startswith("v1") else "mlflow" if generation == "mlflow" else "json"
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


@pytest.mark.parametrize(
    ("answers_as", "mark"),
    [
        ("text/html; charset=utf-8", b""),
        ("TEXT/HTML", b"\n"),
        ("application/octet-stream", b""),
        ("image/jpeg", b""),
        (None, b""),
        ("application/json", codecs.BOM_UTF8),
    ],
)
@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_what_is_a_prediction_is_taken_under_any_content_type(
    score: Score, photos: Path, tmp_path: Path, generation: Generation, answers_as: str | None, mark: bytes
) -> None:
    with endpoint_server(DETECTION, generation=generation, answers_as=answers_as, mark=mark) as server:
        answer = score("--protocol", "bytes" if generation == "v1" else "json", by=server)
    assert answer.status == 0, answer.err
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION, generation)


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
    assert again.status == 1 and "expected a build of training data" in again.err


@pytest.mark.server
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


@pytest.mark.parametrize(
    ("options", "sizes"), [(["--batch", "3"], [3, 1] * 2 + [2]), (["--batch", "4", "--batch-bytes", "76"], [2] * 5)]
)
def test_images_are_put_together_by_number_and_by_bytes(
    score: Score, photos: Path, tmp_path: Path, endpoint: EndpointServer, options: list[str], sizes: list[int]
) -> None:
    assert score(*options).status == 0
    assert sorted(len(request.images) for request in endpoint.asked) == sorted(sizes)
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION)


def test_images_are_put_together_for_mlflow_in_rows_and_by_their_bytes_too(
    score: Score, photos: Path, tmp_path: Path
) -> None:
    with endpoint_server(DETECTION, generation="mlflow") as server:
        size = len(b'{"dataframe_split":{"columns":["image"],"data":[["aW1hZ2UgMA=="],["aW1hZ2UgMA=="]]}}')
        assert score("--protocol", "mlflow", "--batch", "4", "--batch-bytes", str(size), by=server).status == 0
    assert sorted(len(request.images) for request in server.asked) == [2] * 5
    assert lines(manifest(tmp_path / "scores")[0], "predictions") == expected(photos, DETECTION, "mlflow")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncated", "truncated_answer"),
        ("not-json", "not_json"),
        ("invalid", "invalid_answer"),
        ("page", "wrong_content_type"),
    ],
)
def test_what_mlflow_answers_in_place_of_predictions_is_told(
    score: Score, tmp_path: Path, waits: list[float], fault: FaultKind, code: str
) -> None:
    faults = [Fault(fault, image=IMAGES["a/05.jpg"])]
    with endpoint_server(DETECTION, generation="mlflow", faults=faults) as server:
        assert score("--protocol", "mlflow", "--max-failed", "0.1", by=server).status == 0
    assert [line["code"] for line in lines(manifest(tmp_path / "scores")[0], "failed")] == [code]


@pytest.mark.parametrize("concurrency", [1, 5])
def test_so_many_requests_are_made_at_once_as_may_be(score: Score, endpoint: EndpointServer, concurrency: int) -> None:
    endpoint.faults = [Fault("together", many=concurrency, seconds=30)]
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
