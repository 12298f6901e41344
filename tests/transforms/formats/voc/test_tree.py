import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.voc.tree import VocPlan, plan_voc

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"


def plan(*names: str, task: str = DETECTION, images: list[str] | None = None, **lists: str | bytes) -> VocPlan:
    """Plan a dataset of `names`; `lists` are the texts of ImageSets/Main/<name>.txt."""
    texts = {f"ImageSets/Main/{name}.txt": text for name, text in lists.items()}
    return plan_with(texts, *names, task=task, images=images)


def plan_with(texts: dict[str, str | bytes], *names: str, task: str = DETECTION, images=None) -> VocPlan:
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in texts.items()}
    return plan_voc([*reversed(names), *contents], contents.__getitem__, task, images)


def images_of(found: VocPlan) -> dict[str, str | None]:
    return {item.xml: item.image for item in found.items}


def said(found: VocPlan) -> list[str]:
    return [doubt.message for doubt in found.doubts]


def splits_of(found: VocPlan) -> dict[str, str | None]:
    return {item.xml.removeprefix("Annotations/").removesuffix(".xml"): item.split for item in found.items}


def xmls(*stems: str) -> list[str]:
    return [f"Annotations/{stem}.xml" for stem in stems]


# Layouts.


def test_the_development_kits_layout_is_found_in_its_own_directory():
    found = plan("Annotations/2007_000027.xml", "JPEGImages/2007_000027.jpg", "SegmentationClass/2007_000027.png")
    assert images_of(found) == {"Annotations/2007_000027.xml": "JPEGImages/2007_000027.jpg"}
    assert found.images is None
    assert said(found) == []


def test_the_development_kits_layout_is_found_one_level_above_for_each_year():
    found = plan(
        "VOC2007/Annotations/000001.xml",
        "VOC2007/JPEGImages/000001.jpg",
        "VOC2012/Annotations/000001.xml",
        "VOC2012/JPEGImages/000001.jpg",
    )
    assert images_of(found) == {
        "VOC2007/Annotations/000001.xml": "VOC2007/JPEGImages/000001.jpg",
        "VOC2012/Annotations/000001.xml": "VOC2012/JPEGImages/000001.jpg",
    }


def test_subdirectories_of_annotations_are_part_of_the_stem():
    found = plan(*xmls("a/1", "b/1"), "JPEGImages/a/1.jpg", "JPEGImages/b/1.jpg")
    assert images_of(found) == {
        "Annotations/a/1.xml": "JPEGImages/a/1.jpg",
        "Annotations/b/1.xml": "JPEGImages/b/1.jpg",
    }


def test_an_image_of_another_subdirectory_is_not_taken_for_a_missing_one():
    found = plan(*xmls("a/1", "b/1"), "JPEGImages/b/1.jpg")
    assert images_of(found) == {"Annotations/a/1.xml": None, "Annotations/b/1.xml": "JPEGImages/b/1.jpg"}
    assert found.images is not None


def test_annotation_files_may_lie_beside_their_images():
    found = plan("cats/1.xml", "cats/1.JPG", "dogs/1.xml", "dogs/1.png")
    assert images_of(found) == {"cats/1.xml": "cats/1.JPG", "dogs/1.xml": "dogs/1.png"}


def test_annotation_files_may_lie_in_a_folder_of_another_name():
    found = plan("annotations/xmls/Abyssinian_1.xml", "images/Abyssinian_1.jpg", "annotations/trimaps/Abyssinian_1.png")
    assert images_of(found) == {"annotations/xmls/Abyssinian_1.xml": "images/Abyssinian_1.jpg"}


def test_images_are_found_anywhere_by_their_stem():
    assert images_of(plan(*xmls("1"), "photos/raw/1.jpeg")) == {"Annotations/1.xml": "photos/raw/1.jpeg"}


@pytest.mark.parametrize("name", ["1.jpg", "1.JPG", "1.jpeg", "1.png", "1.bmp", "1.tif", "1.TIFF", "1.jfif", "1.webp"])
def test_images_are_found_by_their_stem_with_every_extension_in_every_case(name):
    assert images_of(plan(*xmls("1"), f"JPEGImages/{name}")) == {"Annotations/1.xml": f"JPEGImages/{name}"}


def test_jpegimages_comes_before_images_and_those_before_any_other_place():
    names = ["JPEGImages/1.jpg", "images/1.jpg", "1.jpg", "thumbnails/1.jpg"]
    for first in range(4):
        assert images_of(plan(*xmls("1"), *names[first:])) == {"Annotations/1.xml": names[first]}


def test_two_images_of_one_stem_are_left_to_the_filename():
    found = plan(*xmls("1"), "JPEGImages/1.jpg", "JPEGImages/1.png")
    assert images_of(found) == {"Annotations/1.xml": None}
    assert found.images.find("Annotations/1.xml", "1.png").path == "JPEGImages/1.png"
    candidates = ("JPEGImages/1.jpg", "JPEGImages/1.png")
    assert found.images.find("Annotations/1.xml", "") == (None, False, candidates), "nothing decides"


