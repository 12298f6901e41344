"""Places of a build's images: the directories in which they may lie, and what their URLs in its records begin with.

A manifest keeps neither credentials nor, by default, a prefix: where one of these is missing, a person has to name the place.
"""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.images.urls import default_prefix, path_of
from labelbeam.transforms.messages.redact import is_redacted
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions


def configured_prefix(manifest: Manifest) -> str | None:
    """The prefix of the build's image URLs, by --image-url or as its source had them; None where they are the images' own."""
    prefix = manifest.config.get("image_url") or manifest.source.image_prefix
    return prefix if isinstance(prefix, str) and prefix else None


def image_directories(manifest: Manifest, images: str | None = None) -> list[str]:
    """Places where the images of a build may lie, by URL, the best first: at `images`, or as copies, or where they were read.

    A place whose credentials the manifest does not keep is left out.
    """
    copied_to = manifest.copied.target if manifest.copied is not None else ""
    places = (images or copied_to, manifest.source.images)
    return [place for place in places if place and not is_redacted(place)]


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """The directory in which the images of a build lie, and what their URLs begin with.

    `root` is None where it is not known, and `why` then says so in a sentence.
    """

    root: Location | None
    prefix: str
    why: str = ""

    def path(self, url: str) -> str | None:
        """The path below the root of the image that a record calls `url`; None where it lies elsewhere."""
        return path_of(self.prefix, url) if self.prefix else None


def find_images(
    manifest: Manifest, storage: StorageOptions, images: str | None = None, prefix: str | None = None
) -> ImagePlace:
    """Place where the images of a build are read: at the URL `images`, or where its manifest says that the source had them.

    `prefix` is what their URLs begin with, by default what the manifest says.

    Raises:
        LabelBeamError: `images` cannot be opened.
    """
    said = manifest.source.images
    own = default_prefix(said) if said and manifest.source.image_prefix is None else ""
    known = prefix or configured_prefix(manifest) or own
    if images is None and is_redacted(said):
        why = f"not read: the manifest does not keep the credentials of {said}; name the place with --images URL"
    elif images is None and not said:
        why = "not read: the manifest does not say where the images are; name the place with --images URL"
    elif not known or is_redacted(known):
        why = "not read: the manifest does not say how image URLs begin"
    else:
        try:
            return ImagePlace(locate(images or said, storage), known)
        except LabelBeamError as error:
            if images is not None and prefix is None:
                raise
            why = f"not read: {error}"
    return ImagePlace(None, known, why)
