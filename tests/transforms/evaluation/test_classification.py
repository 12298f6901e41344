from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.predictions import LabelsPrediction
from labelbeam.transforms.evaluation.classification import answer, average_precision, evaluate_labels
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget

LABELS = ["ant", "bee", "cow", "dog", "eel"]
NONE = "(nothing)"

often = settings(max_examples=40, deadline=None)  # scikit-learn takes milliseconds for each figure.

scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0])  # Few values: many are equal.
names = st.sampled_from(LABELS)


def metrics() -> ModuleType:
    """scikit-learn's, which takes a second to load: not for the processes that run other tests."""
    return importlib.import_module("sklearn.metrics")


def said(labels: list[str], probs: list[float]) -> LabelsPrediction:
    return LabelsPrediction("x", probs, labels)


@st.composite
def models(draw: st.DrawFn) -> list[LabelsPrediction | None]:
    """What a model says of some images, always of the same labels; of some it says nothing."""
    known = draw(st.lists(names, unique=True, min_size=1))
    row = st.lists(scores, min_size=len(known), max_size=len(known)).map(lambda probs: said(known, probs))
    return draw(st.lists(st.none() | row, min_size=1, max_size=12).filter(any))


def macro(true: list[str], predicted: list[str], average: str | None, labels: list[str]) -> list[float]:
    found = metrics().precision_recall_fscore_support(true, predicted, labels=labels, average=average, zero_division=0)
    return list(found[:3])


@often
@given(models(), st.data())
def test_figures_of_one_label_an_image_are_those_of_scikit_learn(
    model: list[LabelsPrediction | None], data: st.DataObject
) -> None:
    true = data.draw(st.lists(names, min_size=len(model), max_size=len(model)))
    figures = evaluate_labels([[name] for name in true], model, None)
    predicted = [(answer(prediction, None) or [NONE])[0] for prediction in model]
    labels = sorted({*true, *predicted} - {NONE})
    assert figures.metrics["accuracy"] == pytest.approx(metrics().accuracy_score(true, predicted))
    for average in ("macro", "weighted", "micro"):
        found = [figures.metrics[f"{name}_{average}"] for name in ("precision", "recall", "f1")]
        assert [value or 0 for value in found] == pytest.approx(macro(true, predicted, average, labels)), average
    assert list(figures.by_class) == labels
    precision, recall, f1 = macro(true, predicted, None, labels)
    for number, label in enumerate(labels):
        found_here = figures.by_class[label]
        assert (found_here["precision"] or 0) == pytest.approx(precision[number])  # type: ignore[index]
        assert (found_here["recall"] or 0) == pytest.approx(recall[number])  # type: ignore[index]
        assert (found_here["f1"] or 0) == pytest.approx(f1[number])  # type: ignore[index]
        assert (found_here["truth"], found_here["predicted"]) == (true.count(label), predicted.count(label))
        assert (found_here["precision"] is None) == (label not in predicted)
        assert (found_here["recall"] is None) == (label not in true)
    assert figures.confusion is not None and figures.confusion.labels == labels
    expected = metrics().confusion_matrix(true, predicted, labels=[*labels, NONE])[:-1, :-1]
    assert figures.confusion.matrix == expected.tolist()


@often
@given(models(), scores, st.data())
def test_figures_of_several_labels_an_image_are_those_of_scikit_learn(
    model: list[LabelsPrediction | None], threshold: float, data: st.DataObject
) -> None:
    true = data.draw(st.lists(st.lists(names, unique=True), min_size=len(model), max_size=len(model)))
    figures = evaluate_labels(true, model, threshold)
    predicted = [
        [label for label, prob in zip(each.labels, each.probs, strict=True) if prob >= threshold] if each else []
        for each in model
    ]
    columns = sorted({name for row in [*true, *predicted] for name in row})
    assert list(figures.by_class) == columns
    assert figures.confusion is None
    if not columns:
        return
    # Of a single column scikit-learn takes the flags themselves for labels: so it gets one more, and is asked for the others.
    wanted, given_ = (
        np.array([[name in row for name in [*columns, NONE]] for row in rows]) for rows in (true, predicted)
    )
    asked = list(range(len(columns)))
    assert figures.metrics["accuracy"] == pytest.approx(np.mean((wanted == given_).all(axis=1)))
    for average in ("macro", "weighted", "micro"):
        found = [figures.metrics[f"{name}_{average}"] for name in ("precision", "recall", "f1")]
        expected = metrics().precision_recall_fscore_support(
            wanted, given_, labels=asked, average=average, zero_division=0
        )[:3]
        assert [value or 0 for value in found] == pytest.approx(expected), average


