import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import Skipped
from transforms.sources.voc import VocOptions, VocPlan, plan_voc
from transforms.sources.voc_sets import Labels

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


def splits_of(found: VocPlan) -> dict[str, str | None]:
    return {item.xml.removeprefix("Annotations/").removesuffix(".xml"): item.split for item in found.items}


def xmls(*stems: str) -> list[str]:
    return [f"Annotations/{stem}.xml" for stem in stems]


# Layouts.


def test_the_development_kits_layout_is_found_in_its_own_directory():
    found = plan("Annotations/2007_000027.xml", "JPEGImages/2007_000027.jpg", "SegmentationClass/2007_000027.png")
    assert images_of(found) == {"Annotations/2007_000027.xml": "JPEGImages/2007_000027.jpg"}
    assert found.images is None
    assert found.warnings == []


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
    assert found.images.find("Annotations/1.xml", "1.png") == ("JPEGImages/1.png", False)
    assert found.images.find("Annotations/1.xml", "") == ("JPEGImages/1.jpg", False)


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
    assert found.warnings == []


def test_xml_files_outside_of_annotations_are_mentioned():
    found = plan(*xmls("1"), "build.xml", "JPEGImages/1.jpg")
    assert [item.xml for item in found.items] == ["Annotations/1.xml"]
    assert found.warnings == ["not read, since they lie outside of Annotations: 1 (build.xml) XML files"]


def test_images_without_an_annotation_file_are_counted():
    found = plan(*xmls("1"), "JPEGImages/1.jpg", "JPEGImages/2.jpg", "JPEGImages/3.jpg")
    assert found.warnings == ["not read, since they have no annotation file: 2 images"]


def test_images_that_a_filename_may_still_claim_are_not_counted_as_spare():
    assert plan(*xmls("a"), "JPEGImages/1.jpg").warnings == []
    found = plan(*xmls("a"), "JPEGImages/1.jpg", "JPEGImages/2.jpg")
    assert found.warnings == ["not read, since they have no annotation file: at least 1 images"]


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
    assert copied.images.find("Annotations/2.xml", "photo.jpg") == ("JPEGImages/photo.jpg", False)
    assert copied.images.find("Annotations/2.xml", "1.gif") == found.images.find("Annotations/2.xml", "1.gif")


def test_a_listing_without_annotation_files_has_no_items():
    assert plan("JPEGImages/1.jpg").items == []


def test_an_origin_is_0_or_1():
    with pytest.raises(ValueError, match="origin is 2, expected 0 or 1"):
        VocOptions(origin=2)


def test_forty_thousand_files_are_planned_in_seconds():
    stems = [f"{number:06}" for number in range(20_000)]
    names = [*xmls(*stems), *(f"JPEGImages/{stem}.jpg" for stem in stems)]
    started = time.perf_counter()
    found = plan(*names, train="\n".join(stems))
    assert all(item.image for item in found.items)
    assert time.perf_counter() - started < 4


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


# Splits.


def test_image_sets_are_the_splits_under_this_projects_names():
    found = plan(*xmls("1", "2", "3"), train="1\n", val="2\n", test="3\n")
    assert splits_of(found) == {"1": "train", "2": "validation", "3": "test"}
    assert found.warnings == []


@pytest.mark.parametrize("name", ["val", "valid", "dev", "validation", "Val"])
def test_every_name_of_a_validation_list_is_known(name):
    assert splits_of(plan(*xmls("1", "2"), train="1\n", **{name: "2\n"})) == {"1": "train", "2": "validation"}


def test_lists_may_have_blank_lines_spaces_and_any_line_ends():
    found = plan(*xmls("1", "2", "3", "my photo"), train="\r\n  1 \r\n\r\n2\rmy photo\n\n\t3")
    assert set(splits_of(found).values()) == {"train"}


def test_ids_may_have_subdirectories():
    found = plan(*xmls("a/1", "b/1"), train="a/1\n", val="b\\1\n")
    assert splits_of(found) == {"a/1": "train", "b/1": "validation"}


def test_ids_may_be_file_names_or_paths():
    found = plan(*xmls("1", "2", "3", "x.4"), train="1.jpg\n./JPEGImages/2.PNG\n3.xml\nx.4\n")
    assert set(splits_of(found).values()) == {"train"}


