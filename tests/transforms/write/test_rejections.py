"""Rejections as they are written."""

from __future__ import annotations

import msgspec

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.names import LONGEST_URL
from labelbeam.transforms.write.rejections import in_order, readable

REJECTION = Rejection("a.json", "[1]", "1.jpg", "image", Rejected.MISSING_IMAGE, "it is gone", "{}")


def test_a_rejection_that_can_be_read_stays_as_it_is() -> None:
    assert readable(REJECTION) is REJECTION
    nameless = msgspec.structs.replace(REJECTION, image=None)
    assert readable(nameless) is nameless
    assert in_order(nameless)[-1] == ""


def test_long_texts_are_cut_and_what_is_no_unicode_is_escaped() -> None:
    odd = msgspec.structs.replace(REJECTION, image="n" * (LONGEST_URL + 1), source="\udcff.json", raw="\ud800")
    made = readable(odd)
    assert made.image is not None and made.image.endswith("…") and len(made.image) < LONGEST_URL
    assert (made.source, made.raw, made.message) == ("\\udcff.json", "\\ud800", "it is gone")
    msgspec.json.encode(made)
