"""Decide, on the driver, what a source is and how its reading is cut into units. Reads listings and heads, never the data."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.plan import plan_coco
from labelbeam.transforms.formats.folder.plan import plan_folder_source
from labelbeam.transforms.formats.inputs import list_dataset
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.voc.plan import plan_voc_source
from labelbeam.transforms.plan.recognise import recognise
from labelbeam.transforms.stores.location import StorageOptions


def make_plan(config: ConvertConfig, options: StorageOptions, exact: bool = False) -> Plan:
    """Plan a build. With `exact`, large COCO files are cut by scanning them in full (see `coco_split`).

    Raises:
        UsageError: the format cannot be recognised, or the task cannot be served from it.
        StoreError: a source cannot be read.
        LabelBeamError: a source holds nothing to build from.
    """
    found = recognise(config, options)
    if found.format == "coco":
        plan = plan_coco(config, options, found.locations, exact)
    elif len(found.locations) > 1:
        raise UsageError(f"--source: {len(found.locations)} roots given; {found.format} takes one directory")
    else:
        (root,) = found.locations
        listing = found.listing or list_dataset(root, config, options)
        if found.format == "voc":
            plan = plan_voc_source(config, options, root, listing)
        else:
            plan = plan_folder_source(config, options, root, listing, found.table)
    plan.recognised = found.reason
    return plan
