"""URLs and paths as text: their parts, quoting, and what may be followed."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.stores.paths import (
    is_below,
    is_of_this_machine,
    join_url,
    leads_out,
    links_of,
    quote_path,
    safe_relative,
    split_url,
    unquote_path,
    url_leads_out,
)


@given(st.text(st.sampled_from("ab./\\:~%\0\n\ud800 C")) | st.text())
def test_a_safe_path_stays_below_its_root(name: str) -> None:
    path = safe_relative(name)
    if path is not None:
        assert path == os.path.normpath(path)
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert os.path.normpath(os.path.join("/root/dir", path)).startswith("/root/dir/")
        assert safe_relative(path) == path
        path.encode()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("./a//b.jpg", "a/b.jpg"),
        ("..a/b...jpg", "..a/b...jpg"),
        ("a/../b.jpg", None),
        ("..\\b.jpg", None),
        ("/a.jpg", None),
        ("\\a.jpg", None),
        ("C:\\a.jpg", None),
        ("c:/a.jpg", None),
        ("a\nb.jpg", None),
        ("a\0.jpg", None),
        ("\udce9.jpg", None),
        (".", None),
        ("", None),
    ],
)
def test_names_are_normalised_or_refused(name: str, path: str | None) -> None:
    assert safe_relative(name) == path


name_of_a_file = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(name_of_a_file, min_size=1).map("/".join))
def test_a_path_survives_its_url_unless_it_holds_an_encoded_slash(path: str) -> None:
    if "%2f" not in path.lower():
        assert unquote_path(quote_path(path)) == path
    assert not set(quote_path(path)) & set(" ?#\n")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket/a b?c", ("", "s3://", "bucket/a b?c", "")),
        ("https://h/c?sig=a/b", ("", "https://", "h/c", "?sig=a/b")),
        ("zip://data::https://h/a.zip?sig=a", ("", "zip://", "data", "::https://h/a.zip?sig=a")),
        ("simplecache::memory://a", ("simplecache::", "memory://", "a", "")),
        ("https://[::1]:80/c", ("", "https://", "[::1]:80/c", "")),
        ("a/b", ("", "a/b", "", "")),
    ],
)
def test_a_url_has_four_parts_that_are_the_whole(url: str, parts: tuple[str, str, str, str]) -> None:
    assert split_url(url) == parts
    assert "".join(parts) == url


def test_a_host_of_ipv6_is_no_link_of_a_chain() -> None:
    assert links_of("zip://x::http://[fe80::1]:8000/a.zip") == ["zip://x", "http://[fe80::1]:8000/a.zip"]


@pytest.mark.parametrize(
    ("root", "url"),
    [
        ("s3://bucket", "s3://bucket/a b#1.jpg"),
        ("https://h/c?sig=x", "https://h/c/a%20b%231.jpg?sig=x"),
        ("zip://::s3://bucket/a.zip", "zip://a b#1.jpg::s3://bucket/a.zip"),
        ("memory://", "memory://a b#1.jpg"),
    ],
)
def test_a_name_is_appended_to_the_link_that_holds_it(root: str, url: str) -> None:
    assert join_url(root, "a b#1.jpg") == url


@pytest.mark.parametrize("path", ["a/%2e%2e/b", "a%2f..%2fb", "%252e%252e/b", "..%5cb", "a/%2e.;x/b", "a%00b"])
def test_a_way_up_that_a_server_may_find_is_found(path: str) -> None:
    assert leads_out(path)
    assert url_leads_out(f"https://host/{path}")
    assert safe_relative(path) is None


@pytest.mark.parametrize("path", ["100%", "a%20b", "a..b%2e", "50%/x", "%2e%2ea"])
def test_a_percent_that_leads_nowhere_is_a_part_of_a_name(path: str) -> None:
    assert not leads_out(path)
    assert safe_relative(path) == path


def test_in_a_local_url_a_question_mark_parts_nothing() -> None:
    assert url_leads_out("file:///a?b/../../c")
    assert not url_leads_out("https://host/a?b/../../c")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        *(("a", True), ("/a", True), ("file:///a", True), ("memory://a", True), ("zip://x::file:///a.zip", True)),
        *(("s3://b/a", False), ("https://h/a", False), ("zip://x::https://h/a.zip", False)),
    ],
)
def test_what_lies_on_this_machine_is_told_by_the_last_link(url: str, here: bool) -> None:
    assert is_of_this_machine(url) is here


def test_below_is_told_by_whole_names() -> None:
    assert is_below("a/b", "a") and is_below("a", "a") and is_below("a/b", "a/") and is_below("a", "")
    assert not is_below("ab", "a") and not is_below("a", "a/b")
