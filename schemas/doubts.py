"""Doubts: what a build read in one way and could have meant another, each with the option that settles it.

A doubt is a warning with a code. `--strict` publishes nothing while one stands that was not accepted by `--accept CODE`;
those of `NOTES` only inform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from labelbeam.schemas.reasons import Documented


class Doubted(Documented):
    """Codes of doubts; `doc` is their documentation."""

    # Of every format.
    OTHER = "other", "a warning of no further kind"
    NOT_LISTED = "not_listed", "names in a store that were not followed: links, odd names, or names that stand twice"
    IMAGE_URL_NOT_READ = "image_url_not_read", "the trainer, or `mltable.load`, does not read image URLs of this kind"
    IMAGE_URL_MISREAD = (
        "image_url_misread",
        "image URLs hold a character that ends their path for the trainer, or a % that encodes nothing",
    )
    DECODED_OTHERWISE = (
        "decoded_otherwise",
        "images hold more than the trainer decodes: greys of more than 8 bits, or several frames",
    )
    BOXES_TURNED = (
        "boxes_turned",
        "objects are annotated on images as EXIF rotates them; of the trainer's models only yolov5 applies the rotation",
    )
    BOXES_UNTURNED = (
        "boxes_unturned",
        "objects are annotated on stored images with an EXIF rotation, which yolov5 applies",
    )
    LABEL_BEFORE_BACKGROUND = (
        "label_before_background",
        "a label sorts before the trainer's `--bg--` and shifts its index",
    )
    LABEL_OF_BACKGROUND = "label_of_background", "a label whose name means no object has objects"
    LABELS_ESCAPED = "labels_escaped", "labels hold escapes, or letters of another charset, as an exporter left them"
    LABEL_SAYS_NOTHING = "label_says_nothing", "a label's name means unknown or unlabelled"
    MOSTLY_CROWDS = "mostly_crowds", "most objects have isCrowd 1, and metrics leave these out"
    OBJECTS_TWICE = "objects_twice", "objects have the label and the place of another of their image"
    SAME_IMAGES = "same_images", "images have the same bytes as others, perhaps of another split"
    SIMILAR_IMAGES = "similar_images", "images look like others by --near-duplicates, perhaps of another split"
    NOT_COMPARED = (
        "not_compared",
        "images could not be read, or are named by a URL, and were not compared by --duplicates or --near-duplicates",
    )
    SAMPLED = "sampled", "the build is a sample by --sample, and not the whole dataset"
    LABELS_NOT_FOUND = "labels_not_found", "--labels names labels that the source does not have"
    SPLIT_GROUP_NOT_FOUND = (
        "split_group_not_found",
        "--split-group finds no group for images, which are drawn by themselves",
    )
    SHARES_MISSED = "shares_missed", "the shares of --split are not met, since --split-group keeps groups whole"
    SPLIT_EMPTY = "split_empty", "a split has no image, and the trainer refuses it"
    SPLIT_OF_BACKGROUND = "split_of_background", "a split has no object, and the trainer refuses it"
    COPIES_IN_SPLITS = "copies_in_splits", "copies of one image, as augmentation makes them, are in several splits"
    CHANGED_MUCH = "changed_much", "the build differs from the one before by more than --max-change, and was accepted"
    # The frame of coordinates.
    RELATIVE_COORDINATES = "relative_coordinates", "all coordinates of a file are fractions or percent of the image"
    FRAMES_DISAGREE = "frames_disagree", "a few coordinates of a file seem to be in another unit than all others"
    CORNERS_OR_SIZES = "corners_or_sizes", "boxes read as x, y, width, height agree with the rest only as two corners"
    FIXED_GRID = "fixed_grid", "box coordinates seem to be on a grid of 1000 steps, independent of the image's size"
    BOXES_LEAVE_IMAGES = "boxes_leave_images", "many boxes leave images of the declared width and height"
    BOXES_FAR_OUT = "boxes_far_out", "a few boxes end far outside of their images, as where a digit was typed twice"
    OUTLINES_OFF_BOXES = "outlines_off_boxes", "outlines lie outside of the boxes of their own objects"
    AREA_CONTRADICTS_BOX = "area_contradicts_box", "areas are larger than the boxes of their own objects"
    ROTATED_BOXES = "rotated_boxes", "boxes have a rotation angle beside them"
    FLAGS_NOT_READ = (
        "flags_not_read",
        "flags by another name, or in another place, say that a record is not to be trained on",
    )
    FIELDS_RENAMED = (
        "fields_renamed",
        "fields have other names than in their format, and were read",
    )
    LABELLED_AS_A_WHOLE = (
        "labelled_as_a_whole",
        "images with a label of the whole image and no object were written as background",
    )
    OBJECTS_WITHOUT_BOX = "objects_without_box", "annotations have neither a box nor an outline, and are rejected"
    OUTLINES_BY_AXIS = (
        "outlines_by_axis",
        "outlines have all x and then all y, as their boxes prove, and were read so",
    )
    MASKS_BY_ROWS = "masks_by_rows", "run lengths of masks seem to count along rows, and COCO's go down columns"
    SMALLER_THAN_A_PIXEL = (
        "smaller_than_a_pixel",
        "objects are smaller than a pixel of their image, or all in its first hundredth",
    )
    ALL_IN_A_CORNER = (
        "all_in_a_corner",
        "all objects are in the upper left quarter of their images, or in the first 100 pixels, as if for a smaller copy or in percent",
    )
    SIDES_COPIED = "sides_copied", "nearly all boxes have the same number for a horizontal and a vertical side"
    # References within a file.
    CATEGORIES_SHIFTED = (
        "categories_shifted",
        "category ids of objects seem to start at another number than the categories",
    )
    NO_CATEGORIES = "no_categories", "no list names the categories of annotations"
    NAMES_FOR_IDS = "names_for_ids", "annotations give the name of an image or a category in place of its id"
    ANNOTATIONS_OF_NO_IMAGE = "annotations_of_no_image", "many annotations name images that the file does not list"
    # Names.
    SEVERAL_SUPERCATEGORIES = (
        "several_supercategories",
        "categories of one name and several supercategories are one label",
    )
    NO_TRAIN_SPLIT = "no_train_split", "the names of the files give no split to train on"
    # Images.
    IMAGES_NOT_FOUND = "images_not_found", "images are not where they were looked for"
    NAMES_LEAD_OUT = (
        "names_lead_out",
        "images are named by absolute paths, or by ones that lead out, and were not found by a part of these",
    )
    SOURCE_WITHOUT_IMAGES = "source_without_images", "a file lists no image, and others of the source do"
    IMAGES_IN_OTHER_FOLDERS = (
        "images_in_other_folders",
        "images are not in the folders that their names give, and were found by the last part of their names",
    )
    NAMED_BY_URL = "named_by_url", "images are not found by name, and are named by the URLs that their records give"
    IMAGES_IN_SEVERAL_PLACES = "images_in_several_places", "images of these names lie in more than one usual place"
    DECLARED_SIZE_DIFFERS = "declared_size_differs", "images are of another width and height than declared"
    LINK_OUT_OF_ROOT = "link_out_of_root", "the directory of images is a link out of the one that is read"
    IMAGES_NOT_LISTED = "images_not_listed", "the directory of images cannot be listed"
    LISTING = "listing", "files of a listing were left out"
    # Pascal VOC.
    VOC_ORIGIN = "voc_origin", "coordinates of VOC files may count pixels from another number than was taken"
    VOC_FILENAME = (
        "voc_filename",
        "files name in `<filename>` another image than the one that they are called like, and both exist",
    )
    IMAGE_OF_SEVERAL_FILES = (
        "image_of_several_files",
        "annotation files lead to one image, which has the objects of all of them",
    )
    VOC_ANGLES = "voc_angles", "rotated boxes have angles of more than a whole turn, which may be degrees"
    VOC_WITHOUT_OUTLINE = "voc_without_outline", "objects have neither a mask in SegmentationObject nor an outline"
    LISTED_WITHOUT_ANNOTATION = "listed_without_annotation", "a list names images that have no annotation file"
    LISTED_IN_TWO_SPLITS = "listed_in_two_splits", "lists put an image into two splits"
    LISTED_IN_NO_SPLIT = "listed_in_no_split", "images are in lists, or subsets, that are of no split"
    LISTS_NOT_READ = "lists_not_read", "lists that may say which split images are of were not read"
    OUTSIDE_LISTS = "outside_lists", "annotation files or images are in no list and no split, and skipped"
    OUTSIDE_ANNOTATIONS = "outside_annotations", "XML files lie outside of Annotations, and are not read"
    IMAGES_WITHOUT_ANNOTATION = "images_without_annotation", "images have no annotation file, and are not read"
    LABELS_ALIKE = (
        "labels_alike",
        "labels that differ in letter case, blanks, joining marks, quotes, percent-encoding or a .0 only, and may be one",
    )
    # YOLO.
    SPLIT_NOT_FOUND = "split_not_found", "entries of data.yaml or obj.data lead to no image in the source"
    CLASS_NAMES_DIFFER = "class_names_differ", "files of a dataset name or number its classes differently"
    LABELS_OF_SEVERAL_IMAGES = (
        "labels_of_several_images",
        "one label file is that of several images, and each has its objects",
    )
    IMAGES_WITHOUT_LABELS = "images_without_labels", "most images have no label file, and are background"
    WITHOUT_OUTLINE = "without_outline", "objects have a box and no outline, which segmentation needs"
    BOX_BEFORE_OUTLINE = (
        "box_before_outline",
        "lines may hold a box and then its outline or keypoints, and are read as corners",
    )
    PREDICTED_LABELS = "predicted_labels", "labels have confidences, so that a model may have made them"
    # Folders.
    SPLIT_FOLDERS = "split_folders", "splits were read from folders of an unusual name or place"
    SPLITS_BESIDE_CLASSES = (
        "splits_beside_classes",
        "folders of splits hold the same classes as lie beside them, whose images are in no split",
    )
    SPLITS_AS_CLASSES = "splits_as_classes", "folders named like splits were read as classes, as those beside them are"
    FOLDS = "folds", "folders number the folds of a cross-validation, and were read as neither classes nor splits"
    FOLDER_WITHOUT_CLASSES = "folder_without_classes", "a folder beside splits holds images that have no label"
    FOLDER_AROUND_CLASSES = "folder_around_classes", "one folder holds all others, and was not read as a class"
    CLASS_LEVEL = "class_level", "images lie deeper than one folder, and either the top or the last may be their class"
    SPLIT_LISTS = "split_lists", "lists of images were read as splits"
    FOLDERS_OF_FILES = (
        "folders_of_files",
        "folders that were read as classes, or images in them, are called like kinds of files",
    )
    COPIES_IN_CLASSES = "copies_in_classes", "images of several classes have the same name and size, and may be one"
    ONE_CLASS = "one_class", "all images have the same class"
    LABELS_ARE_NUMBERS = "labels_are_numbers", "all labels are numbers, and what may hold their names is not read"
    FILES_LEFT_ALONE = "files_left_alone", "files that are neither images nor tables of labels"
    # Tables of labels.
    TABLE_NOT_READ = "table_not_read", "a table by a usual name was not read"
    TABLE_EMPTY = "table_empty", "a table holds a header and no rows"
    IMAGES_WITHOUT_ROW = (
        "images_without_row",
        "many images are in no row of a table, and lie in folders that could name their class",
    )
    TABLE_CHARSET = "table_charset", "some rows of a table are not in UTF-8, so that letters of others may be wrong"
    HEADER_MISSING = "header_missing", "the first row of a table is read as one of an image, not as a header"
    LABEL_COLUMN = (
        "label_column",
        "more than one column of a table may hold the labels, or only what it holds tells which",
    )
    NAMES_BEFORE_NUMBERS = "names_before_numbers", "of a column of names and one of numbers, the names are the labels"
    COLUMNS_OF_FACTS = "columns_of_facts", "columns of 0 and 1 were not read as classes because of their names"
    COLUMNS_NOT_READ = "columns_not_read", "columns beside those of classes hold something else than 0 and 1"
    SPLIT_COLUMN = "split_column", "a column with a name for splits has other values"
    SPLIT_CODES = "split_codes", "numbers, or yes and no, of a column or a list were read as splits"
    LABEL_SEPARATOR = (
        "label_separator",
        "the separator of labels in a cell may be part of a label, or the reverse",
    )
    LABELS_ABSENT = "labels_absent", "cells say that a label is not there"
    FLAGS_UNCERTAIN = "flags_uncertain", "-1 beside 0 may mean unknown; it is read as absent"
    FLAGS_AS_LABELS = "flags_as_labels", "cells hold rows of 0 and 1, which may be flags of classes and no labels"
    CONFIDENCES_BELOW_ONE = "confidences_below_one", "labels of a confidence between 0 and 1 were read like all others"
    LABELS_CONFLICT = "labels_conflict", "rows of one image contradict each other about its labels"
    TABLE_BEFORE_FOLDERS = (
        "table_before_folders",
        "the labels are those of a table, although folders could name classes",
    )
    # Files of labelling tools.
    LABELS_IN_TWO_PLACES = (
        "labels_in_two_places",
        "annotations name an image's labels and those of its objects, and one of them was read",
    )
    REGIONS_WITHOUT_LABEL = "regions_without_label", "regions of images have a shape and no label"
    SHARDS_MISSING = "shards_missing", "the names of shards count more of them than there are"
    IMAGES_LEFT_ALONE = "images_left_alone", "samples have further images, or masks, which are not read"
    SAMPLES_APART = "samples_apart", "files of a sample do not follow each other in their shard, and are read as one"
    SHAPES_UNITED = "shapes_united", "shapes that a tool has grouped are read as one object"
    CORNERS_NO_PIXELS = "corners_no_pixels", "corners of rectangles were read as pixels, but some are not pixels"
    TAGS_WITH_VALUES = "tags_with_values", "tags of images have a value, and only those that have none are labels"
    TRACKS_NOT_READ = "tracks_not_read", "tracks of objects through a video stand beside images, and are not read"
    SEVERAL_ANNOTATIONS = (
        "several_annotations",
        "images were annotated several times, or by several people, and one annotation was read",
    )
    IMAGES_NOT_ANNOTATED = "images_not_annotated", "images have no annotation in their tool, or were skipped there"
    LABELS_ARE_CODES = "labels_are_codes", "labels are codes such as `/m/0cmf2`, and no list names them"
    # JSON Lines of training records.
    DROPPED_BY_TRAINER = "dropped_by_trainer", "the trainer would drop objects of the JSON Lines if they were unchanged"
    CROWD_UNKNOWN = "crowd_unknown", "an isCrowd is none of 0, 1, true and false, and counts as 0"
    LISTS_AS_TEXT = "lists_as_text", "labels are lists that were written as text, and are read as lists"
    URLS_ELSEWHERE = "urls_elsewhere", "image URLs have another prefix than the others, and are unchanged"
    # Before training: told by `convert`, and refused by `job`.
    FEW_IMAGES = "few_images", "there are fewer than ten images to train on"
    FEW_LABELS = "few_labels", "there are fewer than two labels to tell apart"
    RARE_LABELS = "rare_labels", "labels occur fewer than five times in the training data"
    LABELS_NOT_TRAINED = "labels_not_trained", "labels are in other splits, but not in the training data"
    NOT_STREAMED = "not_streamed", "image URLs are of no datastore, and jobs that stream images read no others"
    NO_VALIDATION_SPLIT = "no_validation_split", "there is no validation split, so that the service draws one"


NOTES: frozenset[Doubted] = frozenset(
    {
        Doubted.CHANGED_MUCH,
        Doubted.SAMPLED,
        Doubted.SHARES_MISSED,
        Doubted.RELATIVE_COORDINATES,
        Doubted.FIELDS_RENAMED,
        Doubted.NAMES_FOR_IDS,
        Doubted.OUTLINES_BY_AXIS,
        Doubted.BOXES_FAR_OUT,
        Doubted.OUTSIDE_LISTS,
        Doubted.IMAGES_WITHOUT_ANNOTATION,
        Doubted.SPLIT_FOLDERS,
        Doubted.SPLIT_LISTS,
        Doubted.FILES_LEFT_ALONE,
        Doubted.COPIES_IN_CLASSES,
        Doubted.TABLE_BEFORE_FOLDERS,
        Doubted.NAMES_BEFORE_NUMBERS,
        Doubted.COLUMNS_NOT_READ,
        Doubted.LABELS_ABSENT,
        Doubted.DROPPED_BY_TRAINER,
        Doubted.NAMED_BY_URL,
        Doubted.FEW_IMAGES,
        Doubted.FEW_LABELS,
        Doubted.RARE_LABELS,
        Doubted.LABELS_NOT_TRAINED,
        Doubted.NO_VALIDATION_SPLIT,
        Doubted.NOT_STREAMED,
        Doubted.DECODED_OTHERWISE,
        Doubted.BOXES_TURNED,
        Doubted.BOXES_UNTURNED,
    }
)
"""Doubts that inform, and never keep a build from being published."""


class Doubt(msgspec.Struct, frozen=True):
    """A doubt of a build.

    `count` is how many records, files or names it is about, and `example` one of them. `option` is what a person types to
    settle it, "" where the source has to be mended. `message` says it in one sentence, with what was found and decided. Bytes of a
    source that are no UTF-8 stand in it as `\\udcXX`.
    """

    code: str
    message: str
    count: int = 1
    example: str = ""
    option: str = ""

    def __post_init__(self) -> None:
        """Make sure that it can be written: it quotes what a source holds, whatever that is."""
        for name in ("message", "example", "option"):
            text = getattr(self, name)
            if not text.isascii():
                msgspec.structs.force_setattr(self, name, text.encode("utf-8", "backslashreplace").decode())


def merge_doubts(doubts: Iterable[Doubt]) -> list[Doubt]:
    """One doubt for each code and message, with counts added up, in the order of code and message."""
    merged: dict[tuple[str, str], Doubt] = {}
    for doubt in doubts:
        key = (doubt.code, doubt.message)
        before = merged.get(key)
        if before is None:
            merged[key] = doubt
        else:
            example = min(filter(None, (before.example, doubt.example)), default="")
            merged[key] = msgspec.structs.replace(before, count=before.count + doubt.count, example=example)
    return [merged[key] for key in sorted(merged)]


def unsettled(doubts: Iterable[Doubt], accepted: Collection[str]) -> list[Doubt]:
    """The doubts that --strict refuses: neither notes nor accepted."""
    return [doubt for doubt in doubts if doubt.code not in NOTES and doubt.code not in accepted]


def unclassified(warnings: Iterable[str]) -> list[Doubt]:
    """Warnings in words as doubts without a code of their own."""
    return [Doubt(Doubted.OTHER, warning) for warning in warnings]
