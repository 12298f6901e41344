"""What writers know of the whole source."""

from __future__ import annotations

from labelbeam.schemas.label_map import LabelMap
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, whole_source


def test_a_sample_is_all_below_a_hash() -> None:
    some, more = Findings(sample=3, lowest=[1, 5, 9]), Findings(sample=3, lowest=[2, 5])
    assert whole_source(some.merge(more), None, 3).sampled == 6
    assert whole_source(more, None, 3).sampled is None, "there are fewer than are asked for"
    assert whole_source(Findings(), None, 0.25).sampled == 2**62


def test_labels_are_rare_by_what_all_readers_have_counted() -> None:
    findings = Findings(labels={"cat": 2}).merge(Findings(labels={"cat": 1, "dog": 2}))
    assert whole_source(findings, LabelMap(min_count=3), None).rare == {"dog"}
    assert (
        whole_source(findings, None, None) == whole_source(findings, LabelMap({"cat": "dog"}), None) == NOTHING_OF_ALL
    )
