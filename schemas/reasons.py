"""Every reason for which an image or object is rejected, skipped or adjusted.

The value is what stands in `rejected/*.jsonl` and in the manifest; `doc` is its documentation, which the README's
table repeats (a test holds the two together).
"""

from __future__ import annotations

from enum import StrEnum


class Documented(StrEnum):
    """Codes, each with its documentation as `doc`."""

    doc: str

    def __new__(cls, value: str, doc: str) -> Documented:
        """A code and its documentation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member


class Rejected(Documented):
    """Reasons why an image or object was not written although it was found."""

    # Records that cannot be read.
    INVALID_RECORD = "invalid_record", "the record is not an object of the fields its format requires"
    INVALID_XML = "invalid_xml", "the annotation file is not well-formed XML, or is nested too deeply"
    UNSAFE_XML = "unsafe_xml", "the annotation file declares a DTD or entities, which are never expanded"
    REPEATED_FIELD = (
        "repeated_field",
        "a field of the annotation file is repeated with different values, as if one file held several images",
    )
    UNKNOWN_ELEMENT = "unknown_element", "an element of the annotation file has a box and belongs to no object"
    AMBIGUOUS_LABELS = (
        "ambiguous_labels",
        "several label files match the image's name",
    )
    UNREADABLE_FILE = "unreadable_file", "the file could not be opened or read"
    # Identity.
    UNSAFE_PATH = (
        "unsafe_path",
        "the image's path is absolute, holds `..` or a control character, or is longer than 1,024 characters",
    )
    UNSUPPORTED_URL = "unsupported_url", "the image's name is a URL of a scheme that the trainer does not read"
    DUPLICATE_IMAGE = "duplicate_image", "another image record has the same path; its objects were kept with that one"
    AMBIGUOUS_IMAGE = "ambiguous_image", "several image records have this name, and are or may be different pictures"
    UNUSABLE_NAME = "unusable_name", "the store of the copies cannot hold a file of this name"
    AMBIGUOUS_IMAGE_ID = "ambiguous_image_id", "two images of one file share the id but not the path"
    UNKNOWN_IMAGE = "unknown_image", "the annotation names an image that the file does not list"
    UNKNOWN_CATEGORY = "unknown_category", "the annotation names a category that the file does not list"
    AMBIGUOUS_CATEGORY_ID = "ambiguous_category_id", "two categories of one file share the id but not the name"
    INVALID_LABEL = "invalid_label", "the label is missing, empty, longer than 256 characters, or not text"
    # Size and content of images.
    INVALID_SIZE = "invalid_size", "width or height is not a positive whole number"
    MISSING_SIZE = "missing_size", "width or height is missing and the image's header was not read"
    SIZE_MISMATCH = "size_mismatch", "the declared size is neither the image's stored size nor its rotated one"
    MISSING_IMAGE = "missing_image", "the image that the annotation names does not exist"
    NOT_AN_IMAGE = "not_an_image", "the file's content is not an image"
    TRUNCATED_IMAGE = "truncated_image", "the image ends before its last pixel, or does not decode"
    UNSUPPORTED_FORMAT = "unsupported_format", "the image is of none of jpg, jpeg, png, jpe, jfif, bmp, tif, tiff"
    HEIF_NOT_INSTALLED = (
        "heif_not_installed",
        "the image is HEIC; --transcode reads it after pip install 'labelbeam[heif]'",
    )
    IMAGE_TOO_LARGE = (
        "image_too_large",
        "the image has more pixels than Pillow's decompression-bomb limit, a side of more than 16,777,216, or a JPEG more than 1,000 scans",
    )
    # Geometry.
    MISSING_BBOX = "missing_bbox", "the object has no box, and nothing that one could be derived from"
    INVALID_BBOX = "invalid_bbox", "the box is not four finite numbers"
    EMPTY_BBOX = "empty_bbox", "the box has no width or no height"
    BBOX_OUTSIDE = "bbox_outside", "nothing of the box lies inside the image"
    ORIENTED_BOX = "oriented_box", "the object is an oriented box; --yolo-oriented box writes the upright box around it"
    OUT_OF_BOUNDS = "out_of_bounds", "the object leaves the image and --out-of-bounds is reject"
    MISSING_SEGMENTATION = "missing_segmentation", "the object has no polygon and no mask"
    INVALID_POLYGON = "invalid_polygon", "no part of the polygon has three corners of finite numbers"
    EMPTY_POLYGON = "empty_polygon", "no part of the polygon encloses an area inside the image"
    INVALID_RLE = "invalid_rle", "the run lengths are malformed, or do not add up to the mask's size"
    RLE_SIZE_MISMATCH = "rle_size_mismatch", "the mask's size is not the image's"
    EMPTY_MASK = "empty_mask", "the mask has no pixel"
    MASK_TOO_LARGE = "mask_too_large", "the mask has more pixels than any image that is read"
    MASK_SIZE_MISMATCH = "mask_size_mismatch", "the mask file's size is not the image's"
    UNREADABLE_MASK = "unreadable_mask", "the mask file is not a PNG, is damaged, or holds colours instead of indices"
    # What is left of an image.
    NO_LABEL = "no_label", "the image has no label, and the task needs one"
    SEVERAL_LABELS = "several_labels", "the image has more than one label, and the task takes exactly one"
    NO_VALID_OBJECT = "no_valid_object", "every object of the image was rejected; as background it would mislead"
    IMAGE_REJECTED = "image_rejected", "the object is fine, but its image was rejected"


class RejectedError(Exception):
    """An image, a record or an object cannot be used: `code` is the reason to reject it, `message` says what was found."""

    def __init__(self, code: Rejected, message: str) -> None:
        """Keep both, also across processes."""
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message


class Skipped(Documented):
    """Reasons why an image or object was left out on purpose."""

    BACKGROUND = "background", "the image has no annotation, and --background is drop"
    EMPTY_LABEL = "empty_label", "the annotation has no box and says that its image is empty"
    DELETED = "deleted", "the annotation tool has marked the object as deleted"
    OUTSIDE = "outside", "the annotation tool says that the object is not visible in its image"
    NOT_ANNOTATED = (
        "not_annotated",
        "the image was not annotated, or was skipped, in its tool: neither objects nor background",
    )
    DIFFICULT_ONLY = "difficult_only", "only difficult objects show the class, which is neither a label nor its absence"
    OUTSIDE_SPLITS = (
        "outside_splits",
        "no split of data.yaml or obj.data, or no folder of labelled images, holds the image",
    )
    REPEATED_LINE = (
        "repeated_line",
        "the line repeats an earlier one of its label file; YOLO's trainers drop it too",
    )
    IMAGE_NOT_HERE = (
        "image_not_here",
        "the table is of a whole dataset, of which this image is not present",
    )
    LABEL_ABSENT = "label_absent", "the label has confidence 0: it was verified that the image does not show it"
    OUTSIDE_IMAGE_SETS = "outside_image_sets", "no list in ImageSets that applies to the task names the annotation file"
    LABEL_DROPPED = "label_dropped", "--labels drops the object's label, or does not keep it"
    LABEL_RARE = "label_rare", "fewer objects have the label than the min_count of --labels"
    LABEL_MERGED = "label_merged", "the image has another label that --labels gives the same name, and is written once"
    ONLY_DROPPED_LABELS = (
        "only_dropped_labels",
        "--labels drops the labels of all objects of the image; --background keep writes it without objects",
    )
    SAME_CONTENT = "same_content", "another image has the same bytes and is written; --duplicates is drop"
    IMAGE_OF_SAME_CONTENT = (
        "image_of_same_content",
        "the object is of an image that is dropped for one of the same bytes",
    )
    SIMILAR_CONTENT = (
        "similar_content",
        "another image looks the same by --near-duplicates, and is written; --duplicates is drop",
    )
    IMAGE_OF_SIMILAR_CONTENT = (
        "image_of_similar_content",
        "the object is of an image that is dropped for one that looks the same",
    )
    NOT_SAMPLED = "not_sampled", "the image is not in the sample that --sample draws"
    IMAGE_NOT_SAMPLED = "image_not_sampled", "the object is of an image that is not in the sample"


class Adjusted(Documented):
    """Changes to something that was written."""

    BBOX_CLIPPED = "bbox_clipped", "the box left the image and was cut at its border"
    BBOX_CORNERS_SWAPPED = "bbox_corners_swapped", "the box's corners were in the wrong order"
    BBOX_TURNED = (
        "bbox_turned",
        "the box was rotated, and the upright box around it is written",
    )
    BBOX_FROM_SEGMENTATION = "bbox_from_segmentation", "the box was missing and derived from the polygon or mask"
    IGNORED_AS_CROWD = "ignored_as_crowd", "the object is marked `ignore`, and is written with isCrowd 1"
    COMMAS_IN_NUMBERS = "commas_in_numbers", "commas were between the numbers of a line, or were decimal points"
    NUMBER_FROM_TEXT = "number_from_text", "numbers were written as text"
    POLYGON_CLIPPED = "polygon_clipped", "the polygon left the image and was cut at its border"
    POLYGON_PART_DROPPED = "polygon_part_dropped", "a part had under three corners, an odd count, or no area"
    POLYGON_PARTS_UNITED = "polygon_parts_united", "parts overlapped, which the trainer would combine by XOR"
    POLYGON_SIMPLIFIED = "polygon_simplified", "corners were removed to meet --max-polygon-points"
    MASK_TO_POLYGON = "mask_to_polygon", "a mask was traced along its pixel edges"
    OBJECT_OF_DUPLICATE_IMAGE = "object_of_duplicate_image", "the object came with a second record of its image"
    LABEL_NORMALIZED = "label_normalized", "blanks around the label were removed, or its letters composed (Unicode NFC)"
    LABEL_RENAMED = "label_renamed", "--labels gives the label another name"
    LABEL_FROM_NUMBER = "label_from_number", "the label was a number and is written as text"
    PATH_NORMALIZED = "path_normalized", "backslashes, `./` or `//` in the image's path were normalised"
    FORMAT_FROM_CONTENT = "format_from_content", "the image's content is of another format than its name says"
    ROTATED_FRAME = "rotated_frame", "the declared size is the image's size after its EXIF rotation"
    ORIENTATION_AMBIGUOUS = (
        "orientation_ambiguous",
        "the image has an EXIF rotation, and its size does not show whether it applies",
    )
    IMAGE_BY_OTHER_NAME = "image_by_other_name", "the image was found under another case or extension than named"
    XML_REPAIRED = "xml_repaired", "bare `&` in the annotation file were read as text"
