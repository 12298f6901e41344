"""What a listing says of files, as columns: nothing is lost, mixed up or said twice, whatever the cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.columns.hashes import bucket_of, stable_hash
from labelbeam.transforms.columns.listed import Listed, ListedFile, by_bucket, join_listed, listed_files, token_hash
from labelbeam.transforms.stores.files import StoredFile

paths = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=8)
listings = st.dictionaries(paths, st.tuples(st.integers(0, 2**62), st.text(max_size=5))).map(
    lambda files: [StoredFile(path, size, token) for path, (size, token) in files.items()]
)


@given(listings, st.sampled_from(["", "train/"]))
def test_every_listed_file_is_found_under_its_prefix_with_its_size_and_no_other_is(
    files: list[StoredFile], prefix: str
) -> None:
    listed = listed_files(files, prefix)
    assert len(listed) == len(files)
    for file in files:
        assert listed.find(prefix + file.path) == ListedFile(file.size, token_hash(file.token))
        assert listed.find(f"else/{file.path}") is None
    wanted = [path for file in files for path in (prefix + file.path, f"else/{file.path}")]
    assert listed.find_all(wanted) == [listed.find(path) for path in wanted]


@given(listings, st.integers(1, 7), st.integers(1, 5))
def test_cut_into_units_and_buckets_a_listing_is_whole_again_where_its_images_are(
    files: list[StoredFile], buckets: int, step: int
) -> None:
    listed = listed_files(files)
    parts: dict[int, list[Listed]] = {}
    for start in range(0, len(listed), step):
        unit = listed.take(slice(start, start + step))
        for bucket, rows in by_bucket(unit.hashes, buckets):
            parts.setdefault(bucket, []).append(unit.take(rows))
    joined = {bucket: join_listed(part[::-1]) for bucket, part in parts.items()}
    assert join_listed(list(joined.values())) == listed
    for file in files:
        assert joined[bucket_of(file.path, buckets)].find(file.path) is not None


def test_a_file_that_is_listed_twice_counts_once() -> None:
    listed = listed_files([StoredFile("a", 1, "t")])
    assert len(join_listed([listed, listed, Listed()])) == 1


def test_what_is_said_of_a_file_takes_24_bytes() -> None:
    listed = listed_files([StoredFile(f"directory/{number}.jpg", number, "etag") for number in range(100)])
    assert sum(column.nbytes for column in (listed.hashes, listed.sizes, listed.tokens)) == 2400


def test_a_token_is_the_same_in_quotes_and_without() -> None:
    assert token_hash('"0x8D"') == token_hash("0x8D") == stable_hash("0x8D")
    assert token_hash("0x8D") != token_hash("0x8E")


@pytest.mark.parametrize("column", ["hashes", "sizes", "tokens"])
def test_listings_that_differ_in_one_column_differ(column: str) -> None:
    one, other = (listed_files([StoredFile("a", 1, "t")]) for _ in range(2))
    assert one == other
    getattr(other, column)[:] += np.array(1, getattr(other, column).dtype)
    assert one != other
    assert one != "a"
