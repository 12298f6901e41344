import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelbeam.schemas.neutral import RAW_LIMIT, Rejection, SourceImage
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.voc.format import VocOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex
from labelbeam.transforms.formats.voc.masks import MaskError
from labelbeam.transforms.formats.voc.read import VocImage, read_voc, rejected_voc
from labelbeam.transforms.formats.voc.sets import Labels
from labelbeam.transforms.formats.voc.tree import VocItem, plan_voc

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"
ITEM = VocItem("Annotations/1.xml", image="JPEGImages/1.jpg", split="train")


def thing(name: str = "cat", box: tuple[object, ...] | None = (10, 20, 30, 40), **flags: object) -> str:
    children = [f"<name>{name}</name>", *(f"<{flag}>{value}</{flag}>" for flag, value in flags.items())]
    if box is not None:
        sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        children.append("<bndbox>" + "".join(f"<{side}>{value}</{side}>" for side, value in sides) + "</bndbox>")
    return f"<object>{''.join(children)}</object>"


def xml_of(*things: str, filename: str = "1.jpg", size: tuple[int, int] | None = (50, 60)) -> bytes:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>{filename}</filename>{sides}{''.join(things)}</annotation>".encode()


def read(
    xml: bytes, mask=None, *, item: VocItem = ITEM, task: str = DETECTION, images: ImageIndex | None = None, **options
) -> VocImage:
    return read_voc(item, xml, mask, VocOptions(**options), task=task, source="file:///voc", images=images)


def image_of(*things: str, **options) -> SourceImage:
    return read(xml_of(*things), **options).image


def codes(image: SourceImage) -> list[tuple[str, Rejected]]:
    return [(rejection.kind, rejection.code) for rejection in image.rejected]


# Boxes.


def test_pixel_indices_count_from_1_and_include_the_last_by_default():
    image = image_of(thing(box=(1, 1, 50, 60)))
    assert image.objects[0].bbox == (0.0, 0.0, 50.0, 60.0)
    assert image.objects[0].locator == "object[1]"


@pytest.mark.parametrize("box", [None, (0, 0, 0, 0)])
def test_a_name_of_nothing_without_a_box_says_that_there_is_no_object(box: tuple[int, ...] | None):
    found = read(xml_of(thing("Background", box)))
    assert (found.image.objects, found.image.skipped, codes(found.image)) == ([], [Skipped.EMPTY_LABEL], [])
    assert found.boxes == [], "zeros tell nothing of the frame"
    assert len(image_of(thing("background")).objects) == 1


def test_origin_0_takes_the_numbers_as_edges():
    assert image_of(thing(box=(0, 0, 50, 60)), voc_origin=0).objects[0].bbox == (0.0, 0.0, 50.0, 60.0)


def test_an_object_of_one_pixel_has_a_box_of_one_pixel():
    assert image_of(thing(box=(7, 9, 7, 9))).objects[0].bbox == (6.0, 8.0, 7.0, 9.0)


@pytest.mark.parametrize(("origin", "bbox"), [(1, (9.0, 19.0, 30.0, 40.0)), (0, (10.0, 20.0, 30.0, 40.0))])
@pytest.mark.parametrize("corners", [(30, 20, 10, 40), (10, 40, 30, 20), (30, 40, 10, 20)])
def test_swapped_corners_are_the_same_pixels_and_so_the_same_box(corners, origin, bbox):
    image = image_of(thing(box=corners), thing(), voc_origin=origin)
    assert [found.bbox for found in image.objects] == [bbox, bbox]
    assert image.adjusted == [Adjusted.BBOX_CORNERS_SWAPPED]


@given(st.tuples(*[st.integers(-100, 100)] * 4).filter(lambda corners: corners != (0, 0, 1, 1)))
def test_a_box_holds_the_pixels_from_the_first_to_the_last(corners):
    (left, top, right, bottom) = image_of(thing(box=corners)).objects[0].bbox
    assert right - left == abs(corners[0] - corners[2]) + 1
    assert bottom - top == abs(corners[1] - corners[3]) + 1


def test_floats_are_kept():
    image = image_of(thing(box=("45.70000076293945", "2.5", "46.0", "3.25")))
    assert image.objects[0].bbox == (45.70000076293945 - 1, 1.5, 46.0, 3.25)