def test_masks_are_never_taken_for_images():
    found = plan(*xmls("1"), "SegmentationObject/1.png", "SegmentationClass/1.png", "JPEGImages/2.jpg")
    assert images_of(found) == {"Annotations/1.xml": None}


def test_images_in_a_tree_of_their_own_are_matched_below_it():
    found = plan("VOC2012/Annotations/a/1.xml", images=["a/1.jpg", "b/1.jpg"])
    assert images_of(found) == {"VOC2012/Annotations/a/1.xml": "a/1.jpg"}


def test_images_in_a_tree_of_their_own_may_have_the_datasets_folders():
    found = plan("VOC2012/Annotations/1.xml", images=["VOC2012/JPEGImages/1.jpg", "VOC2007/JPEGImages/1.jpg"])
    assert images_of(found) == {"VOC2012/Annotations/1.xml": "VOC2012/JPEGImages/1.jpg"}


def test_hidden_files_of_archives_are_none_of_the_dataset():
    found = plan(*xmls("1", "._1"), "__MACOSX/Annotations/._1.xml", ".ipynb_checkpoints/2.xml", "JPEGImages/1.jpg")
    assert images_of(found) == {"Annotations/1.xml": "JPEGImages/1.jpg"}
    assert said(found) == []


def test_xml_files_outside_of_annotations_are_mentioned():
    found = plan(*xmls("1"), "build.xml", "JPEGImages/1.jpg")
    assert [item.xml for item in found.items] == ["Annotations/1.xml"]
    assert said(found) == ["XML files not read, since they lie outside of Annotations: 1 (build.xml)"]


def test_images_without_an_annotation_file_are_counted():
    found = plan(*xmls("1"), "JPEGImages/1.jpg", "JPEGImages/2.jpg", "JPEGImages/3.jpg")
    assert said(found) == ["not read, since they have no annotation file: 2 images"]


def test_an_image_whose_file_is_called_in_another_case_is_no_example_of_one_without():
    """As in https://github.com/roboflow/roboflow-python/tree/main/tests/datasets/chess."""
    found = plan(*xmls("0af"), "JPEGImages/0AF.jpg", "JPEGImages/5c1.jpg")
    assert [doubt.example for doubt in found.doubts] == ["JPEGImages/5c1.jpg"]


def test_images_that_a_filename_may_still_claim_are_not_counted_as_spare():
    assert said(plan(*xmls("a"), "JPEGImages/1.jpg")) == []
    found = plan(*xmls("a"), "JPEGImages/1.jpg", "JPEGImages/2.jpg")
    assert said(found) == ["not read, since they have no annotation file: at least 1 image"]


def test_the_order_of_the_listing_changes_nothing():
    names = [*xmls("b", "a", "c"), "JPEGImages/c.jpg", "JPEGImages/a.jpg", "JPEGImages/b.jpg"]
    lists = {"ImageSets/Main/train.txt": b"a\nb\n"}
    forward = plan_voc([*names, *lists], lists.__getitem__, DETECTION)
    backward = plan_voc([*lists, *names[::-1]], lists.__getitem__, DETECTION)
    assert forward == backward
    assert [item.xml for item in forward.items] == xmls("a", "b", "c")


def test_a_plan_survives_pickling():
    found = plan(*xmls("1", "2"), "JPEGImages/1.jpg", "JPEGImages/photo.jpg", train="1\n2\n")
    copied = pickle.loads(pickle.dumps(found))
    assert copied.items == found.items
    assert copied.images.find("Annotations/2.xml", "photo.jpg").path == "JPEGImages/photo.jpg"
    assert copied.images.find("Annotations/2.xml", "1.gif") == found.images.find("Annotations/2.xml", "1.gif")


def test_a_listing_without_annotation_files_has_no_items():
    assert plan("JPEGImages/1.jpg").items == []


def test_forty_thousand_files_are_planned_in_seconds():
    stems = [f"{number:06}" for number in range(20_000)]
    names = [*xmls(*stems), *(f"JPEGImages/{stem}.jpg" for stem in stems)]
    started = time.process_time()
    found = plan(*names, train="\n".join(stems))
    assert all(item.image for item in found.items)
    assert time.process_time() - started < 4


FOLDERS = st.lists(st.sampled_from(["Annotations", "JPEGImages", "images", "train", "a", "VOC2012"]), max_size=3)
NAMES = st.sampled_from(["1.xml", "1.jpg", "1.PNG", "2.xml", "2.jpg", "2", "A.xml", "a.jpg", ".xml", ".jpg", "a b.xml"])
PATHS = st.lists(st.builds(lambda folders, name: "/".join([*folders, name]), FOLDERS, NAMES), unique=True, max_size=12)


