"""Files that are parsed whole: their units, the words for what is none of theirs, and the memory for it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.reading import Reading, ReadOptions
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole, whole_file, with_room
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers import budget


def config_of(root: str) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=[root], output="memory://nowhere")


def test_each_file_that_was_chosen_is_a_unit_with_keys_of_its_own(memory: str) -> None:
    place = locate(memory, {})
    for name in ("b.json", "a.json", "c.json", "1.jpg"):
        put(place.below(name), name.encode())
    unit: Any = WholeFile
    plan = plan_whole(Tree(config_of(memory), {}, [place], []), "via", place, ["a.json", "b.json"], unit)
    assert plan.units == [WholeFile(place.url, "a.json", 6, 0), WholeFile(place.url, "b.json", 6, 1)]  # type: ignore[comparison-overlap]
    assert [found.first_key for found in pickle.loads(pickle.dumps(plan.units))] == [0, 1 << 32]
    assert plan.in_bytes and plan.indexes[0].names == ("1.jpg",)  # type: ignore[attr-defined]


def test_what_is_none_of_a_format_is_told_with_the_file_and_what_was_expected(memory: str) -> None:
    put(locate(memory, {}).below("a.json"), b"[]")
    unit, reading = WholeFile(memory, "a.json", 2, 0), Reading(ReadOptions(config_of(memory), {}, 1))
    with unit.content(reading, "a list", UnicodeError) as data:
        assert data == b"[]"
    with (
        pytest.raises(LabelBeamError, match=r"a\.json: no items; expected a subset"),
        unit.content(reading, "a subset", UnicodeError),
    ):
        raise UnicodeError("no items")
    with pytest.raises(ValueError, match="of another kind"), unit.content(reading, "a subset", UnicodeError):
        raise ValueError("of another kind")


def test_a_file_that_is_parsed_whole_has_the_memory_or_ends_the_run_in_words(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = locate(memory, {}).below("a.json")
    put(file, b"x" * 2**20)
    for size in (2**20, 0):
        with whole_file(file, size) as data:
            assert len(data) == 2**20
    monkeypatch.setattr(budget, "memory_left", lambda: 9 * 2**20)
    with pytest.raises(ShortageError, match=r"a\.json: needs 10 MB of memory"), whole_file(file, 2**20):
        pass


def test_tiny_records_end_the_run_in_words_before_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(with_room(range(100_000), "t.csv")) == [*range(100_000)]
    monkeypatch.setattr(budget, "memory_left", lambda: 80_000_000)
    rows = with_room(iter(range(100_000)), "t.csv")
    with pytest.raises(ShortageError, match=r"t\.csv, of which 32,768 records were read: needs 33 MB of memory"):
        list(rows)
    with pytest.raises(ShortageError, match=r"of up to 100,000 records: needs 100 MB"):
        read_tiny()


def read_tiny() -> None:
    file = locate("memory://tiny/a.json", {})
    data = b"[" + b"{}," * 99_999 + b"{}]"
    put(file, data)
    with whole_file(file, len(data)):
        pass
