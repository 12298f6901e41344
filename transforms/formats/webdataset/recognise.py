"""Recognise TAR files of samples, by the names that the first of them begins with."""

from __future__ import annotations

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.claims import goes_first
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.shards import Shards, shards_of
from labelbeam.transforms.formats.webdataset.format import WebDatasetOptions
from labelbeam.transforms.formats.webdataset.samples import Sample, labelled, samples_of
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.shards.first_names import first_names
from labelbeam.transforms.stores.shards.store import TARS
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 3
"""Shards that are looked into."""


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim TAR files, if samples with images and labels are among their first files; those that were asked for, whatever is in them.

    Raises:
        StoreError: the directory cannot be listed.
        UsageError: they were asked for, and nothing tells which image of a sample is meant.
    """
    shards = shards_of(tree, TARS)
    if shards is None or goes_first(tree, asked, shards.paths):
        return None
    found = [
        sample for names in in_threads(lambda path: _names(shards, path), shards.paths[:_LOOKED_AT]) for sample in names
    ]
    if not asked and not found:
        return None
    chosen = tree.config.of(WebDatasetOptions).webdataset_image
    if found and all(sample.image(chosen) is None for sample in found):
        first = found[0]
        what = "no file called so" if chosen is not None else "several images"
        raise UsageError(
            f"{shards.root.shown}: samples of {shards.paths[0]} have {what}, such as {first.key} with {', '.join(sorted(first.files))}; "
            "say with --webdataset-image which one is read"
        )
    shown = ", ".join(shards.paths[:5])
    reason = f"found images and labels of the same keys in {shown}" if found else f"found {shown}"
    return Claim(reason, found=shards, beats=frozenset({"folder"}))


def _names(shards: Shards, path: str) -> list[Sample]:
    try:
        return list(labelled(samples_of(first_names(shards.root.below(path)))))
    except StoreError:
        return []  # Who reads it says what is wrong with it.
