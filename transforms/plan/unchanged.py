"""Compare the inputs of a build with those of an earlier one."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.manifest import Source
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.stores.tokens import may_be_same


def check_unmodified(plan: Plan, options: StorageOptions) -> None:
    """Make sure, after reading, that no file that was read in parts has changed since it was planned.

    Raises:
        LabelBeamError: one has.
        StoreError: one cannot be looked at.
    """
    for url, planned in plan.files:
        location = locate(url, options)
        found = stat(location)
        if found.size != planned.size or not may_be_same(planned.token, found.token):
            raise LabelBeamError(
                f"{location.shown}: the file changed while it was read, so that parts of two versions were; nothing was "
                "published. Run again when it is complete"
            )


def same_inputs(source: Source, config: ConvertConfig, options: StorageOptions) -> bool:
    """Tell whether all that a build was made from is as it was, by a look at each file and a listing of each tree, no more.

    False where this cannot be told so, because another look is needed to find the inputs: a plan tells then.

    Raises:
        UnavailableError: a store does not answer.
    """
    try:
        found_ones = [found for url in config.source for found in expand(url, options)]
        given = {redact(found.url): found for found in found_ones}
        if len(given) < len({found.url for found in found_ones}):
            return False  # They differ in what the manifest does not keep.
        named = [*source.files, *source.trees]
        if not given.keys() <= set(named) or not set(source.files) <= given.keys():
            return False
        if config.images is not None:
            images = locate(config.images, options)
            given[redact(images.url)] = images
        places = {url: given[url] if url in given else locate(url, options) for url in named}
        if any(redact(place.url) != url for url, place in places.items()):
            return False
        files = [(places[url].url, stat(places[url])) for url in source.files]
        for url in source.trees:
            files += [(places[url].url, file) for file in list_dataset(places[url], config, options).files]
    except (StoreError, UsageError):
        return False  # The plan finds out the same, and has better words for it.
    return fingerprint_of(files)[0] == source.fingerprint