def test_boxes_outside_the_image_are_left_to_the_later_steps():
    assert image_of(thing(box=(-5, -5, 500, 600))).objects[0].bbox == (-6.0, -6.0, 500.0, 600.0)


def test_a_coordinate_that_is_no_number_rejects_only_its_object():
    image = image_of(thing(), thing("dog", ("nan", 1, 2, 3)), thing())
    assert [found.locator for found in image.objects] == ["object[1]", "object[3]"]
    (rejection,) = image.rejected
    assert rejection == Rejection(
        "file:///voc",
        "Annotations/1.xml object[2]",
        "JPEGImages/1.jpg",
        "object",
        Rejected.INVALID_BBOX,
        "xmin is 'nan', expected a finite number",
        rejection.raw,
    )
    assert "dog" in rejection.raw


def test_an_object_without_a_box_is_left_to_the_task():
    image = image_of(thing(box=None))
    assert image.objects[0].bbox is None
    assert image.rejected == []


def test_a_part_is_no_object_and_lends_no_box():
    part = f"<part>{thing('head', (1, 1, 2, 2)).removeprefix('<object>').removesuffix('</object>')}</part>"
    image = image_of(thing("person").replace("</object>", f"{part}</object>"))
    assert [(found.label, found.bbox) for found in image.objects] == [("person", (9.0, 19.0, 30.0, 40.0))]


@pytest.mark.parametrize("name", ["", "  ", "<b/>"])
def test_an_object_without_a_name_is_rejected(name):
    image = image_of(thing(name), thing("dog"))
    assert codes(image) == [("object", Rejected.INVALID_LABEL)]
    assert [found.label for found in image.objects] == ["dog"]


def test_difficult_objects_are_objects_and_crowds_only_when_asked_for():
    things = [thing(difficult=1), thing(difficult=0), thing()]
    assert [found.crowd for found in image_of(*things).objects] == [False, False, False]
    assert [found.crowd for found in image_of(*things, difficult_as_crowd=True).objects] == [True, False, False]


def test_an_annotation_without_objects_is_background():
    image = image_of()
    assert (image.objects, image.rejected, image.skipped) == ([], [], [])
    assert (image.path, image.locator, image.split) == ("JPEGImages/1.jpg", "Annotations/1.xml", "train")
    assert (image.width, image.height) == (50, 60)


def test_raw_excerpts_are_capped():
    image = image_of(thing("x" * 10_000, ("", 1, 1, 1)))
    assert len(image.rejected[0].raw) == RAW_LIMIT


# Files and images.


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"<annotation>", Rejected.INVALID_XML),
        (b"\xff\xd8\xff", Rejected.INVALID_XML),
        (b"<!DOCTYPE a><annotation/>", Rejected.UNSAFE_XML),
    ],
)
def test_an_unreadable_annotation_file_rejects_its_image(xml, code):
    image = read(xml).image
    assert codes(image) == [("image", code)]
    assert image.path == image.rejected[0].image == "JPEGImages/1.jpg"
    assert image.rejected[0].locator == "Annotations/1.xml"
    assert image.rejected[0].raw == xml.decode(errors="replace")


def test_an_annotation_file_that_could_not_be_had_rejects_its_image():
    item = VocItem("Annotations/1.xml")
    image = rejected_voc(item, Rejected.UNREADABLE_FILE, "timed out", source="s", images=ImageIndex([], []))
    assert codes(image) == [("image", Rejected.UNREADABLE_FILE)]
    assert image.path == "JPEGImages/1.jpg"


def test_repairs_are_reported():
    assert image_of(thing("R&B")).adjusted == [Adjusted.XML_REPAIRED]


def test_neither_path_nor_folder_is_trusted():
    xml = xml_of(thing(), filename="").replace(b"<filename>", b"<folder>b</folder><path>/b/2.jpg</path><filename>")
    images = ImageIndex(["JPEGImages/2.jpg", "b/2.jpg"], [""])
    image = read(xml, item=VocItem("Annotations/1.xml"), images=images).image
    assert codes(image) == [("image", Rejected.MISSING_IMAGE)]
    image = read(xml, item=VocItem("Annotations/1.xml"), images=ImageIndex([], [""])).image
    assert image.path == "JPEGImages/1.jpg"


