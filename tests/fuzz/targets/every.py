"""All targets by name, in the order in which they are run."""

from __future__ import annotations

from targets import coco, config, images, records, services, shards, stores, tables, tools, voc, yolo

TARGETS = {
    name: target
    for module in (coco, voc, yolo, tables, records, tools, services, shards, images, stores, config)
    for name, target in module.TARGETS.items()
}
