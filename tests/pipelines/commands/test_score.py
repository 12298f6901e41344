"""`labelbeam score`: which options go together, what values they take, and that no key goes over a network in the clear."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.pipelines.commands.score import check_encrypted, make_score_config, read_credentials
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import ScoreConfig

GIVEN = {"source": "s", "output": "o", "endpoint": "https://host/score"}


def config(**options: Any) -> ScoreConfig:
    return make_score_config(GIVEN | options)


def test_what_is_absent_or_none_has_its_default() -> None:
    made = config(batch=None, task=None, other="x")
    assert (made.batch, made.task, made.protocol) == (1, None, "json")


def test_what_explains_a_model_is_one_option_of_several_words() -> None:
    made = config(explain="xrai", explain_steps=20, attributions=True, task="image_classification")
    assert made.explain is not None
    assert (made.explain.xai_algorithm, made.explain.n_steps, made.explain.attributions) == ("xrai", 20, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 0}, "--batch: found 0, expected a whole number from 1 up"),
        ({"timeout": "x"}, "--timeout: found 'x', expected a number from 0.001 to 3600"),
        ({"task": "x"}, "--task: found 'x', expected one of image_classification,"),
        ({"explain": "xrai", "explain_steps": 0}, "--explain-steps: found 0, expected"),
        ({"explain_steps": 5}, "--explain-steps: is of no use without --explain"),
        ({"explain": "xrai", "protocol": "bytes"}, "--explain: cannot be asked for with --protocol bytes"),
        ({"batch": 2, "protocol": "bytes"}, "--batch: a request of --protocol bytes is one image"),
        ({"auth": "entra", "key_file": "k"}, "--key-file: is of no use with --auth entra"),
        ({"auth": "entra", "key_env": "K"}, "--key-env: is of no use with --auth entra"),
        ({"auth_scope": "x"}, "--auth-scope: is of no use without --auth entra"),
        ({"key_env": "hunter2 secret"}, "--key-env: found text that names no environment variable"),
        ({"endpoint": "host/score"}, "expected the endpoint's scoring URI"),
        ({"endpoint": "https://host:0/x"}, "expected the endpoint's scoring URI"),
        ({"endpoint": "https://[::1"}, "expected the endpoint's scoring URI"),
        ({"endpoint": "https://host/a b"}, "expected the endpoint's scoring URI"),
        ({"endpoint": "https://me:hunter2@host/x"}, "with a user or password"),
    ],
)
def test_what_cannot_be_or_does_not_go_together_is_refused_without_a_secret(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        config(**options)
    assert words in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "allowed", "refused"),
    [
        ("https://host/x", False, False),
        ("http://host/x", False, True),
        ("http://host/x", True, False),
        ("http://127.0.0.1:80/x", False, False),
        ("http://[::1]/x", False, False),
        ("http://localhost/x", False, False),
        ("http://127.0.0.1.evil.example/x", False, True),
        ("http://10.0.0.1/x", False, True),
    ],
)
def test_a_key_goes_unencrypted_to_this_machine_alone_or_where_it_is_allowed(
    endpoint: str, allowed: bool, refused: bool
) -> None:
    check_encrypted(endpoint, False, allowed)
    if refused:
        with pytest.raises(UsageError, match="--allow-http"):
            check_encrypted(endpoint, True, allowed)
    else:
        check_encrypted(endpoint, True, allowed)


def test_a_key_and_a_header_of_its_name_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "key1secret")
    made = config(header_env={"authorization": "K"}, key_env="K")
    with pytest.raises(UsageError, match="the key from K is sent in this header already") as caught:
        read_credentials(made, False)
    assert "key1secret" not in str(caught.value)


def test_credentials_are_read_with_what_no_message_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "key1secret")
    key, secrets = read_credentials(config(key_env="K"), False)
    assert key == "key1secret" and "key1secret" in str(secrets)
