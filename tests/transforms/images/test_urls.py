"""Image URLs: what the trainer makes of one has to be the file that was meant."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.images.urls import (
    check_prefix,
    count_roots,
    default_prefix,
    image_url,
    image_urls,
    path_below,
    path_of,
)
from labelbeam.transforms.stores.paths import safe_relative

AZUREML = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/data/"
DECODED = {
    "https://host/container/": "?",
    "http://host/container/": "?",
    AZUREML: "?",
    "AmlDatastore://store/data/": "?",
    "wasbs://container@account.blob.core.windows.net/data/": "?#",
    "abfss://container@account.dfs.core.windows.net/data/": "?#",
}
"""Prefixes by what ends a path in the trainer's reader, which then decodes `%XX`."""

PATHS = st.lists(
    st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1
).map("/".join)


def as_the_trainer_reads(url: str, ends: str) -> str:
    for character in ends:
        url = url.partition(character)[0]
    return unquote(url, errors="strict")


@pytest.mark.parametrize(("prefix", "ends"), DECODED.items())
@given(path=PATHS.filter(lambda path: "://" not in path))
def test_what_the_trainer_decodes_is_the_path_again(prefix: str, ends: str, path: str) -> None:
    assert as_the_trainer_reads(image_url(prefix, path), ends) == prefix + path


@given(path=PATHS.filter(lambda path: "://" not in path))
def test_names_in_a_file_url_stand_as_they_are(path: str) -> None:
    assert image_url("file:///data/", path) == f"file:///data/{path}"


@pytest.mark.parametrize("prefix", [*DECODED, "file:///data", "s3://bucket/a", "zip://in/it::https://host/a.zip?sig=1"])
@given(path=PATHS.filter(lambda path: "://" not in path and safe_relative(path) == path))
def test_the_path_is_found_in_a_url_again(prefix: str, path: str) -> None:
    assert path_of(prefix, image_url(prefix, path)) == path


@pytest.mark.parametrize(
    "url",
    [
        "https://host/other/1.jpg",
        "https://host/container/",
        "https://host/container",
        "https://host/container/../1.jpg",
        "file:///data/1.jpg",
        "",
    ],
)
def test_a_url_of_another_place_has_no_path(url: str) -> None:
    assert path_of("https://host/container", url) is None


@pytest.mark.parametrize("prefix", DECODED)
def test_spaces_and_letters_of_any_script_are_not_encoded(prefix: str) -> None:
    assert image_url(prefix, "猫 1 é+&=.jpg") == f"{prefix}猫 1 é+&=.jpg"


@pytest.mark.parametrize(("prefix", "ends"), DECODED.items())
def test_a_hash_is_encoded_only_where_it_ends_the_path(prefix: str, ends: str) -> None:
    assert image_url(prefix, "a#1.jpg") == prefix + ("a%231.jpg" if "#" in ends else "a#1.jpg")


@pytest.mark.parametrize("prefix", ["https://host/c", "https://host/c/"])
def test_one_slash_stands_between_prefix_and_path(prefix: str) -> None:
    assert image_url(prefix, "a/1.jpg") == "https://host/c/a/1.jpg"


@pytest.mark.parametrize("path", ["https://host/100%25/1.jpg?v=1", "wasbs://c@a/1#2.jpg", "AmlDatastore://d/1.jpg"])
def test_a_path_that_is_a_url_is_passed_unchanged(path: str) -> None:
    assert image_url("file:///data/", path) == path


@pytest.mark.parametrize(
    ("root", "prefix"),
    [
        ("file:///data/a b%20#?", "file:///data/a b%20#?/"),
        ("file:///", "file:///"),
        ("https://host/a%20b", "https://host/a%20b/"),
        ("abfss://c@a.dfs.core.windows.net/50% #1?", "abfss://c@a.dfs.core.windows.net/50%25 %231%3F/"),
        ("s3://bucket/a%b", "s3://bucket/a%b/"),
        ("memory://", "memory://"),
        ("file:///a::b", "file:///a::b/"),
        ("zip://d::s3://b/a.zip", "zip://d/::s3://b/a.zip"),
        ("zip://::s3://b/a.zip", "zip://::s3://b/a.zip"),
    ],
)
def test_the_default_prefix_is_the_images_own_url(root: str, prefix: str) -> None:
    assert default_prefix(root) == prefix


def test_in_a_chained_url_the_path_goes_to_the_link_that_has_it() -> None:
    assert image_url(default_prefix("zip://d::s3://b/a.zip"), "x/1.jpg") == "zip://d/x/1.jpg::s3://b/a.zip"
    assert image_url(default_prefix("zip://::/d/a.zip"), "x/1.jpg") == "zip://x/1.jpg::/d/a.zip"


