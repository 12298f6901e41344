"""The labels of a source, what became of them, and which of those that --labels names are not among them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.manifest import SourceLabel
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Findings, in_order
from labelbeam.transforms.messages.words import counted

_SHOWN = 5


def source_labels(plan: Plan, findings: Findings, labels: LabelMap | None) -> list[SourceLabel]:
    """The labels of the source, sorted: all of them where --labels is given, else those that it numbers."""
    ids = ids_of_labels(plan, findings)
    names = sorted({*ids, *findings.labels})
    if labels is None:
        return [SourceLabel(name, name, ids[name]) for name in names]
    fates = labels.fates(names, labels.rare(findings.labels))
    return [
        SourceLabel(name, labels.becomes(name), ids.get(name, []), findings.labels.get(name, 0), str(fate or ""))
        for name, fate in zip(names, fates, strict=True)
    ]


def ids_of_labels(plan: Plan, findings: Findings) -> dict[str, list[int | str]]:
    """The source's own ids by label, as far as plan and readers know them."""
    both: tuple[Mapping[str, list[int | str]], ...] = (plan.label_ids, findings.label_ids)
    return {name: in_order(item for part in both for item in part.get(name, [])) for name in {*both[0], *both[1]}}


def doubts_of_labels(labels: LabelMap | None, names: Collection[str]) -> Iterator[Doubt]:
    """A doubt where --labels names what is not among the source's labels `names`."""
    unknown = labels.unknown(names) if labels is not None else []
    if not unknown:
        return
    shown = "; ".join(f"{name!r:.60}{_near(name, names)}" for name in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    message = (
        f"--labels names {counted(len(unknown), 'label')} that the source does not have: {shown}{more}; they change nothing. The source "
        f"has {counted(len(names), 'label')}"
    )
    yield Doubt(Doubted.LABELS_NOT_FOUND, message, len(unknown), unknown[0], "--labels")


_ALIKE = 0.6
"""How alike two labels are, from 0 to 1, of which one may be a misspelt other."""

_MARKS = re.compile(r"[\W_]+")


def _near(name: str, names: Collection[str]) -> str:
    """The label that may be meant: first one that differs in letter case and marks only."""
    folded = _MARKS.sub("", name).casefold()
    same = min((other for other in names if _MARKS.sub("", other).casefold() == folded), default=None)
    close = [same] if same and folded else difflib.get_close_matches(name, names, 1, _ALIKE)
    return f" (did you mean {close[0]!r}?)" if close else ""
