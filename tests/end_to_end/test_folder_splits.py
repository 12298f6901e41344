"""Splits of folders and tables by lists, numbers and flags, and labels in the names of images: read with a word, or asked about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import CLASSIFICATION, MULTILABEL, PREFIX, Build, attempt, convert, failed
from tests.end_to_end.datasets import put, write_image

NAMES = [f"{number}.jpg" for number in range(1, 7)]


def tree(root: Path, images: Sequence[str], files: Mapping[str, str] | None = None) -> Path:
    for name in images:
        write_image(root / name, (8, 6))
    for name, text in (files or {}).items():
        put(root / name, text.encode())
    return root


def table(column: str, values: Sequence[object]) -> str:
    rows = [
        f"{name},{'cat' if at % 2 else 'dog'},{value}"
        for at, (name, value) in enumerate(zip(NAMES, values, strict=True))
    ]
    return "\n".join([f"filename,label,{column}", *rows])


def built(source: Path, output: Path, *options: str, task: str = CLASSIFICATION) -> Build:
    return convert("--source", source, "--image-url", PREFIX, *options, output=output, task=task)


def splits(build: Build) -> dict[str, list[str]]:
    found = {
        split: sorted(line["image_url"].removeprefix(PREFIX).rpartition("/")[2] for line in lines)
        for split, lines in build.lines.items()
    }
    return {split: names for split, names in found.items() if names}


def codes(build: Build) -> list[str]:
    return [doubt["code"] for doubt in build.manifest["doubts"]]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("partition", [0, 0, 0, 0, 1, 2], {"train": NAMES[:4], "validation": ["5.jpg"], "test": ["6.jpg"]}),
        ("set", [1, 1, 2, 1, 3, 1], {"train": ["1.jpg", "2.jpg", "4.jpg", "6.jpg"], "validation": ["3.jpg"], "test": ["5.jpg"]}),
        ("split", ["0.0", "0.0", "1.0", "2.0", "0.0", "0.0"], {"train": ["1.jpg", "2.jpg", "5.jpg", "6.jpg"], "validation": ["3.jpg"], "test": ["4.jpg"]}),
        ("Usage", ["Training"] * 4 + ["PublicTest", "PrivateTest"], {"train": NAMES[:4], "test": NAMES[4:]}),
        ("is_valid", ["False"] * 4 + ["True"] * 2, {"train": NAMES[:4], "validation": NAMES[4:]}),
        ("is_training_image", [1, 1, 1, 1, 0, 0], {"train": NAMES[:4], "test": NAMES[4:]}),
        ("is_test", ["no"] * 4 + ["yes"] * 2, {"train": NAMES[:4], "test": NAMES[4:]}),
        ("is_train,is_val", ["1,0", "1,0", "1,0", "1,0", "0,1", "0,0"], {"train": NAMES[:4], "validation": ["5.jpg"], "test": ["6.jpg"]}),
    ],
)  # fmt: skip
def test_numbers_and_flags_of_a_table_are_splits_with_a_word(
    column: str, values: list[object], expected: dict[str, list[str]], tmp_path: Path
) -> None:
    root = tree(tmp_path / "in", NAMES, {"labels.csv": table(column, values)})
    build = built(root, tmp_path / "out")
    assert splits(build) == expected
    assert codes(build) == ["split_codes"]
    (doubt,) = build.manifest["doubts"]
    if "," not in column:
        settled = built(root, tmp_path / "again", *doubt["option"].split(" "))
        assert (splits(settled), codes(settled)) == (expected, [])


@pytest.mark.parametrize(("column", "told"), [("partition", []), ("is_valid", ["flags_not_read"])])
def test_a_person_may_say_that_no_column_tells_the_split(column: str, told: list[str], tmp_path: Path) -> None:
    root = tree(tmp_path / "in", NAMES, {"labels.csv": table(column, [0, 0, 0, 0, 1, 0])})
    build = built(root, tmp_path / "out", "--split-column", "none")
    assert (splits(build), codes(build)) == ({"train": NAMES}, told)


@pytest.mark.parametrize(
    ("column", "values", "given"),
    [
        ("split", [0, 0, 0, 0, 1, 1], "0=train,1=test"),
        ("partition", [2, 2, 2, 2, 0, 1], "2=train,0=test,1=test"),
        ("subset", ["a", "a", "a", "a", "b", "b"], "a=train,b=test"),
    ],
)
def test_values_that_are_not_known_as_splits_are_asked_about(
    column: str, values: list[object], given: str, tmp_path: Path
) -> None:
    root = tree(tmp_path / "in", NAMES, {"labels.csv": table(column, values)})
    build = built(root, tmp_path / "out")
    assert (splits(build), codes(build)) == ({"train": NAMES}, ["split_column"])
    assert "--split-values" in build.manifest["doubts"][0]["message"]
    settled = built(root, tmp_path / "again", "--split-values", given)
    assert (splits(settled), codes(settled)) == ({"train": NAMES[:4], "test": NAMES[4:]}, [])


@pytest.mark.parametrize("column", ["data set", "dataset", "phase"])
def test_columns_of_words_for_splits_are_read_by_further_names(column: str, tmp_path: Path) -> None:
    root = tree(tmp_path / "in", NAMES, {"labels.csv": table(column, ["train"] * 4 + ["test"] * 2)})
    assert splits(built(root, tmp_path / "out")) == {"train": NAMES[:4], "test": NAMES[4:]}
    other = tree(tmp_path / "other", NAMES, {"labels.csv": table(column, ["north"] * 4 + ["south"] * 2)})
    build = built(other, tmp_path / "again")
    assert (splits(build), codes(build)) == ({"train": NAMES}, [])


def test_a_class_called_train_is_no_split(tmp_path: Path) -> None:
    rows = [f"{name},{at % 2},{(at + 1) % 2},1" for at, name in enumerate(NAMES)]
    root = tree(tmp_path / "in", NAMES, {"labels.csv": "\n".join(["file,car,train,bus", *rows])})
    build = built(root, tmp_path / "out", task=MULTILABEL)
    assert (build.manifest["labels"], splits(build)) == (["bus", "car", "train"], {"train": NAMES})


def test_flags_of_json_lines_are_splits_too(tmp_path: Path) -> None:
    rows = [json.dumps({"file_name": name, "label": "ab"[at % 2], "is_valid": at > 3}) for at, name in enumerate(NAMES)]
    root = tree(tmp_path / "in", NAMES, {"metadata.jsonl": "\n".join(rows)})
    assert splits(built(root, tmp_path / "out")) == {"train": NAMES[:4], "validation": NAMES[4:]}


@pytest.mark.parametrize("given", ["0", "0=trian", "=train"])
def test_split_values_of_another_form_are_refused(given: str, tmp_path: Path) -> None:
    root = tree(tmp_path / "in", NAMES, {"labels.csv": table("split", [0] * 6)})
    answer = attempt(root, tmp_path / "out", "--split-values", given, task=CLASSIFICATION)
    failed(answer, 2, "--split-values: found", "expected VALUE=SPLIT")


# Lists beside images. -----------------------------------------------------------------------------------------------

FACES = [f"{number:06}.jpg" for number in range(1, 7)]
PARTITION = [0, 0, 0, 0, 1, 2]
ATTRIBUTES = [(1, -1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, 1), (1, 1, 1), (-1, 1, -1)]
EXPECTED = {"train": FACES[:4], "validation": ["000005.jpg"], "test": ["000006.jpg"]}


@pytest.mark.parametrize(
    ("folder", "text", "places"),
    [
        ("img_align_celeba/img_align_celeba/", False, ("", "")),
        ("img_align_celeba/", True, ("", "")),
        ("Img/img_align_celeba/", True, ("Anno/", "Eval/")),
        ("images/", False, ("", "")),
    ],
)
def test_the_files_of_celeba_are_read(folder: str, text: bool, places: tuple[str, str], tmp_path: Path) -> None:
    if text:
        rows = [
            f"{name}  {' '.join(f'{value:2}' for value in row)}" for name, row in zip(FACES, ATTRIBUTES, strict=True)
        ]
        files = {
            f"{places[0]}list_attr_celeba.txt": "\n".join([str(len(FACES)), "Male Smiling Young ", *rows, ""]),
            f"{places[1]}list_eval_partition.txt": "".join(f"{name} {code}\n" for name, code in zip(FACES, PARTITION, strict=True)),
        }  # fmt: skip
    else:
        files = {
            "list_attr_celeba.csv": "\n".join(
                ["image_id,Male,Smiling,Young", *(f"{name},{','.join(map(str, row))}" for name, row in zip(FACES, ATTRIBUTES, strict=True))]
            ),
            "list_eval_partition.csv": "\n".join(["image_id,partition", *(f"{name},{code}" for name, code in zip(FACES, PARTITION, strict=True))]),
            "list_bbox_celeba.csv": "\n".join(["image_id,x_1,y_1,width,height", *(f"{name},95,71,226,313" for name in FACES)]),
        }  # fmt: skip
    root = tree(tmp_path / "in", [f"{folder}{name}" for name in FACES], files)
    build = built(root, tmp_path / "out", task=MULTILABEL)
    assert splits(build) == EXPECTED
    assert build.records[f"{folder}000001.jpg"]["label"] == ["Male", "Young"]
    assert {"split_codes", "split_lists"} <= set(codes(build))


BIRDS = [f"{bird}/{bird}_{at:04}_{at * 7}.jpg" for bird in ("001.Albatross", "002.Bee_eater") for at in (1, 2, 3)]


def test_the_split_of_cub_is_read_by_ids(tmp_path: Path) -> None:
    files = {
        "images.txt": "".join(f"{at} {name}\n" for at, name in enumerate(BIRDS, 1)),
        "train_test_split.txt": "".join(f"{at} {at % 2}\n" for at in range(1, 7)),
        "image_class_labels.txt": "".join(f"{at} {1 + (at > 3)}\n" for at in range(1, 7)),
        "classes.txt": "1 001.Albatross\n2 002.Bee_eater\n",
    }
    build = built(tree(tmp_path / "in", [f"images/{name}" for name in BIRDS], files), tmp_path / "out")
    names = [name.rpartition("/")[2] for name in BIRDS]
    assert splits(build) == {"train": names[::2], "test": names[1::2]}
    assert build.manifest["labels"] == ["001.Albatross", "002.Bee_eater"]


@pytest.mark.parametrize(
    "files",
    [
        {"meta/train.txt": "pie/1\ncake/3\n", "meta/test.txt": "pie/2\ncake/4\n"},
        {"train.txt": "pie/1.jpg 0\ncake/3.jpg 1\n", "test.txt": "pie/2.jpg 0\ncake/4.jpg 1\n"},
        {"splits/trainlist.csv": "name\n1.jpg\n3.jpg\n", "splits/testlist.csv": "name\n2.jpg\n4.jpg\n"},
        {"split.txt": "1.jpg,train\n2.jpg,test\n3.jpg,train\n4.jpg,test\n"},
    ],
)
def test_lists_beside_class_folders_are_their_splits(files: dict[str, str], tmp_path: Path) -> None:
    images = ["pie/1.jpg", "pie/2.jpg", "cake/3.jpg", "cake/4.jpg"]
    root = tree(tmp_path / "in", images, files)
    build = built(root, tmp_path / "out", "--strict")
    assert splits(build) == {"train": ["1.jpg", "3.jpg"], "test": ["2.jpg", "4.jpg"]}
    assert "split_lists" in codes(build)
    assert splits(built(root, tmp_path / "again", "--split-column", "none")) == {
        "train": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    }
    assert sorted(splits(built(root, tmp_path / "shares", "--split", "train=1"))) == ["train"]


def test_images_that_no_list_names_are_told(tmp_path: Path) -> None:
    images = ["pie/1.jpg", "pie/2.jpg", "cake/3.jpg", "cake/4.jpg"]
    files = {"train.txt": "pie/1.jpg\ncake/3.jpg\n", "val.txt": "pie/2.jpg\ncake/3.jpg\n"}
    build = built(tree(tmp_path / "in", images, files), tmp_path / "out")
    assert splits(build) == {"train": ["1.jpg", "4.jpg"], "validation": ["2.jpg", "3.jpg"]}
    found = {doubt["code"]: (doubt["count"], doubt["example"]) for doubt in build.manifest["doubts"]}
    assert found["listed_in_no_split"] == (1, "cake/4.jpg")
    assert found["listed_in_two_splits"] == (1, "cake/3.jpg")


@pytest.mark.parametrize(
    "files", [{"train.txt": "all images were taken by hand\n"}, {"train.txt": "1.jpg\n2.jpg\n"}, {"test.txt": ""}]
)
def test_texts_that_are_no_lists_of_several_splits_are_left_alone(files: dict[str, str], tmp_path: Path) -> None:
    build = built(tree(tmp_path / "in", ["pie/1.jpg", "cake/2.jpg"], files), tmp_path / "out")
    assert (splits(build), codes(build)) == ({"train": ["1.jpg", "2.jpg"]}, ["files_left_alone"])


# Labels in names. ---------------------------------------------------------------------------------------------------


def pictures(form: str) -> list[str]:
    return [form.format(name=name, at=at) for name in ("cat", "dog") for at in range(4)]


@pytest.mark.parametrize(
    ("form", "others", "options"),
    [
        ("{name}.{at}.jpg", [], []),
        ("train/{name}.{at}.jpg", ["test1/1.jpg", "test1/2.jpg"], ["--max-rejected", "0.2"]),
        ("PetImages/{name} ({at}).jpg", [], []),
        ("images/{name}_{at:04}.jpg", ["images/12.jpg"], ["--max-rejected", "0.2"]),
        ("{name}{at}.jpg", [], []),
    ],
)
def test_labels_that_names_seem_to_hold_are_asked_about(
    form: str, others: list[str], options: list[str], tmp_path: Path
) -> None:
    root = tree(tmp_path / "in", [*pictures(form), *others])
    answer = attempt(root, tmp_path / "out", *options, task=CLASSIFICATION)
    failed(answer, 1, "the names of 8 begin with 'cat', 'dog'", "--label-pattern none")
    pattern = answer.err.partition("--label-pattern '")[2].partition("'")[0]
    build = built(root, tmp_path / "out", "--label-pattern", pattern, *options)
    assert {path: record["label"] for path, record in build.records.items()} == {
        path: "cat" if "cat" in path else "dog" for path in pictures(form)
    }
    assert build.manifest["rejected_by_reason"].get("no_label", 0) == len(others)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ([f"cat/IMG_{at}.jpg" for at in range(4)] + [f"cat/DSC{at}.jpg" for at in range(4)], ["cat"]),
        ([f"cat/{at}.jpg" for at in range(4)], ["cat"]),
        (["cat/tom_1.jpg", "cat/felix_2.jpg", "cat/garfield_3.jpg"], ["cat"]),
        ([*pictures("a/{name}_{at}.jpg"), *pictures("b/{name}_{at}.jpg")], ["a", "b"]),
    ],
)  # fmt: skip
def test_folders_name_classes_where_names_do_not_seem_to(images: list[str], labels: list[str], tmp_path: Path) -> None:
    assert built(tree(tmp_path / "in", images), tmp_path / "out").manifest["labels"] == labels


def test_a_person_may_say_that_names_hold_no_labels(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", pictures("pets/{name}_{at}.jpg"))
    build = built(root, tmp_path / "out", "--label-pattern", "none")
    assert (build.manifest["labels"], codes(build)) == (["pets"], ["one_class"])


@pytest.mark.parametrize(("pattern", "words"), [("(", "no regular expression"), ("cat", "a group in parentheses")])
def test_patterns_that_tell_no_label_are_refused(pattern: str, words: str, tmp_path: Path) -> None:
    root = tree(tmp_path / "in", ["cat/1.jpg"])
    failed(
        attempt(root, tmp_path / "out", "--label-pattern", pattern, task=CLASSIFICATION), 2, "--label-pattern", words
    )


def test_a_table_in_a_folder_without_images_is_named_where_no_folder_tells_classes(tmp_path: Path) -> None:
    files: dict[str, Any] = {"notes/anno.csv": table("x", range(6))}
    build = built(tree(tmp_path / "in", [f"imgs/all/{name}" for name in NAMES], files), tmp_path / "out")
    assert {"one_class", "table_not_read"} <= set(codes(build))