@often
@given(models(), st.data())
def test_average_precision_is_that_of_scikit_learn(model: list[LabelsPrediction | None], data: st.DataObject) -> None:
    true = data.draw(st.lists(st.lists(names, unique=True), min_size=len(model), max_size=len(model)))
    figures = evaluate_labels(true, model, 0.5)
    columns = sorted(
        {name for row in true for name in row} | {label for each in model if each for label in each.labels}
    )
    wanted = np.array([[name in row for name in columns] for row in true])
    probs = [dict(zip(each.labels, each.probs, strict=True)) if each else {} for each in model]
    ranked = np.array([[row.get(name, 0.0) for name in columns] for row in probs])
    expected = {
        name: metrics().average_precision_score(wanted[:, number], ranked[:, number])
        for number, name in enumerate(columns)
        if wanted[:, number].any()
    }
    for name, figures_of in figures.by_class.items():
        assert figures_of["average_precision"] == (pytest.approx(expected[name]) if name in expected else None)
    found = figures.metrics["average_precision_macro"]
    assert found == (pytest.approx(np.mean(list(expected.values()))) if expected else None)
    found = figures.metrics["average_precision_micro"]
    assert found == (
        pytest.approx(metrics().average_precision_score(wanted, ranked, average="micro")) if expected else None
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), scores), min_size=1, max_size=30))
def test_equal_scores_are_one_step_of_average_precision(items: list[tuple[bool, float]]) -> None:
    true, ranked = np.array([flag for flag, _ in items]), np.array([score for _, score in items])
    found = average_precision(true, ranked)
    assert found == average_precision(true[::-1], ranked[::-1])
    assert found == (pytest.approx(metrics().average_precision_score(true, ranked)) if true.any() else None)


def test_the_first_of_equally_probable_labels_is_predicted() -> None:
    assert answer(said(["cow", "ant"], [0.5, 0.5]), None) == ["cow"]
    assert answer(said(["ant", "cow"], [0.4, 0.6]), None) == ["cow"]
    assert answer(said([], []), None) == answer(None, None) == answer(None, 0.5) == []


def test_a_label_counts_from_the_threshold_on() -> None:
    assert answer(said(["ant", "bee", "cow"], [0.5, 0.49, 0.9]), 0.5) == ["ant", "cow"]


def test_a_label_that_was_not_spoken_of_is_not_predicted_even_at_a_threshold_of_zero() -> None:
    figures = evaluate_labels([["ant"]], [said(["bee"], [0.0])], 0.0)
    assert figures.answers == [["bee"]]
    assert figures.by_class["ant"]["recall"] == 0


def test_without_a_probability_for_each_label_there_is_no_average_precision_and_a_warning() -> None:
    figures = evaluate_labels([["ant"], ["bee"]], [said(["ant"], [0.9]), said(["bee"], [0.9])], None)
    assert figures.metrics["accuracy"] == 1
    assert figures.metrics["average_precision_macro"] is figures.metrics["average_precision_micro"] is None
    assert figures.by_class["ant"]["average_precision"] is None
    assert ["average precision" in warning for warning in figures.warnings] == [True]


def test_an_image_without_a_prediction_is_wrong_and_in_no_column_of_the_confusion() -> None:
    figures = evaluate_labels([["ant"], ["ant"]], [said(["ant", "bee"], [0.9, 0.1]), None], None)
    assert (figures.metrics["accuracy"], figures.metrics["recall_micro"], figures.metrics["precision_micro"]) == (
        0.5,
        0.5,
        1,
    )
    assert figures.confusion is not None
    assert (figures.confusion.labels, figures.confusion.matrix) == (["ant"], [[1]])


def test_where_there_is_nothing_there_are_no_figures() -> None:
    figures = evaluate_labels([], [], None)
    assert set(figures.metrics.values()) == {None} and figures.by_class == {} and figures.warnings == []


def test_more_labels_than_memory_holds_a_table_of_end_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_left", lambda: 0)
    truth = [[f"{number}"] for number in range(1000)]
    with pytest.raises(ShortageError, match=r"a table of 1,000 images and 1,000 labels: needs 24 MB"):
        evaluate_labels(truth, [None] * 1000, None)
