"""Indexes: each is loaded from wherever it was left, and a process keeps the last two."""

from __future__ import annotations

import operator
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from labelbeam.transforms.formats import indexes
from labelbeam.transforms.formats.indexes import load_index
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.staged_units import stage_alone

VALUE = {"a": [1, 2]}


@pytest.fixture(autouse=True)
def _of_a_fresh_process() -> None:
    indexes._loaded.clear()


def test_an_index_is_loaded_from_bytes_a_file_or_the_store(memory: str, tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(pickle.dumps(VALUE))
    for index in (pickle.dumps(VALUE), str(tmp_path / "index"), stage_alone(VALUE, locate(memory, {}).below("i"), put)):
        assert load_index(index, {}) == VALUE


def test_the_last_three_are_kept_and_the_one_before_is_loaded_anew() -> None:
    one, *others, last = (pickle.dumps([number]) for number in range(4))
    first, *found = (load_index(each, {}) for each in (one, *others))
    assert load_index(one, {}) is first and all(map(operator.is_, (load_index(each, {}) for each in others), found))
    assert load_index(bytes(bytearray(others[0])), {}) is found[0], "it is known by what it says"
    load_index(last, {})
    assert load_index(others[0], {}) is found[0]
    again = load_index(one, {})
    assert again == first and again is not first


class _Slow:
    """An index whose loading takes so long that other threads come meanwhile."""

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return _slowly, ()


def _slowly() -> object:
    time.sleep(0.05)
    return object()


def test_threads_that_come_at_once_load_it_once() -> None:
    data = pickle.dumps(_Slow())
    barrier = Barrier(4)

    def load(_: int) -> object:
        barrier.wait(10)
        return load_index(data, {})

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(load, range(4)))
    assert all(item is found[0] for item in found)
