"""Findings that would stop a training job, or teach it little, in a build that is right by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.images.urls import read_by_jobs, streamed_by_jobs
from labelbeam.transforms.messages.words import counted, listed

FEWEST_IMAGES = 10
"""Images to train on below which the documents of the service advise against it."""

FEWEST_OF_A_LABEL = 5
"""Objects of a label to train on, below which the model will hardly find it."""


def preflight(manifest: Manifest, model: str | None = None) -> list[Doubt]:
    """Everything of a build that a training job should be told of, in the order in which it should be mended.

    Without a `model`, that is whatever one of the trainer's would stumble over.
    """
    minded = _OF_IMAGES
    if model is not None:
        minded = _OF_YOLOV5 if model.lower().startswith("yolov5") else _OF_OTHERS
    return [
        *_unread(manifest),
        *_sampled(manifest),
        *_told(manifest, minded),
        *_training(manifest),
        *_labels(manifest),
        *_validation(manifest),
    ]


# Measured on azureml-automl-dnn-vision 1.62: yolov5 reads images by OpenCV, which turns them as EXIF says, and all others by Pillow.
_OF_YOLOV5 = frozenset({Doubted.IMAGE_URL_MISREAD, Doubted.DECODED_OTHERWISE, Doubted.BOXES_UNTURNED})
_OF_OTHERS = frozenset({Doubted.IMAGE_URL_MISREAD, Doubted.DECODED_OTHERWISE, Doubted.BOXES_TURNED})
_OF_IMAGES = _OF_YOLOV5 | _OF_OTHERS


def _told(manifest: Manifest, codes: Collection[str]) -> Iterator[Doubt]:
    """Doubts of the build itself."""
    yield from (doubt for doubt in manifest.doubts if doubt.code in codes)


def _unread(manifest: Manifest) -> Iterator[Doubt]:
    unread = {root: count for root, count in manifest.image_roots.items() if not read_by_jobs(root)}
    if unread:
        count = sum(unread.values())
        message = (
            f"{count:,} of {sum(manifest.image_roots.values()):,} image URLs start with {listed(unread)}, which no job in the "
            "cloud reads; build again with --image-url azureml://subscriptions/…/datastores/…/paths/…, https://… or abfss://…"
        )
        yield Doubt(Doubted.IMAGE_URL_NOT_READ, message, count, next(iter(unread)), "--image-url")
    others = {
        root: count for root, count in manifest.image_roots.items() if root not in unread and not streamed_by_jobs(root)
    }
    if others:
        count = sum(others.values())
        message = (
            f"{count:,} of {sum(manifest.image_roots.values()):,} image URLs start with {listed(others)}: a job downloads such images "
            "before it trains, and does not read them where it is set to stream (stream_image_files); URLs of a datastore, "
            "azureml://subscriptions/…/datastores/…/paths/…, do for both"
        )
        yield Doubt(Doubted.NOT_STREAMED, message, count, next(iter(others)), "--image-url")


def _sampled(manifest: Manifest) -> Iterator[Doubt]:
    yield from (doubt for doubt in manifest.doubts if doubt.code == Doubted.SAMPLED)


def _training(manifest: Manifest) -> Iterator[Doubt]:
    train = manifest.splits.get("train")
    images = train.images if train is not None else 0
    if not images:
        message = "there is no split train to train on; build again with --split train=0.8,validation=0.2"
        yield Doubt(Doubted.NO_TRAIN_SPLIT, message, option="--split")
    elif images < FEWEST_IMAGES:
        message = f"split train has {counted(images, 'image')}, expected {FEWEST_IMAGES} or more; add some"
        yield Doubt(Doubted.FEW_IMAGES, message, images)


def _labels(manifest: Manifest) -> Iterator[Doubt]:
    counts = manifest.label_counts.get("train", {})
    if manifest.task.startswith("image_classification") and len(counts) < 2:
        message = f"split train has the labels {listed(counts)}, expected two or more to tell apart"
        yield Doubt(Doubted.FEW_LABELS, message, len(counts))
    rare = {label: count for label, count in counts.items() if count < FEWEST_OF_A_LABEL}
    unseen = [label for label in manifest.labels if label not in counts]
    if counts and rare:
        message = f"{counted(len(rare), 'label occurs', 'labels occur')} fewer than {FEWEST_OF_A_LABEL} times in split train: {listed(rare)}; add images of them"
        yield Doubt(Doubted.RARE_LABELS, message, len(rare), next(iter(rare)))
    if counts and unseen:
        message = f"{counted(len(unseen), 'label is', 'labels are')} in other splits and not in train: {listed(unseen)}; add images of them"
        yield Doubt(Doubted.LABELS_NOT_TRAINED, message, len(unseen), unseen[0])
    yield from _told(manifest, [Doubted.LABELS_ALIKE])


def _validation(manifest: Manifest) -> Iterator[Doubt]:
    part = manifest.splits.get("validation")
    if part is None or not part.images:
        message = (
            "there is no split validation, so that the service draws one of its own for each job; --split "
            "train=0.8,validation=0.2 makes one that stays the same"
        )
        yield Doubt(Doubted.NO_VALIDATION_SPLIT, message, option="--split train=0.8,validation=0.2")
