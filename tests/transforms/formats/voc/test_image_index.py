import pytest

from labelbeam.transforms.formats.voc.image_index import ImageIndex, home_of_xml, is_image

XML = "Annotations/1.xml"


def find(filename: str, *images: str, xml: str = XML, others: tuple[str, ...] = ()) -> tuple[str, bool] | None:
    homes = [home_of_xml(path) for path in (xml, *others)]
    found = ImageIndex(images, {name for home in homes for name in (home.name, home.inner)}).find(xml, filename)
    return None if found.path is None else (found.path, found.by_other_name)


def test_the_stem_comes_before_the_filename():
    assert find("2.jpg", "JPEGImages/1.jpg", "JPEGImages/2.jpg") == ("JPEGImages/1.jpg", False)


def test_the_filename_is_taken_where_no_image_has_the_stem():
    assert find("photo.jpg", "JPEGImages/photo.jpg", "JPEGImages/photo.png") == ("JPEGImages/photo.jpg", False)


@pytest.mark.parametrize("filename", ["photo", "photo.JPG", "PHOTO.jpg", "photo.png", "Photo.jpeg"])
def test_a_filename_may_lack_the_extension_or_have_another_one_or_another_case(filename):
    assert find(filename, "JPEGImages/photo.jpg") == ("JPEGImages/photo.jpg", True)


def test_the_name_as_written_comes_before_similar_ones():
    images = ["JPEGImages/photo.JPG", "JPEGImages/photo.jpg", "JPEGImages/PHOTO.jpg"]
    for image in images:
        assert find(image.removeprefix("JPEGImages/"), *images) == (image, False)


def test_dots_in_a_filename_are_no_extension():
    assert find("frame.0001", "JPEGImages/frame.0001.jpg", "JPEGImages/frame.jpg") == (
        "JPEGImages/frame.0001.jpg",
        True,
    )


def test_a_stem_of_another_case_is_the_last_resort():
    assert find("", "JPEGImages/IMG_1.jpg", xml="Annotations/img_1.xml") == ("JPEGImages/IMG_1.jpg", True)
    images = ["JPEGImages/IMG_1.jpg", "JPEGImages/photo.jpg"]
    assert find("photo.jpg", *images, xml="Annotations/img_1.xml") == ("JPEGImages/photo.jpg", False)


def test_a_name_that_macos_decomposed_is_found():
    assert find("caf\u00e9.jpg", "JPEGImages/cafe\u0301.jpg") == ("JPEGImages/cafe\u0301.jpg", True)


def test_a_filename_is_looked_for_in_the_annotation_files_own_subdirectory_first():
    images = ["JPEGImages/a/photo.jpg", "JPEGImages/photo.jpg"]
    assert find("photo.jpg", *images, xml="Annotations/a/1.xml") == ("JPEGImages/a/photo.jpg", False)
    assert find("photo.jpg", *images[1:], xml="Annotations/a/1.xml") == ("JPEGImages/photo.jpg", False)


@pytest.mark.parametrize("filename", ["b/photo.jpg", "b\\photo.jpg", "./b/photo.jpg", "JPEGImages/b/photo.jpg"])
def test_a_filename_may_hold_directories(filename):
    images = ["JPEGImages/a/photo.jpg", "JPEGImages/b/photo.jpg"]
    assert find(filename, *images) == ("JPEGImages/b/photo.jpg", False)


@pytest.mark.parametrize("filename", ["C:\\me\\photo.jpg", "/home/me/photo.jpg", "d:/photo.jpg"])
def test_of_an_absolute_filename_only_the_name_counts(filename):
    assert find(filename, "JPEGImages/photo.jpg") == ("JPEGImages/photo.jpg", False)


def test_a_filename_never_leads_to_an_image_of_other_annotation_files():
    others = ("Annotations/b/1.xml",)
    assert find("photo.jpg", "JPEGImages/b/photo.jpg", xml="Annotations/a/1.xml", others=others) is None
    assert find("photo.jpg", "JPEGImages/c/photo.jpg", xml="Annotations/a/1.xml", others=others) == (
        "JPEGImages/c/photo.jpg",
        False,
    )


