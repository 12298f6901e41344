"""Splits by the words in a name: `train`, `Training_Set`, `1_val`, `seg_test`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.errors import UsageError

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_ACCENT = re.compile("([A-Za-z])[\u0300-\u036f]+")
_GLUED = re.compile(r"(.+?)(?:datasets?|sets?|data|images?|imgs?|lists?)")
_NEUTRAL = frozenset(
    {"set", "sets", "data", "dataset", "datasets", "images", "image", "imgs", "img", "pictures", "photos", "pics"}
    | {"jpegimages", "jpg", "jpeg", "png", "tif", "v", "split", "splits", "folder", "samples", "files"}
)
_OF_TABLES = _NEUTRAL | {
    *(
        "labels",
        "label",
        "annotations",
        "annotation",
        "metadata",
        "meta",
        "info",
        "list",
        "classes",
        "class",
        "targets",
    ),
    *("df", "csv", "table", "gt", "truth", "ground", "names", "with"),
}


_IN_OTHER_LANGUAGES = {
    **dict.fromkeys(
        ("entrenamiento", "treino", "treinamento", "entrainement", "apprentissage", "addestramento"), "train"
    ),
    **dict.fromkeys(
        ("trainings", "trainingsdaten", "обучение", "训练", "训练集", "訓練", "訓練集", "学習", "훈련", "학습"), "train"
    ),
    **dict.fromkeys(("validacion", "validacao", "validazione", "validierung", "валидация"), "validation"),
    **dict.fromkeys(("验证", "验证集", "驗證", "驗證集", "検証", "검증"), "validation"),
    **dict.fromkeys(("prueba", "pruebas", "teste", "testes", "testdaten", "тест", "测试", "测试集"), "test"),
    **dict.fromkeys(("測試", "測試集", "テスト", "테스트"), "test"),
}
"""Words without accents."""


class SplitName(NamedTuple):
    """A name that holds the word for a split. `rest` are its other words, without those that say nothing."""

    split: str
    rest: tuple[str, ...]


def split_name(name: str, neutral: frozenset[str] = _NEUTRAL) -> SplitName | None:
    """The split in a folder's name; None where there is none, or more than one. Numbers say nothing.

    >>> split_name("1_Training-Set"), split_name("seg_test"), split_name("train_test"), split_name("contest")
    (SplitName(split='train', rest=()), SplitName(split='test', rest=('seg',)), None, None)
    >>> split_name("Validación"), split_name("训练集")
    (SplitName(split='validation', rest=()), SplitName(split='train', rest=()))
    """
    words = [word.lower() for word in _WORD.findall(_without_accents(name))]
    found = [(word, split) for word in words if (split := _split_of(word)) is not None]
    if len(found) != 1:
        return None
    word, split = found[0]
    return SplitName(split, tuple(other for other in words if other != word and other not in neutral))


def _without_accents(name: str) -> str:
    """A name of Latin letters without accents; other scripts keep their marks."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", _ACCENT.sub(r"\1", unicodedata.normalize("NFD", name)))


def _split_of(word: str) -> str | None:
    glued = _GLUED.fullmatch(word)
    return SPLIT_ALIASES.get(word) or _IN_OTHER_LANGUAGES.get(word) or (SPLIT_ALIASES.get(glued[1]) if glued else None)


def plain_split(name: str) -> str | None:
    """The split of a folder whose name says nothing else."""
    found = split_name(name)
    return found.split if found and not found.rest else None


def table_split(stem: str) -> str | None:
    """The split of a table by its name without extension: `train`, `test_labels`; None for `crash_test`."""
    found = split_name(stem, _OF_TABLES)
    return found.split if found and not found.rest else None


def table_splits(stems: Iterable[str]) -> dict[str, str]:
    """The splits of tables that lie in one folder, by their names without extension: also of `pets_train` beside `pets_val`.

    >>> table_splits(["fairface_label_train", "fairface_label_val"]), table_splits(["crash_test", "labels"])
    ({'fairface_label_train': 'train', 'fairface_label_val': 'validation'}, {})
    """
    return split_names(dict.fromkeys(stems), _OF_TABLES)


def split_names(names: Mapping[str, object], neutral: frozenset[str] = _NEUTRAL) -> dict[str, str]:
    """The names that are splits among those of one directory. `neutral` are words that say nothing.

    One that says something else as well counts where another says the same of another split: `seg_train` beside
    `seg_test`. Where two such words are found (`cat_train`, `cat_test`, `dog_train`, …) it is not known what is meant.
    """
    found = {name: read for name in names if (read := split_name(name, neutral)) is not None}
    splits = {name: read.split for name, read in found.items() if not read.rest}
    of_rest: dict[tuple[str, ...], set[str]] = {}
    for read in found.values():
        if read.rest:
            of_rest.setdefault(read.rest, set()).add(read.split)
    several = [rest for rest, its in of_rest.items() if len(its) > 1]
    if len(several) == 1:
        splits |= {name: read.split for name, read in found.items() if read.rest == several[0]}
    return splits


def parse_splits(given: str, option: str, what: str, expected: str, fold: bool = False) -> dict[str, str]:
    """Read `extra=train,holdout=val`, the value of an option: the split of each name. `fold` says that case tells no names apart.

    `what` and `expected` are words for messages: what a name is of, and the form of a part.

    >>> parse_splits("extra=train, holdout=val", "--split-folders", "folder", "FOLDER=SPLIT")
    {'extra': 'train', 'holdout': 'validation'}

    Raises:
        UsageError: it is not of this form, names no split, or says twice what a name stands for.
    """
    splits: dict[str, str] = {}
    for part in given.split(","):
        name, _, split = (text.strip() for text in part.rpartition("="))
        if not name or split.lower() not in SPLIT_ALIASES:
            raise UsageError(f"{option}: found {part.strip()!r}, expected {expected}")
        name = name.lower() if fold else name
        if name in splits:
            raise UsageError(f"{option}: found the {what} {name!r} twice, expected each {what} once")
        splits[name] = SPLIT_ALIASES[split.lower()]
    return splits


_OF_YOLO = frozenset({"obj", "labels", "label", "yolo"})


def split_of_path(path: str) -> str | None:
    """The split that a folder above a file names, the first one from the top: `val`, `images/train2017`, `obj_train_data`.

    >>> split_of_path("images/train2017/1.jpg"), split_of_path("obj_valid_data/1.txt"), split_of_path("cats/train.jpg")
    ('train', 'validation', None)
    """
    return _split_of_folder(path.rpartition("/")[0])


@lru_cache(4096)
def _split_of_folder(path: str) -> str | None:
    for folder in path.split("/"):
        found = split_name(folder)
        if found is not None and not set(found.rest) - _OF_YOLO:
            return found.split
    return None