@given(PATHS, st.sampled_from([DETECTION, SEGMENTATION, MULTILABEL]), st.randoms())
def test_whatever_the_tree_each_annotation_file_is_one_item_with_an_image_that_exists(files, task, random):
    found = plan(*files, task=task)
    shuffled = random.sample(files, len(files))
    assert plan(*shuffled, task=task)[0] == found.items
    visible = [path for path in files if path.endswith(".xml") and not path.endswith("/.xml") and path != ".xml"]
    inside = [path for path in visible if "Annotations/" in path]
    assert [item.xml for item in found.items] == sorted(inside or visible)
    for item in found.items:
        assert item.image is None or item.image in files
        for filename in ("", "1.jpg", "2", "a/1.jpg", "A.JPG"):
            image = item.image or (found.images.find(item.xml, filename) or (None,))[0]
            assert image is None or image in files


# Masks.


def test_segmentation_has_lists_of_its_own():
    texts = {"ImageSets/Main/train.txt": "1\n2\n", "ImageSets/Segmentation/val.txt": "2\n"}
    names = [*xmls("1", "2"), "SegmentationObject/2.png"]
    found = plan_with(texts, *names, task=SEGMENTATION)
    assert splits_of(found) == {"1": None, "2": "validation"}
    assert [item.skipped for item in found.items] == [Skipped.OUTSIDE_IMAGE_SETS, None]
    assert splits_of(plan_with(texts, *names, task=DETECTION)) == {"1": "train", "2": "train"}


def test_segmentation_without_lists_of_its_own_takes_those_of_main():
    found = plan(*xmls("1"), "SegmentationObject/1.png", task=SEGMENTATION, train="1\n")
    assert splits_of(found) == {"1": "train"}


def test_a_mask_has_the_stem_of_its_annotation_file():
    found = plan(
        "VOC2007/Annotations/a/1.xml",
        "VOC2007/SegmentationObject/a/1.PNG",
        "VOC2012/Annotations/1.xml",
        "VOC2012/segmentationobject/1.png",
        "VOC2012/SegmentationClass/2.png",
        "VOC2012/Annotations/2.xml",
        task=SEGMENTATION,
    )
    masks = [item.mask for item in found.items]
    assert masks == ["VOC2007/SegmentationObject/a/1.PNG", "VOC2012/segmentationobject/1.png", None]


def test_masks_are_of_no_interest_to_detection():
    assert plan(*xmls("1"), "SegmentationObject/1.png").items[0].mask is None


# Images beside their annotations.


@pytest.mark.parametrize(
    ("image", "xml"),
    [
        ("{0}/images/1.jpg", "{0}/labels/1.xml"),
        ("{0}/img/1.jpg", "{0}/ann/1.xml"),
        ("{0}_images/1.jpg", "{0}_annotations/1.xml"),
        ("images_{0}/1.jpg", "labels_{0}/1.xml"),
        ("{0}-images/1.jpg", "{0}-xml/1.xml"),
        ("{0}Images/1.jpg", "{0}Annotations/1.xml"),
        ("images/{0}/1.jpg", "annotations/{0}/1.xml"),
        ("{0}/1.jpg", "annotations/{0}/xmls/1.xml"),
        ("{0}/JPEGImages/1.jpg", "{0}/Annotations/1.xml"),
        ("{0}/1.jpg", "{0}/1.xml"),
        ("data/{0}/images/1.jpg", "data/{0}/annotations/xml/1.xml"),
    ],
)
def test_a_name_that_stands_in_each_split_is_paired_within_it(image, xml):
    names = [pattern.format(split) for split in ("train", "val", "test") for pattern in (image, xml)]
    found = plan(*names)
    assert images_of(found) == {xml.format(split): image.format(split) for split in ("train", "val", "test")}
    assert {item.split for item in found.items} == {"train", "validation", "test"}
    assert said(found) == []


@pytest.mark.parametrize("image", ["val/images/1.jpg", "val_images/1.jpg", "images/val/1.jpg", "test/1.jpg"])
def test_an_image_of_another_split_belongs_to_nobody(image):
    found = plan("train/labels/1.xml", image)
    assert found.images.find("train/labels/1.xml", "1.jpg") == (None, False, ())


def test_several_images_elsewhere_are_named_and_none_is_taken():
    found = plan("labels/1.xml", "day/1.jpg", "night/1.jpg")
    assert found.images.find("labels/1.xml", "") == (None, False, ("day/1.jpg", "night/1.jpg"))


def test_an_image_elsewhere_belongs_to_none_of_two_annotation_files_of_its_name():
    found = plan("a/labels/1.xml", "b/labels/1.xml", "other/1.jpg")
    assert images_of(found) == {"a/labels/1.xml": None, "b/labels/1.xml": None}
    assert found.images.find("a/labels/1.xml", "").candidates == ("other/1.jpg",)


def test_images_in_folders_of_splits_are_split_where_the_annotation_files_are_in_none():
    files = ["annotations/1.xml", "annotations/2.xml", "images/train/1.jpg", "images/val/2.jpg"]
    assert [item.split for item in plan_voc(files, {}.__getitem__, DETECTION).items] == ["train", "validation"]
    moved = ["train/annotations/1.xml", "val/1.jpg"]
    assert [item.split for item in plan_voc(moved, {}.__getitem__, DETECTION).items] == ["train"]
