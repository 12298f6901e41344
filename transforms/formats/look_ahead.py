"""Looks at image files by those who read annotations, where there are more of them than of those who write."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.images.look import LookOptions, looker
from labelbeam.transforms.images.transcode import transcode_of
from labelbeam.transforms.stores.locate import locate


def look_ahead(options: ReadOptions, fragments: Iterable[Fragment]) -> None:
    """Look at the images of the fragments as far as the build asks for it, so that writers need not; see `readers_look` for when."""
    if not options.looks:
        return
    config = options.config
    root = locate(options.images, options.storage)
    look_at = looker(LookOptions(config.check_images, root, others=transcode_of(config) is not None), Listed())
    for fragment in fragments:
        images = fragment.images
        # Most images of most sources have a size, and are not opened.
        unsized = (images.sizes == 0).any(axis=1)
        rows = np.flatnonzero(unsized if config.check_images is None else np.ones_like(unsized)).tolist()
        found = look_at(images.rows(rows))
        fragment.looked = {images.paths[row]: facts for row, facts in zip(rows, found, strict=True)}
