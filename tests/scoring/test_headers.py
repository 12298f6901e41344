"""Headers that a person adds are sent with each request, and their values stand nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labelbeam
from labelbeam.errors import UsageError
from tests.scoring.runs import BAD, DETECTION, IMAGES, KEY, Score, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault, endpoint_server

SECRET = "Zx9-value-of-a-header"


@pytest.mark.parametrize("option", [["--deployment", "green"], ["--header", "AzureML-Model-Deployment=green"]])
def test_a_deployment_is_asked_by_its_name(
    score: Score, tmp_path: Path, endpoint: EndpointServer, option: list[str]
) -> None:
    assert score(*option).status == 0
    assert {request.headers["azureml-model-deployment"] for request in endpoint.asked} == {"green"}
    assert "green" in json.dumps(manifest(tmp_path / "scores")[1]["config"])
    # Another deployment is another model: nothing of what one answered is taken for what the other would.
    endpoint.faults = [Fault("status", status=400, image=IMAGES[BAD])]
    assert score(*option).status == 3
    endpoint.faults, endpoint.asked = [], []
    assert score("--deployment", "blue").status == 0
    assert len(endpoint.asked) == 10


@pytest.mark.parametrize("label", ["green", "on"])
def test_the_name_of_a_deployment_may_be_a_labels_name_too(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setattr("tests.servers.endpoint.LABELS", [label] * 3)
    with endpoint_server(DETECTION) as server:
        assert score("--header", f"azureml-model-deployment={label}", by=server).status == 0
    labels = {
        item["label"] for line in lines(manifest(tmp_path / "scores")[0], "predictions") for item in line["boxes"]
    }
    assert labels == {label}


@pytest.mark.parametrize("end", ["published", "echoed", "refused"])
@pytest.mark.parametrize("given", ["header", "env", "authorization"])
def test_values_of_headers_are_sent_and_stand_nowhere_else(
    photos: Path,
    tmp_path: Path,
    score: Score,
    endpoint: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    given: str,
) -> None:
    monkeypatch.setenv("MY_HEADER", f"Bearer {SECRET}" if given == "authorization" else SECRET)
    options = {
        "header": ["--header", f"X-Tenant={SECRET}"],
        "env": ["--header-env", "X-Api-Key=MY_HEADER"],
        "authorization": ["--header-env", "Authorization=MY_HEADER"],
    }[given]
    if end != "published":
        endpoint.faults = [Fault("echo", status={"echoed": 400, "refused": 401}[end], image=IMAGES[BAD])]
    answer = score(*options, "--max-failed", "0.1")
    assert answer.status == (1 if end == "refused" else 0), answer.err
    name = {"header": "x-tenant", "env": "x-api-key", "authorization": "authorization"}[given]
    assert all(SECRET in request.headers[name] for request in endpoint.asked)
    assert SECRET not in answer.out + answer.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    if end == "echoed":
        assert "***" in lines(manifest(tmp_path / "scores")[0], "failed")[0]["answer"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--header", f"Authorization=Bearer {KEY}"],
            "--header Authorization: holds a secret, and others on this machine",
        ),
        (["--header", f"Ocp-Apim-Subscription-Key={KEY}"], "--header Ocp-Apim-Subscription-Key: holds a secret"),
        (["--header", f"X-Token={KEY}"], "--header X-Token: holds a secret"),
        (["--header", f"Cookie={KEY}"], "--header Cookie: holds a secret"),
        (["--header", KEY], "--header: found text without the name of a header and =, expected NAME=VALUE"),
        (["--header", f"X Y={KEY}"], "--header: found text without the name of a header and ="),
        (["--header", "X-A="], "--header X-A: found a value that no header can have"),
        (["--header", f"X-A={KEY}\r\nX-B: 1"], "--header X-A: found a value that no header can have"),
        (["--header", "X-A=1", "--header", "X-A=2"], "--header: found X-A twice"),
        (["--header", "X-A=1", "--header", "x-a=2"], "is given twice"),
        (["--header", "azureml-model-deployment=a", "--deployment", "b"], "is given twice"),
        (["--header", "Content-Type=text/plain"], "--header Content-Type: follows from --protocol"),
        (
            ["--header-env", "X-A=MISSING_HEADER"],
            "--header-env X-A: the environment variable MISSING_HEADER holds nothing",
        ),
        (["--header-env", f"X-A={KEY}"], "--header-env X-A: found text that names no environment variable"),
        (
            ["--header-env", "X-A"],
            "--header-env: found text without the name of a header and =, expected NAME=VARIABLE",
        ),
        (["--header-env", "X-A=TWO_LINES"], "the environment variable TWO_LINES holds text that no header can hold"),
        (
            ["--header-env", "Authorization=PATH", "--key-env", "A_KEY"],
            "--header-env Authorization: the key from A_KEY",
        ),
        (["--deployment", "a\nb"], "--deployment: found"),
    ],
)
def test_headers_that_cannot_be_are_refused_before_anything_is_asked(
    score: Score, endpoint: EndpointServer, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.setenv("TWO_LINES", f"{KEY}\n{KEY}")
    monkeypatch.setenv("A_KEY", KEY)
    answer = score(*options)
    assert answer.status == 2 and words in answer.err, answer.err
    assert KEY not in answer.err and endpoint.asked == []


def test_a_secret_header_goes_over_no_network_unencrypted_unasked(
    photos: Path, tmp_path: Path, endpoint: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_HEADER", SECRET)
    url = endpoint.url.replace("127.0.0.1", "0.0.0.0")
    with pytest.raises(UsageError, match="would go over the network unencrypted"):
        labelbeam.score(
            photos, endpoint=url, output=tmp_path / "scores", task=DETECTION, header_env={"X-A": "MY_HEADER"}
        )
    assert endpoint.asked == []


def test_headers_are_given_from_python_by_name(photos: Path, tmp_path: Path, endpoint: EndpointServer) -> None:
    scored = labelbeam.score(
        photos,
        endpoint=endpoint.url,
        output=tmp_path / "scores",
        task=DETECTION,
        header={"X-Tenant": "one", "User-Agent": "mine"},
        deployment="green",
    )
    assert scored.manifest.config["header"] == {"X-Tenant": "***", "User-Agent": "***"}
    for request in endpoint.asked:
        told = [request.headers[name] for name in ("x-tenant", "user-agent", "azureml-model-deployment")]
        assert told == ["one", "mine", "green"]
