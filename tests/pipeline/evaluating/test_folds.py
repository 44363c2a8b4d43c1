"""Folds keep groups whole and apart, and another set to fit on loses what both share."""

import pytest

from attlas.pipeline.evaluating.folds import assign_folds, split_by_fold, split_by_set

pytestmark = pytest.mark.slow


def test_folds_keep_groups_whole_and_are_about_equal() -> None:
    groups = [f"G{i // 3}" for i in range(60)] + ["big"] * 20
    folds = assign_folds(groups, seed=0)
    assert all(len({fold for fold, name in zip(folds, groups, strict=True) if name == group}) == 1 for group in groups)
    sizes = [folds.count(fold) for fold in range(5)]
    assert max(sizes) == 20
    assert min(sizes) >= 15

    for split in split_by_fold(folds):
        assert not set(split.test) & set(split.train)
        assert sorted(split.test + split.train) == list(range(80))
        assert all(set(part) <= set(split.train) for part in split.inner)


def test_another_set_to_fit_on_loses_the_groups_that_both_share() -> None:
    split = split_by_set(range(2), range(2, 30), ["A", "B", "A", "B", *(f"C{i}" for i in range(26))], seed=0)
    assert split.test == (0, 1)
    assert split.train == tuple(range(4, 30))