@pytest.mark.parametrize("prefix", [*DECODED, "file:///data/50%/#1?", "file:///", AZUREML.rstrip("/"), "https://host"])
def test_forms_that_the_trainer_reads_pass(prefix: str) -> None:
    warning = check_prefix(prefix)
    if prefix.startswith("AmlDatastore://"):
        assert warning is not None and "mltable.load makes null" in warning
    else:
        assert warning is None


@pytest.mark.parametrize(
    ("prefix", "url", "path"),
    [
        ("AmlDatastore://d", "AmlDatastore://d/a%20b.jpg", "a b.jpg"),
        (AZUREML, f"{AZUREML}a/1%23.jpg", "a/1#.jpg"),
        ("file:///data/", "file:///data/1%20.jpg", "1%20.jpg"),
        ("https://h/c", "https://h/cat.jpg", None),
        ("https://h/c/", "https://h/c/", None),
    ],
)
def test_the_path_of_an_image_is_found_in_a_url_that_anybody_wrote(prefix: str, url: str, path: str | None) -> None:
    assert path_below(prefix, url) == path


def test_urls_are_counted_by_what_they_lie_in_however_many_there_are() -> None:
    urls = [f"AmlDatastore://{name}/1.jpg" for name in "aab"] + [
        "https://u:p@host/1.jpg?sig=x",
        "https://other/1.jpg",
        "s3://b/1",
    ]
    assert count_roots(urls) == {"AmlDatastore://a/": 2, "AmlDatastore://b/": 1, "https://": 2, "s3://": 1}
    many = count_roots([f"AmlDatastore://{number}/1.jpg" for number in range(500)])
    assert len(many) < 30 and sum(many.values()) == 500
    assert count_roots([]) == {}


def test_the_long_form_may_spell_its_keys_as_the_portal_does() -> None:
    assert check_prefix(AZUREML.replace("resourcegroups", "resourceGroups")) is None


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("azureml://datastores/d/paths/data/", "azureml://subscriptions/<subscription>/"),
        ("azureml:name:1", "azureml://subscriptions/<subscription>/"),
        ("azureml://subscriptions/s/datastores/d/paths/", "azureml://subscriptions/<subscription>/"),
        (AZUREML.replace("/paths/data/", "/data/"), "/paths/<path>"),
        ("images/", "file:///"),
        ("/data/images", "file:///"),
        ("", "found ''"),
        ("file:/data", "file:///"),
        ("file://data/images", "file:///data/images"),
        ("https://", "no host"),
        ("https:///images", "no host"),
        ("abfss://", "no host, container"),
        ("https://host/a\nb", "control character"),
        ("https://host/c?sv=1&sig=SECRET", "without a query"),
        ("https://me:SECRET@host/data/", "user and password would stand in every record"),
        ("https://host/data/#t=SECRET", "secret in it would stand in every record"),
        ("az://c/x?sv=1&sig=SECRET", "secret in it would stand in every record"),
        ("s3://key:SECRET@bucket/data/", "secret in it would stand in every record"),
    ],
)
def test_forms_that_the_trainer_cannot_read_are_refused_with_one_that_it_can(prefix: str, said: str) -> None:
    with pytest.raises(UsageError, match="--image-url") as caught:
        check_prefix(prefix)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "prefix",
    [
        "s3://bucket/data/",
        "gs://bucket/",
        "memory://",
        "az://c/",
        "abfs://c@a/",
        "zip://::s3://b/a.zip",
        "blockcache::s3://b/",
    ],
)
def test_forms_that_only_other_readers_know_are_written_with_a_warning(prefix: str) -> None:
    warning = check_prefix(prefix)
    assert warning is not None
    assert "--image-url" in warning
    assert "/50%?#.jpg" in image_url(prefix, "50%?#.jpg")


@pytest.mark.parametrize("root", ["zip://data::s3://b/a.zip", "tar://::file:///data/a.tar"])
def test_of_images_in_an_archive_a_warning_says_how_to_unpack_them(root: str) -> None:
    warning = check_prefix(default_prefix(root))
    assert warning is not None
    assert "--copy-images" in warning
    assert "--image-url" in warning


def test_the_address_of_a_web_directory_with_a_signature_is_no_default() -> None:
    with pytest.raises(UsageError, match=r"--image-url: .*without a query") as caught:
        check_prefix(default_prefix("https://account.blob.core.windows.net/c?sv=1&sig=SECRET"))
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "prefix", ["https://host/c", "file:///data/", "abfss://c@a/", "zip://x::https://host/a.zip?k=1"]
)
@pytest.mark.parametrize("odd", ["b/2.jpg", "50%.jpg", "a#1?.jpg", "https://other/1.jpg"])
def test_urls_of_many_images_are_those_of_each(prefix: str, odd: str) -> None:
    paths = ["1.jpg", odd, "a b/ü.jpg"]
    assert image_urls(prefix, paths) == [image_url(prefix, path) for path in paths]
    assert image_urls(prefix, []) == []
