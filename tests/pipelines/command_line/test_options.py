"""Options from flags and from the config file: what wins, what is refused, and in which words."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.command_line.config_file import ConfigFile
from labelbeam.pipelines.command_line.options import (
    FIELDS,
    GROUPS,
    add_options,
    check_accepted,
    choices,
    default,
    description,
    expected,
    flag,
    make_config,
    storage_options,
)
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.voc.format import VocOptions

REQUIRED = {"task": "image_object_detection", "source": ["a.json"], "output": "built"}

CONTRACT = {
    "task": None,
    "format": "auto",
    "source": None,
    "images": None,
    "output": None,
    "image_url": None,
    "check_images": None,
    "split": None,
    "shards": "auto",
    "out_of_bounds": "clip",
    "background": None,
    "max_rejected": 0.05,
    "copy_images": None,
    "if_changed": False,
    "storage_options": None,
    "json": False,
}
"""The options that schedules and notebooks are written against, and their defaults."""


def parsed(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser, FIELDS)
    return vars(parser.parse_args(arguments))


def refusal(flags: dict[str, Any], **values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        make_config(flags, ConfigFile("lb.yaml", values))
    return str(caught.value)


def test_the_options_and_defaults_that_others_rely_on_are_there() -> None:
    assert {name: default(name) for name in CONTRACT} == CONTRACT
    assert choices("format")[:4] == ("auto", "coco", "voc", "folder")
    assert choices("check_images") == ("none", "exists", "header", "decode")


def test_every_option_has_one_place_in_the_help() -> None:
    placed = [name for names in GROUPS.values() for name in names]
    assert sorted(placed) == sorted(FIELDS)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_help_tells_of_every_option_what_it_does_takes_and_defaults_to(name: str) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, [name])
    words = " ".join(parser.format_help().split())
    assert f"{flag(name)}" in words
    assert " ".join(description(name).split()) in words
    for choice in choices(name):
        assert str(choice) in words
    if default(name):
        assert f"default: {default(name)}" in words
    if name in REQUIRED:
        assert "(required)" in words


DATASTORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"copy_images": "az://box/parts/images"}, "/paths/parts/images/"),
        ({"copy_images": "abfss://box@lab.dfs.core.windows.net/a%/", "images": "raw"}, "/paths/a%25/"),
        ({"images": "az://box"}, "/paths/"),
        ({"images": "az://box/a", "image_url": f"{DATASTORE}/paths/a/"}, "/paths/a/"),
    ],
)
def test_a_datastore_says_what_image_url_begins_with(values: dict[str, str], expected: str) -> None:
    for name in (DATASTORE, f"{DATASTORE}/", f"{DATASTORE}/paths/"):
        config = make_config({}, ConfigFile("lb.yaml", {**REQUIRED, **values, "datastore": name}))
        assert config.image_url == f"{DATASTORE}{expected}"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "--copy-images"),
        ({"copy_images": "s3://bucket/images"}, "az://container/images"),
        ({"copy_images": "images"}, "az://container/images"),
        ({"copy_images": "zip://a::az://box/a.zip"}, "az://container/images"),
        ({"copy_images": "az://box/a", "image_url": "https://host/a/"}, "--image-url"),
        ({"copy_images": "az://box/a", "datastore": "azureml://datastores/d"}, "azureml://subscriptions/"),
    ],
)
def test_a_datastore_that_the_images_do_not_lie_in_is_refused(values: dict[str, str], word: str) -> None:
    said = refusal({}, **{**REQUIRED, "datastore": DATASTORE, **values})
    assert said.startswith("--datastore: ") and word in said


def test_a_flag_wins_over_the_file_and_the_file_over_the_default() -> None:
    file = ConfigFile("lb.yaml", {**REQUIRED, "shards": 4, "out_of_bounds": "reject", "json": True})
    config = make_config(parsed("--shards", "8", "--no-json"), file)
    assert (config.shards, config.out_of_bounds, config.json, config.background) == (8, "reject", False, None)


def test_flags_alone_make_a_config() -> None:
    config = make_config(
        parsed(
            *("--task", "image_object_detection", "--source", "a.json", "--source", "b.json", "--output", "built"),
            *("--max-rejected", "0.25", "--max-polygon-points", "20", "--voc-origin", "0", "--if-changed"),
        )
    )
    assert (config.source, config.max_rejected, config.max_polygon_points) == (["a.json", "b.json"], 0.25, 20)
    assert (config.of(VocOptions).voc_origin, config.if_changed, config.shards) == (0, True, "auto")


def test_a_file_may_name_one_source_as_text_and_shares_as_a_mapping() -> None:
    values = {**REQUIRED, "source": "a.json", "split": {"train": 0.5, "val": 0.5}}
    config = make_config({}, ConfigFile("lb.yaml", values))
    assert (config.source, config.split) == (["a.json"], {"train": 0.5, "val": 0.5})


def test_fixed_values_win_over_everything() -> None:
    assert make_config({"output": "a"}, ConfigFile("", REQUIRED), output="b").output == "b"


@pytest.mark.parametrize(
    ("flags", "values", "message"),
    [
        ({"task": "x"}, {}, f"--task: found 'x', expected one of {', '.join(TASKS)}"),
        ({"shards": "0"}, {}, "--shards: found 0, expected a whole number from 1 to 99999, or auto"),
        ({"shards": "few"}, {}, "--shards: found 'few', expected a whole number from 1 to 99999, or auto"),
        ({"max_rejected": "5%"}, {}, "--max-rejected: found '5%', expected a number from 0 to 1"),
        ({"max_rejected": "nan"}, {}, "--max-rejected: found nan, expected a number from 0 to 1"),
        ({"max_change": "30"}, {}, "--max-change: found 30.0, expected a number from 0 to 1"),
        ({}, {"accept_change": 1}, "lb.yaml: accept_change: found 1, expected true or false"),
        ({"max_polygon_points": "3"}, {}, "--max-polygon-points: found 3, expected a whole number from 4 up"),
        ({"voc_origin": "2"}, {}, "--voc-origin: found 2, expected one of 0, 1"),
        ({"images": ""}, {}, "--images: found '', expected a path or URL"),
        ({"split": "train=2"}, {}, "--split: the share of train is 2"),
        ({}, {"task": 5}, f"lb.yaml: task: found 5, expected one of {', '.join(TASKS)}"),
        ({}, {"source": 5}, "lb.yaml: source: found 5, expected a path or URL, or a list of them"),
        ({}, {"source": ["a", 5]}, "lb.yaml: source: found ['a', 5], expected a path or URL, or a list of them"),
        ({}, {"source": ""}, "lb.yaml: source: found '', expected a path or URL"),
        ({}, {"if_changed": "yes"}, "lb.yaml: if_changed: found 'yes', expected true or false"),
        ({}, {"shards": "4"}, "lb.yaml: shards: found '4', expected a whole number from 1 to 99999, or auto"),
        ({}, {"shards": True}, "lb.yaml: shards: found True, expected a whole number from 1 to 99999, or auto"),
        ({}, {"split": "train=2"}, "lb.yaml: split: the share of train is 2"),
        ({}, {"split": {"train": "all"}}, "lb.yaml: split: found {'train': 'all'}, expected shares such as"),
        ({}, {"images": ["a"]}, "lb.yaml: images: found ['a'], expected a path or URL"),
        ({"shards": "x"}, {"shards": 4}, "--shards: found 'x'"),
    ],
)
def test_a_wrong_value_is_named_as_it_was_written_with_what_is_expected(
    flags: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    assert refusal(flags, **REQUIRED | values).startswith(message)


def test_what_is_missing_is_named_at_once() -> None:
    assert refusal({}) == (
        "missing: --task, --source, --output, neither here nor in lb.yaml; see labelbeam convert --help"
    )
    assert refusal({"task": TASKS[0]}, source=[], output=None).startswith("missing: --source, --output,")
    with pytest.raises(UsageError, match=r"^missing: --output; see labelbeam convert --help$"):
        make_config({"task": TASKS[0], "source": ["a"]})


def test_long_values_are_cut_in_messages() -> None:
    assert len(refusal({}, **REQUIRED, images=["x" * 1000])) < 150


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_what_an_option_takes_can_be_said_of_each(name: str) -> None:
    assert expected(name)


def test_storage_options_are_json_a_file_or_a_mapping(tmp_path: Path) -> None:
    options = {"s3": {"anon": True}, "az": {"account_name": "lab"}}
    file = tmp_path / "storage.json"
    file.write_text(json.dumps(options), encoding="utf-8-sig")
    for value in (options, json.dumps(options), f"@{file}"):
        assert storage_options(value) == options
    assert storage_options(None) == {}


@pytest.mark.parametrize(
    "value",
    [
        '{"az": {"account_key": "hunter2secret"}',
        '{az: {account_key: "hunter2secret"}}',
        '"hunter2secret"',
        '["hunter2secret"]',
        '{"az": "hunter2secret"}',
        '{"hunter2secret": 1}',
        "hunter2secret",
        "[" * 100_000 + '"hunter2secret"',
        "",
        {"az": "hunter2secret"},
    ],
)
def test_storage_options_that_are_wrong_are_refused_without_being_repeated(value: Any) -> None:
    with pytest.raises(UsageError, match=r'^--storage-options: .*\{"s3": \{"anon": true\}\}') as caught:
        storage_options(value)
    assert "hunter2" not in str(caught.value)


def test_storage_options_of_a_wrong_type_are_refused_without_being_repeated() -> None:
    message = refusal({}, **REQUIRED, storage_options=["hunter2secret"])
    assert message.startswith("lb.yaml: storage_options: found list, expected a JSON object by protocol")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file or directory"), (b"\xff\xfe", "byte 0 is not UTF-8"), (b"{", "not JSON")],
)
def test_a_file_of_storage_options_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "storage.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        storage_options(f"@{file}")
    assert f"--storage-options @{file}" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["task", "check_images", "format", "split", "voc_boxes"])
def test_text_that_is_no_utf_8_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError, match=r"found 'a\\udcff', expected"):
        make_config({**REQUIRED, name: "a\udcff"})


@pytest.mark.parametrize(
    "text", ['{"s3": {"anon": true}, "s3": {}}', '{"az": {"account_key": "hunter2secret", "account_key": "hunter3"}}']
)
def test_storage_options_that_say_a_thing_twice_are_refused_without_being_repeated(text: str, tmp_path: Path) -> None:
    file = tmp_path / "storage.json"
    file.write_text(text)
    for value in (text, f"@{file}"):
        with pytest.raises(
            UsageError, match=r"the key '(s3|account_key)' occurs twice, expected each key once$"
        ) as caught:
            storage_options(value)
        assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("value", [5, [5], [["split_empty"]], {"a": 1}])
def test_what_is_accepted_is_a_code_or_a_list_of_them(value: Any) -> None:
    assert refusal({}, **REQUIRED, accept=value).startswith("lb.yaml: accept: found ")


def test_a_code_that_there_is_not_is_told_with_the_one_that_was_meant() -> None:
    said = refusal({}, **REQUIRED, accept="split_emty")
    assert said == (
        "lb.yaml: accept: found 'split_emty', expected the code of a doubt, or a list of them, as warnings and docs/reasons.md "
        "show it; did you mean split_empty?"
    )
    assert refusal({"accept": ["few_images", "x"]}, **REQUIRED).startswith("--accept: found 'x', ")
    check_accepted(["few_images", "split_empty"])


@pytest.mark.parametrize(("given", "sample"), [("7", 7), (7, 7), ("0.25", 0.25), (1e-3, 1e-3)])
def test_a_sample_is_a_number_of_images_or_a_fraction(given: Any, sample: float) -> None:
    found = make_config({**REQUIRED, "sample": given}).sample
    assert (found, type(found)) == (sample, type(sample))


@pytest.mark.parametrize("given", ["0", "1.0", "-0.1", "100001", "many", True, "nan"])
def test_a_sample_that_is_none_or_all_is_refused(given: Any) -> None:
    said = refusal({**REQUIRED, "sample": given})
    assert "--sample: found" in said
    assert "expected a whole number from 1 to 100000, or a number above 0 and below 1" in said


def test_groups_are_of_splits_that_are_drawn() -> None:
    shares = {"split": "train=0.5,test=0.5"}
    assert make_config({}, ConfigFile("", {**REQUIRED, **shares, "split_group": "^a/"})).split_group == "^a/"
    assert refusal(REQUIRED, split_group="folder").startswith("lb.yaml: split_group: draws nothing without --split")
    assert refusal({**REQUIRED, **shares, "split_group": "("}).startswith("--split-group: '(' is no regular expression")
