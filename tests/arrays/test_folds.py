import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from m2m_benchmarks.arrays import kfold, shuffle_splits

PROPERTY = settings(max_examples=40, deadline=None)


def stock_splits(monkeypatch, n_stimuli, **kwargs):
    monkeypatch.setenv('BS_INSTALL_DEPENDENCIES', 'no')
    from brainscore_vision.metric_helpers.transformations import Split

    assembly = xr.DataArray(
        np.arange(n_stimuli), coords={'stimulus_id': ('presentation', range(n_stimuli))}, dims='presentation'
    )
    return Split(stratification_coord=None, **kwargs).build_splits(assembly)[1]


def assert_same_splits(actual, expected):
    assert len(actual) == len(expected)
    for (train, test), (expected_train, expected_test) in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(test, expected_test)


class TestKFold:
    @PROPERTY
    @given(st.integers(2, 60), st.integers(2, 12), st.integers(0, 5))
    @pytest.mark.seconds
    def test_holds_out_each_stimulus_once(self, n_stimuli, n_folds, seed):
        if n_stimuli < n_folds:
            with pytest.raises(ValueError, match='Cannot have number of splits'):
                kfold(n_stimuli, n_folds, seed)
            return
        folds = kfold(n_stimuli, n_folds, seed)
        assert len(folds) == n_folds
        assert sorted(i for _, test in folds for i in test) == list(range(n_stimuli))
        sizes = [len(test) for _, test in folds]
        assert max(sizes) - min(sizes) <= 1
        for train, test in folds:
            assert sorted([*train, *test]) == list(range(n_stimuli))

    @pytest.mark.parametrize('n_folds', [-1, 0, 1])
    def test_too_few_folds(self, n_folds):
        with pytest.raises(ValueError, match='n_splits'):
            kfold(20, n_folds)

    def test_is_shuffled_and_reproducible(self):
        assert_same_splits(kfold(50), kfold(50, n_folds=10, seed=1))
        tests = [np.concatenate([test for _, test in kfold(50, seed=seed)]) for seed in (1, 2)]
        assert not np.array_equal(tests[0], tests[1])
        # Unshuffled folds would be runs of neighbours, which are similar.
        assert any(np.ptp(test) >= 10 for _, test in kfold(50))

    @pytest.mark.parametrize('n_stimuli', [20, 118])
    def test_equals_the_stock_folds(self, monkeypatch, n_stimuli):
        assert_same_splits(kfold(n_stimuli), stock_splits(monkeypatch, n_stimuli, kfold=True))
        assert_same_splits(
            kfold(n_stimuli, 5, 3), stock_splits(monkeypatch, n_stimuli, splits=5, random_state=3, kfold=True)
        )


class TestShuffleSplits:
    @pytest.mark.parametrize('n_stimuli', [20, 25, 118])
    def test_equals_the_stock_splits(self, monkeypatch, n_stimuli):
        assert_same_splits(shuffle_splits(n_stimuli), stock_splits(monkeypatch, n_stimuli))
        assert_same_splits(
            shuffle_splits(n_stimuli, n_splits=3, train_size=0.7, seed=4),
            stock_splits(monkeypatch, n_stimuli, splits=3, train_size=0.7, random_state=4),
        )

    @PROPERTY
    @given(st.integers(10, 60), st.integers(1, 12), st.integers(0, 5))
    @pytest.mark.seconds
    def test_train_and_test_make_up_the_stimuli(self, n_stimuli, n_splits, seed):
        splits = shuffle_splits(n_stimuli, n_splits, seed=seed)
        assert len(splits) == n_splits
        for train, test in splits:
            assert len(train) == n_stimuli * 9 // 10
            assert sorted([*train, *test]) == list(range(n_stimuli))

    def test_is_reproducible(self):
        assert_same_splits(shuffle_splits(40), shuffle_splits(40))
        assert not np.array_equal(shuffle_splits(40, seed=1)[0][1], shuffle_splits(40, seed=2)[0][1])
