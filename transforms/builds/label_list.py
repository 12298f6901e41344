"""The labels of a build as a file of their own, for those who map a model's output back: names, ids and counts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from labelbeam.schemas.manifest import Manifest, SourceLabel
from labelbeam.transforms.formats.reading import in_order
from labelbeam.transforms.messages.words import encode_json


def label_list(manifest: Manifest) -> bytes:
    """The `labels.json` of a build: for each label its id, its name, and how many objects have it, in all and by split.

    Ids count from 0 in the order of the names, which is that of their code points, as the trainer sorts classes. `source_ids`
    are those of the source, where it numbers labels, `source_names` what the source calls a label, where --labels was given;
    `left_out` are then the labels whose objects are not in the build, with the code that says why.
    """
    mapped = "labels" in manifest.config
    sources: defaultdict[str, list[SourceLabel]] = defaultdict(list)
    for source in manifest.source_labels:
        sources["" if source.left_out else source.label].append(source)
    labels: list[dict[str, Any]] = []
    for number, name in enumerate(sorted(manifest.labels)):
        counts = {split: part[name] for split, part in sorted(manifest.label_counts.items()) if name in part}
        entry = {"id": number, "name": name, "count": sum(counts.values()), "counts": counts}
        labels.append(entry | _of_source(sources[name], mapped))
    document: dict[str, Any] = {"task": manifest.task, "labels": labels}
    if mapped:
        document["left_out"] = [
            {"name": item.name, "code": item.left_out, "count": item.objects, **_of_source([item], False)}
            for item in sources[""]
        ]
    return msgspec.json.format(encode_json(document), indent=2) + b"\n"


def _of_source(sources: list[SourceLabel], mapped: bool) -> dict[str, Any]:
    ids = in_order(item for source in sources for item in source.ids)
    names = sorted(source.name for source in sources)
    return ({"source_ids": ids} if ids else {}) | ({"source_names": names} if mapped else {})
