"""Labels of images as a whole, where objects are read: of an image without any, they may name what is to be found in it, or tell of the scene.

What objects are called elsewhere is to be found; what images with other objects are labelled with as well, such as `night`, tells of the
scene. Of what is neither, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import OF_LABELS, Evidence
from labelbeam.transforms.messages.words import agreeing, counted

_ONLY, _BESIDE, _CALLED = f"labelled_only{OF_LABELS}", f"labelled_beside{OF_LABELS}", f"objects_called{OF_LABELS}"

_MOST = 1000
"""Labels, or sets of them, that are kept of a unit of work; images of further ones are told."""

_PARTED, _MANY = "\n", ""


def tally_labels(evidence: Evidence, images: Sequence[SourceImage], elsewhere: Iterable[str] = ()) -> None:
    """Tally what images without objects are labelled with, what those with others are, and what objects are called.

    `elsewhere` are the labels of objects of images without a label, which these do not hold themselves.
    """
    only: set[str] = set()
    beside: set[str] = set()
    called = set(map(_plain, elsewhere))
    for image in images:
        its = {_plain(item.label) for item in image.objects}
        called |= its
        labels = {_plain(label) for label in image.labelled}
        if not labels:
            continue
        if its:
            beside |= labels - its
        elif not (image.rejected or image.skipped):
            together = _PARTED.join(sorted(labels))
            if together not in only and len(only) >= _MOST:
                together = _MANY
            only.add(together)
            evidence.add(_ONLY + together, 1, image.locator)
    for kind, found in ((_BESIDE, beside), (_CALLED, called)):
        for label in sorted(found) if len(found) <= _MOST else [_MANY]:
            evidence.add(kind + label, 1)


def doubts_of_labelled(shown: str, evidence: Evidence) -> list[Doubt]:
    """The doubt about images that are labelled as a whole with what may be to be found in them, of the source that is `shown`."""
    called = _labels(evidence, _CALLED)
    scenes = set() if _MANY in called else _labels(evidence, _BESIDE) - called - {_MANY}
    told = Evidence()
    words: set[str] = set()
    for name, tally in evidence.tallies.items():
        if name.startswith(_ONLY):
            labels = set(name.removeprefix(_ONLY).split(_PARTED))
            if rest := labels - scenes:
                told.add("images", tally.count, tally.example)
                words |= rest - {_MANY}
    if not (count := told.count("images")):
        return []
    example = told.example("images")
    named = ", ".join(repr(word[:60]) for word in sorted(words)[:3]) + (", …" if len(words) > 3 else "")
    message = (
        f"{shown}: {counted(count, 'image')}, such as {example}, {agreeing(count, 'has', 'have')} a label of the whole image{f' ({named})' if named else ''} and no object; they are "
        "written as background, which teaches that there is nothing to find: remove them where what the label names is to be found"
    )
    return [Doubt(Doubted.LABELLED_AS_A_WHOLE, message, count, example)]


def _labels(evidence: Evidence, kind: str) -> set[str]:
    return {name.removeprefix(kind) for name in evidence.tallies if name.startswith(kind)}


def _plain(label: object) -> str:
    return " ".join(str(label).casefold().split())
