"""Splits whose shares hold for each label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from labelbeam.transforms.columns.hashes import stable_hash
from labelbeam.transforms.write.stratify import Survey, draw_strata, join_surveys, stratified

SHARES = (0.7, 0.2, 0.1)


def survey(labels: list[list[int]], names: list[str] | None = None) -> Survey:
    paths = names or [f"{number}.jpg" for number in range(len(labels))]
    hashes = np.array([stable_hash(path) for path in paths], np.uint64)
    return Survey(
        hashes,
        hashes,
        np.array([len(each) for each in labels], np.int64),
        np.array([label for each in labels for label in each], np.uint64),
    )


def several(count: int, seed: int = 7) -> list[list[int]]:
    """Images with none to five of twenty labels, of which the rarest few have."""
    chance = np.random.default_rng(seed)
    odds = 0.6 / np.arange(1, 21) ** 1.2
    return [np.flatnonzero(chance.random(20) < odds).tolist() for _ in range(count)]


def missed(labels: list[list[int]], chosen: npt.NDArray[np.int8], label: int) -> float:
    """By how many images the splits of a label are off."""
    counts = np.bincount([split for split, each in zip(chosen, labels, strict=True) if label in each], minlength=3)
    return float(np.abs(counts - counts.sum() * np.array(SHARES)).max())


def test_shares_hold_for_each_label_of_images_that_have_one() -> None:
    labels = [[number % 7] for number in range(703)]
    chosen = stratified(survey(labels), SHARES)
    assert max(missed(labels, chosen, label) for label in range(7)) < 1
    assert (np.abs(np.bincount(chosen) - 703 * np.array(SHARES)) < 4).all()


def test_shares_hold_for_each_label_of_images_that_have_several() -> None:
    labels = several(3000)
    chosen = stratified(survey(labels), SHARES)
    assert max(missed(labels, chosen, label) for label in range(20)) <= 3
    by_chance = np.random.default_rng(1).choice(3, 3000, p=SHARES).astype(np.int8)
    assert max(missed(labels, by_chance, label) for label in range(20)) > 10
    assert (np.abs(np.bincount(chosen) - 3000 * np.array(SHARES)) <= 10).all()


def test_splits_depend_on_neither_order_nor_cut() -> None:
    labels = several(300)
    names = [f"{number}.jpg" for number in range(300)]
    whole = draw_strata(survey(labels, names), SHARES)
    parts = [survey(labels[start::3], names[start::3]) for start in (2, 0, 1)]
    again = draw_strata(join_surveys(parts), SHARES)
    assert [again.split(name) for name in names] == [whole.split(name) for name in names]
    of_one = whole.of_bucket(2, 4)
    for name in names:
        assert of_one.split(name) == (whole.split(name) if stable_hash(name) % 4 == 2 else None)
    assert whole.split("another.jpg") is None


@pytest.mark.parametrize(("added", "most"), [(1, 0.01), (60, 0.05), (600, 0.1)])
def test_few_images_change_their_split_when_others_are_added(added: int, most: float) -> None:
    labels = several(3000 + added)
    before, after = stratified(survey(labels[:3000]), SHARES), stratified(survey(labels), SHARES)[:3000]
    assert (before != after).mean() <= most


def test_copies_of_one_image_stay_together() -> None:
    found = survey(several(300))
    found.units = found.units[np.arange(300) // 3]
    chosen = stratified(found, SHARES).reshape(100, 3)
    assert (chosen == chosen[:, :1]).all()
    assert (np.abs(np.bincount(chosen[:, 0]) - 100 * np.array(SHARES)) <= 5).all()


@pytest.mark.parametrize("labels", [[], [[]], [[], [], [3]], [[1], [1]], [[1, 2]]])
def test_few_images_are_all_in_a_split(labels: list[list[int]]) -> None:
    chosen = stratified(survey(labels), (0.5, 0.5))
    assert len(chosen) == len(labels) and set(chosen.tolist()) <= {0, 1}


def groups(count: int, seed: int) -> Survey:
    """Groups of 1 to 80 images, most of them small, each with a few of eight labels in most of its images."""
    chance = np.random.default_rng(seed)
    labels: list[list[int]] = []
    names: list[int] = []
    for number in range(count):
        own = chance.choice(8, int(chance.integers(1, 4)), replace=False, p=np.arange(8, 0, -1) / 36)
        for _ in range(int(np.exp(chance.uniform(0, np.log(80))))):
            labels.append(own[chance.random(len(own)) < 0.7].tolist())
            names.append(number)
    found = survey(labels)
    found.units = np.array([stable_hash(f"group {number}") for number in names], np.uint64)
    return found


def images_of(found: Survey, label: int, chosen: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Images of a label by split."""
    of = np.repeat(np.arange(len(found.paths)), found.counts)[found.labels == label]
    return np.bincount(chosen[of], minlength=3)


def test_groups_stay_whole_and_shares_of_images_hold_for_each_label() -> None:
    found = groups(200, seed=2)
    chosen = stratified(found, SHARES, grouped=True)
    for unit in np.unique(found.units):
        assert len(set(chosen[found.units == unit].tolist())) == 1
    drawn = np.random.default_rng(1).choice(3, 200, p=SHARES)
    _, group_of = np.unique(found.units, return_inverse=True)
    worst = {"stratified": 0.0, "by chance": 0.0}
    for label in range(8):
        for name, splits in (("stratified", chosen), ("by chance", drawn[group_of])):
            counts = images_of(found, label, splits.astype(np.int8))
            worst[name] = max(worst[name], float(np.abs(counts / counts.sum() - SHARES).max()))
    assert worst["stratified"] < 0.04 < 0.1 < worst["by chance"]


def test_a_large_group_is_made_up_for_by_small_ones() -> None:
    """Fifty images are half of all: whichever side they come to, the others fill up what is left."""
    found = survey([[1]] * 100)
    found.units = np.array([0] * 50 + list(range(1, 51)), np.uint64)
    counts = np.bincount(stratified(found, (0.6, 0.4), grouped=True))
    assert counts.tolist() == [60, 40]


def test_groups_without_a_label_meet_the_shares_of_images() -> None:
    found = survey([[]] * 90)
    found.units = np.array([number // 9 for number in range(90)], np.uint64)
    assert np.bincount(stratified(found, SHARES, grouped=True)).tolist() == [63, 18, 9]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("added", "most"), [(1, 0.1), (20, 0.2)])
def test_few_groups_change_their_split_when_others_are_added(seed: int, added: int, most: float) -> None:
    more = groups(400 + added, seed)
    fewer = int((~np.isin(more.units, [stable_hash(f"group {400 + number}") for number in range(added)])).sum())
    before = Survey(
        more.paths[:fewer], more.units[:fewer], more.counts[:fewer], more.labels[: more.counts[:fewer].sum()]
    )
    moved = stratified(before, SHARES, grouped=True) != stratified(more, SHARES, grouped=True)[:fewer]
    share = len(np.unique(before.units[moved])) / 400
    assert share <= most, share


def test_groups_of_one_image_are_drawn_as_images_are() -> None:
    found = survey(several(500))
    assert (stratified(found, SHARES, grouped=True) == stratified(found, SHARES)).all()
