"""Arrow files that are the dataset, and those that lie beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.huggingface.saved import saved_in
from labelbeam.transforms.formats.shards import shards_of
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.shards.store import ROWS


def saved(folder: Path, states: dict[str, Any], *paths: str) -> tuple[list[str], list[str]]:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    for path, state in states.items():
        (folder / path).write_text(state if isinstance(state, str) else json.dumps(state))
    config = ConvertConfig(task="image_classification", source=[str(folder)], output="memory://nowhere")
    tree = Tree(config, {}, [locate(str(folder), {})], [])
    shards = shards_of(tree, ROWS)
    assert shards is not None
    found = saved_in(tree, shards)
    return list(found.shards.paths), list(found.left)


STATE = {"_data_files": [{"filename": "data-0.arrow"}], "_indices_data_files": None}


def test_a_state_names_the_files_of_its_folder(tmp_path: Path) -> None:
    paths = ["a/data-0.arrow", "a/data-1.arrow", "b/x-train.arrow", "b/cache-1.arrow"]
    assert saved(tmp_path, {"a/state.json": STATE}, *paths) == (
        ["a/data-0.arrow", "b/x-train.arrow"],
        ["a/data-1.arrow", "b/cache-1.arrow"],
    )


@pytest.mark.parametrize("state", ["{", "[]", {"epoch": 3}, {"_data_files": [1]}])
def test_a_state_of_another_tool_says_nothing(state: Any, tmp_path: Path) -> None:
    assert saved(tmp_path, {"state.json": state}, "data-0.arrow", "tmpx.arrow") == (["data-0.arrow"], ["tmpx.arrow"])


def test_a_file_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match=r"a/data-0\.arrow is not there, and the state\.json beside it names it"):
        saved(tmp_path, {"a/state.json": STATE}, "a/data-1.arrow")


def test_a_choice_of_rows_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"state\.json: .*flatten_indices\(\)\.save_to_disk"):
        saved(tmp_path, {"state.json": STATE | {"_indices_data_files": [{"filename": "i.arrow"}]}}, "data-0.arrow")


def test_parquet_beside_arrow_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="may be the same images"):
        saved(tmp_path, {}, "data-0.arrow", "data/train.parquet")


def test_parquet_alone_is_read_as_it_is(tmp_path: Path) -> None:
    assert saved(tmp_path, {}, "data/cache-1.parquet") == (["data/cache-1.parquet"], [])
