"""The fingerprint of what a build reads: that of a set of files, each with its size and its token."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.inputs import fingerprint_of
from labelbeam.transforms.stores.files import StoredFile

STORED = st.builds(StoredFile, st.text(), st.integers(0, 9), st.text())


@given(st.lists(st.tuples(st.text(), STORED), max_size=5), st.randoms())
def test_a_fingerprint_is_one_of_a_set(files: list[tuple[str, StoredFile]], random: Random) -> None:
    shuffled = files + files[:1]
    random.shuffle(shuffled)
    assert fingerprint_of(shuffled) == fingerprint_of(files)
    assert fingerprint_of([*files, ("new", StoredFile("", 10, ""))])[0] != fingerprint_of(files)[0]


def test_names_cannot_forge_a_fingerprint() -> None:
    one = [("a", StoredFile("b", 1, "c")), ("d", StoredFile("e", 1, "f"))]
    for separator in ("\n", "\0", "', '", "\\"):
        other = [("a", StoredFile(f"b{separator}1{separator}c{separator}d{separator}e", 1, "f"))]
        assert fingerprint_of(one)[0] != fingerprint_of(other)[0]
