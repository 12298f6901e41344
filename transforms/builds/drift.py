"""Compare a build with the one before it: a nightly rebuild that lost half of its images should not be published.

Counts are compared exactly, since they are no samples: a dataset that nobody touched has yesterday's counts. Only in the
parts of a build, its splits and its labels, may a single image or object be a large fraction, and is let pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import SuspiciousChangeError
from labelbeam.schemas.layout import manifest_path
from labelbeam.schemas.manifest import Manifest, SplitCounts
from labelbeam.transforms.messages.words import counted, plain

NAMES_SHOWN = 20
"""Labels of one kind of change that a message names; with 10,000 labels one message must stay readable."""


def relative_change(old: int, new: int) -> float:
    """Distance of two counts, as a fraction of the larger one: 0 where they are equal, 1 where one of them is 0.

    >>> relative_change(1000, 400), relative_change(400, 1000)
    (0.6, 0.6)
    """
    return abs(new - old) / max(new, old, 1)


def changes(previous: Manifest, manifest: Manifest, allowed: float) -> list[str]:
    """Changes that make a build suspicious beside the one before it, each as a phrase: what, before → now, how much, allowed.

    - Images and objects written, overall and by split where there is more than one: `relative_change` above `allowed`.
    - Each label's share of all objects: the difference of both shares above `allowed`. So a label that grows with the
      dataset is no change, and a new label is one that had a share of 0.
    - Evidence of what numbers and names mean, as a share of the objects found, likewise: a source whose boxes are in
      fractions from one night to the next.
    - Whatever is allowed: a label or a split that had something and now has nothing, and half of the images gone.
    - Another task: nothing else is compared then, because the counts say different things.

    In a split and in a share, one image or object more or less is no change, unless `allowed` is 0. A share is measured
    so in the smaller of the two builds.

    Args:
        allowed: a fraction from 0 to 1; 0 means that no count and no share may differ.
    """
    if previous.task != manifest.task:
        return [f"task: {previous.task} → {manifest.task}, whose counts cannot be compared"]
    return [
        *_images_and_objects(previous, manifest, allowed),
        *_splits(previous, manifest, allowed),
        *_labels(previous, manifest, allowed),
        *_evidence(previous, manifest, allowed),
    ]


def check_change(previous: Manifest | None, manifest: Manifest, config: ConvertConfig) -> list[str]:
    """Let a build pass, or refuse it, by --max-change and --accept-change.

    Args:
        previous: the current build, or None where there is none: then there is nothing to differ from.

    Returns:
        Warnings for the manifest: with --accept-change the changes that would have been refused, else none.

    Raises:
        SuspiciousChangeError: there are such changes, and they are not accepted.
    """
    if previous is None or config.max_change is None:
        return []
    found = changes(previous, manifest, config.max_change)
    if config.accept_change:
        return [f"accepted by --accept-change, compared with build {previous.build}: {change}" for change in found]
    if found:
        raise SuspiciousChangeError(_refusal(previous, manifest, found))
    return []


def _images_and_objects(previous: Manifest, manifest: Manifest, allowed: float) -> Iterator[str]:
    old, new = previous.counts.images.written, manifest.counts.images.written
    if old and 2 * new <= old:
        yield f"images: {old} → {new} ({_percent(relative_change(old, new))}; half of them gone is never allowed)"
    else:
        yield from _count("images", old, new, allowed)
    yield from _count("objects", previous.counts.objects.written, manifest.counts.objects.written, allowed)


def _splits(previous: Manifest, manifest: Manifest, allowed: float) -> Iterator[str]:
    names = sorted({*previous.splits, *manifest.splits})
    if len(names) < 2:
        return
    for name in names:
        old, new = (of.splits.get(name, SplitCounts()) for of in (previous, manifest))
        if old.images and not new.images:
            yield f"split {name}: {counted(old.images, 'image')} → none (a split that vanishes is never allowed)"
            continue
        for what, before, now in (("images", old.images, new.images), ("objects", old.objects, new.objects)):
            if allowed == 0 or abs(now - before) > 1:
                yield from _count(f"{what} of {name}", before, now, allowed)


def _count(what: str, old: int, new: int, allowed: float) -> Iterator[str]:
    change = relative_change(old, new)
    if change > allowed:
        yield f"{what}: {old} → {new} ({_percent(change)}, allowed {_percent(allowed)})"


def _labels(previous: Manifest, manifest: Manifest, allowed: float) -> Iterator[str]:
    old, new = _label_counts(previous), _label_counts(manifest)
    gone = [label for label, _ in old.most_common() if not new[label]]
    yield from _cut([f"label {label!r}: {old[label]} → 0 objects (vanishing is never allowed)" for label in gone])
    olds, news = old.total(), new.total()
    if not olds:
        return
    shifts = []
    for label in sorted({*old, *new}.difference(gone)):
        # Of whole numbers, divided once: which side of the limit a share is on must not hang on rounding.
        distance = abs(new[label] * olds - old[label] * news)
        shift = distance / (olds * news)
        if shift > allowed and (allowed == 0 or distance > max(olds, news)):
            shifts.append((shift, label))
    shifts.sort(key=lambda item: -item[0])
    yield from _cut(
        [
            f"label {label!r}: {_percent(old[label] / olds)} → {_percent(new[label] / news)} of all objects "
            f"({_percent(shift)} apart, allowed {_percent(allowed)})"
            for shift, label in shifts
        ]
    )


def _evidence(previous: Manifest, manifest: Manifest, allowed: float) -> Iterator[str]:
    """Readings that more, or fewer, records speak for than before; nothing where a build kept no evidence."""
    if not previous.evidence or not manifest.evidence:
        return
    olds, news = previous.counts.objects.found, manifest.counts.objects.found
    for name in sorted({*previous.evidence, *manifest.evidence}):
        old, new = previous.evidence.get(name, 0), manifest.evidence.get(name, 0)
        shift = abs(old / max(olds, 1) - new / max(news, 1))
        if shift > allowed and (allowed == 0 or abs(new - old) > 1):
            yield f"evidence {name}: {old} of {olds} → {new} of {news} objects (allowed {_percent(allowed)})"


def _label_counts(manifest: Manifest) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in manifest.label_counts.values():
        total.update(part)
    return +total  # Without labels of no object.


def _cut(phrases: Sequence[str]) -> Iterator[str]:
    yield from phrases[:NAMES_SHOWN]
    if len(phrases) > NAMES_SHOWN:
        yield f"and {counted(len(phrases) - NAMES_SHOWN, 'more label')} like these"


def _refusal(previous: Manifest, manifest: Manifest, found: Sequence[str]) -> str:
    options = {*previous.config, *manifest.config}
    differ = [f"option {name}" for name in sorted(options) if previous.config.get(name) != manifest.config.get(name)]
    if previous.labelbeam_version != manifest.labelbeam_version:
        differ.append(f"LabelBeam {previous.labelbeam_version} → {manifest.labelbeam_version}")
    cause = f"Other than before: {', '.join(differ)}. " if differ else "Options and version are those of that build. "
    return "\n".join(
        [
            f"this build differs from the current one, {previous.build}, by more than --max-change allows; nothing was "
            "published, and that build stays current:",
            *(f"  {plain(change)}" for change in found),
            f"{cause}Compare the source with what {manifest_path(previous.build)} counts; labelbeam inspect shows "
            "what is there now. If all of this is meant, run once with --accept-change",
        ]
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.4g}%"
