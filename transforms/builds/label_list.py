"""The labels of a build as a file of their own, for those who map a model's output back: names, ids and counts."""

from __future__ import annotations

from typing import Any

import msgspec

from labelbeam.schemas.manifest import Manifest


def label_list(manifest: Manifest) -> bytes:
    """The `labels.json` of a build: for each label its id, its name, and how many objects have it, in all and by split.

    Ids count from 0 in the order of the names, which is that of their code points, as the trainer sorts classes.
    """
    labels: list[dict[str, Any]] = []
    for number, name in enumerate(sorted(manifest.labels)):
        counts = {split: part[name] for split, part in sorted(manifest.label_counts.items()) if name in part}
        labels.append({"id": number, "name": name, "count": sum(counts.values()), "counts": counts})
    return msgspec.json.format(msgspec.json.encode({"task": manifest.task, "labels": labels}), indent=2) + b"\n"
