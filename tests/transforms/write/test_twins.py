"""Images that have the same bytes, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import FARTHEST
from labelbeam.schemas.manifest import Oddity, Twin
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.columns.hashes import bucket_of, sample_hash
from labelbeam.transforms.images.likeness import NO_HASH
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parcels import wrap
from labelbeam.transforms.write.twins import (
    NOT_COMPARED,
    NOT_SEEN,
    Contents,
    Twins,
    alike,
    contents_of,
    find_twins,
    hash_bucket,
    join_contents,
)
from labelbeam.transforms.write.whole import Whole
from tests.transforms.write.images import box, fragments, image, run, written


def contents(folder: Path, files: dict[str, bytes], *others: str, sampled: int | None = None) -> Contents:
    for name, data in files.items():
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(name).write_bytes(data)
    images = [image(path) for path in (*files, *others)]
    return contents_of(
        fragments([*images, image("left.jpg", left_out=Skipped.DELETED)]), locate(str(folder), {}), sampled
    )


def test_files_of_the_same_bytes_are_twins_in_whatever_buckets_they_are(tmp_path: Path) -> None:
    files = {"b.jpg": b"one", "a/c.jpg": b"one", "d.jpg": b"two", "e.jpg": b"", "f.jpg": b"", "g.jpg": b"one"}
    found = contents(tmp_path, files, "gone.jpg", "https://h/x.jpg", "../up.jpg")
    assert (sorted(found.paths), found.unread) == (sorted(files), ["../up.jpg", "gone.jpg", "https://h/x.jpg"])
    twins = find_twins(found, 3)
    firsts = {path: first for part in twins.values() for path, first in part.first.items()}
    assert firsts == {"b.jpg": "a/c.jpg", "a/c.jpg": "a/c.jpg", "g.jpg": "a/c.jpg", "e.jpg": "e.jpg", "f.jpg": "e.jpg"}
    assert all(bucket_of(path, 3) == bucket for bucket, part in twins.items() for path in (*part.first, *part.unread))
    assert find_twins(Contents(), 3) == find_twins(contents(tmp_path, {"b.jpg": b"one"}), 3) == {}


def test_what_is_joined_is_what_was_read(tmp_path: Path) -> None:
    one, two = contents(tmp_path, {"a.jpg": b"one"}, "gone.jpg"), contents(tmp_path, {"b.jpg": b"one"})
    joined = join_contents([join_contents([]), one, join_contents([two])])
    assert find_twins(joined, 1)[0] == Twins({"a.jpg": "a.jpg", "b.jpg": "a.jpg"}, {"gone.jpg"})


def test_links_out_of_the_images_and_images_outside_of_a_sample_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.jpg").write_bytes(b"one")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    found = contents(tmp_path / "in", {"a.jpg": b"one"}, "link.jpg")
    assert (found.paths, found.unread) == (["a.jpg"], ["link.jpg"])
    none = contents(tmp_path / "in", {}, "link.jpg", "a.jpg", sampled=min(map(sample_hash, ("link.jpg", "a.jpg"))))
    assert (none.paths, none.unread) == ([], [])


def test_a_bucket_is_read_as_it_arrives(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    encoded = [wrap(part.encode()) for part in fragments([image("a.jpg")])]
    assert hash_bucket(encoded, str(tmp_path), {}, None).paths == ["a.jpg"]


def firsts(bits: list[int], distance: int) -> list[int]:
    return alike(np.array(bits, np.uint64), distance).tolist()


def test_each_image_is_put_to_the_first_that_it_resembles_itself() -> None:
    chain = [0, 0b11, 0b1111, 0b111111]
    assert firsts(chain, 2) == [0, 0, 2, 2]
    assert firsts(chain, 0) == [0, 1, 2, 3]
    assert firsts([7, 7, 7], 0) == [0, 0, 0]
    assert firsts([], 4) == []


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 99), st.sets(st.integers(0, 63), max_size=8)), max_size=12),
    st.integers(0, FARTHEST),
)
def test_no_image_that_looks_alike_is_missed(
    own: list[int], flipped: list[tuple[int, set[int]]], distance: int
) -> None:
    every = own + [own[number % len(own)] ^ sum(1 << bit for bit in bits) for number, bits in flipped]
    expected: list[int] = []
    for row, look in enumerate(every):
        leaders = (at for at in range(row) if expected[at] == at and (every[at] ^ look).bit_count() <= distance)
        expected.append(next(leaders, row))
    assert firsts(every, distance) == expected


def looking(looks: dict[str, int], files: dict[str, bytes]) -> Contents:
    digests = b"".join(files.get(path, path.encode()).ljust(16, b"-") for path in looks)
    return Contents([*looks], digests, [], np.array([*looks.values()], np.uint64).tobytes())


def test_images_that_look_alike_are_told_apart_from_those_of_the_same_bytes() -> None:
    looks = {"d.jpg": 0b1001, "a.jpg": 0b1000, "b.jpg": 0b1000, "flat.jpg": NO_HASH, "z.jpg": 0xFF00, "c.jpg": 0b1001}
    same = {"a.jpg": b"same", "b.jpg": b"same"}
    twins = find_twins(looking(looks, same), 3, 1)
    first = {path: first for part in twins.values() for path, first in part.first.items()}
    assert first == {"a.jpg": "a.jpg", "b.jpg": "a.jpg"}
    like = {path: first for part in twins.values() for path, first in part.like.items()}
    assert like == {"a.jpg": "a.jpg", "b.jpg": "a.jpg", "c.jpg": "a.jpg", "d.jpg": "a.jpg"}
    assert {path for part in twins.values() for path in part.unseen} == {"flat.jpg"}
    assert all(bucket_of(path, 3) == bucket for bucket, part in twins.items() for path in (*part.like, *part.unseen))
    alone = find_twins(looking({"a.jpg": 8, "b.jpg": 8}, same), 1, 4)
    assert (alone[0].first, alone[0].like) == ({"a.jpg": "a.jpg", "b.jpg": "a.jpg"}, {})
    assert not any(part.like for part in find_twins(looking(looks, same), 3).values())


TWINS = Twins({"a.jpg": "a.jpg", "b.jpg": "a.jpg", "c.jpg": "0.jpg"}, {"d.jpg"})

IMAGES = [image(f"{name}.jpg", box(), box("dog"), split="test" if name == "b" else None) for name in "abcd"]


def test_twins_are_written_and_told_with_their_splits() -> None:
    found = run(IMAGES, whole=Whole(twins=TWINS))
    assert len(written(found)) == 4
    assert found.twins == [
        Twin("0.jpg", "c.jpg", "train"),
        Twin("a.jpg", "a.jpg", "train"),
        Twin("a.jpg", "b.jpg", "test"),
    ]
    assert found.oddities[NOT_COMPARED] == Oddity(1, 4, "d.jpg")


def test_one_of_them_is_written_where_the_others_are_to_be_dropped() -> None:
    found = run(IMAGES, whole=Whole(twins=TWINS), drop_twins=True)
    assert list(written(found)) == ["a.jpg", "d.jpg"]
    assert found.skipped == {Skipped.SAME_CONTENT: 2, Skipped.IMAGE_OF_SAME_CONTENT: 4}
    assert (found.images_found, found.skipped_images, found.objects_found, found.skipped_objects) == (4, 2, 8, 4)
    assert found.twins == [Twin("a.jpg", "a.jpg", "train")]


def test_those_that_look_alike_are_dropped_under_a_code_of_their_own() -> None:
    twins = Twins(
        {"a.jpg": "a.jpg", "b.jpg": "a.jpg"}, like=dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), "a.jpg"), unseen={"d.jpg"}
    )
    kept = run(IMAGES, whole=Whole(twins=twins))
    assert (len(kept.twins), [twin.path for twin in kept.similar]) == (2, ["a.jpg", "b.jpg", "c.jpg"])
    assert kept.oddities[NOT_SEEN] == Oddity(1, 4, "d.jpg")
    found = run(IMAGES, whole=Whole(twins=twins), drop_twins=True)
    assert list(written(found)) == ["a.jpg", "d.jpg"]
    assert found.skipped == {
        Skipped.SAME_CONTENT: 1,
        Skipped.IMAGE_OF_SAME_CONTENT: 2,
        Skipped.SIMILAR_CONTENT: 1,
        Skipped.IMAGE_OF_SIMILAR_CONTENT: 2,
    }