def test_an_image_found_by_a_similar_filename_is_reported():
    images = ImageIndex(["JPEGImages/Photo.JPG"], [""])
    item = VocItem("Annotations/1.xml")
    image = read(xml_of(thing(), filename="photo.jpg"), item=item, images=images).image
    assert (image.path, image.adjusted) == ("JPEGImages/Photo.JPG", [Adjusted.IMAGE_BY_OTHER_NAME])
    image = read(xml_of(thing(), filename="Photo.JPG"), item=item, images=images).image
    assert (image.path, image.adjusted) == ("JPEGImages/Photo.JPG", [])


def test_an_image_that_the_listing_lacks_is_rejected_and_its_objects_are_kept_to_be_counted():
    images = ImageIndex(["JPEGImages/other.jpg"], [""])
    image = read(xml_of(thing(), filename="f" * 9999), item=VocItem("Annotations/1.xml"), images=images).image
    assert codes(image) == [("image", Rejected.MISSING_IMAGE)]
    assert len(image.rejected[0].message) < 400
    assert len(image.objects) == 1


def test_without_any_listed_image_the_path_is_the_conventional_one():
    image = read(xml_of(filename="photo.png"), item=VocItem("Annotations/1.xml"), images=ImageIndex([], [""])).image
    assert (image.path, image.rejected, image.adjusted) == ("JPEGImages/photo.png", [], [])


def test_the_plans_images_are_demanded_where_the_item_needs_them():
    with pytest.raises(ValueError, match="pass the plan's images"):
        read(xml_of(), item=VocItem("Annotations/1.xml"))


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_a_size_that_is_missing_or_0_is_unknown(size):
    image = read(xml_of(thing(), size=size)).image
    assert (image.width, image.height) == (None, None)


def test_two_images_share_no_lists():
    first, second = image_of(thing("")), image_of()
    assert first.rejected
    assert second.rejected == []


# Labels.


def labels(image: SourceImage) -> list[str]:
    return [found.label for found in image.objects]


def test_for_classification_an_object_is_one_label():
    image = image_of(thing("dog"), thing("cat", ("nan", 1, 2, 3)), thing("dog", None), thing(""), task=MULTILABEL)
    assert labels(image) == ["dog", "cat"]
    assert [found.bbox for found in image.objects] == [None, None]
    assert codes(image) == [("object", Rejected.INVALID_LABEL)]


def test_a_class_that_only_difficult_objects_show_is_skipped():
    things = [thing("dog", difficult=1), thing("dog", difficult=1), thing("cat", difficult=1), thing("cat")]
    image = image_of(*things, task="image_classification")
    assert labels(image) == ["cat"]
    assert image.skipped == [Skipped.DIFFICULT_ONLY]


def test_labels_of_the_image_sets_come_before_those_of_the_objects():
    item = VocItem("Annotations/1.xml", "JPEGImages/1.jpg", labels=Labels(("cat", "dog"), ("car",)))
    image = image_of(thing("sheep"), item=item, task=MULTILABEL)
    assert labels(image) == ["cat", "dog"]
    assert [found.locator for found in image.objects] == ["ImageSets[cat]", "ImageSets[dog]"]
    assert image.skipped == [Skipped.DIFFICULT_ONLY]


def test_an_image_that_every_list_of_a_class_marks_absent_has_no_label():
    item = VocItem("Annotations/1.xml", "JPEGImages/1.jpg", labels=Labels((), ()))
    assert labels(image_of(thing("sheep"), item=item, task=MULTILABEL)) == []


# Masks.


