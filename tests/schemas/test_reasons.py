"""Codes of what became of records: distinct, documented, and text wherever they are written."""

from __future__ import annotations

import json
import pickle

import msgspec
import pytest

from labelbeam.schemas.reasons import Adjusted, Documented, Rejected, RejectedError, Skipped

KINDS: list[type[Documented]] = [Rejected, Skipped, Adjusted]


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_is_a_word_with_a_sentence_and_none_stands_twice(kind: type[Documented]) -> None:
    assert len({code.doc for code in kind}) == len(kind)
    for code in kind:
        assert code.isidentifier() and code.islower() and code.name.lower() == code.value
        assert code.doc and not code.doc.endswith(".")


def test_a_code_means_one_thing_whatever_the_kind() -> None:
    values = [code.value for kind in KINDS for code in kind]
    assert len(values) == len(set(values))


def test_a_code_is_its_text_in_json_and_comes_back() -> None:
    code = Rejected.EMPTY_BBOX
    assert json.dumps(code) == msgspec.json.encode(code).decode() == '"empty_bbox"'
    assert msgspec.json.decode(b'"empty_bbox"', type=Rejected) is code
    assert pickle.loads(pickle.dumps(code)).doc == code.doc
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'"empty"', type=Rejected)


def test_an_error_keeps_its_code_and_its_message_across_processes() -> None:
    error = pickle.loads(pickle.dumps(RejectedError(Rejected.EMPTY_BBOX, "0 pixels wide")))
    assert (type(error), error.code, str(error)) == (RejectedError, Rejected.EMPTY_BBOX, "0 pixels wide")