def test_ids_may_lack_the_subdirectory_where_that_is_clear():
    found = plan(*xmls("a/1", "a/2", "b/2"), train="1\n2\n")
    assert {item.xml: item.skipped for item in found.items} == {
        "Annotations/a/1.xml": None,
        "Annotations/a/2.xml": Skipped.OUTSIDE_IMAGE_SETS,
        "Annotations/b/2.xml": Skipped.OUTSIDE_IMAGE_SETS,
    }


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16"])
def test_lists_may_be_written_by_windows_tools(charset):
    assert splits_of(plan(*xmls("行人"), train="行人\r\n".encode(charset))) == {"行人": "train"}


def test_ids_in_an_unknown_charset_are_reported_not_fatal():
    found = plan(*xmls("行人", "1"), train="行人\n1\n".encode("gbk"))
    assert splits_of(found) == {"1": "train", "行人": None}
    assert "no annotation file for 1 (" in found.warnings[0]


def test_trainval_is_no_split_where_train_and_val_cover_it():
    found = plan(*xmls("1", "2"), train="1\n", val="2\n", trainval="1\n2\n")
    assert splits_of(found) == {"1": "train", "2": "validation"}
    assert found.warnings == []


def test_trainval_alone_says_which_images_count_but_not_their_split():
    found = plan(*xmls("1", "2", "3"), trainval="1\n", test="2\n")
    assert splits_of(found) == {"1": None, "2": "test", "3": None}
    assert [item.skipped for item in found.items] == [None, None, Skipped.OUTSIDE_IMAGE_SETS]
    assert found.warnings[0] == "ImageSets/Main: 1 (Annotations/1.xml) in lists that are of no split"


def test_what_trainval_has_beyond_train_is_validation_and_the_other_way_round():
    assert splits_of(plan(*xmls("1", "2"), train="1\n", trainval="1\n2\n")) == {"1": "train", "2": "validation"}
    assert splits_of(plan(*xmls("1", "2"), val="1\n", trainval="1\n2\n")) == {"1": "validation", "2": "train"}


def test_trainval_with_an_underscore_is_no_list_of_a_class():
    found = plan(*xmls("1", "2"), test="1\n", train_val="2\n")
    assert [item.skipped for item in found.items] == [None, None]


def test_a_list_of_no_split_says_which_images_count():
    found = plan(*xmls("1", "2"), default="1\n")
    assert [item.skipped for item in found.items] == [None, Skipped.OUTSIDE_IMAGE_SETS]
    assert splits_of(found) == {"1": None, "2": None}


def test_an_image_in_several_lists_is_held_out_and_reported():
    found = plan(*xmls("1", "2", "3", "4"), train="1\n2\n3\n4\n", val="2\n3\n", test="3\n4\n")
    assert splits_of(found) == {"1": "train", "2": "validation", "3": "validation", "4": "test"}
    assert found.warnings == [
        "ImageSets/Main: 1 (Annotations/4.xml) in the lists of test as well as train: they count as test",
        "ImageSets/Main: 1 (Annotations/3.xml) in the lists of validation as well as test: they count as validation",
        "ImageSets/Main: 2 (Annotations/2.xml, Annotations/3.xml) in the lists of validation as well as train: "
        "they count as validation",
    ]


def test_annotation_files_in_no_list_are_skipped_and_reported():
    found = plan(*xmls("1", "2", "3", "4", "5"), train="1\n")
    assert [item.skipped for item in found.items] == [None] + [Skipped.OUTSIDE_IMAGE_SETS] * 4
    shown = "Annotations/2.xml, Annotations/3.xml, Annotations/4.xml, …"
    assert found.warnings == [f"skipped, since no list in ImageSets names them: 4 ({shown}) annotation files"]


def test_ids_without_an_annotation_file_are_reported():
    found = plan(*xmls("1"), train="1\n2\n3\n")
    assert found.warnings == ["ImageSets/Main: no annotation file for 2 (2, 3) in the lists"]


def test_lists_of_other_images_are_ignored_and_reported():
    found = plan(*xmls("1"), train="a\nb\n")
    assert [item.skipped for item in found.items] == [None]
    assert found.warnings == ["ImageSets/Main: no annotation file for 2 (a, b) in the lists, so the lists are ignored"]


def test_empty_lists_are_as_none():
    assert [item.skipped for item in plan(*xmls("1"), train="\n", val="").items] == [None]


def test_lists_may_lie_in_imagesets_itself():
    assert splits_of(plan_with({"ImageSets/val.txt": "1\n"}, *xmls("1"))) == {"1": "validation"}


