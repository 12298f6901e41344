"""`labelbeam score` against the servers that answer for deployed models: Azure's azureml-inference-server-http, and MLflow's."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.requests import RequestedImage
from labelbeam.schemas.tasks import TASKS
from tests.end_to_end.builds import Answer, labelbeam
from tests.schedules.environment import tools_python
from tests.scoring.runs import BAD, DETECTION, IMAGES, expected, lines, manifest
from tests.servers.endpoint import Generation, answer_for
from tests.servers.processes import serving

pytestmark = [pytest.mark.installation, pytest.mark.server]

SERVED = Path(__file__).with_name("served")

TIMEOUT = 1_000
"""Milliseconds that Azure's server gives the script."""

START_AZURE = """
from azureml_inference_server_http import constants
constants.DEFAULT_HOST = "127.0.0.1"  # It would listen to everybody.
from azureml_inference_server_http.amlserver import run
run()
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the models know."""
    return tmp_path_factory.mktemp("model") / "answers.json"


@pytest.fixture(scope="module")
def azure(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scoring URI of Azure's server, which has two workers."""
    python = tools_python("inference")
    given = [f"ANSWERS={answers}", f"SCORING_TIMEOUT_MS={TIMEOUT}", f"PATH={python.parent}:/usr/bin:/bin"]
    options = ["--entry_script", str(SERVED / "azure_script.py"), "--worker_count", "2"]
    place = tmp_path_factory.mktemp("azure")
    with serving(
        lambda port: ["/usr/bin/env", *given, str(python), "-c", START_AZURE, *options, "--port", str(port)],
        place / "log.txt",
        cwd=place,
    ) as url:
        yield f"{url}/score"


@pytest.fixture(scope="module")
def mlflow(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scoring URI of `mlflow models serve`."""
    python = tools_python("mlflow")
    place = tmp_path_factory.mktemp("mlflow")
    model = str(place / "model")
    given = [f"ANSWERS={answers}", f"PATH={python.parent}:/usr/bin:/bin"]
    subprocess.run([str(python), str(SERVED / "mlflow_model.py"), model], check=True, capture_output=True, cwd=place)
    options = ["models", "serve", "--model-uri", model, "--env-manager", "local", "--host", "127.0.0.1"]
    with serving(
        lambda port: ["/usr/bin/env", *given, str(python), "-m", "mlflow", *options, "--port", str(port)],
        place / "log.txt",
        cwd=place,
    ) as url:
        yield f"{url}/invocations"


def say(answers: Path, makes: str, task: str, generation: Generation, faults: Mapping[str, str] | None = None) -> None:
    """Have the model answer as the tests' own endpoint does, but for images with faults."""
    said: dict[str, Any] = {}
    for name, image in IMAGES.items():
        entry = answer_for(RequestedImage(image, None), task, generation)
        said[hashlib.sha256(image).hexdigest()] = (faults or {}).get(name, entry)
    answers.write_text(json.dumps({"makes": makes, "images": said}))


def score(photos: Path, url: str, output: Path, task: str, *options: str) -> Answer:
    return labelbeam("score", photos, "--task", task, "--endpoint", url, "--output", output, *options)


def check_all_scored(photos: Path, output: Path, task: str, generation: Generation) -> None:
    build, found = manifest(output)
    assert found["counts"] == {"found": 10, "scored": 10, "failed": 0}
    assert lines(build, "predictions") == expected(photos, task, generation)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("makes", "generation", "options"),
    [
        ("v1", "v1", ["--protocol", "bytes"]),  # Of bytes and 200 the server makes text/html.
        ("v1-json", "v1", ["--protocol", "bytes"]),
        ("v2", "v2", ["--batch", "4"]),
        ("v2-text", "v2-bare", []),
    ],
)
def test_predictions_are_what_azures_server_said(
    answers: Path,
    azure: str,
    photos: Path,
    tmp_path: Path,
    task: str,
    makes: str,
    generation: Generation,
    options: list[str],
) -> None:
    say(answers, makes, task, generation)
    answer = score(photos, azure, tmp_path / "scores", task, *options)
    assert answer.status == 0, answer.err
    check_all_scored(photos, tmp_path / "scores", task, generation)


@pytest.mark.parametrize("task", TASKS)
def test_predictions_are_what_mlflows_server_said(
    answers: Path, mlflow: str, photos: Path, tmp_path: Path, task: str
) -> None:
    say(answers, "mlflow", task, "mlflow")
    answer = score(photos, mlflow, tmp_path / "scores", task, "--protocol", "mlflow", "--batch", "3")
    assert answer.status == 0, answer.err
    check_all_scored(photos, tmp_path / "scores", task, "mlflow")


def test_another_protocol_than_mlflows_is_refused_with_what_its_server_says(
    answers: Path, mlflow: str, photos: Path, tmp_path: Path
) -> None:
    say(answers, "mlflow", DETECTION, "mlflow")
    answer = score(photos, mlflow, tmp_path / "scores", DETECTION)
    assert answer.status == 1
    assert "dataframe_split" in answer.err
    assert not (tmp_path / "scores" / "latest.json").exists()


@pytest.mark.parametrize("fault", ["raise", "sleep", pytest.param("die", marks=pytest.mark.slow(seconds=35))])
def test_a_script_that_fails_at_an_image_costs_that_image_alone(
    answers: Path, azure: str, photos: Path, tmp_path: Path, fault: str
) -> None:
    say(answers, "v2", DETECTION, "v2", {BAD: fault})
    batch = "1" if fault == "die" else "4"
    answer = score(photos, azure, tmp_path / "scores", DETECTION, "--batch", batch, "--max-failed", "0.1")
    assert answer.status == 0, answer.err
    build, _ = manifest(tmp_path / "scores")
    (failed,) = lines(build, "failed")
    assert (failed["image_url"], failed["code"]) == (f"file://{photos}/{BAD}", "server_error")
    said = {"raise": "unexpected error occurred in scoring script", "sleep": "Scoring timeout", "die": ""}
    assert said[fault] in failed["message"]
    wanted = [line for line in expected(photos, DETECTION) if not line["image_url"].endswith(BAD)]
    assert lines(build, "predictions") == wanted


def test_a_model_that_fails_at_an_image_in_mlflow_costs_that_image_alone(
    answers: Path, mlflow: str, photos: Path, tmp_path: Path
) -> None:
    say(answers, "mlflow", DETECTION, "mlflow", {BAD: "raise"})
    options = ("--protocol", "mlflow", "--batch", "4", "--max-failed", "0.1")
    answer = score(photos, mlflow, tmp_path / "scores", DETECTION, *options)
    assert answer.status == 0, answer.err
    (failed,) = lines(manifest(tmp_path / "scores")[0], "failed")
    assert failed["image_url"] == f"file://{photos}/{BAD}"


def test_a_script_that_fails_at_every_image_ends_the_run_with_what_the_server_says(
    answers: Path, azure: str, photos: Path, tmp_path: Path
) -> None:
    say(answers, "v2", DETECTION, "v2", dict.fromkeys(IMAGES, "raise"))
    answer = score(photos, azure, tmp_path / "scores", DETECTION)
    assert answer.status == 1
    assert "An unexpected error occurred in scoring script" in answer.err
    assert not (tmp_path / "scores" / "latest.json").exists()
