"""The images and categories of a COCO file: what is whose, whatever ids, names and sizes look like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.images import NO_NOTE
from labelbeam.transforms.formats.coco.index import KEYS_A_SOURCE, CocoIndex, IndexBuilder
from labelbeam.transforms.images.names import image_path

SOURCE = "file:///d/instances.json"


def block_of(records: Sequence[Any]) -> bytes:
    return ", ".join(record if isinstance(record, str) else json.dumps(record) for record in records).encode()


def built(
    images: Sequence[Any] = (),
    categories: Sequence[Any] = (),
    *,
    cuts: Sequence[int] = (),
    prefix: str = "",
    buckets: int = 1,
    number: int = 0,
) -> tuple[CocoIndex, list[tuple[int, Fragment]], IndexBuilder]:
    """Index records; `cuts` are the places at which the images are cut into ranges."""
    builder = IndexBuilder(SOURCE, number, prefix, "train", buckets)
    starts = [len(block_of([*images[:at], ""])) for at in range(len(images))]
    for start, end in zip([0, *cuts], [*cuts, len(images)], strict=True):
        if start < end:
            builder.add_images(block_of(images[start:end]), starts[start])
    builder.categories.add(block_of(categories))
    fragments = list(builder.finish())
    assert builder.found == len(images)
    assert sum(fragment.records for _, fragment in fragments) == len(images)
    return builder.index, fragments, builder


def image(identity: Any, file_name: Any, **fields: Any) -> dict[str, Any]:
    return {"id": identity, "file_name": file_name, "width": 64, "height": 48} | fields


def kept(images: Sequence[Any], **options: Any) -> dict[Any, str]:
    """Return the paths that annotations can name, by image id."""
    index, _, _ = built(images, **options)
    return {identity: index.paths[row] for identity, row in index.rows.items()}


def rejections(images: Sequence[Any], **options: Any) -> list[Rejection]:
    _, fragments, _ = built(images, **options)
    return [rejection for _, fragment in fragments for rejection in fragment.rejections]


def codes(images: Sequence[Any], **options: Any) -> list[str]:
    return [rejection.code for rejection in rejections(images, **options)]


# The same index whatever else is in the file.

good_name = st.sampled_from(
    ["a.jpg", "b/c.png", "ü 漢.jpg", "%5B#?.jpg", "...jpg", "a..jpg", ".hidden.jpg", "x\x80.jpg"]
)
odd_name = st.one_of(
    st.sampled_from(
        ["a\\b.jpg", "./a.jpg", "a//b.jpg", "a/./b.jpg", "a/", "C:\\a.jpg", "C:/a.jpg", "a:b.jpg", "/a.jpg"]
    ),
    st.sampled_from(
        ["../a.jpg", "a/../b.jpg", "..", ".", "", " ", "a\nb.jpg", "a\x00.jpg", "a\x7f.jpg", "\ud800.jpg", "\n"]
    ),
    st.sampled_from(
        ["https://h/a.jpg", "ftp://h/a.jpg", "https://h/a\n.jpg", "https://h/\ud800.jpg", "HTTPS://h/a.jpg"]
    ),
    st.text("ab./\\:\n\t \x7fü", max_size=6),
)
side = st.sampled_from([64, 48, 1, 0, -5, None, 2**31 - 1, 2**31, 10**30, 64.0, "64", 1.5, "wide", True])
identity = st.sampled_from([1, 2, 3, "1", "x", 10**25, 4.0])
record = st.builds(image, identity, st.one_of(good_name, odd_name), width=side, height=side)
broken = st.sampled_from(
    ["5", "null", '"text"', "{}", '{"id": 1}', '{"id": 2, "file_name": null}', '{"id": NaN, "file_name": "n.jpg"}']
)


def told(index: CocoIndex, fragments: list[tuple[int, Fragment]]) -> dict[str, Any]:
    """Return all that is known, in a form that can be compared."""
    return {
        "rows": {identity: (index.paths[row], index.sizes[row].tolist()) for identity, row in index.rows.items()},
        "refused": index.refused,
        "images": [
            (bucket, fragment.images.row(row), fragment.images.notes.get(row))
            for bucket, fragment in fragments
            for row in range(len(fragment.images))
        ],
        "rejected": sorted(repr(rejection) for _, fragment in fragments for rejection in fragment.rejections),
        "adjusted": [fragment.adjusted for _, fragment in fragments],
    }


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(record, broken), max_size=6), st.data())
def test_the_index_does_not_depend_on_where_the_file_is_cut(records: list[Any], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=4)))
    whole, pieces = built(records, buckets=3), built(records, cuts=cuts, buckets=3)
    assert told(*whole[:2]) == told(*pieces[:2])
    for _, fragment in whole[1]:
        for rejection in fragment.rejections:
            msgspec.json.encode(rejection)


@settings(deadline=None, max_examples=150)
@given(record, st.lists(st.builds(image, st.integers(100, 200), odd_name), max_size=3), st.sampled_from(["", "sub/"]))
def test_what_becomes_of_an_image_does_not_depend_on_the_names_beside_it(
    item: dict[str, Any], others: list[dict[str, Any]], prefix: str
) -> None:
    def fate(records: list[dict[str, Any]]) -> tuple[Any, ...]:
        index, fragments, _ = built(records, prefix=prefix)
        ((_, fragment),) = fragments
        identity = int(item["id"]) if isinstance(item["id"], float) else item["id"]
        row = index.rows.get(identity)
        locator = f"images id={identity!r}"
        notes = {fragment.images.locators[at]: note for at, note in fragment.images.notes.items()}
        return (
            None if row is None else (index.paths[row], index.sizes[row].tolist(), notes.get(locator)),
            [rejection for rejection in fragment.rejections if rejection.locator == locator],
        )

    assert fate([item]) == fate([*others, item]) == fate([item, *others])


@settings(deadline=None, max_examples=200)
@example("./C:/1.jpg")
@example(".\\a:\\:")
@given(st.one_of(good_name, odd_name))
def test_a_path_is_normalised_once_and_for_all(name: str) -> None:
    path, code, normalized = image_path(name, "")
    assert (path is None) == (code is not None)
    if path is not None:
        assert image_path(path, "") == (path, None, False)
        assert normalized == (path != name)
        path.encode()


# Names.


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("batch_1/000006.JPG", "batch_1/000006.JPG"),
        ("win\\dir\\1.jpg", "win/dir/1.jpg"),
        ("./here//1.jpg", "here/1.jpg"),
        ("a, b ü 漢.jpg", "a, b ü 漢.jpg"),
        ("a:b.jpg", "a:b.jpg"),
        ("..a/...jpg", "..a/...jpg"),
        ("https://host/x y/1.jpg?sig=%2F", "https://host/x y/1.jpg?sig=%2F"),
        ("AmlDatastore://images/1.jpg", "AmlDatastore://images/1.jpg"),
        ("azureml://subscriptions/s/1.jpg", "azureml://subscriptions/s/1.jpg"),
    ],
)
def test_a_name_is_a_path_or_a_url(name: str, path: str) -> None:
    assert kept([image(1, name)]) == {1: path}
    assert kept([image(1, name)], prefix="sub/") == {1: path if "://" in path else f"sub/{path}"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../1.jpg", "unsafe_path"),
        ("a/../1.jpg", "unsafe_path"),
        ("a\\..\\1.jpg", "unsafe_path"),
        ("..", "unsafe_path"),
        ("", "unsafe_path"),
        ("./", "unsafe_path"),
        ("/etc/1.jpg", "unsafe_path"),
        ("\\\\host\\share\\1.jpg", "unsafe_path"),
        ("C:\\1.jpg", "unsafe_path"),
        ("c:/1.jpg", "unsafe_path"),
        ("a\nb.jpg", "unsafe_path"),
        ("a\x00.jpg", "unsafe_path"),
        ("a\x7f.jpg", "unsafe_path"),
        ("\ud800.jpg", "unsafe_path"),
        ("ftp://host/1.jpg", "unsupported_url"),
        ("s3://bucket/1.jpg", "unsupported_url"),
        ("azureml://datastores/d/paths/1.jpg", "unsupported_url"),
        ("https://host/a\nb.jpg", "unsupported_url"),
        ("https://host/\ud800.jpg", "unsupported_url"),
    ],
)
def test_a_name_that_no_path_can_be_is_rejected_with_its_image(name: str, code: str) -> None:
    index, ((_, fragment),), _ = built([image(1, name), image(2, "good.jpg")])
    (rejection,) = fragment.rejections
    assert (rejection.code, rejection.locator, rejection.kind) == (code, "images id=1", "image")
    assert index.refused == {1: Rejected.IMAGE_REJECTED}
    assert fragment.images.paths == ["good.jpg"]
    msgspec.json.encode(rejection)


def test_a_normalised_name_is_noted() -> None:
    _, ((_, fragment),), _ = built([image(1, "a.jpg"), image(2, ".\\b.jpg")])
    assert {row: note.adjusted for row, note in fragment.images.notes.items()} == {1: (Adjusted.PATH_NORMALIZED,)}


# Sizes.


@pytest.mark.parametrize(
    ("width", "known"),
    [(64, 64), (64.0, 64), ("64", 64), (None, 0), (0, 0), (0.0, 0), ("", 0), (2**31 - 1, 2**31 - 1)],
)
@pytest.mark.parametrize("beside", ["plain.jpg", "./odd.jpg"])
def test_a_width_of_0_is_unknown_like_a_missing_one(width: Any, known: int, beside: str) -> None:
    index, _, _ = built([image(1, "a.jpg", width=width), image(2, beside)])
    assert index.sizes[index.rows[1]].tolist() == [known, 48]


@pytest.mark.parametrize("height", [-1, 2**31, 10**30, 1.5, "tall", True, "NaN", [48]])
def test_a_height_that_is_none_costs_the_image(height: Any) -> None:
    assert codes([image(1, "a.jpg", height=height), image(2, "b.jpg")]) == ["invalid_size"]


def test_sizes_as_text_are_counted() -> None:
    _, fragments, _ = built([image(1, "a.jpg", width="64"), image(2, "b.jpg", width="64")], buckets=5)
    assert sum(fragment.adjusted.get(Adjusted.NUMBER_FROM_TEXT, 0) for _, fragment in fragments) == 2


# Ids.


def test_ids_of_number_and_text_are_two_ids() -> None:
    assert kept([image(1, "a.jpg"), image("1", "b.jpg")]) == {1: "a.jpg", "1": "b.jpg"}


def test_ids_may_have_gaps_and_any_order() -> None:
    assert kept([image(10**9, "a.jpg"), image(0, "b.jpg"), image(-3, "c.jpg")]) == {
        10**9: "a.jpg",
        0: "b.jpg",
        -3: "c.jpg",
    }


@pytest.mark.parametrize("cuts", [[], [1]])
def test_an_image_that_stands_twice_is_kept_once(cuts: list[int]) -> None:
    images = [image(1, "a.jpg"), image(1, "./a.jpg")]
    assert kept(images, cuts=cuts) == {1: "a.jpg"}
    (rejection,) = rejections(images, cuts=cuts)
    assert (rejection.code, rejection.locator, rejection.image) == ("duplicate_image", "images id=1", "a.jpg")


@pytest.mark.parametrize("cuts", [[], [1], [1, 2]])
def test_an_id_that_two_files_share_is_nobodys(cuts: list[int]) -> None:
    index, fragments, _ = built([image(1, "a.jpg"), image(1, "b.jpg"), image(2, "c.jpg")], cuts=cuts)
    assert [path for _, fragment in fragments for path in fragment.images.paths] == ["c.jpg"]
    assert index.refused == {1: Rejected.AMBIGUOUS_IMAGE_ID}
    assert 1 not in index.rows


@pytest.mark.parametrize("order", [1, -1])
def test_an_id_of_a_refused_and_a_good_record_is_nobodys(order: int) -> None:
    """Otherwise the good image would be published as background: its annotations go with the refused one."""
    images = [image(1, "../a.jpg"), image(1, "a.jpg")][::order]
    index, fragments, _ = built(images)
    assert index.refused == {1: Rejected.AMBIGUOUS_IMAGE_ID}
    assert not any(len(fragment.images) for _, fragment in fragments)
    assert sorted(codes(images)) == ["ambiguous_image_id", "unsafe_path"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_refused_record_of_the_same_file_leaves_the_good_one_its_annotations(order: int) -> None:
    images = [image(1, "a.jpg", width=-5), image(1, "a.jpg")][::order]
    assert kept(images) == {1: "a.jpg"}
    assert codes(images) == ["invalid_size"]


def test_two_images_of_one_name_are_two_rows_for_whoever_joins_them() -> None:
    _, ((_, fragment),), _ = built([image(1, "a.jpg"), image(2, "a.jpg", width=99)])
    assert fragment.images.paths == ["a.jpg", "a.jpg"]
    assert fragment.images.keys.tolist() == [0, 1]


def test_keys_of_two_files_never_meet() -> None:
    first, second = (built([image(1, "a.jpg")], number=number)[1][0][1].images.keys for number in (0, 1))
    assert second - first == KEYS_A_SOURCE


def test_images_go_to_the_bucket_of_their_path() -> None:
    images = [image(number, f"{number}.jpg") for number in range(20)]
    index, fragments, _ = built(images, buckets=4, prefix="p/")
    for bucket, fragment in fragments:
        assert {bucket_of(path, 4) for path in fragment.images.paths} == {bucket}
        assert fragment.images.splits == ["train"] * len(fragment.images)
    assert index.buckets.tolist() == [bucket_of(f"p/{number}.jpg", 4) for number in range(20)]


# Records that are none.


def test_a_record_that_is_none_is_known_by_its_first_byte() -> None:
    images = [image(1, "a.jpg"), "null", '{"file_name": "b.jpg"}', image(2, "c.jpg")]
    whole = rejections(images)
    data = block_of(images)
    for rejection, text in zip(whole, (b"null", b'{"file_name"'), strict=True):
        assert rejection.code == "invalid_record"
        assert data[int(rejection.locator.removeprefix("images at byte ")) :].startswith(text)
    assert [rejection.image for rejection in whole] == [None, "b.jpg"]
    assert rejections(images, cuts=[1, 2]) == whole


def test_annotations_of_a_record_that_is_none_are_told_why() -> None:
    index, _, _ = built([{"id": 7, "file_name": None}])
    assert index.refused == {7: Rejected.IMAGE_REJECTED}


# Categories.


def test_categories_may_come_in_several_ranges_and_before_the_images() -> None:
    builder = IndexBuilder(SOURCE, 0, "", None, 1)
    builder.categories.add(b'{"id": 1, "name": "b"}')
    builder.add_images(b'{"id": 1, "file_name": "a.jpg"}')
    builder.categories.add(b'{"id": 2, "name": "a"}')
    list(builder.finish())
    assert (builder.index.labels, builder.index.label_of) == (["a", "b"], {1: 1, 2: 0})


def test_images_that_a_flag_takes_out_are_doubted_once_for_all_ranges() -> None:
    records = [image(number, f"{number}.jpg", deleted=number in (2, 3)) for number in range(1, 5)]
    _, _, builder = built(records, cuts=[2])
    (doubt,) = builder.doubts
    assert (doubt.code, doubt.count, doubt.example) == ("flags_not_read", 2, "images id=2")
    assert built([image(1, "1.jpg", deleted=False)])[2].doubts == []


def test_a_field_of_the_records_may_say_what_an_image_belongs_to() -> None:
    builder = IndexBuilder("s", 0, "", None, 1)
    values = [7, 7.0, "a b ", None, True, [7], ""]
    block = block_of(
        [image(at, f"{at}.jpg", video_id=value) for at, value in enumerate(values)] + [image("x", "x.jpg")]
    )
    builder.add_images(block)
    builder.take_groups([block], "video_id")
    ((_, fragment),) = builder.finish()
    groups = [fragment.images.notes.get(row, NO_NOTE).group for row in range(len(fragment.images))]
    assert groups == ["7", "7", "a b", "", "", "", "", ""]
