import time

import pytest

from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.voc.sets import Labels
from labelbeam.transforms.formats.voc.tree import VocPlan, plan_voc

DETECTION = "image_object_detection"
MULTILABEL = "image_classification_multilabel"


def plan(*names: str, task: str = DETECTION, **lists: str | bytes) -> VocPlan:
    """Plan a dataset of `names`; `lists` are the texts of ImageSets/Main/<name>.txt."""
    texts = {f"ImageSets/Main/{name}.txt": text for name, text in lists.items()}
    return plan_with(texts, *names, task=task)


def plan_with(texts: dict[str, str | bytes], *names: str, task: str = DETECTION) -> VocPlan:
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in texts.items()}
    return plan_voc([*reversed(names), *contents], contents.__getitem__, task)


def said(found: VocPlan) -> list[str]:
    return [doubt.message for doubt in found.doubts]


def splits_of(found: VocPlan) -> dict[str, str | None]:
    return {item.xml.removeprefix("Annotations/").removesuffix(".xml"): item.split for item in found.items}


def xmls(*stems: str) -> list[str]:
    return [f"Annotations/{stem}.xml" for stem in stems]


# Splits.


def test_image_sets_are_the_splits_under_this_projects_names():
    found = plan(*xmls("1", "2", "3"), train="1\n", val="2\n", test="3\n")
    assert splits_of(found) == {"1": "train", "2": "validation", "3": "test"}
    assert said(found) == []


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
    assert "no annotation file for 1 (" in said(found)[0]


def test_trainval_is_no_split_where_train_and_val_cover_it():
    found = plan(*xmls("1", "2"), train="1\n", val="2\n", trainval="1\n2\n")
    assert splits_of(found) == {"1": "train", "2": "validation"}
    assert said(found) == []


def test_trainval_alone_says_which_images_count_but_not_their_split():
    found = plan(*xmls("1", "2", "3"), trainval="1\n", test="2\n")
    assert splits_of(found) == {"1": None, "2": "test", "3": None}
    assert [item.skipped for item in found.items] == [None, None, Skipped.OUTSIDE_IMAGE_SETS]
    assert [doubt.code for doubt in found.doubts] == ["outside_lists"], "trainval is a list that everybody knows"


def test_a_list_of_another_name_is_of_no_split():
    found = plan(*xmls("1", "2"), night="1\n", train="2\n")
    assert splits_of(found) == {"1": None, "2": "train"}
    assert said(found)[0] == "ImageSets/Main: 1 (Annotations/1.xml) in lists that are of no split"


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
    assert said(found) == [
        "ImageSets/Main: 1 (Annotations/4.xml) in the lists of test as well as train: they count as test",
        "ImageSets/Main: 1 (Annotations/3.xml) in the lists of validation as well as test: they count as validation",
        "ImageSets/Main: 2 (Annotations/2.xml, Annotations/3.xml) in the lists of validation as well as train: "
        "they count as validation",
    ]


def test_annotation_files_in_no_list_are_skipped_and_reported():
    found = plan(*xmls("1", "2", "3", "4", "5"), train="1\n")
    assert [item.skipped for item in found.items] == [None] + [Skipped.OUTSIDE_IMAGE_SETS] * 4
    shown = "Annotations/2.xml, Annotations/3.xml, Annotations/4.xml, …"
    assert said(found) == [f"annotation files skipped, since no list in ImageSets names them: 4 ({shown})"]


def test_ids_without_an_annotation_file_are_reported():
    found = plan(*xmls("1"), train="1\n2\n3\n")
    assert said(found) == ["ImageSets/Main: no annotation file for 2 (2, 3) in the lists"]


def test_lists_of_other_images_are_ignored_and_reported():
    found = plan(*xmls("1"), train="a\nb\n")
    assert [item.skipped for item in found.items] == [None]
    assert said(found) == ["ImageSets/Main: no annotation file for 2 (a, b) in the lists, so the lists are ignored"]


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


# Lists of other forms.


