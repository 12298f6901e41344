"""`labelbeam report`: write the page of a build for people, `report.html`; and what `convert` does of it."""

from __future__ import annotations

import sys

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.report.write import ImagesOfBuild, evaluation_of, write_report
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.locate import locate_target
from labelbeam.transforms.stores.location import StorageOptions, within
from labelbeam.transforms.stores.paths import safe_relative


def report(
    output_url: str,
    storage: StorageOptions,
    images_url: str | None,
    evaluation_url: str | None,
    with_images: bool,
) -> int:
    """Write the report of the build in force at `output_url`, and say where it is; the exit status, 0.

    Args:
        images_url: where the images lie, by default where the manifest says.
        evaluation_url: an evaluation of the build, to be shown as well.
        with_images: show pictures; else nothing but the build is read.

    Raises:
        UsageError: nothing can be written there, or the evaluation is none, or of another task.
        StoreError: nothing was published there, or a file cannot be read or written.
    """
    output = locate_target("OUTPUT", output_url, storage)
    manifest = latest_manifest(output)
    if manifest is None:
        raise MissingFileError(
            f"{output.shown}: no latest.json, expected a published build. Check the path of OUTPUT, or publish a build there: "
            f"labelbeam convert --output {output.shown} …"
        )
    folder = f"builds/{manifest.build}"
    if safe_relative(folder) != folder or not within(output, folder):
        raise LabelBeamError(
            f"{output.shown}: the manifest names a build {manifest.build!r}, expected one below builds/"
        )
    evaluation = evaluation_of(evaluation_url, storage, manifest) if evaluation_url is not None else None
    images = ImagesOfBuild(manifest, storage, images_url, with_images)
    place = write_report(output, manifest, images, evaluation)
    print(f"wrote {place}", file=sys.stderr)
    return 0
