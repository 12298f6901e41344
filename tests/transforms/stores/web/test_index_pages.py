"""Index pages: what lies in a directory, as Python, nginx, Apache and others show it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.stores.paths import quote_path, unquote_path
from labelbeam.transforms.stores.web.index_pages import IndexPage, read_index_page

PYTHON = """<!DOCTYPE HTML><html><head><title>Directory listing for /voc/</title></head><body>
<h1>Directory listing for /voc/</h1><hr><ul>
<li><a href="Annotations/">Annotations/</a></li>
<li><a href="a%20%26%20b%231.jpg">a &amp; b#1.jpg</a></li>
<li><a href="m%C3%BCll.jpg">müll.jpg</a></li></ul><hr></body></html>"""

NGINX = """<html><head><title>Index of /voc/</title></head><body bgcolor="white"><h1>Index of /voc/</h1><hr><pre>
<a href="../">../</a>
<a href="Annotations/">Annotations/</a>                 01-Jan-2024 00:00       -
<a href="a%20%26%20b%231.jpg">a &amp; b#1.jpg</a>       01-Jan-2024 00:00    1234
<a href="m%C3%BCll.jpg">müll.jpg</a>                    01-Jan-2024 00:00    1234
</pre><hr></body></html>"""

APACHE = """<html><head><title>Index of /voc</title></head><body><h1>Index of /voc</h1>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><img src="/icons/back.gif"></td><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="Annotations/"><img src="/icons/folder.gif"></a></td><td><a href="Annotations/">Annotations/</a></td></tr>
<tr><td><a href="a%20&amp;%20b%231.jpg">a &amp; b#1.jpg</a></td></tr>
<tr><td><a href="m%c3%bcll.jpg">m&uuml;ll.jpg</a></td></tr></table>
<address>Apache/2.4 Server at <a href="mailto:admin@example.org">example.org</a> Port 80</address></body></html>"""

ABSOLUTE = """<a class=dir href='/voc/Annotations/'>Annotations</a><A HREF="http://h:8080/voc/a%20%26%20b%231.jpg">a</A>
<a href="./m%C3%BCll.jpg?download=1">b</a><a href="javascript:void(0)">c</a><a name=top>d</a><a href="">e</a>"""


@pytest.mark.parametrize("page", [PYTHON, NGINX, APACHE, ABSOLUTE], ids=["python", "nginx", "apache", "absolute links"])
def test_the_names_of_a_directory_are_read_decoded_from_the_page_of_any_server(page: str) -> None:
    assert read_index_page(page, "http://h:8080/voc/") == IndexPage(["a & b#1.jpg", "müll.jpg"], ["Annotations"], [])


@pytest.mark.parametrize(
    "link",
    [
        *("http://other/voc/1.jpg", "//other/voc/1.jpg", "http://h:81/voc/1.jpg", "../1.jpg", "/1.jpg", "/voc2/1.jpg"),
        *("deeper/1.jpg", "%2e%2e/1.jpg", "../voc/../1.jpg", "%0a.jpg", "http://[/1.jpg"),
    ],
)
def test_a_link_out_of_the_directory_or_deeper_is_not_taken_but_told_of(link: str) -> None:
    page = read_index_page(f'<a href="{link}">x</a><a href="2.jpg">2</a>', "http://h/voc/")
    assert page == IndexPage(["2.jpg"], [], [link])


def test_a_base_that_is_no_address_is_passed_over() -> None:
    page = read_index_page('<base href="http://[x/"><a href="2.jpg">2</a>', "http://h/voc/")
    assert page == IndexPage(["2.jpg"], [], [])


@pytest.mark.parametrize("link", ["https://nginx.org/", "..", "../../", "/", "?C=S", "#top", "mailto:a@b.c", "."])
def test_the_furniture_of_an_index_page_is_no_link_to_a_file(link: str) -> None:
    assert read_index_page(f'<a href="{link}">x</a>', "http://h/a/voc/") == IndexPage([], [], [])


def test_links_are_relative_to_where_the_page_was_answered_from_and_to_its_base() -> None:
    assert read_index_page('<a href="1.jpg">x</a>', "http://h/v3/voc/?token=1").files == ["1.jpg"]
    moved = '<base href="/v3/voc/"><a href="1.jpg">x</a><a href="/v2/voc/2.jpg">y</a>'
    assert read_index_page(moved, "http://h/v2/voc/") == IndexPage(["2.jpg"], [], ["1.jpg"])


def test_a_name_that_is_not_utf8_keeps_a_lone_surrogate_for_each_bad_byte() -> None:
    (name,) = read_index_page('<a href="%ff.jpg">x</a>', "http://h/").files
    assert name == "\udcff.jpg"
    assert quote_path(name) == "%FF.jpg"


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_a_path_is_the_same_after_quoting_and_unquoting(path: str) -> None:
    if "%2f" not in path.lower():
        assert unquote_path(quote_path(path)) == path
        assert quote_path(path) == quote(path, safe="/!$'()*,-.:;=@_~")


def test_an_encoded_slash_stays_one_both_ways() -> None:
    assert unquote_path("o/annotations%2Fval%20set.json") == "o/annotations%2Fval set.json"
    assert quote_path("o/annotations%2Fval set.json") == "o/annotations%2Fval%20set.json"