def test_two_images_elsewhere_of_one_name_are_not_chosen_from():
    assert find("photo.jpg", "x/photo.jpg", "y/photo.jpg") is None


def test_a_filename_that_leads_out_of_the_dataset_finds_nothing():
    assert find("../../etc/passwd", "JPEGImages/photo.jpg") is None
    assert find("..", "JPEGImages/photo.jpg") is None


@pytest.mark.parametrize(
    ("xml", "filename", "path"),
    [
        ("Annotations/1.xml", "photo.jpg", "JPEGImages/photo.jpg"),
        ("Annotations/1.xml", "photo.JPG", "JPEGImages/photo.JPG"),
        ("Annotations/1.xml", "photo", "JPEGImages/photo.jpg"),
        ("Annotations/1.xml", "frame.01", "JPEGImages/frame.01.jpg"),
        ("Annotations/1.xml", "", "JPEGImages/1.jpg"),
        ("Annotations/1.xml", "C:\\me\\photo.png", "JPEGImages/photo.png"),
        ("Annotations/1.xml", "JPEGImages/photo.jpg", "JPEGImages/photo.jpg"),
        ("Annotations/1.xml", "https://host/photo.jpg", "https://host/photo.jpg"),
        ("VOC2012/Annotations/a/1.xml", "photo.jpg", "VOC2012/JPEGImages/a/photo.jpg"),
        ("VOC2012/Annotations/a/1.xml", "b/photo.jpg", "VOC2012/JPEGImages/b/photo.jpg"),
        ("cats/1.xml", "photo.jpg", "cats/photo.jpg"),
    ],
)
def test_without_any_image_the_path_follows_from_convention(xml, filename, path):
    index = ImageIndex([], [])
    assert index.find(xml, filename) == (None, False, ())
    assert index.convention(xml, filename) == path


def test_below_the_images_own_root_there_is_no_jpegimages_by_convention():
    index = ImageIndex([], [], images_only=True)
    assert index.convention("VOC2012/Annotations/a/1.xml", "photo.jpg") == "a/photo.jpg"


def test_names_tell_images_but_masks_are_told_by_their_folder():
    names = ["a.jpg", "a.JPEG", "b/a.tif", "a.webp", "a.xml", "jpg", "a.jpg.txt", "SegmentationClass/a.png"]
    assert [name for name in names if is_image(name)] == names[:4]


def test_a_file_called_like_an_image_with_its_suffix_is_of_that_image():
    index = ImageIndex(["JPEGImages/1.jpg", "JPEGImages/a.b.png"], [])
    assert index.find("Annotations/1.jpg.xml", "").path == "JPEGImages/1.jpg"
    assert index.find("Annotations/a.b.xml", "").path == "JPEGImages/a.b.png"


@pytest.mark.parametrize(
    ("filename", "xml", "image"),
    [
        ("a%20b.jpg", "Annotations/7.xml", "a b.jpg"),
        ("", "Annotations/a%20b.xml", "a b.png"),
        ("", "Annotations/a+b.xml", "a b.png"),
        ("caf%C3%A9.jpg", "Annotations/caf%C3%A9.xml", "cafe\u0301.jpg"),
    ],
)
def test_a_percent_encoded_name_is_the_one_that_it_encodes(filename, xml, image):
    assert find(filename, f"JPEGImages/{image}", xml=xml) == (f"JPEGImages/{image}", True)


def test_the_letter_of_a_name_with_percent_counts_first():
    images = ["JPEGImages/a%20b.jpg", "JPEGImages/a b.jpg"]
    assert find("", *images, xml="Annotations/a%20b.xml") == ("JPEGImages/a%20b.jpg", False)
    assert find("..%2fa.jpg", "JPEGImages/a.jpg", xml="Annotations/9.xml") is None
