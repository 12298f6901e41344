"""Looks at image files by readers, where there are more of them than of writers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable

import numpy as np

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.indexes import load_index
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Looks, ReadOptions
from labelbeam.transforms.images.look import LookOptions, looker, shows_all
from labelbeam.transforms.images.transcode import transcode_of
from labelbeam.transforms.stores.locate import locate


def readers_look(plan: Plan, config: ConvertConfig, share: Callable[[str, bytes], str]) -> Looks | None:
    """The way in which readers of a plan look at images; None where writers do: its units can't, they are no more than the shards, or only
    writers know which images a sample holds.

    `share` leaves bytes for all processes under a name, and returns their path.
    """
    fewer = len(plan.units) <= plan.buckets
    if fewer or not plan.readers_look or config.check_images == "none" or config.sample is not None:
        return None
    listed = None if plan.listed is None else share("listing", pickle.dumps(plan.listed, protocol=5))
    return Looks(plan.images_root, listed)


def look_ahead(options: ReadOptions, fragments: Iterable[Fragment]) -> None:
    """Look at the images of the fragments as far as the build asks for it, if readers do, so that writers need not."""
    if options.looks is None:
        return
    config = options.config
    root, listing = locate(options.looks.images, options.storage), options.looks.listed
    listed: Listed = Listed() if listing is None else load_index(listing, options.storage)
    complete = listing is not None and shows_all(root)
    look_at = looker(LookOptions(config.check_images, root, complete, transcode_of(config) is not None), listed)
    for fragment in fragments:
        images = fragment.images
        # Most images of most sources have a size, and are not opened.
        unsized = (images.sizes == 0).any(axis=1)
        rows = np.flatnonzero(unsized if config.check_images is None else np.ones_like(unsized)).tolist()
        found = look_at(images.rows(rows))
        fragment.looked = {images.paths[row]: facts for row, facts in zip(rows, found, strict=True)}
