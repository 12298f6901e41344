"""The value of --labels, wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.command_line.config_file import ConfigFile
from labelbeam.pipelines.command_line.labels import read_labels
from labelbeam.pipelines.command_line.options import make_config
from labelbeam.schemas.errors import UsageError

PETS = {"rename": {"kitten": "cat"}, "drop": ["person"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.yaml", "kitten: cat\nperson:\n"),
        ("l.yml", "rename: {kitten: cat}\ndrop: [person]\n"),
        ("l.json", '{"merge": {"cat": ["kitten"]}, "drop": ["person"]}'),
        ("a=b.JSON", '\ufeff{"kitten": "cat", "person": null}'),
        ("labels", "kitten: cat\nperson: null"),
    ],
)
def test_a_file_a_mapping_and_pairs_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    assert read_labels(str(tmp_path / name)) == PETS
    assert read_labels({"kitten": "cat", "person": None}) == read_labels(" kitten = cat,person=") == PETS
    assert read_labels({"min_count": 1}) is None


def test_a_json_file_may_escape_what_yaml_would_take_apart(tmp_path: Path) -> None:
    file = tmp_path / "l.json"
    file.write_text('{"a": "\\ud83d\\ude00"}')
    assert read_labels(str(file)) == {"rename": {"a": "\N{GRINNING FACE}"}}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.yaml", b"kitten: 7\n", ": a new name is 7, expected text"),
        ("l.yaml", b"a: b\na: c\n", "l.yaml:2:1: not valid YAML for a config: the key 'a' occurs twice"),
        ("l.yaml", b"[a\n", "not valid YAML"),
        ("l.yaml", b"a: caf\xe9", "byte 6 is not UTF-8"),
        ("l.yaml", b"", ": found nothing, expected new names by old ones"),
        ("l.json", b'{"a": "b", "a": "c"}', ": the key 'a'"),
        ("l.json", b'{"a": "b"', ": not valid JSON at line 1, column 10"),
        ("l.json", b"caf\xe9", ": byte 3 is not UTF-8"),
        ("l.json", b"[" * 100_000, ": not valid JSON: nested too deeply"),
        ("l.json", None, ": cannot be read: No such file or directory; expected a YAML or JSON file of new names"),
        ("l.yaml", None, ": cannot be read: No such file or directory; expected a YAML or JSON file of new names"),
        ("l.json", b" " * (2**20 + 1), ": cannot be read: found more than 1048576 bytes"),
    ],
)
def test_a_file_that_is_none_is_named(name: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        tmp_path.joinpath(name).write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_labels(str(tmp_path / name))
    assert str(raised.value).startswith(f"--labels {tmp_path / name}") and words in str(raised.value), raised.value


@pytest.mark.parametrize(
    ("pairs", "words"), [("a=b,c", "found 'c'"), ("a=b,=c", "found '=c'"), ("a=b=c", "a=b=c"), ("a=b,a=c", "twice")]
)
def test_pairs_that_are_none_are_named(pairs: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_labels(pairs)


def made(labels: Any) -> Any:
    values = {"task": "image_object_detection", "source": "s", "output": "o", "labels": labels}
    return make_config({}, ConfigFile("c.yaml", values)).labels


def test_a_config_may_hold_the_mapping_itself() -> None:
    assert made({"kitten": "cat", "person": None}) == PETS
    assert made({"drop": []}) is None


@pytest.mark.parametrize("labels", [{"a": 1}, {1: "a"}, [1], 5, {}])
def test_a_config_is_named_where_its_mapping_is_wrong(labels: Any) -> None:
    with pytest.raises(UsageError, match=r"^c.yaml: labels: found|^c.yaml: labels: a "):
        made(labels)


@pytest.mark.parametrize("url", ["https://h/l.yaml", "https://h/x?code=s3cr3t", "s3://key:s3cr3t@b/l.json"])
def test_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="found a URL, expected a file of this machine") as error:
        read_labels(url)
    assert "s3cr3t" not in str(error.value)
