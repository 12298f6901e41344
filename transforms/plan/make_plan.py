"""Decide, on the driver, what a source is and how its reading is cut into units. Reads listings and heads, never the data."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.split_group import group_column
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.images.likeness import check_installed
from labelbeam.transforms.plan.recognise import recognise
from labelbeam.transforms.plan.unread import name_unread
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers.quiet_gc import quiet_gc


@quiet_gc()  # A listing is some hundred thousand objects.
def make_plan(config: ConvertConfig, options: StorageOptions, exact: bool = False) -> Plan:
    """Plan a build. With `exact`, large files are cut by scanning them in full.

    Raises:
        UsageError: the format cannot be recognised, the task cannot be served from it, or what an option needs is not installed.
        StoreError: a source cannot be read.
        LabelBeamError: a source holds nothing to build from.
    """
    if config.near_duplicates is not None:
        check_installed()
    found = recognise(config, options)
    try:
        plan = found.format.plan(found.tree, found.claim, exact)
    except StoreError:
        raise
    except LabelBeamError as error:
        # What cannot be planned may be of a format that nobody reads: that helps more than what is missing to be of another.
        if config.format == "auto" and (unread := name_unread(found.tree, found.format.name)) is not None:
            raise UsageError(
                f"{found.tree.locations[0].shown}: {unread}. Read as {found.format.name}: {error}"
            ) from None
        raise
    # After the plan, which may refuse the task in better words.
    if config.task not in found.format.tasks:
        raise UsageError(
            f"--task {config.task}: {found.format.name} does not serve it; expected {', '.join(found.format.tasks)}"
        )
    if (column := group_column(config)) and not plan.columns:
        raise UsageError(
            f"--split-group: {column!r} names a column, and {found.format.name} has none here; expected folder, or a regular expression "
            r"over the images' paths such as ^(?P<video>[^/]+)/"
        )
    plan.recognised = found.claim.reason
    return plan