def test_each_year_has_its_own_lists():
    texts = {"VOC2007/ImageSets/Main/val.txt": "1\n", "VOC2012/ImageSets/Main/train.txt": "1\n"}
    found = plan_with(texts, "VOC2007/Annotations/1.xml", "VOC2012/Annotations/1.xml", "VOC2008/Annotations/1.xml")
    assert [item.split for item in found.items] == ["validation", None, "train"]
    assert [item.skipped for item in found.items] == [None, None, None]


def test_a_sole_imagesets_belongs_to_a_sole_annotations_wherever_it_lies():
    found = plan_with({"data/ImageSets/Main/val.txt": "1\n"}, "data/labels/1.xml", "data/labels/2.xml")
    assert [item.split for item in found.items] == ["validation", None]


def test_folders_are_the_splits_where_there_are_no_lists():
    found = plan("train/1.xml", "train/1.jpg", "valid/Annotations/2.xml", "Test/3.xml", "more/4.xml")
    assert splits_of(found) == {"valid/Annotations/2": "validation"}
    found = plan("train/1.xml", "train/1.jpg", "valid/2.xml", "Test/3.xml", "more/4.xml")
    assert splits_of(found) == {"train/1": "train", "valid/2": "validation", "Test/3": "test", "more/4": None}


def test_detection_reads_the_plain_lists_only():
    def read(path: str) -> bytes:
        assert path in ("ImageSets/Main/train.txt", "ImageSets/Main/train_train.txt"), path
        return b"1\n" if path.endswith("/train.txt") else b"1 -1\n"

    names = ["train", "train_train", "cat_train", "cat_val", "dog_trainval"]
    found = plan_voc([*xmls("1"), *(f"ImageSets/Main/{name}.txt" for name in names)], read, DETECTION)
    assert splits_of(found) == {"1": "train"}


def test_an_error_of_the_store_is_passed_on():
    def read(path: str) -> bytes:
        raise FileNotFoundError(path)

    with pytest.raises(FileNotFoundError):
        plan_voc([*xmls("1"), "ImageSets/Main/train.txt"], read, DETECTION)


# Labels of the per-class lists.


@pytest.mark.parametrize("task", ["image_classification", MULTILABEL])
def test_per_class_lists_are_labels(task):
    found = plan(
        *xmls("1", "my photo"),
        task=task,
        train="1\nmy photo\n",
        cat_train="1  1\nmy photo -1\n",
        dog_train="1  0\nmy photo  1\n",
        person_train="1 -1\nmy photo  1\n",
    )
    assert [item.labels for item in found.items] == [Labels(("cat",), ("dog",)), Labels(("dog", "person"), ())]


def test_classes_may_hold_underscores_and_may_be_called_train():
    found = plan(*xmls("1"), task=MULTILABEL, train="1\n", train_train="1 1\n", traffic_light_train="1 1\n")
    assert found.items[0].labels == Labels(("traffic_light", "train"), ())
    assert found.items[0].split == "train"


def test_per_class_lists_alone_are_the_splits_too():
    for task in (MULTILABEL, DETECTION):
        found = plan(*xmls("1", "2", "3"), task=task, cat_train="1 -1\n", cat_val="2 1\n")
        assert splits_of(found) == {"1": "train", "2": "validation", "3": None}
        assert found.items[2].skipped is Skipped.OUTSIDE_IMAGE_SETS


def test_where_lists_of_a_class_disagree_the_presence_wins():
    found = plan(*xmls("1"), task=MULTILABEL, cat_train="1 -1\n1 0\n", cat_trainval="1 1\n", dog_train="1 0\n1 -1")
    assert found.items[0].labels == Labels(("cat",), ("dog",))


def test_an_image_that_no_class_list_names_has_the_labels_of_its_objects():
    found = plan(*xmls("1", "2"), task=MULTILABEL, train="1\n2\n", cat_train="1 1\n")
    assert [item.labels for item in found.items] == [Labels(("cat",), ()), None]


def test_without_class_lists_labels_are_those_of_the_objects():
    assert plan(*xmls("1"), task=MULTILABEL, train="1\n").items[0].labels is None
    assert plan(*xmls("1"), task=DETECTION, train="1\n", cat_train="1 1\n").items[0].labels is None


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
    message = "no mask in SegmentationObject, without which no object is written: 1 (VOC2012/Annotations/2.xml)"
    assert found.warnings == [f"{message} annotation files"]


def test_masks_are_of_no_interest_to_detection():
    assert plan(*xmls("1"), "SegmentationObject/1.png").items[0].mask is None