def png(indices: np.ndarray) -> bytes:
    image = Image.fromarray(indices)
    image.putpalette([0] * 768)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def indices(**boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A mask of 50×60 with `i<index>` in each box of pixels (left, top, right, bottom)."""
    mask = np.zeros((60, 50), np.uint8)
    for name, (left, top, right, bottom) in boxes.items():
        mask[top:bottom, left:right] = int(name[1:])
    return mask


def segment(mask, *things: str, size: tuple[int, int] | None = (50, 60)) -> SourceImage:
    return read(xml_of(*things, size=size), mask, task=SEGMENTATION).image


TWO = png(indices(i255=(8, 18, 32, 42), i2=(9, 19, 30, 40), i1=(35, 45, 50, 60)))


def test_masks_become_the_outlines_of_the_objects_whose_boxes_they_fill():
    image = segment(TWO, thing("cat", (10, 20, 30, 40)), thing("dog", (36, 46, 50, 60)))
    cat, dog = image.objects
    assert (cat.label, cat.from_mask, cat.bbox) == ("cat", True, (9.0, 19.0, 30.0, 40.0))
    assert [sorted(map(tuple, ring.tolist())) for ring in cat.rings] == [[(9, 19), (9, 40), (30, 19), (30, 40)]]
    assert [sorted(map(tuple, ring.tolist())) for ring in dog.rings] == [[(35, 45), (35, 60), (50, 45), (50, 60)]]
    assert image.rejected == []


def test_an_object_without_a_mask_has_no_outline():
    image = segment(TWO, thing("cat", (10, 20, 30, 40)), thing("bird", (1, 1, 5, 5)), thing("dog", (36, 46, 50, 60)))
    assert [found.rings is None for found in image.objects] == [False, True, False]
    assert [found.from_mask for found in image.objects] == [True, False, True]
    assert image.rejected == []


def test_an_image_without_a_mask_file_has_objects_without_outlines():
    assert segment(None, thing()).objects[0].rings is None


def test_an_instance_without_an_object_is_found_and_rejected():
    image = segment(TWO, thing("cat", (10, 20, 30, 40)))
    (rejection,) = image.rejected
    assert (rejection.kind, rejection.code) == ("object", Rejected.UNKNOWN_CATEGORY)
    assert rejection.locator == "Annotations/1.xml instance[1]"
    assert "35, 45, 50, 60" in rejection.message


def test_an_object_without_a_name_still_owns_its_instance():
    image = segment(TWO, thing("", (10, 20, 30, 40)), thing("dog", (36, 46, 50, 60)))
    assert codes(image) == [("object", Rejected.INVALID_LABEL)]


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        (TWO[:-40], Rejected.UNREADABLE_MASK),
        (b"not a png", Rejected.UNREADABLE_MASK),
        (png(np.zeros((50, 60), np.uint8)), Rejected.MASK_SIZE_MISMATCH),
        (MaskError(Rejected.UNREADABLE_FILE, "timed out"), Rejected.UNREADABLE_FILE),
    ],
)
def test_an_unusable_mask_rejects_every_object_but_not_the_image(mask, code):
    image = segment(mask, thing(), thing("dog"))
    assert codes(image) == [("object", code), ("object", code)]
    assert image.objects == []


def test_the_mask_gives_the_size_that_the_annotation_file_lacks():
    image = segment(TWO, thing(), size=None)
    assert (image.width, image.height) == (50, 60)


def test_boxes_of_origin_0_are_paired_by_their_own_edges():
    image = read(xml_of(thing(box=(9, 19, 30, 40))), TWO, task=SEGMENTATION, voc_origin=0).image
    assert image.objects[0].from_mask


def test_a_plan_is_read_item_by_item():
    files = {
        "Annotations/1.xml": xml_of(thing("cat", (10, 20, 30, 40)), thing("dog", (36, 46, 50, 60))),
        "Annotations/2.xml": xml_of(filename="photo"),
        "JPEGImages/1.jpg": b"",
        "JPEGImages/photo.JPG": b"",
        "SegmentationObject/1.png": TWO,
        "ImageSets/Segmentation/train.txt": b"1\n",
        "ImageSets/Segmentation/val.txt": b"2\n",
    }
    plan = plan_voc(list(files), files.__getitem__, SEGMENTATION)
    first, second = (
        read(files[item.xml], files.get(item.mask), item=item, task=SEGMENTATION, images=plan.images).image
        for item in plan.items
    )
    assert (first.path, first.split, [found.from_mask for found in first.objects]) == (
        "JPEGImages/1.jpg",
        "train",
        [True, True],
    )
    assert (second.path, second.split, second.adjusted) == (
        "JPEGImages/photo.JPG",
        "validation",
        [Adjusted.IMAGE_BY_OTHER_NAME],
    )


def test_what_speaks_against_objects_and_images_is_counted_for_every_task():
    xml = xml_of(thing(status="rejected"), thing(score=0.5), thing()).replace(b"<size>", b"<ignore>1</ignore><size>")
    for task in (DETECTION, MULTILABEL):
        found = read(xml, task=task)
        assert (found.flagged, found.scored) == (2, 1)