@pytest.mark.parametrize(
    "line",
    [
        "JPEGImages/{0}.jpg Annotations/{0}.xml",
        "Annotations/{0}.xml\tJPEGImages/{0}.jpg",
        "JPEGImages/{0}.jpg,Annotations/{0}.xml",
        "./JPEGImages/{0}.jpg ./Annotations/{0}.xml",
        '"{0}.jpg", "{0}.xml"',
        "/home/me/VOCdevkit/VOC2007/JPEGImages/{0}.jpg",
        "/home/me/JPEGImages/{0}.jpg /home/me/Annotations/{0}.xml",
        "C:\\data\\JPEGImages\\{0}.jpg",
        "VOC2007/JPEGImages/{0}",
        "{0}.jpg;{0}.xml",
        "{0} {0}",
    ],
)
def test_a_line_may_hold_the_names_of_image_and_annotation(line):
    lists = {"train": f"{line.format('1')}\n{line.format('my cat')}\n", "val": line.format("2")}
    names = ["1", "2"] if line == "{0} {0}" else ["1", "2", "my cat"]
    if len(names) == 2:
        lists["train"] = line.format("1")
    found = plan(*xmls(*names), **lists)
    assert splits_of(found) == {name: "validation" if name == "2" else "train" for name in names}
    assert said(found) == []


def test_names_of_one_line_that_lead_to_two_images_lead_to_none():
    found = plan(*xmls("1", "2", "3"), train="1.jpg 2.xml\n3\n")
    assert splits_of(found) == {"1": None, "2": None, "3": "train"}
    assert "no annotation file for 1 (1.jpg 2.xml)" in said(found)[0]


def test_a_name_with_a_blank_is_not_two_names():
    found = plan(*xmls("img 5", "5", "1"), train="img 5\n1\n")
    assert splits_of(found) == {"img 5": "train", "5": None, "1": "train"}


@pytest.mark.parametrize("name", ["train.lst", "train.list", "train.csv", "train.TXT"])
def test_lists_may_have_another_suffix_and_a_line_of_headings(name):
    found = plan_with({f"ImageSets/Main/{name}": "filename\n1.jpg\n", "ImageSets/Main/val.txt": "2"}, *xmls("1", "2"))
    assert splits_of(found) == {"1": "train", "2": "validation"}
    assert said(found) == []


def test_lists_beside_annotations_are_those_of_training_kits():
    lists = {"train.txt": "JPEGImages/1.jpg Annotations/1.xml", "val.txt": "JPEGImages/2.jpg Annotations/2.xml"}
    found = plan_with({**lists, "label_list.txt": "cat\n"}, *xmls("1", "2"))
    assert splits_of(found) == {"1": "train", "2": "validation"}
    assert said(found) == []


def test_a_file_beside_that_names_mostly_other_things_is_no_list():
    found = plan_with({"test.txt": "how\nto\ntest\n1\n"}, *xmls("1", "2"))
    assert splits_of(found) == {"1": None, "2": None}
    assert [item.skipped for item in found.items] == [None, None]
    assert "so the lists are ignored" in said(found)[0]


def test_lists_above_several_roots_are_those_of_all():
    names = ["a/Annotations/1.xml", "b/Annotations/1.xml", "b/Annotations/2.xml"]
    found = plan_with(
        {"ImageSets/Main/train.txt": "a/1\nb/2.jpg", "ImageSets/Main/test.txt": "b/JPEGImages/1.jpg"}, *names
    )
    assert [item.split for item in found.items] == ["train", "test", "train"]


def test_a_path_of_one_split_never_means_a_file_of_another():
    found = plan_with({"train.txt": "/data/val/images/7.jpg\n1\n"}, "train/labels/7.xml", "train/labels/1.xml")
    assert [item.skipped for item in found.items] == [None, Skipped.OUTSIDE_IMAGE_SETS]


def test_lists_and_files_may_spell_names_in_two_unicode_forms_or_cases():
    found = plan(
        *xmls("cafe\u0301", "IMG_1", "a", "A"), train="caf\u00e9\nimg_1.jpg\nJPEGImages/A.jpg\n", val="JPEGImages/a.jpg"
    )
    assert splits_of(found) == {"A": "train", "IMG_1": "train", "a": "validation", "cafe\u0301": "train"}


@pytest.mark.parametrize(
    "line", ["a" * 200_000, "a.jpg" * 50_000 + "!", ".jpg " * 40_000, ",.xml" * 40_000, "a;" * 100_000]
)
def test_a_line_of_any_length_is_read_in_linear_time(line):
    began = time.process_time()
    plan(*xmls("1"), train=f"1\n{line}\n")
    assert time.process_time() - began < 10


def test_names_in_a_line_may_hold_blanks_and_stand_between_commas_or_blanks():
    found = plan(*xmls("my photo", "2"), train="JPEGImages/my photo.jpg Annotations/my photo.xml\n2.jpg;2.xml\n")
    assert splits_of(found) == {"my photo": "train", "2": "train"}
