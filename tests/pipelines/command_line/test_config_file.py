"""The YAML config: which keys it may have, how values are taken, and what is said of one that cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.pipelines.command_line.config_file import SIZE_LIMIT, ConfigFile, read_config
from labelbeam.pipelines.command_line.options import FIELDS
from labelbeam.schemas.errors import UsageError


def read(folder: Path, text: str | bytes) -> ConfigFile:
    path = folder / "labelbeam.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(str(path), FIELDS)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'labelbeam.yaml'}")
    return message.removeprefix(f"{folder / 'labelbeam.yaml'}")


def test_our_options_keep_their_types_and_beams_become_flags_in_order(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        task: image_classification
        source: [a.json, b.json]
        split: {train: 0.8, validation: 0.2}
        max_rejected: 0.1
        if_changed: true
        runner: FlinkRunner
        experiments: [one, two=2]
        streaming: true
        update: false
        num_workers: 4
        """,
    )
    assert file.values == {
        "task": "image_classification",
        "source": ["a.json", "b.json"],
        "split": {"train": 0.8, "validation": 0.2},
        "max_rejected": 0.1,
        "if_changed": True,
    }
    assert file.beam == [
        ("runner", "FlinkRunner"),
        ("experiments", "one"),
        ("experiments", "two=2"),
        ("streaming", None),
        ("num_workers", "4"),
    ]


def test_values_of_beams_options_are_taken_as_written_because_yaml_would_read_1_20_as_1_2(tmp_path: Path) -> None:
    assert read(tmp_path, "flink_version: 1.20\nenvironment_config: 12:30\njob_name: 007").beam == [
        ("flink_version", "1.20"),
        ("environment_config", "12:30"),
        ("job_name", "007"),
    ]


def test_a_key_without_a_value_counts_as_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "task:\nimages: null\nrunner: ~\n") == ConfigFile(str(tmp_path / "labelbeam.yaml"))


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbftask: x").values == {"task": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ntsak: x", ":2: unknown option tsak; did you mean task?"),
        ("check-images: none", ":1: unknown option check-images; did you mean check_images?"),
        ("runer: x", ":1: unknown option runer; did you mean runner?"),
        ("zzz: 1", ":1: unknown option zzz; see labelbeam convert --help"),
        ("? [a]\n: 1", ":1: unknown option (a list or mapping)"),
        ("1: a", ":1: unknown option 1"),
    ],
)
def test_a_key_that_is_no_option_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": found nothing, expected a mapping of options"),
        ("# only a comment", ": found nothing, expected a mapping"),
        ("- task", ": found a list, expected a mapping"),
        ("task", ": found a single value, expected a mapping"),
        ("task: [", ":1:8: not valid YAML"),
        ("task: x\n\tsource: y", ":2:1: not valid YAML"),
        ("task: x\n---\ntask: y", "not valid YAML for a config: expected a single document"),
        ("task: x\nsplit: {train: 1}\ntask: y", ":3:1: not valid YAML for a config: the key 'task' occurs twice"),
        ("split: {train: 0.5, train: 0.5}", "the key 'train' occurs twice"),
        ("task: !!python/object:os.system x", ":1:7: not valid YAML for a config: found a tag; put text that begins"),
        ("voc_origin: !!int", ":1:13: not valid YAML for a config: found a tag"),
        ("if_changed: !!bool maybe", ":1:13: not valid YAML for a config: found a tag"),
        ("streaming: !!bool maybe", ":1:12: not valid YAML for a config: found a tag"),
        ("split: [!!timestamp soon]", ":1:9: not valid YAML for a config: found a tag"),
        (f"split: [0x{'f' * 4998}]", ":1:9: not valid YAML for a config: found a number of 5000 digits"),
        ("task: \x07", "may not stand in YAML"),
        (b"task: caf\xe9", ": byte 9 is not UTF-8; save the file as UTF-8"),
        ("task: x".encode("utf-16"), ": byte 0 is not UTF-8"),
        ("streaming: maybe", ": streaming: found 'maybe', expected true or false"),
        ("runner: [a]", ": runner: found a list, expected text"),
        ("experiments: {a: 1}", ": experiments: found a mapping, expected text or a list of them"),
        ("num_workers: {a: 1}", ": num_workers: found a mapping, expected a whole number"),
    ],
)
def test_a_file_that_is_no_config_is_refused_with_what_was_found(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    assert message in refusal(tmp_path, text)


def test_a_bomb_of_aliases_is_refused_before_it_expands(tmp_path: Path) -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "aliases (*name) are not supported" in refusal(tmp_path, "\n".join(layers))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in refusal(tmp_path, "split: " + "[" * 20_000)


def test_a_file_of_a_megabyte_is_some_other_file(tmp_path: Path) -> None:
    assert "found more than" in refusal(tmp_path, b"#" * (SIZE_LIMIT + 1))


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b"])
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .+; expected a YAML file of options"):
        read_config(str(tmp_path / name), FIELDS)


@pytest.mark.parametrize(
    "text",
    [
        "storage_options: {az: {account_key: hunter2secret}",
        "storage_options: {az: {account_key: *hunter2secret}}",
        "storage_options:\n  az: hunter2secret: x",
        "storage_options: {az: {account_key: 'hunter2secret}}",
        "storage_options: {az: {account_key: !hunter2secret}}",
        "storage_options: {az: {account_key: !!hunter2secret x}}",
        "s3_secret_access_key: !hunter2secret",
        "s3_secret_access_key: [hunter2secret]",
        "s3_secret_access_key: {hunter2secret: 1}",
    ],
)
def test_no_message_quotes_a_line_of_the_file_which_may_hold_a_secret(tmp_path: Path, text: str) -> None:
    assert "hunter2secret" not in refusal(tmp_path, text)


# PyYAML writes these without quotes, as they are no numbers in YAML 1.1; in YAML 1.2 they are.
TEXTS = st.text(st.characters(codec="utf-8")).filter(
    lambda text: not re.fullmatch(r"0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text)
)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(["task", "source", "output", "split", "label_separator", "max_rejected", "json"]),
        st.recursive(
            st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
            lambda children: st.lists(children) | st.dictionaries(TEXTS, children),
            max_leaves=5,
        ),
        min_size=1,
    )
)
def test_what_yaml_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    folder = tmp_path_factory.mktemp("config")
    assert read(folder, yaml.dump(values, Dumper=Plain)).values == values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("-3", -3),
        ("1e1", 10.0),
        ("1_0", "1_0"),
        ("1:30", "1:30"),
        ("0b11", "0b11"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("190:20:30.15", "190:20:30.15"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("True", True),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("<<", "<<"),
        ('"010"', "010"),
    ],
)
def test_values_are_read_as_yaml_1_2_reads_them(tmp_path: Path, written: str, value: object) -> None:
    """YAML 1.1 has 8 for 010, 90 for 1:30, 10 for 1_0, and True for yes."""
    found = read(tmp_path, f"shards: {written}").values["shards"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("written", ["", "~", "null", "Null"])
def test_nothing_is_nothing(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, f"shards: {written}").values == {}
