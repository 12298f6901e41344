"""The key is sent to the endpoint, and stands nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import DEFAULT_KEY
from labelbeam.transforms.score.credentials import KeySource, read_key
from tests.end_to_end.builds import labelbeam
from tests.scoring.runs import BAD, DETECTION, IMAGES, KEY, Score, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault, endpoint_server


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
