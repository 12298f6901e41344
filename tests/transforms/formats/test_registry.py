"""The raw formats are what a format has to be, each under its own name."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.registry import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_goes_by_its_name_and_serves_its_usual_task(name: str) -> None:
    found = FORMATS[name]
    assert found.name == name
    assert found.usual_task in found.tasks and set(found.tasks) <= set(TASKS)
    assert found.title and found.source
    assert type(pickle.loads(pickle.dumps(found))) is type(found)


@pytest.mark.parametrize("name", FORMATS)
def test_without_evidence_there_is_nothing_to_decide_or_to_tell(name: str) -> None:
    config = ConvertConfig(task=FORMATS[name].usual_task, source=["s"], output="o")
    assert (FORMATS[name].frames({}, config), list(FORMATS[name].remarks({}, config))) == ({}, [])


def test_no_two_formats_have_an_option_of_one_name_nor_one_of_the_build_s() -> None:
    names = [name for found in FORMATS.values() for name in found.options.__struct_fields__]
    assert len(names) == len(set(names))
    assert not set(names) & set(ConvertConfig.__struct_fields__)


@pytest.mark.parametrize("name", FORMATS)
def test_options_of_a_format_refuse_what_they_do_not_know(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_option": 1}, FORMATS[name].options)
