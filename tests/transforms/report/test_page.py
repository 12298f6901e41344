"""The page loads nothing, is the same for the same content, and holds no markup of a dataset's."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from lxml import html

from labelbeam.schemas.manifest import SameContent, SplitCounts, Stratification, Twin
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.report import page as module
from labelbeam.transforms.report.page import Content, ShownRejection, _percent, render
from labelbeam.transforms.report.pictures import Picture
from labelbeam.transforms.report.samples import Sample
from tests.manifests import manifest

EVIL = "</script><img src=x onerror=alert(1)>\"'&\ud800"


def content(**changes: Any) -> Content:
    made = manifest(
        labels=[EVIL],
        splits={"train": SplitCounts(1, 1)},
        label_counts={"train": {EVIL: 1}},
        rejected_by_reason={"empty_bbox": 1},
    )
    sample = Sample(
        "train",
        "train/t.jsonl",
        1,
        EVIL,
        "jpg",
        9,
        9,
        [{"label": EVIL, "topX": 0, "topY": 0, "bottomX": 1, "bottomY": 1}],
    )
    rejection = Rejection(EVIL, EVIL, EVIL, "object", Rejected.EMPTY_BBOX, EVIL, EVIL)
    fields: dict[str, Any] = {
        "samples": [sample],
        "pictures": [Picture(note=EVIL)],
        "rejections": [ShownRejection(rejection)],
        "notes": [EVIL],
    }
    return Content(EVIL, made, **fields | changes)


def test_text_of_a_dataset_is_nowhere_markup() -> None:
    page = render(content())
    assert b"<img src=x" not in page and b"onerror=alert(1)>" not in page
    assert not html.document_fromstring(page.decode()).xpath("//img")


def test_control_and_bidirectional_characters_of_a_dataset_become_escapes() -> None:
    """Such a page is also looked at in a terminal, and a name turned around by U+202E is another name."""
    evil = "a\x00b\x1b[2Jc\x9bd\u202ee\x85f"
    sample = Sample(
        "train",
        "train/t.jsonl",
        1,
        evil,
        "jpg",
        9,
        9,
        [{"label": evil, "topX": 0, "topY": 0, "bottomX": 1, "bottomY": 1}],
    )
    rejection = Rejection(evil, evil, evil, "object", Rejected.EMPTY_BBOX, evil, f"{evil}\n{evil}")
    made = manifest(labels=[evil], splits={"train": SplitCounts(1, 1)}, label_counts={"train": {evil: 1}})
    page = render(
        Content(evil, made, [sample], [Picture(note=evil)], [ShownRejection(rejection)], notes=[evil])
    ).decode()
    assert page.count(r"a\x00b\x1b[2Jc\x9bd\u202ee\x85f") > 10
    assert not set(page) & set("\x00\x1b\x9b\x85\u202e")


def test_only_what_the_policy_names_by_its_hash_is_run_or_styled() -> None:
    page = render(content()).decode()
    document = html.document_fromstring(page)
    (policy,) = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    for element in (*document.xpath("//script"), *document.xpath("//style")):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not document.xpath("//@style | //link | //@src[not(starts-with(., 'data:'))]")
    assert not document.xpath("//@*[starts-with(name(), 'on')]")


def test_it_is_the_same_bytes_for_the_same_content() -> None:
    assert render(content()) == render(content())
    assert render(content()) != render(content(notes=[]))


def test_a_page_that_was_prepared_is_not_compiled_again() -> None:
    module.prepare()
    before = module._template.cache_info()
    render(content())
    after = module._template.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_a_build_of_nothing_has_a_page() -> None:
    page = html.document_fromstring(render(Content("empty", manifest())).decode())
    assert "empty" in page.text_content()


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.00001, "<0.1 %"), (0.0005, "0.1 %"), (0.25, "25.0 %"), (1, "100.0 %")]
)
def test_a_share_that_is_not_nothing_is_never_shown_as_0(share: float, text: str) -> None:
    assert _percent(share) == text


def test_images_of_the_same_bytes_and_shares_by_label_are_shown() -> None:
    twins = [Twin("a.jpg", EVIL, "train"), Twin("a.jpg", "b.jpg", "test")]
    made = content().manifest
    made.same_content = SameContent(25, 12, 1, [twins] * 11)
    made.similar_content = SameContent(2, 1, 0, [twins[:1]])
    made.stratification = Stratification("drawn so", {"train": 0.75}, {"train": 0.7}, {EVIL: {"train": 0.625}})
    document = html.document_fromstring(render(Content(EVIL, made)).decode())
    text = " ".join(document.text_content().split())
    assert "25 images in 12 groups, of which 1 lies in several splits. The first 11," in text
    assert (
        "asked for75" in text
        and "62" in text
        and document.xpath("//section[@aria-labelledby='same']//tr[2]/td[2]")[0].text == "test, train"
    )
    assert not document.xpath("//img")
    assert "Images that look alike 2 images in 1 group, of which 0 lie in several splits." in text
    made.same_content.groups = 0
    assert "same bytes" not in html.document_fromstring(render(Content(EVIL, made)).decode()).text_content()


def test_the_commands_that_follow_stand_on_it_with_what_a_job_would_mind() -> None:
    page = html.document_fromstring(
        render(content(commands=["labelbeam verify x", f"labelbeam job '{EVIL}'"])).decode()
    )
    (section,) = page.xpath("//section[@aria-labelledby='next']")
    assert {code.text_content() for code in section.xpath(".//code")} >= {"few_images", "no_validation_split"}
    verify, job = (command.text_content() for command in section.xpath("./pre"))
    assert verify == "labelbeam verify x" and "onerror" in job
    without = html.document_fromstring(render(content()).decode())
    assert not without.xpath("//section[@aria-labelledby='next'] | //a[@href='#next']")
